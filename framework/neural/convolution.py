"""Convolution over one, two and three axes, also by depth and separable."""

from typing import Any

import jax

from ..errors import ShapeError
from ..ops.conversion import beside
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .convolution_lowering import convolve
from .windows import Windows, check_ndim, windows

_MOST_SPACE = 3
"""XLA convolves over more axes as well, TensorFlow does not."""


def _convolution(
    x: jax.Array, filters: jax.Array, *, how: Windows, groups: int
) -> jax.Array:
    return convolve(x, filters, how, groups)


def _depthwise(x: jax.Array, filters: jax.Array, *, how: Windows) -> jax.Array:
    height, width, channels, multiplier = filters.shape
    flat = filters.reshape(height, width, 1, channels * multiplier)
    return _convolution(x, flat, how=how, groups=channels)


def _separable(
    x: jax.Array, depthwise: jax.Array, pointwise: jax.Array, *, how: Windows
) -> jax.Array:
    middle = _depthwise(x, depthwise, how=how)
    plain = Windows((1, 1), "VALID", (1, 1), how.is_last)
    return _convolution(middle, pointwise, how=plain, groups=1)


_CHANNELS = "The filters need the input's channels in their second to last axis."
CONVOLUTION = Op("convolution", _convolution, hint=_CHANNELS)
DEPTHWISE = Op("depthwise_conv2d", _depthwise, hint=_CHANNELS)
SEPARABLE = Op("separable_conv2d", _separable, hint=_CHANNELS)


def _convolved(
    name: str,
    ndim: int,
    input: TensorLike,
    filters: TensorLike,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
) -> Tensor:
    x = convert(input, name="input")
    kernel = beside(x, filters, "filters")
    how = windows(ndim, strides, padding, data_format, dilations, name)
    check_ndim(x.shape, ndim, name)
    channels = x.shape[-1 if how.is_last else 1]
    if kernel.ndim != ndim + 2 or not kernel.shape[-2] or channels % kernel.shape[-2]:
        raise ShapeError(
            f"{name}() got filters of shape {kernel.shape} for an input of shape "
            f"{x.shape}, {channels} channels. Give filters with {ndim} axes of space, "
            "the input's channels and the output's channels."
        )
    groups = channels // kernel.shape[-2]
    return call(CONVOLUTION, (x, kernel), {"how": how, "groups": groups}, (how, groups))


def convolution(
    input: TensorLike,
    filters: TensorLike,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution over as many axes as the filters have.

    out[b, p, k] = sum over q, c of input[b, strides * p + dilations * q, c] *
    filters[q, c, k]; as everywhere, the filter is not flipped.

    Args:
        input: Data, with one, two or three axes of space.
        filters: Lengths along them, input channels, output channels. Where the input
            has a multiple of these channels, groups are convolved on their own.
        strides: Distance of the windows, for all axes of space or for each. Default 1.
        padding: `"VALID"` (default): only windows that lie within; `"SAME"`: zeros
            around, so that the output is as long as the input / strides; or pairs of
            numbers of zeros for each axis.
        data_format: `"NHWC"` (channels last, default) or `"NCHW"`, with W or DHW for
            one or three axes of space.
        dilations: Distance of the elements of a window. Default 1.
        name: No effect.

    Shapes:
        (n, space..., c), (window..., c, k) -> (n, smaller space..., k)

    Raises:
        ShapeError: if input or filters have other axes.
        ArgumentError: for strides, padding or a format that there is not.
    """
    ndim = space_axes(filters, "convolution")
    return _convolved(
        *("convolution", ndim, input, filters),
        *(strides, padding, data_format, dilations),
    )


def space_axes(filters: TensorLike, name: str) -> int:
    """How many axes of space filters have.

    Raises:
        ShapeError: if there is no convolution over as many.
    """
    ndim = convert(filters, name="filters").ndim - 2
    if not 1 <= ndim <= _MOST_SPACE:
        raise ShapeError(
            f"{name}() takes filters with 3, 4 or 5 axes; got {ndim + 2}. "
            "Give axes of space, input channels and output channels."
        )
    return ndim


def conv1d(
    input: TensorLike,
    filters: TensorLike,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution over one axis; see `convolution`.

    Shapes:
        (n, w, c), (window, c, k) -> (n, smaller w, k)
    """
    return _convolved(
        "conv1d", 1, input, filters, stride, padding, data_format, dilations
    )


def conv2d(
    input: TensorLike,
    filters: TensorLike,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution over two axes; see `convolution`.

    Shapes:
        (n, h, w, c), (height, width, c, k) -> (n, smaller h, smaller w, k)
    """
    return _convolved(
        "conv2d", 2, input, filters, strides, padding, data_format, dilations
    )


def conv3d(
    input: TensorLike,
    filters: TensorLike,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution over three axes; see `convolution`.

    Shapes:
        (n, d, h, w, c), (depth, height, width, c, k) -> (n, smaller d, h, w, k)
    """
    return _convolved(
        "conv3d", 3, input, filters, strides, padding, data_format, dilations
    )


def atrous_conv2d(
    value: TensorLike,
    filters: TensorLike,
    rate: int,
    padding: Any,
    name: str | None = None,
) -> Tensor:
    """`conv2d` with strides 1 and dilations `rate`."""
    return _convolved("atrous_conv2d", 2, value, filters, 1, padding, None, rate)


def depthwise_conv2d(
    input: TensorLike,
    filter: TensorLike,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution of each channel with filters of its own; arguments as `convolution`.

    Shapes:
        (n, h, w, c), (height, width, c, m) -> (n, smaller h, smaller w, c * m)
    """
    x = convert(input, name="input")
    kernel = beside(x, filter, "filter")
    how = windows(2, strides, padding, data_format, dilations, "depthwise_conv2d")
    _check_depthwise(x, kernel, how, "depthwise_conv2d")
    return call(DEPTHWISE, (x, kernel), {"how": how}, (how,))


def separable_conv2d(
    input: TensorLike,
    depthwise_filter: TensorLike,
    pointwise_filter: TensorLike,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`depthwise_conv2d`, then a 1 x 1 convolution that mixes its channels.

    Shapes:
        (n, h, w, c), (height, width, c, m), (1, 1, c * m, k)
        -> (n, smaller h, smaller w, k)
    """
    x = convert(input, name="input")
    depthwise = beside(x, depthwise_filter, "depthwise_filter")
    pointwise = beside(x, pointwise_filter, "pointwise_filter")
    how = windows(2, strides, padding, data_format, dilations, "separable_conv2d")
    _check_depthwise(x, depthwise, how, "separable_conv2d")
    return call(SEPARABLE, (x, depthwise, pointwise), {"how": how}, (how,))


def _check_depthwise(x: Any, kernel: Any, how: Windows, name: str) -> None:
    check_ndim(x.shape, 2, name)
    channels = x.shape[-1 if how.is_last else 1]
    if kernel.ndim != 4 or kernel.shape[2] != channels:
        raise ShapeError(
            f"{name}() got filters of shape {kernel.shape} for an input of shape "
            f"{x.shape}, {channels} channels. Give (height, width, channels, multiple)."
        )
