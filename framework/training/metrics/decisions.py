"""Counts of right and wrong decisions at thresholds."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import numpy as np

from ... import registry
from ...recording.op import Op
from .confusion import Confusion, Counts, counts_of, parse_thresholds


def decision_result(name: str, formula: Callable[[Counts], jax.Array]) -> Op:
    """The op of a result at each threshold, in the order in which they were given."""

    def result(
        sums: jax.Array, *, dtype: np.dtype, order: tuple[int, ...]
    ) -> jax.Array:
        places = order[0] if len(order) == 1 else np.asarray(order)
        return formula(counts_of(sums))[places].astype(dtype)

    return Op(name, result)


class Decisions(Confusion):
    """A metric with a result for each threshold that a user gives.

    Between `Confusion` and the metrics of few thresholds.

    Args:
        thresholds: Those that were given: one, several or none.
        name: As in `Metric`.
        dtype: As in `Metric`.
        default: The threshold where none was given.
        structure: As in `Confusion`.
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None,
        name: str | None,
        dtype: Any,
        default: float = 0.5,
        **structure: Any,
    ) -> None:
        parsed = parse_thresholds(thresholds, default)
        rising = sorted(set(parsed))
        super().__init__(rising, name, dtype, **structure)
        self._add_sums((2, len(rising) + 1))
        order = tuple(map(rising.index, parsed))
        self._result_options = {"dtype": self._dtype, "order": order}
        self._result_frozen = (self._dtype, order)
        self.thresholds = parsed
        self._given_thresholds = thresholds

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "thresholds": self._given_thresholds,
            **self._structure,
        }


@registry.register_class("metric")
class TruePositives(Decisions):
    """The sum of weights where the label is 1 and the prediction exceeds a threshold.

    Args:
        thresholds: One, or several in a list, each from 0 to 1: with several the result
            has a number for each. Default 0.5. For logits give 0.
        name: Default "true_positives" with a running number.
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> () or (thresholds,)

    Raises:
        ArgumentError: for a threshold that is not from 0 to 1.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [0.9, 0.9, 0.2, 0.6]))
        2.0
    """

    _result: ClassVar[Op] = decision_result(
        "true_positives", lambda counts: counts.true_positives
    )

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, name, dtype)


@registry.register_class("metric")
class FalsePositives(Decisions):
    """The sum of weights where the label is 0 and the prediction exceeds a threshold.

    Args:
        thresholds: As in `TruePositives`.
        name: Default "false_positives" with a running number.
        dtype: As in `Metric`.

    Example:
        >>> float(FalsePositives()([0, 1, 0, 0], [0.9, 0.9, 0.2, 0.6]))
        2.0
    """

    _result: ClassVar[Op] = decision_result(
        "false_positives", lambda counts: counts.false_positives
    )

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, name, dtype)


@registry.register_class("metric")
class TrueNegatives(Decisions):
    """The sum of weights where the label is 0 and the prediction does not exceed.

    Args:
        thresholds: As in `TruePositives`.
        name: Default "true_negatives" with a running number.
        dtype: As in `Metric`.

    Example:
        >>> float(TrueNegatives()([0, 1, 0, 0], [0.9, 0.1, 0.2, 0.5]))
        2.0
    """

    _result: ClassVar[Op] = decision_result(
        "true_negatives", lambda counts: counts.true_negatives
    )

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, name, dtype)


@registry.register_class("metric")
class FalseNegatives(Decisions):
    """The sum of weights where the label is 1 and the prediction does not exceed.

    Args:
        thresholds: As in `TruePositives`.
        name: Default "false_negatives" with a running number.
        dtype: As in `Metric`.

    Example:
        >>> float(FalseNegatives()([0, 1, 1, 1], [0.1, 0.1, 0.2, 0.6]))
        2.0
    """

    _result: ClassVar[Op] = decision_result(
        "false_negatives", lambda counts: counts.false_negatives
    )

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, name, dtype)
