"""RMSprop: steps scaled by the running mean of the squared gradient."""

from typing import Any, NamedTuple, cast

import jax.numpy as jnp
import optax

from ..framework.checked import is_between, number
from ..framework.errors import ArgumentError
from ..framework.registry import register_class
from .bounds import bounded, check_share, quotient
from .optimizer import Optimizer


class _Means(NamedTuple):
    square: Any
    velocity: Any
    gradient: Any


@register_class("optimizer", "rmsprop")
class RMSprop(Optimizer):
    """Root mean square: w <- w - learning_rate * g / sqrt(square + epsilon).

    square <- rho * square + (1 - rho) * g**2. With `momentum` the step is added to a
    velocity, velocity <- momentum * velocity + step, by which w goes instead.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras.
        rho: Decay of the mean square, in [0, 1). Default 0.9.
        momentum: Share of the last velocity that is kept, in [0, 1]. Default 0.
        epsilon: Added to the mean square inside of the root, as in Keras. Default 1e-7.
        centered: Whether the square of the mean gradient is taken off the mean square,
            which leaves the variance. Default false.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if `rho` or `momentum` is outside its interval.

    Note:
        A variance that rounding makes negative counts as 0; Keras's root is NaN there.

    References:
        Hinton, Neural Networks for Machine Learning, 2012, lecture 6e; with momentum
        and centered: Graves, 2013, eq. 38 to 45.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_share("rho", rho)
        if not is_between(momentum, 0, 1):
            raise ArgumentError(f"`momentum` must be in [0, 1]; got {momentum!r}.")
        self.rho, self.momentum = rho, momentum
        self.epsilon = number(self, "epsilon", epsilon)
        self.centered = centered

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        rho, momentum = self.rho, self.momentum
        epsilon, centered = self.epsilon, self.centered

        def init(params: Any) -> _Means:
            zeros = jnp.zeros_like(params)
            return _Means(
                zeros, zeros if momentum else None, zeros if centered else None
            )

        def update(
            gradient: Any,
            state: _Means,
            params: Any = None,
            *,
            learning_rate: Any,
            **_: Any,
        ) -> tuple[Any, _Means]:
            gradient = bounded(gradient)
            square = rho * state.square + (1 - rho) * jnp.square(gradient)
            mean, spread = None, square
            if centered:
                mean = rho * state.gradient + (1 - rho) * gradient
                spread = jnp.maximum(square - jnp.square(mean), 0)
            step = quotient(learning_rate * gradient, jnp.sqrt(spread + epsilon))
            if not momentum:
                return -step, _Means(square, None, mean)
            velocity = momentum * state.velocity + step
            return -velocity, _Means(square, velocity, mean)

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
