"""Adam: steps scaled by running moments of the gradient."""

from typing import Any, NamedTuple, cast

import jax.numpy as jnp
import optax

from ..framework.checked import number
from ..framework.registry import register_class
from .bounds import bounded, check_share, quotient
from .optimizer import Optimizer


class _Moments(NamedTuple):
    first_moment: Any
    second_moment: Any
    largest: Any


@register_class("optimizer")
class Adam(Optimizer):
    """Adaptive moments: w <- w - rate * first / (sqrt(second) + epsilon).

    first <- beta_1 * first + (1 - beta_1) * g; second the same with beta_2 and g**2;
    rate = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) at update t from 1.

    Args:
        learning_rate: Step size. Default 0.001, as in Keras.
        beta_1: Decay of the first moment, in [0, 1). Default 0.9.
        beta_2: Decay of the second moment, in [0, 1). Default 0.999.
        epsilon: Added to the root of the second moment, before its bias is corrected,
            as in Keras ("epsilon hat" of the paper). Default 1e-7.
        amsgrad: Whether to divide by the largest second moment so far. Default false.
        **options: Those of `Optimizer`.

    Raises:
        ArgumentError: if a beta is outside [0, 1).

    References:
        Kingma and Ba, 2015, end of section 2; Reddi et al., 2018, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_share("beta_1", beta_1)
        check_share("beta_2", beta_2)
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon = number(self, "epsilon", epsilon)
        self.amsgrad = amsgrad

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable."""
        beta_1, beta_2 = self.beta_1, self.beta_2
        epsilon, amsgrad = self.epsilon, self.amsgrad

        def init(params: Any) -> _Moments:
            zeros = jnp.zeros_like(params)
            return _Moments(zeros, zeros, zeros if amsgrad else None)

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
            rate = learning_rate * jnp.sqrt(1 - beta_2**time) / (1 - beta_1**time)
            largest: Any = jnp.maximum(state.largest, second) if amsgrad else None
            root = jnp.sqrt(largest if amsgrad else second)
            moved = quotient(rate.astype(first.dtype) * first, root + epsilon)
            return -moved, _Moments(first, second, largest)

        return optax.GradientTransformationExtraArgs(init, cast(Any, update))
