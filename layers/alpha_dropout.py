"""AlphaDropout: dropout that keeps mean and variance of what selu gives."""

import numbers
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import random, registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, convert
from .dropout import shape_of_draw

_LOWEST = -1.6732632423543772 * 1.0507009873554805
"""The limit of selu on the left, -alpha * scale (Klambauer et al., 2017, eq. 14)."""


def _alpha_drop(x: jax.Array, draw: jax.Array, rate: jax.Array) -> jax.Array:
    """The lowest value where the draw is under the rate, with mean 0 and variance 1."""
    rest = jnp.where(rate < 1, 1 - rate, 1)  # at 1 all are dropped, to 0
    slope = jax.lax.rsqrt(rest * (1 + rate * _LOWEST**2))
    offset = -slope * _LOWEST * rate
    kept = jnp.where(draw >= rate, x, jnp.asarray(_LOWEST, x.dtype))
    return kept * slope.astype(x.dtype) + offset.astype(x.dtype)


ALPHA_DROPOUT = Op("alpha_dropout", _alpha_drop)


@registry.register("layer", "AlphaDropout")
class AlphaDropout(Layer):
    """Inputs become selu's lowest value with probability `rate` while training.

    All are then scaled and shifted so that mean 0 and variance 1 stay, which networks
    of selu need. Without training the inputs pass unchanged.

    Args:
        rate: Probability, in [0, 1].
        noise_shape: Shape of the draw, broadcast to the inputs; `None` entries take
            the inputs' length. Default the inputs' shape.
        seed: Makes the draws of this layer repeatable. Default the global generator.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentError: if `rate` is outside [0, 1].
        ShapeError: if `noise_shape` has another number of axes than the inputs.

    Example:
        >>> jt.layers.AlphaDropout(0.1)([1.0, 2.0]).numpy().tolist()
        [1.0, 2.0]

    References:
        Klambauer et al., 2017, section 2 (alpha dropout).
    """

    supports_masking = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not isinstance(rate, numbers.Real) or not 0 <= rate <= 1:
            raise ArgumentError(
                f"`rate` must be a number between 0 and 1; got {rate!r}. It is the "
                "share of the inputs that is dropped."
            )
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.generator = None if seed is None else random.Generator(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The inputs with some entries at the lowest value, while training."""
        if not training or self.rate == 0:
            return inputs
        shape = shape_of_draw(self.noise_shape, inputs.shape)
        draw = (self.generator or random).uniform(shape)
        return call(ALPHA_DROPOUT, (inputs, draw, convert(self.rate)))
