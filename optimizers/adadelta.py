"""Adadelta: steps as large as the last ones were, whatever the gradient's unit."""

from typing import Any, NamedTuple, cast

import jax.numpy as jnp
import optax

from ..framework.checked import number
from ..framework.registry import register_class
from .bounds import bounded, check_share, quotient
from .optimizer import Optimizer


class _Squares(NamedTuple):
    gradient: Any
    change: Any


@register_class("optimizer")
class Adadelta(Optimizer):
    """Steps in the unit of w: w <- w + learning_rate * change.

    change = -g * sqrt(changes + epsilon) / sqrt(gradients + epsilon), where `gradients`
    and `changes` are running means of g**2 and of change**2 before:
    mean <- rho * mean + (1 - rho) * square.

    Args:
        learning_rate: Factor of the change. Default 0.001, as in Keras; 1.0 is the
            paper's, which has no learning rate.
        rho: Decay of both means, in [0, 1). Default 0.95.
        epsilon: Added inside of the roots; the first step is about its root. Default
            1e-7.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if `rho` is outside [0, 1).

    References:
        Zeiler, 2012, algorithm 1.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_share("rho", rho)
        self.rho = rho
        self.epsilon = number(self, "epsilon", epsilon)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        rho, epsilon = self.rho, self.epsilon

        def init(params: Any) -> _Squares:
            zeros = jnp.zeros_like(params)
            return _Squares(zeros, zeros)

        def update(
            gradient: Any,
            state: _Squares,
            params: Any = None,
            *,
            learning_rate: Any,
            **_: Any,
        ) -> tuple[Any, _Squares]:
            gradient = bounded(gradient)
            gradients = rho * state.gradient + (1 - rho) * jnp.square(gradient)
            before = jnp.sqrt(state.change + epsilon)
            change = -quotient(before * gradient, jnp.sqrt(gradients + epsilon))
            changes = rho * state.change + (1 - rho) * jnp.square(change)
            return learning_rate * change, _Squares(gradients, changes)

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
