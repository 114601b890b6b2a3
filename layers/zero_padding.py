"""ZeroPadding1D and ZeroPadding2D: zeros around the axes of space."""

from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.layer import Layer
from ..framework.neural.windows import layer_windows, space_layout
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .margins import margins


def _padded(x: jax.Array, *, pairs: tuple[tuple[int, int], ...]) -> jax.Array:
    return jnp.pad(x, pairs)


PAD = Op("zero_padding", _padded)


class _ZeroPadding(Layer):
    """What zero padding shares over any number of axes.

    A level between `Layer` and the layers, since these differ in that number alone.
    """

    takes_one_input = True
    _ndim: int

    def __init__(self, padding: Any, data_format: str | None, **options: Any) -> None:
        super().__init__(**options)
        owner, ones = type(self).__name__, (1,) * self._ndim
        pairs = margins(self._ndim, padding, "padding", owner)
        how = layer_windows(ones, ones, "valid", data_format, ones, owner)
        self.padding = pairs if self._ndim > 1 else pairs[0]
        self.data_format = "channels_last" if how.is_last else "channels_first"
        self._pairs = how.outer(pairs, (0, 0))

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs with zeros around them."""
        space_layout(f"{type(self).__name__}('{self.name}')", inputs, self._ndim)
        return call(PAD, (inputs,), {"pairs": self._pairs}, (self._pairs,))


@registry.register("layer", "ZeroPadding1D")
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of a sequence.

    Args:
        padding: How many on either side, or a pair (before, after). Default 1.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, steps, channels) -> output (batch, before + steps + after,
        channels)

    Raises:
        ArgumentError: for numbers that are negative or no integers, or another format.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.ZeroPadding1D((2, 1))(jt.ones((2, 10, 3))).shape
        (2, 13, 3)
    """

    _ndim = 1

    def __init__(
        self, padding: Any = 1, data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(padding, data_format, **options)


@registry.register("layer", "ZeroPadding2D")
class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image.

    Args:
        padding: How many on all sides; or for height and width, each a number or a
            pair: `((top, bottom), (left, right))`. Default 1.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, height, width, channels) -> output (batch, top + height + bottom,
        left + width + right, channels)

    Raises:
        ArgumentError: for numbers that are negative or no integers, or another format.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.ZeroPadding2D((1, (0, 2)))(jt.ones((2, 8, 6, 3))).shape
        (2, 10, 8, 3)
    """

    _ndim = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(padding, data_format, **options)
