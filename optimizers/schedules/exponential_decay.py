"""ExponentialDecay: the same factor after every so many steps."""

from typing import Any

from ...framework.ops import cast, floor
from ...framework.registry import register_class
from .learning_rate_schedule import LearningRateSchedule, check_positive


@register_class("schedule")
class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate**(step / decay_steps).

    Args:
        initial_learning_rate: Rate of the first update.
        decay_steps: After so many updates it is `decay_rate` of what it was. Positive.
        decay_rate: The factor.
        staircase: Whether the exponent is rounded down, so that it falls in stairs.
            Default false.
        name: Default Keras's.

    Raises:
        ArgumentError: if `decay_steps` is not positive.

    Example:
        >>> rate = jt.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)
        >>> [float(rate(step)) for step in (0, 10, 20)]
        [1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        check_positive(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates."""
        exponent = cast(step, "float32") / self.decay_steps
        if self.staircase:
            exponent = floor(exponent)
        return self.initial_learning_rate * self.decay_rate**exponent
