"""AdamW: Adam with a decay of the weights that its moments do not see."""

from typing import Any

from ..framework.errors import ArgumentError
from ..framework.registry import register_class
from .adam import Adam


@register_class("optimizer", "adamw")
class AdamW(Adam):
    """Adam whose updates first shrink w by weight_decay * learning_rate of itself.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras.
        weight_decay: Share of a variable that is taken off, times the learning rate.
            Default 0.004, as in Keras.
        beta_1: As in `Adam`, like those that follow.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
        amsgrad: Whether to divide by the largest second moment so far.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if `weight_decay` is `None`, or a beta is outside [0, 1).

    References:
        Loshchilov and Hutter, 2019, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise ArgumentError(
                "AdamW() expected a number as `weight_decay`; got None. Use "
                "jt.optimizers.Adam for no decay."
            )
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay=weight_decay,
            **options,
        )
