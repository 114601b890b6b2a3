"""CosineDecayRestarts: half cosines one after another."""

import math
from typing import Any

from ...framework.errors import ArgumentError
from ...framework.math import cos, log
from ...framework.ops import cast, floor
from ...framework.registry import register_class
from .learning_rate_schedule import LearningRateSchedule, check_positive


@register_class("schedule")
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that begins anew, each period longer and lower than the last.

    In period i, done to the fraction p, the rate is initial_learning_rate *
    ((1 - alpha) * m_mul**i * (1 + cos(pi * p)) / 2 + alpha).

    Args:
        initial_learning_rate: Rate of the first update.
        first_decay_steps: Updates of the first period. Positive.
        t_mul: How many times longer the next period is, at least 1. Default 2.
        m_mul: Height of the next period, as a share. Default 1.
        alpha: The lowest rate as a share of `initial_learning_rate`. Default 0.
        name: Default Keras's.

    Raises:
        ArgumentError: if `first_decay_steps` is not positive, or `t_mul` under 1, by
            which the periods would come to an end.

    Example:
        >>> rate = jt.optimizers.schedules.CosineDecayRestarts(1.0, 10)
        >>> [round(float(rate(step)), 6) for step in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 1.0, 0.5, 1.0]

    References:
        Loshchilov and Hutter, 2017, eq. 5.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        check_positive(self, "first_decay_steps", first_decay_steps)
        if not t_mul >= 1:
            raise ArgumentError(
                f"`t_mul` must be at least 1; got {t_mul}. Shorter and shorter periods "
                "would all be over after a number of updates."
            )
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates."""
        time = cast(step, "float32") / self.first_decay_steps
        if self.t_mul == 1:
            period = floor(time)
            done = time - period
        else:  # periods 0 to i - 1 take (t_mul**i - 1) / (t_mul - 1) together
            grown = 1 + time * (self.t_mul - 1)
            period = floor(log(grown) / math.log(self.t_mul))
            length = self.t_mul**period
            done = (time - (length - 1) / (self.t_mul - 1)) / length
        wave = 0.5 * self.m_mul**period * (1 + cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)
