"""Precision and Recall: how many found are right, how many right are found."""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax

from ... import registry
from ...checked import optional_integer
from ...recording.op import Op
from .confusion import LOWEST, Counts, ratio
from .decisions import Decisions, decision_result


def _precision(counts: Counts) -> jax.Array:
    found = counts.true_positives + counts.false_positives
    return ratio(counts.true_positives, found)


def _recall(counts: Counts) -> jax.Array:
    positives = counts.true_positives + counts.false_negatives
    return ratio(counts.true_positives, positives)


@registry.register_class("metric")
class Precision(Decisions):
    """True positives / (true positives + false positives): how many found are right.

    Args:
        thresholds: One, or several in a list, each from 0 to 1, which a prediction must
            exceed; with several the result has a number for each. Default 0.5, and
            none with `top_k`. For logits give 0.
        top_k: How many predictions of a row may be positive, the largest ones. Default
            all of them.
        class_id: The class, a place in the last axis, that counts alone.
        name: Default "precision" with a running number.
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> () or (thresholds,)

    Raises:
        ArgumentError: for a threshold that is not from 0 to 1.
        ShapeError: when shown rows of less than `top_k` predictions.

    Note:
        Where nothing was found it is 0, as in Keras.

    Example:
        >>> float(Precision()([0, 1, 1, 1], [0.9, 0.9, 0.2, 0.6]))
        0.666...
    """

    _result: ClassVar[Op] = decision_result("precision", _precision)
    _direction = "up"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(thresholds, name, dtype), **_selection(self, top_k, class_id)
        )
        self.top_k, self.class_id = top_k, class_id


@registry.register_class("metric")
class Recall(Decisions):
    """True positives / (true positives + false negatives): how many right are found.

    Args:
        thresholds: As in `Precision`.
        top_k: As in `Precision`.
        class_id: As in `Precision`.
        name: Default "recall" with a running number.
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> () or (thresholds,)

    Raises:
        ArgumentError: for a threshold that is not from 0 to 1.
        ShapeError: when shown rows of less than `top_k` predictions.

    Note:
        Where there is nothing to find it is 0, as in Keras.

    Example:
        >>> float(Recall()([0, 1, 1, 1], [0.9, 0.9, 0.2, 0.6]))
        0.666...
    """

    _result: ClassVar[Op] = decision_result("recall", _recall)
    _direction = "up"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(thresholds, name, dtype), **_selection(self, top_k, class_id)
        )
        self.top_k, self.class_id = top_k, class_id


def _selection(
    owner: object, top_k: int | None, class_id: int | None
) -> dict[str, Any]:
    """What `Decisions` is given; above `LOWEST` are all predictions that count."""
    return {
        "default": 0.5 if top_k is None else LOWEST,
        "top_k": optional_integer(owner, "top_k", top_k),
        "class_id": optional_integer(owner, "class_id", class_id),
    }
