"""Convolution over one, two and three axes, also by depth, separable and transposed."""

from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError, ShapeError
from ..ops.conversion import beside, sizes
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .windows import Windows, check_ndim, windows

_LETTERS = {1: "W", 2: "HW", 3: "DHW"}


def _layouts(ndim: int, is_last: bool) -> tuple[str, str, str]:
    """The axes of input, filter and output, as XLA names them."""
    space = _LETTERS[ndim]
    data = f"N{space}C" if is_last else f"NC{space}"
    return data, f"{space}IO", data


def _convolution(
    x: jax.Array, filters: jax.Array, *, how: Windows, groups: int
) -> jax.Array:
    ndim = len(how.strides)
    return jax.lax.conv_general_dilated(
        x,
        filters,
        how.strides,
        how.pairs(how.space_of(x.shape), filters.shape[:ndim]),
        rhs_dilation=how.dilations,
        dimension_numbers=_layouts(ndim, how.is_last),
        feature_group_count=groups,
    )


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


def _transposed(
    x: jax.Array, filters: jax.Array, *, how: Windows, space: tuple
) -> jax.Array:
    """The pullback of the convolution of an array with these space lengths."""
    ndim = len(how.strides)
    window = filters.shape[:ndim]
    pairs = []
    for n, out, size, step, gap, (before, _) in zip(
        how.space_of(x.shape),
        space,
        window,
        how.strides,
        how.dilations,
        how.pairs(space, window),
        strict=True,
    ):
        reach = (size - 1) * gap
        first = reach - before
        pairs.append((first, out + reach - (n - 1) * step - 1 - first))
    flipped = jnp.flip(filters, range(ndim))
    return jax.lax.conv_general_dilated(
        x,
        jnp.swapaxes(flipped, -1, -2),
        (1,) * ndim,
        pairs,
        lhs_dilation=how.strides,
        rhs_dilation=how.dilations,
        dimension_numbers=_layouts(ndim, how.is_last),
    )


_CHANNELS = "The filters need the input's channels in their second to last axis."
CONVOLUTION = Op("convolution", _convolution, hint=_CHANNELS)
DEPTHWISE = Op("depthwise_conv2d", _depthwise, hint=_CHANNELS)
SEPARABLE = Op("separable_conv2d", _separable, hint=_CHANNELS)
TRANSPOSED = Op(
    "conv_transpose",
    _transposed,
    hint="The filters need the input's channels in their last axis.",
)


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
    ndim = _space_axes(filters, "convolution")
    return _convolved(
        *("convolution", ndim, input, filters),
        *(strides, padding, data_format, dilations),
    )


def _space_axes(filters: TensorLike, name: str) -> int:
    ndim = convert(filters, name="filters").ndim - 2
    if ndim not in _LETTERS:
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


def _transpose(
    name: str,
    ndim: int,
    input: TensorLike,
    filters: TensorLike,
    output_shape: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
) -> Tensor:
    x = convert(input, name="input")
    kernel = beside(x, filters, "filters")
    how = windows(ndim, strides, padding, data_format, dilations, name)
    check_ndim(x.shape, ndim, name)
    shape = sizes(output_shape, "output_shape")
    if len(shape) == ndim + 2:
        space = how.space_of(shape)
    elif len(shape) == ndim:
        space = shape
    else:
        raise ArgumentError(
            f"`output_shape` of {name}() must have {ndim + 2} numbers; got {shape}."
        )
    _check_transposed(name, x, kernel, how, space)
    return call(TRANSPOSED, (x, kernel), {"how": how, "space": space}, (how, space))


def _check_transposed(
    name: str, x: Any, kernel: Any, how: Windows, space: tuple[int, ...]
) -> None:
    """Check that a convolution leads from `output_shape` to the shape of the input."""
    ndim = len(space)
    if kernel.ndim != ndim + 2:
        raise ShapeError(
            f"{name}() got filters of shape {kernel.shape}. Give {ndim} axes of space, "
            "the output's channels and the input's channels."
        )
    window = kernel.shape[:ndim]
    forwards = tuple(
        (n + sum(pair) - (size - 1) * gap - 1) // step + 1
        for n, pair, size, gap, step in zip(
            *(space, how.pairs(space, window), window),
            *(how.dilations, how.strides),
            strict=True,
        )
    )
    if forwards != how.space_of(x.shape):
        raise ShapeError(
            f"{name}() cannot go from space {how.space_of(x.shape)} to {space}: the "
            f"convolution back gives {forwards}. Mend `output_shape` or `strides`."
        )


def conv_transpose(
    input: TensorLike,
    filters: TensorLike,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transposed convolution: what pulls gradients of a convolution back.

    Args:
        input: Data, with one, two or three axes of space.
        filters: Lengths along them, output channels, input channels.
        output_shape: Shape of the result; the convolution of such an array has the
            shape of the input.
        strides: Of that convolution, for all axes of space or for each.
        padding: Of that convolution. Default `"SAME"`.
        data_format: As for `convolution`.
        dilations: Of that convolution. Default 1.
        name: No effect.

    Shapes:
        (n, space..., k), (window..., c, k) -> (n, larger space..., c)

    Raises:
        ShapeError: if the convolution of the output has another shape than the input.
        ArgumentError: for an output shape with another number of axes.
    """
    ndim = _space_axes(filters, "conv_transpose")
    return _transpose(
        *("conv_transpose", ndim, input, filters, output_shape),
        *(strides, padding, data_format, dilations),
    )


def conv1d_transpose(
    input: TensorLike,
    filters: TensorLike,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transposed `conv1d`; see `conv_transpose`."""
    return _transpose(
        *("conv1d_transpose", 1, input, filters, output_shape),
        *(strides, padding, data_format, dilations),
    )


def conv2d_transpose(
    input: TensorLike,
    filters: TensorLike,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transposed `conv2d`; see `conv_transpose`."""
    return _transpose(
        *("conv2d_transpose", 2, input, filters, output_shape),
        *(strides, padding, data_format, dilations),
    )


def conv3d_transpose(
    input: TensorLike,
    filters: TensorLike,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transposed `conv3d`; see `conv_transpose`."""
    return _transpose(
        *("conv3d_transpose", 3, input, filters, output_shape),
        *(strides, padding, data_format, dilations),
    )
