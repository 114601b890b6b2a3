"""Global pooling: the largest element, or the mean, of each channel."""

from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.neural.windows import space_layout
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike, convert


def _largest(x: jax.Array, *, axes: tuple, keepdims: bool) -> jax.Array:
    """The gradient is shared by equal elements, as in Keras's `reduce_max`."""
    return jnp.max(x, axes, keepdims=keepdims)


def _mean(x: jax.Array, *, axes: tuple, keepdims: bool) -> jax.Array:
    return jnp.mean(x, axes, keepdims=keepdims)


def _masked_mean(
    x: jax.Array, mask: jax.Array, *, axes: tuple, keepdims: bool
) -> jax.Array:
    """The mean of the steps where the mask is true; 0 / 0 where it never is."""
    weights = jnp.expand_dims(mask.astype(x.dtype), 3 - axes[0])
    total = jnp.sum(x * weights, axes, keepdims=keepdims)
    return total / jnp.sum(weights, axes, keepdims=keepdims)


_LARGEST = Op("global_max_pooling", _largest)
_MEAN = Op("global_average_pooling", _mean)
_MASKED_MEAN = Op("global_average_pooling", _masked_mean)


class _GlobalPooling(Layer):
    """What global pooling shares, over any number of axes and whatever it takes.

    A level between `Layer` and the layers, since these differ in those two alone.
    """

    takes_one_input = True
    _ndim: int
    _op: Op

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ArgumentError(
                "`data_format` must be 'channels_last' or 'channels_first'; got "
                f"{data_format!r}."
            )
        self.data_format = data_format or "channels_last"
        self.keepdims = bool(keepdims)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self._ndim))

    def call(self, inputs: Tensor) -> Tensor:
        """One element for each channel."""
        return self._pooled(self._op, inputs)

    def _pooled(self, op: Op, inputs: Tensor, *more: Tensor) -> Tensor:
        space_layout(f"{type(self).__name__}('{self.name}')", inputs, self._ndim)
        axes, keepdims = self._axes, self.keepdims
        options = {"axes": axes, "keepdims": keepdims}
        return call(op, (inputs, *more), options, (axes, keepdims))


@registry.register("layer", ("GlobalMaxPooling1D", "GlobalMaxPool1D"))
class GlobalMaxPooling1D(_GlobalPooling):
    """The largest element of each channel over all steps.

    Args:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: Whether the axis stays, with length 1. Default false.

    Shapes:
        input (batch, steps, channels) -> output (batch, channels)

    Raises:
        ArgumentError: for another `data_format`.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.GlobalMaxPooling1D()(jt.ones((2, 10, 3))).shape
        (2, 3)
    """

    _ndim, _op = 1, _LARGEST


@registry.register("layer", ("GlobalMaxPooling2D", "GlobalMaxPool2D"))
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest element of each channel over an image.

    Args:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: Whether the axes stay, with length 1. Default false.

    Shapes:
        input (batch, height, width, channels) -> output (batch, channels)

    Raises:
        ArgumentError: for another `data_format`.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.GlobalMaxPooling2D()(jt.ones((2, 8, 6, 3))).shape
        (2, 3)
    """

    _ndim, _op = 2, _LARGEST


@registry.register("layer", ("GlobalAveragePooling1D", "GlobalAvgPool1D"))
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over all steps, or those that a mask names.

    Args:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: Whether the axis stays, with length 1. Default false.

    Shapes:
        input (batch, steps, channels), mask (batch, steps) -> output (batch, channels)

    Raises:
        ArgumentError: for another `data_format`.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.GlobalAveragePooling1D()(jt.ones((2, 10, 3))).shape
        (2, 3)
    """

    takes_one_input = True
    supports_masking = True
    _ndim, _op = 1, _MEAN

    def call(self, inputs: Tensor, mask: TensorLike | None = None) -> Tensor:
        """The means; of the steps where the mask is true, if there is one."""
        if mask is None:
            return self._pooled(_MEAN, inputs)
        return self._pooled(_MASKED_MEAN, inputs, convert(mask, name="mask"))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: there are no steps in the output."""


@registry.register("layer", ("GlobalAveragePooling2D", "GlobalAvgPool2D"))
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over an image.

    Args:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: Whether the axes stay, with length 1. Default false.

    Shapes:
        input (batch, height, width, channels) -> output (batch, channels)

    Raises:
        ArgumentError: for another `data_format`.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.GlobalAveragePooling2D()(jt.ones((2, 8, 6, 3))).shape
        (2, 3)
    """

    _ndim, _op = 2, _MEAN


GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
