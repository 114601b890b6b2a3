"""Rescaling: numbers of one range brought to another."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import registry
from ..framework.errors import ArgumentTypeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, cast, convert


def _rescaled(x: jax.Array, scale: jax.Array, offset: jax.Array) -> jax.Array:
    return x * scale + offset


RESCALE = Op(
    "rescaling",
    _rescaled,
    hint="`scale` and `offset` must be numbers, or one for each channel.",
)


@registry.register("layer", "Rescaling")
class Rescaling(Layer):
    """y = x * scale + offset, in floats.

    `Rescaling(1 / 255)` brings images to [0, 1], `Rescaling(1 / 127.5, -1)` to [-1, 1].

    Args:
        scale: A number, or one for each channel.
        offset: The same. Default 0.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentTypeError: if an argument holds no numbers.
        ShapeError: for another number of channels.

    Example:
        >>> jt.layers.Rescaling(1 / 255)(jt.constant([0, 255])).numpy().tolist()
        [0.0, 1.0]
    """

    takes_one_input = True
    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any) -> None:
        super().__init__(**options)
        for name, value in (("scale", scale), ("offset", offset)):
            if np.asarray(value).dtype.kind not in "iuf":
                raise ArgumentTypeError(
                    f"`{name}` of Rescaling must be a number or a list of them; got "
                    f"{value!r}. For example: Rescaling(1 / 255)."
                )
        self.scale = scale
        self.offset = offset

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs in the new range; integers become floats."""
        if not jnp.issubdtype(inputs.dtype, jnp.floating):
            inputs = cast(inputs, self.dtype)
        factors = [
            convert(np.asarray(value, inputs.dtype))
            for value in (self.scale, self.offset)
        ]
        return call(RESCALE, (inputs, *factors))
