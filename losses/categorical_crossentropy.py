"""Categorical cross-entropy: one of several classes, targets one-hot."""

import operator
from typing import Any

from ..framework import registry
from ..framework.checked import integer
from ..framework.elementwise_losses import categorical_crossentropy as _formula
from ..framework.recording.tensor import Tensor, TensorLike, convert
from .formula_loss import (
    FormulaLoss,
    loss_op,
    option,
    per_sample,
    smoothing,
    warn_of_logits,
)

_OP = loss_op("categorical_crossentropy", _formula)


@registry.register("loss", "CategoricalCrossentropy")
class CategoricalCrossentropy(FormulaLoss):
    """Mean of -sum(y log p) over the classes.

    For class numbers as targets take `SparseCategoricalCrossentropy`; with
    `from_logits` the last layer has no softmax, and large values stay exact.

    Args:
        from_logits: Whether `y_pred` holds logits instead of probabilities. Default
            false, as in Keras.
        label_smoothing: s from 0 to 1 moves targets to y (1 - s) + s / (number of
            classes). Default 0.
        axis: The axis of the classes. Default the last.
        reduction, name, dtype: As in `Loss`.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> ()

    Raises:
        ArgumentError: for a `label_smoothing` outside of 0 to 1.

    Note:
        Probabilities are divided by their sum and clipped to 1e-7 and 1 - 1e-7 as in
        Keras; in half precision to the dtype's epsilon.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(_OP, name, reduction, dtype, smoothing(label_smoothing)),
            from_logits=bool(from_logits),
            axis=integer(self, "axis", axis),
        )

    from_logits = option("from_logits", "Whether `y_pred` holds logits.")
    label_smoothing = option("label_smoothing", "How far targets move to their mean.")
    axis = option("axis", "The axis of the classes.")

    def _inspect(self, y_true: Any, y_pred: Any) -> None:
        if not self.from_logits:
            warn_of_logits(y_pred, "CategoricalCrossentropy", 3)


@registry.register("loss", "categorical_crossentropy")
def categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y log p) over the axis of the classes: one value per sample.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> (batch, ...)
    """
    y_pred = convert(y_pred, name="y_pred")
    if not from_logits:
        warn_of_logits(y_pred, "categorical_crossentropy", 2)
    return per_sample(
        *(_OP, y_true, y_pred, smoothing(label_smoothing)),
        from_logits=bool(from_logits),
        axis=operator.index(axis),
    )
