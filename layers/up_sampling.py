"""UpSampling1D and UpSampling2D: more steps or pixels, by repeating or between them."""

from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.checked import one_of, text
from ..framework.layer import Layer
from ..framework.neural.windows import layer_windows, per_axis, space_layout
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


def _repeated(x: jax.Array, *, sizes: tuple[int, ...]) -> jax.Array:
    for axis, size in enumerate(sizes):
        x = jnp.repeat(x, size, axis) if size > 1 else x
    return x


def _interpolated(x: jax.Array, *, sizes: tuple[int, ...]) -> jax.Array:
    """Pixels are squares: between their centres on a line, constant at the margins."""
    shape = tuple(n * size for n, size in zip(x.shape, sizes, strict=True))
    return jax.image.resize(x, shape, "linear")


_OPS = {
    "nearest": Op("up_sampling", _repeated),
    "bilinear": Op("up_sampling", _interpolated),
}


@registry.register("layer", "UpSampling1D")
class UpSampling1D(Layer):
    """Each step of a sequence several times.

    Args:
        size: How many times. Default 2.

    Shapes:
        input (batch, steps, channels) -> output (batch, size * steps, channels)

    Raises:
        ArgumentError: if `size` is no positive integer.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.UpSampling1D(2)([[[1.0], [2.0]]]).numpy().ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    takes_one_input = True

    def __init__(self, size: int = 2, **options: Any) -> None:
        super().__init__(**options)
        (self.size,) = per_axis(1, size, "size", "UpSampling1D")

    def call(self, inputs: Tensor) -> Tensor:
        """The steps repeated."""
        space_layout(f"UpSampling1D('{self.name}')", inputs, 1)
        sizes = (1, self.size, 1)
        return call(_OPS["nearest"], (inputs,), {"sizes": sizes}, (sizes,))


@registry.register("layer", "UpSampling2D")
class UpSampling2D(Layer):
    """A larger image: each pixel several times, or what lies between pixels on a line.

    Args:
        size: How many times as high and wide; one number for both. Default 2.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        interpolation: `"nearest"` (default): each pixel repeated; `"bilinear"`: linear
            between the centres of pixels.

    Shapes:
        input (batch, height, width, channels) -> output (batch, size * height,
        size * width, channels)

    Raises:
        ArgumentError: if `size` holds no positive integers, and for another format or
            interpolation.
        ShapeError: for inputs with other axes.

    Example:
        >>> x = jt.constant([[[[1.0], [3.0]]]])
        >>> jt.layers.UpSampling2D((1, 2))(x).numpy().ravel().tolist()
        [1.0, 1.0, 3.0, 3.0]
        >>> layer = jt.layers.UpSampling2D((1, 2), interpolation="bilinear")
        >>> layer(x).numpy().ravel().tolist()
        [1.0, 1.5, 2.5, 3.0]
    """

    takes_one_input = True

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        word = text(self, "interpolation", interpolation).lower()
        one_of("interpolation", word, _OPS)
        self.size = per_axis(2, size, "size", "UpSampling2D")
        how = layer_windows(self.size, (1, 1), "valid", data_format, (1, 1), "")
        self.data_format = "channels_last" if how.is_last else "channels_first"
        self.interpolation = word
        self._sizes = how.outer(self.size, 1)

    def call(self, inputs: Tensor) -> Tensor:
        """The larger image."""
        space_layout(f"UpSampling2D('{self.name}')", inputs, 2)
        sizes = self._sizes
        return call(_OPS[self.interpolation], (inputs,), {"sizes": sizes}, (sizes,))
