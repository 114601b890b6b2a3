"""AlphaDropout: dropout that keeps mean and variance of what selu gives."""

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.recording.op import Op
from .dropout import Dropout

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
class AlphaDropout(Dropout):
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

    _op = ALPHA_DROPOUT
