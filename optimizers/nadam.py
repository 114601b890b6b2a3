"""Nadam: Adam that looks ahead, as Nesterov's momentum does."""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..framework.checked import number
from ..framework.registry import register_class
from .bounds import bounded, check_share, quotient
from .optimizer import Optimizer

_DECAY = 0.96  # the paper's, and Keras's
_LENGTH = 512  # 0.5 * 0.96**512 is under half of what float32 resolves at 1
_PRODUCTS = np.cumprod(
    [1.0, *(1 - 0.5 * _DECAY**time for time in range(1, _LENGTH + 1))]
).astype(np.float32)


class _Moments(NamedTuple):
    first_moment: Any
    second_moment: Any


@register_class("optimizer")
class Nadam(Optimizer):
    """Adam with Nesterov momentum: w <- w - learning_rate * ahead / (root + epsilon).

    With u(t) = beta_1 * (1 - 0.96**t / 2) and their product U(t) = u(1) ... u(t), at
    update t from 1, ahead = u(t + 1) * first / (1 - U(t + 1)) + (1 - u(t)) * g /
    (1 - U(t)) and root = sqrt(second / (1 - beta_2**t)); the moments are Adam's.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras.
        beta_1: Decay of the first moment, in [0, 1). Default 0.9.
        beta_2: Decay of the second moment, in [0, 1). Default 0.999.
        epsilon: Added to the root. Default 1e-7.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if a beta is outside [0, 1).

    References:
        Dozat, 2016, algorithm 2.
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
            gradient = bounded(gradient)
            first = state.first_moment + (gradient - state.first_moment) * (1 - beta_1)
            second = state.second_moment + (
                jnp.square(gradient) - state.second_moment
            ) * (1 - beta_2)
            share, following = _momentum(beta_1, time), _momentum(beta_1, time + 1)
            product = beta_1**time * _product(time)
            of_first = (following / (1 - product * following)).astype(first.dtype)
            of_gradient = ((1 - share) / (1 - product)).astype(first.dtype)
            ahead = of_first * first + of_gradient * gradient
            root = jnp.sqrt(second / (1 - beta_2**time).astype(second.dtype))
            moved = quotient(learning_rate * ahead, root + epsilon)
            return -moved, _Moments(first, second)

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))


def _momentum(beta_1: float, time: jax.Array) -> jax.Array:
    """u(t)."""
    return beta_1 * (1 - 0.5 * _DECAY**time)


def _product(time: jax.Array) -> jax.Array:
    """U(t) / beta_1**t, from a table: slots would be one number for each variable."""
    place = jnp.minimum(time, _LENGTH).astype(jnp.int32)
    return jnp.asarray(_PRODUCTS)[place]
