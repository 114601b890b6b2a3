"""Which accuracy and which cross-entropy is meant, from the shapes of a batch."""

from collections.abc import Sequence

from .accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from .metric import Metric

Shape = Sequence[int | None]


def resolve_accuracy(y_true_shape: Shape, y_pred_shape: Shape) -> type[Metric]:
    """The class that "accuracy" and "acc" stand for.

    Binary where the predictions have one number each; else by class numbers where the
    targets have no axis of the classes, or one of length 1; else by one-hot targets.

    Args:
        y_true_shape: Of a batch of targets.
        y_pred_shape: Of a batch of predictions.
    """
    classes = (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy)
    return classes[_kind(y_true_shape, y_pred_shape)]


def resolve_crossentropy(y_true_shape: Shape, y_pred_shape: Shape) -> type[Metric]:
    """The class that "crossentropy" and "ce" stand for, by the same rule."""
    classes = (
        BinaryCrossentropy,
        SparseCategoricalCrossentropy,
        CategoricalCrossentropy,
    )
    return classes[_kind(y_true_shape, y_pred_shape)]


def _kind(y_true_shape: Shape, y_pred_shape: Shape) -> int:
    """0: binary, 1: class numbers, 2: one-hot."""
    if len(y_pred_shape) < 2 or y_pred_shape[-1] == 1:
        return 0
    has_numbers = len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
    return 1 if has_numbers else 2
