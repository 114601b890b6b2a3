"""CosineDecay: half a cosine from one rate to another, after a warm-up."""

import math
from typing import Any

from ...framework.errors import ArgumentError
from ...framework.math import cos
from ...framework.ops import cast, minimum, where
from ...framework.registry import register_class
from .learning_rate_schedule import LearningRateSchedule, check_positive


@register_class("schedule")
class CosineDecay(LearningRateSchedule):
    """rate * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha).

    From `decay_steps` on it is alpha * rate. With a `warmup_target` the rate first goes
    in a straight line to it, which takes `warmup_steps`, and falls from there.

    Args:
        initial_learning_rate: Rate of the first update.
        decay_steps: Updates from the top to the bottom. Positive.
        alpha: The last rate as a share of the highest. Default 0.
        name: Default Keras's.
        warmup_target: The highest rate. Default none: there is no warm-up.
        warmup_steps: Updates until it is reached. Default 0.

    Raises:
        ArgumentError: if `decay_steps` is not positive, or `warmup_steps` negative.

    Example:
        >>> rate = jt.optimizers.schedules.CosineDecay(
        ...     0.0, 10, warmup_target=1.0, warmup_steps=4
        ... )
        >>> [round(float(rate(step)), 6) for step in (0, 2, 4, 9, 14, 1000)]
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]

    References:
        Loshchilov and Hutter, 2017, eq. 5, without restarts.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        check_positive(self, "decay_steps", decay_steps)
        if not warmup_steps >= 0:
            raise ArgumentError(
                f"`warmup_steps` must not be negative; got {warmup_steps}. Give 0 to "
                "begin at the top."
            )
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates."""
        step = cast(step, "float32")
        if self.warmup_target is None:
            return self.initial_learning_rate * self._share(step)
        falling = self.warmup_target * self._share(step - self.warmup_steps)
        if not self.warmup_steps:
            return falling
        height = self.warmup_target - self.initial_learning_rate
        rising = height * (step / self.warmup_steps) + self.initial_learning_rate
        return where(step < self.warmup_steps, rising, falling)

    def _share(self, step: Any) -> Any:
        """What is left of the highest rate."""
        wave = cos(math.pi * minimum(step / self.decay_steps, 1.0))
        return (1 - self.alpha) * (0.5 * (1 + wave)) + self.alpha
