"""Sparse categorical cross-entropy: one of several classes, targets class numbers."""

import operator
from typing import Any

import jax
import numpy as np

from ..framework import registry
from ..framework.checked import integer, optional_integer
from ..framework.elementwise_losses import labels_of
from ..framework.elementwise_losses import sparse_categorical_crossentropy as _formula
from ..framework.errors import ArgumentError
from ..framework.recording.tensor import Tensor, TensorLike, convert
from .formula_loss import (
    FormulaLoss,
    loss_op,
    on_host,
    option,
    per_sample,
    warn_of_logits,
)


def _counted(
    y_true: jax.Array,
    y_pred: jax.Array,
    *,
    axis: int,
    ignore_class: int | None,
    from_logits: bool,
) -> jax.Array | None:
    if ignore_class is None:
        return None
    return labels_of(y_true, y_pred.shape, axis) != ignore_class


_OP = loss_op("sparse_categorical_crossentropy", _formula, _counted)


@registry.register("loss", "SparseCategoricalCrossentropy")
class SparseCategoricalCrossentropy(FormulaLoss):
    """Mean of -log p[label].

    For one-hot targets take `CategoricalCrossentropy`; with `from_logits` the last
    layer has no softmax, and large values stay exact.

    Args:
        from_logits: Whether `y_pred` holds logits instead of probabilities. Default
            false, as in Keras.
        ignore_class: Label of samples that do not count, neither in the sum nor in
            the number that a mean divides by. Default none.
        reduction: As in `Loss`.
        axis: The axis of the classes. Default the last.
        name, dtype: As in `Loss`.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Raises:
        ArgumentError: when called with a NumPy array in which a label is no class; the
            loss of such a label on the device is NaN.

    Note:
        Keras truncates a label of 1.9 to 1; here it is no class.

    Example:
        >>> loss = SparseCategoricalCrossentropy(from_logits=True)
        >>> round(float(loss([1], [[0.0, 0.0]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(_OP, name, reduction, dtype),
            from_logits=bool(from_logits),
            ignore_class=optional_integer(self, "ignore_class", ignore_class),
            axis=integer(self, "axis", axis),
        )

    from_logits = option("from_logits", "Whether `y_pred` holds logits.")
    ignore_class = option("ignore_class", "Label of samples that do not count.")
    axis = option("axis", "The axis of the classes.")

    def check_labels(self, y_true: Tensor, shape: tuple[int, ...]) -> None:
        """Refuse labels that are no classes, if they are a NumPy array still.

        Args:
            y_true: The labels.
            shape: That of the predictions.

        Raises:
            ArgumentError: for the first one, with its row.
        """
        _check_labels(y_true, shape, self.axis, self.ignore_class)

    def _inspect(self, y_true: Any, y_pred: Any) -> None:
        self.check_labels(y_true, y_pred.shape)
        if not self.from_logits:
            warn_of_logits(y_pred, "SparseCategoricalCrossentropy", 3)


@registry.register("loss", "sparse_categorical_crossentropy")
def sparse_categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log p[label]: one value per sample.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes)
        -> (batch, ...)
    """
    y_true, y_pred = convert(y_true, name="y_true"), convert(y_pred, name="y_pred")
    axis = operator.index(axis)
    ignore_class = None if ignore_class is None else operator.index(ignore_class)
    _check_labels(y_true, y_pred.shape, axis, ignore_class)
    if not from_logits:
        warn_of_logits(y_pred, "sparse_categorical_crossentropy", 2)
    return per_sample(
        *(_OP, y_true, y_pred),
        from_logits=bool(from_logits),
        ignore_class=ignore_class,
        axis=axis,
    )


def _check_labels(
    y_true: Any, shape: tuple[int, ...], axis: int, ignore_class: int | None
) -> None:
    """Refuse labels that are no classes, where they are on the host."""
    labels = on_host(y_true)
    if labels is None or not labels.size or not -len(shape) <= axis < len(shape):
        return
    classes = shape[axis]
    if labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < classes:
        return
    is_class = (labels >= 0) & (labels < classes) & (labels == np.floor(labels))
    if ignore_class is not None:
        is_class |= labels == ignore_class
    if not is_class.all():
        row = np.argwhere(~is_class)[0]
        raise ArgumentError(
            f"`y_true` has the label {labels[tuple(row)]!s} in row {_plain(row)}; "
            f"expected a whole number from 0 to {classes - 1}, since `y_pred` has "
            f"shape {shape}. Number the classes from 0, or give `y_pred` a column for "
            "each."
        )


def _plain(row: np.ndarray) -> Any:
    """An index as plain Python: a number, or a tuple of several."""
    index = row.tolist()
    return index[0] if len(index) == 1 else tuple(index)
