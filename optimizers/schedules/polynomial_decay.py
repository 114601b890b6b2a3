"""PolynomialDecay: from one rate to another along a power of the time left."""

from typing import Any

from ...framework.math import ceil
from ...framework.ops import cast, maximum, minimum
from ...framework.registry import register_class
from .learning_rate_schedule import LearningRateSchedule, check_positive


@register_class("schedule")
class PolynomialDecay(LearningRateSchedule):
    """(initial - end) * (1 - step / decay_steps)**power + end, then `end` for good.

    Args:
        initial_learning_rate: Rate of the first update.
        decay_steps: Updates until the last rate is reached. Positive.
        end_learning_rate: The last rate. Default 0.0001, as in Keras.
        power: Default 1, a straight line.
        cycle: Whether it goes on after `decay_steps`, up again at each multiple of it
            and down to `end_learning_rate` at the next. Default false.
        name: Default Keras's.

    Raises:
        ArgumentError: if `decay_steps` is not positive.

    Example:
        >>> rate = jt.optimizers.schedules.PolynomialDecay(1.0, 10, 0.5)
        >>> [float(rate(step)) for step in (0, 5, 10, 1000)]
        [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        check_positive(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates."""
        time = cast(step, "float32") / self.decay_steps
        time = time / maximum(ceil(time), 1.0) if self.cycle else minimum(time, 1.0)
        height = self.initial_learning_rate - self.end_learning_rate
        return height * (1 - time) ** self.power + self.end_learning_rate
