"""Adagrad: steps scaled by the sum of all squared gradients so far."""

from typing import Any, cast

import jax.numpy as jnp
import optax

from ..framework.checked import is_between, number
from ..framework.errors import ArgumentError
from ..framework.registry import register_class
from .bounds import bounded, quotient
from .optimizer import Optimizer


@register_class("optimizer")
class Adagrad(Optimizer):
    """Adaptive steps: w <- w - learning_rate * g / sqrt(total + epsilon).

    total <- total + g**2, so that what rarely has a gradient takes larger steps.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras; the paper's is larger.
        initial_accumulator_value: What `total` begins with, not negative. Default 0.1.
        epsilon: Added inside of the root, as in Keras. Default 1e-7.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if `initial_accumulator_value` is negative.

    References:
        Duchi et al., 2011, section 1.1.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not is_between(initial_accumulator_value, 0):
            raise ArgumentError(
                "`initial_accumulator_value` must not be negative; got "
                f"{initial_accumulator_value!r}. Keras's default is 0.1."
            )
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = number(self, "epsilon", epsilon)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        first, epsilon = self.initial_accumulator_value, self.epsilon

        def init(params: Any) -> Any:
            return jnp.full_like(params, first)

        def update(
            gradient: Any,
            total: Any,
            params: Any = None,
            *,
            learning_rate: Any,
            **_: Any,
        ) -> tuple[Any, Any]:
            gradient = bounded(gradient)
            total = total + jnp.square(gradient)
            return -quotient(learning_rate * gradient, jnp.sqrt(total + epsilon)), total

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
