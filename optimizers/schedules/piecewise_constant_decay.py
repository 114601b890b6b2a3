"""PiecewiseConstantDecay: given rates between given steps."""

from collections.abc import Sequence
from typing import Any

from ...framework.errors import ArgumentError
from ...framework.ops import cast, where
from ...framework.recording.tensor import convert
from ...framework.registry import register_class
from .learning_rate_schedule import LearningRateSchedule


@register_class("schedule")
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and with step boundaries[0], values[1] up to the next, and so on.

    Args:
        boundaries: Numbers of updates, increasing.
        values: The rates, one more than there are boundaries.
        name: Default Keras's.

    Raises:
        ArgumentError: if the numbers of rates and boundaries do not go together.

    Example:
        >>> rate = jt.optimizers.schedules.PiecewiseConstantDecay([10, 20], [4, 2, 1])
        >>> [float(rate(step)) for step in (0, 10, 11, 21)]
        [4.0, 4.0, 2.0, 1.0]
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                "PiecewiseConstantDecay expected one value more than boundaries; got "
                f"{len(values)} `values` and {len(boundaries)} `boundaries`. The first "
                "value is for the time before the first boundary."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates."""
        step = convert(step)
        rate = convert(float(self.values[-1]))
        pairs = list(zip(self.boundaries, self.values, strict=False))
        for boundary, value in reversed(pairs):
            rate = where(step <= cast(boundary, step.dtype), float(value), rate)
        return rate
