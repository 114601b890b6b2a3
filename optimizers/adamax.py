"""Adamax: Adam with the largest gradient in place of the second moment."""

from typing import Any, NamedTuple, cast

import jax.numpy as jnp
import optax

from ..framework.checked import number
from ..framework.registry import register_class
from .bounds import check_share, quotient
from .optimizer import Optimizer


class _Moments(NamedTuple):
    first_moment: Any
    largest: Any


@register_class("optimizer")
class Adamax(Optimizer):
    """Adam by the infinity norm: w <- w - rate * first / (largest + epsilon).

    first <- beta_1 * first + (1 - beta_1) * g; largest <- max(beta_2 * largest, |g|);
    rate = learning_rate / (1 - beta_1**t) at update t from 1.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras.
        beta_1: Decay of the first moment, in [0, 1). Default 0.9.
        beta_2: Decay of the largest gradient, in [0, 1). Default 0.999.
        epsilon: Added to the divisor, as in Keras. Default 1e-7.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if a beta is outside [0, 1).

    References:
        Kingma and Ba, 2015, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_share("beta_1", beta_1)
        check_share("beta_2", beta_2)
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon = number(self, "epsilon", epsilon)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        beta_1, beta_2, epsilon = self.beta_1, self.beta_2, self.epsilon

        def init(params: Any) -> _Moments:
            zeros = jnp.zeros_like(params)
            return _Moments(zeros, zeros)

        def update(
            gradient: Any,
            state: _Moments,
            params: Any = None,
            *,
            learning_rate: Any,
            step: Any,
            **_: Any,
        ) -> tuple[Any, _Moments]:
            time = step.astype(jnp.float32) + 1  # `step + 1` overflows at the last
            first = state.first_moment + (gradient - state.first_moment) * (1 - beta_1)
            largest = jnp.maximum(beta_2 * state.largest, jnp.abs(gradient))
            correction = (1 - beta_1**time).astype(first.dtype)
            moved = quotient(learning_rate * first, correction * (largest + epsilon))
            return -moved, _Moments(first, largest)

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
