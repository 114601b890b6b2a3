"""The transposed convolution, which pulls gradients of a convolution back."""

from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError, ShapeError
from ..ops.conversion import beside, sizes
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .convolution import space_axes
from .convolution_lowering import layouts
from .windows import Windows, check_ndim, windows


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
        dimension_numbers=layouts(ndim, how.is_last),
    )


TRANSPOSED = Op(
    "conv_transpose",
    _transposed,
    hint="The filters need the input's channels in their last axis.",
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
    ndim = space_axes(filters, "conv_transpose")
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
