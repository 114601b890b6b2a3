"""Binary cross-entropy: yes or no, for each element."""

import operator
from typing import Any

from ..framework import registry
from ..framework.checked import integer
from ..framework.elementwise_losses import binary_crossentropy as _formula
from ..framework.recording.tensor import Tensor, TensorLike, convert
from .formula_loss import (
    FormulaLoss,
    loss_op,
    option,
    per_sample,
    smoothing,
    warn_of_logits,
)

_OP = loss_op("binary_crossentropy", _formula)


@registry.register("loss", "BinaryCrossentropy")
class BinaryCrossentropy(FormulaLoss):
    """-mean(y log p + (1 - y) log(1 - p)), p the predicted probability of 1.

    With `from_logits` the last layer has no sigmoid, and large values stay exact.

    Args:
        from_logits: Whether `y_pred` holds logits instead of probabilities. Default
            false, as in Keras.
        label_smoothing: s from 0 to 1 moves targets to y (1 - s) + s / 2. Default 0.
        axis: The axis of the first mean. Default the last.
        reduction, name, dtype: As in `Loss`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Raises:
        ArgumentError: for a `label_smoothing` outside of 0 to 1.

    Note:
        Probabilities are clipped to 1e-7 and 1 - 1e-7 as in Keras; in half precision
        to the dtype's epsilon.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(_OP, name, reduction, dtype, smoothing(label_smoothing)),
            from_logits=bool(from_logits),
            axis=integer(self, "axis", axis),
        )

    from_logits = option("from_logits", "Whether `y_pred` holds logits.")
    label_smoothing = option("label_smoothing", "How far targets move to 1/2.")
    axis = option("axis", "The axis of the first mean.")

    def _inspect(self, y_true: Any, y_pred: Any) -> None:
        if not self.from_logits:
            warn_of_logits(y_pred, "BinaryCrossentropy", 3)


@registry.register("loss", ("binary_crossentropy", "bce", "BCE"))
def binary_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The binary cross-entropy, mean over an axis: one value per sample.

    Shapes:
        y_true, y_pred (batch, ..., features) -> (batch, ...)
    """
    y_pred = convert(y_pred, name="y_pred")
    if not from_logits:
        warn_of_logits(y_pred, "binary_crossentropy", 2)
    return per_sample(
        *(_OP, y_true, y_pred, smoothing(label_smoothing)),
        from_logits=bool(from_logits),
        axis=operator.index(axis),
    )
