"""Dropout: zeros at random places while training."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import random, registry
from ..framework.checked import share
from ..framework.errors import ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, convert


def _drop(x: jax.Array, draw: jax.Array, rate: jax.Array) -> jax.Array:
    """Zeros where the uniform draw is under the rate, the rest scaled up."""
    kept = jnp.where(rate < 1, 1 - rate, 1).astype(x.dtype)  # at 1 all are dropped
    return jnp.where(draw >= rate, x / kept, jnp.zeros_like(x))


DROPOUT = Op("dropout", _drop)


@registry.register("layer", "Dropout")
class Dropout(Layer):
    """Each input is set to 0 with probability `rate` while training.

    The rest is scaled by 1 / (1 - rate), so that the mean stays; without training the
    inputs pass unchanged.

    Args:
        rate: Probability, in [0, 1]. At 1 everything is 0.
        noise_shape: Shape of the draw, broadcast to the inputs; `None` entries take
            the inputs' length. Default the inputs' shape.
        seed: Makes the draws of this layer repeatable. Default the global generator.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentError: if `rate` is outside [0, 1].
        ShapeError: if `noise_shape` has another number of axes than the inputs.

    References:
        Srivastava et al., 2014, section 10 (inverted scaling).
    """

    takes_one_input = True
    supports_masking = True
    _op = DROPOUT

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.rate = share(self, "rate", rate)
        if not isinstance(noise_shape, list | tuple | None):
            raise ArgumentTypeError(
                f"`noise_shape` must be a list of lengths; got {noise_shape!r}."
            )
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.generator = None if seed is None else random.Generator(seed)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """The inputs with some entries at 0, while training."""
        if not training or self.rate == 0:
            return inputs
        shape = shape_of_draw(self.noise_shape, inputs.shape)
        draw = (self.generator or random).uniform(shape)
        return call(self._op, (inputs, draw, convert(self.rate)))


def shape_of_draw(noise_shape: Sequence[int | None] | None, shape: tuple) -> tuple:
    """The shape of what is drawn for inputs of a shape.

    Raises:
        ShapeError: if `noise_shape` has another number of axes.
    """
    given = noise_shape or shape
    if len(given) != len(shape):
        raise ShapeError(
            f"`noise_shape` is {given}, and the inputs have shape {shape}. Give one "
            "entry for each axis; 1 shares the draw."
        )
    return tuple(
        length if wanted is None else wanted
        for wanted, length in zip(given, shape, strict=True)
    )
