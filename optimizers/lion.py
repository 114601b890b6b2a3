"""Lion: steps of one size, by the sign of a momentum."""

from typing import Any, cast

import jax.numpy as jnp
import optax

from ..framework.checked import is_between
from ..framework.errors import ArgumentError
from ..framework.registry import register_class
from .bounds import check_share
from .optimizer import Optimizer


@register_class("optimizer")
class Lion(Optimizer):
    """Sign of momentum: w <- w - learning_rate * sign(beta_1 * m + (1 - beta_1) * g).

    Then m <- beta_2 * m + (1 - beta_2) * g. All entries move by the same amount, so the
    learning rate is 3 to 10 times smaller than Adam's, says the paper.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras.
        beta_1: Share of the momentum in a step, in (0, 1]. Default 0.9.
        beta_2: Decay of the momentum, in [0, 1). Default 0.99.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if a beta is outside its interval.

    References:
        Chen et al., 2023, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not is_between(beta_1, 0, 1) or beta_1 == 0:
            raise ArgumentError(
                f"`beta_1` must be greater than 0 and at most 1; got {beta_1!r}. At 0 "
                "the momentum would have no effect."
            )
        check_share("beta_2", beta_2)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        beta_1, beta_2 = self.beta_1, self.beta_2

        def init(params: Any) -> Any:
            return jnp.zeros_like(params)

        def update(
            gradient: Any,
            momentum: Any,
            params: Any = None,
            *,
            learning_rate: Any,
            **_: Any,
        ) -> tuple[Any, Any]:
            direction = jnp.sign(momentum * beta_1 + gradient * (1 - beta_1))
            momentum = momentum * beta_2 + gradient * (1 - beta_2)
            return -learning_rate * direction, momentum

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
