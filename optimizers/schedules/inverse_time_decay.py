"""InverseTimeDecay: a rate that falls like 1 / t."""

from typing import Any

from ...framework.ops import cast, floor
from ...framework.registry import register_class
from .learning_rate_schedule import LearningRateSchedule, check_positive


@register_class("schedule")
class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: Rate of the first update.
        decay_steps: Unit in which `decay_rate` counts time. Positive.
        decay_rate: How fast it falls; at 1 it is halved after `decay_steps` updates.
        staircase: Whether step / decay_steps is rounded down. Default false.
        name: Default Keras's.

    Raises:
        ArgumentError: if `decay_steps` is not positive.

    Example:
        >>> rate = jt.optimizers.schedules.InverseTimeDecay(1.0, 10, 1.0)
        >>> [float(rate(step)) for step in (0, 10, 30)]
        [1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        check_positive(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates."""
        time = cast(step, "float32") / self.decay_steps
        if self.staircase:
            time = floor(time)
        return self.initial_learning_rate / (1 + self.decay_rate * time)
