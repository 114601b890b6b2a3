"""Cropping1D and Cropping2D: what lies within margins of the axes of space."""

from typing import Any

import jax

from ..framework import registry
from ..framework.errors import ShapeError
from ..framework.layer import Layer
from ..framework.neural.windows import layer_windows, space_layout
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from ..framework.symbolic import known_shape
from .margins import margins


def _cropped(x: jax.Array, *, pairs: tuple[tuple[int, int], ...]) -> jax.Array:
    return x[tuple(slice(before, -after or None) for before, after in pairs)]


CROP = Op("cropping", _cropped)


class _Cropping(Layer):
    """What cropping shares over any number of axes.

    A level between `Layer` and the layers, since these differ in that number alone.
    """

    takes_one_input = True
    _ndim: int

    def _settle(self, cropping: Any, data_format: str | None) -> None:
        """Take in the arguments; the layers do not share all of them."""
        owner, ones = type(self).__name__, (1,) * self._ndim
        pairs = margins(self._ndim, cropping, "cropping", owner)
        self._how = layer_windows(ones, ones, "valid", data_format, ones, owner)
        self.cropping = pairs if self._ndim > 1 else pairs[0]
        self._pairs = self._how.outer(pairs, (0, 0))

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs without their margins."""
        title = f"{type(self).__name__}('{self.name}')"
        shape = known_shape(space_layout(title, inputs, self._ndim))
        if any(
            length is not None and length <= sum(pair)
            for length, pair in zip(shape, self._pairs, strict=True)
            if any(pair)
        ):
            raise ShapeError(
                f"{title} cuts off {self.cropping}, which leaves nothing of inputs of "
                f"shape {shape}. Give a smaller `cropping`."
            )
        return call(CROP, (inputs,), {"pairs": self._pairs}, (self._pairs,))


@registry.register("layer", "Cropping1D")
class Cropping1D(_Cropping):
    """The steps of a sequence without the first and last ones.

    Args:
        cropping: How many to cut off on either side, or a pair (before, after).
            Default 1.

    Shapes:
        input (batch, steps, channels) -> output (batch, steps - before - after,
        channels)

    Raises:
        ArgumentError: for numbers that are negative or no integers.
        ShapeError: for inputs with other axes, or of which nothing is left.

    Example:
        >>> jt.layers.Cropping1D((2, 1))(jt.ones((2, 10, 3))).shape
        (2, 7, 3)
    """

    _ndim = 1

    def __init__(self, cropping: Any = (1, 1), **options: Any) -> None:
        super().__init__(**options)
        self._settle(cropping, None)


@registry.register("layer", "Cropping2D")
class Cropping2D(_Cropping):
    """An image without its margins.

    Args:
        cropping: How much to cut off on all sides; or for height and width, each a
            number or a pair: `((top, bottom), (left, right))`. Default nothing.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, height, width, channels) -> output (batch, height - top - bottom,
        width - left - right, channels)

    Raises:
        ArgumentError: for numbers that are negative or no integers, or another format.
        ShapeError: for inputs with other axes, or of which nothing is left.

    Example:
        >>> jt.layers.Cropping2D((1, (0, 2)))(jt.ones((2, 8, 6, 3))).shape
        (2, 6, 4, 3)
    """

    _ndim = 2

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._settle(cropping, data_format)
        self.data_format = "channels_last" if self._how.is_last else "channels_first"
