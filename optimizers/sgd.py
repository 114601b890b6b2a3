"""SGD: gradient descent, with momentum."""

from typing import Any, cast

import jax.numpy as jnp
import optax

from ..framework.checked import is_between
from ..framework.errors import ArgumentError
from ..framework.registry import register_class
from .optimizer import Optimizer


@register_class("optimizer")
class SGD(Optimizer):
    """Gradient descent: w <- w - learning_rate * g, with momentum a velocity.

    velocity <- momentum * velocity - learning_rate * g, then w <- w + velocity, or with
    `nesterov` w <- w + momentum * velocity - learning_rate * g.

    Args:
        learning_rate: Step size. Default 0.01, as in Keras.
        momentum: Share of the last velocity that is kept, in [0, 1]. Default 0.
        nesterov: Whether to look ahead. Default false.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if `momentum` is outside [0, 1].

    Note:
        The learning rate is part of the velocity, as in Keras; optax's `trace` scales
        afterwards, which differs once the rate changes.

    References:
        Sutskever et al., 2013, eq. 1 to 4.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not is_between(momentum, 0, 1):
            raise ArgumentError(f"`momentum` must be in [0, 1]; got {momentum!r}.")
        self.momentum = momentum
        self.nesterov = nesterov

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        momentum, nesterov = self.momentum, self.nesterov

        def init(params: Any) -> Any:
            return jnp.zeros_like(params) if momentum else optax.EmptyState()

        def update(
            gradient: Any,
            velocity: Any,
            params: Any = None,
            *,
            learning_rate: Any,
            **_: Any,
        ) -> tuple[Any, Any]:
            step = -learning_rate * gradient
            if not momentum:
                return step, velocity
            velocity = momentum * velocity + step
            return (momentum * velocity + step if nesterov else velocity), velocity

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
