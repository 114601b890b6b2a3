"""GaussianNoise: normal noise on the inputs while training."""

from typing import Any

import jax

from ..framework import random, registry
from ..framework.checked import share
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, convert


def _noisy(x: jax.Array, draw: jax.Array, stddev: jax.Array) -> jax.Array:
    return x + (draw * stddev).astype(x.dtype)


NOISE = Op("gaussian_noise", _noisy)


@registry.register("layer", "GaussianNoise")
class GaussianNoise(Layer):
    """y = x + stddev * n while training, with n from the standard normal distribution.

    Without training the inputs pass unchanged.

    Args:
        stddev: Standard deviation of the noise, from 0 to 1, as in Keras.
        seed: Makes the draws of this layer repeatable. Default the global generator.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentError: if `stddev` is outside [0, 1].

    Example:
        >>> jt.layers.GaussianNoise(0.1)([1.0, 2.0]).numpy().tolist()
        [1.0, 2.0]

    References:
        Bishop, 1995, eq. 1 (training with noise).
    """

    takes_one_input = True
    supports_masking = True

    def __init__(self, stddev: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.stddev = share(self, "stddev", stddev)
        self.seed = seed
        self.generator = None if seed is None else random.Generator(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The inputs with noise, while training."""
        if not training or self.stddev == 0:
            return inputs
        draw = (self.generator or random).normal(inputs.shape)
        return call(NOISE, (inputs, draw, convert(self.stddev)))
