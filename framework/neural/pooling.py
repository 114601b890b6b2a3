"""The largest element, or the mean, of windows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError
from ..ops.conversion import requested_dtype
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .pooling_lowering import largest, total
from .windows import Windows, check_ndim, windows

_KINDS = ("MAX", "AVG")


def _max(x: jax.Array, *, how: Windows, window: tuple) -> jax.Array:
    """The gradient goes to the first of equal elements, as in TensorFlow."""
    return largest(x, how, window)


def _mean(x: jax.Array, *, how: Windows, window: tuple) -> jax.Array:
    """Of the elements that are there: the margin does not count."""
    sums = total(x, how, window)
    if how.padding == "VALID":
        return sums / np.asarray(np.prod(window), x.dtype)
    ones = jnp.ones(how.outer(how.space_of(x.shape), 1), x.dtype)
    return sums / total(ones, how, window)


def _places(
    x: jax.Array, *, how: Windows, window: tuple, with_batch: bool, dtype: Any
) -> jax.Array:
    """Where the first largest element of each window stands, flattened."""
    size = int(np.prod(x.shape[1:]))
    numbers = jnp.arange(size, dtype=jnp.int32).reshape(1, *x.shape[1:])
    numbers = jnp.broadcast_to(numbers, x.shape)
    start = (np.asarray(-jnp.inf, x.dtype), np.int32(np.iinfo(np.int32).max))

    def first(left: tuple, right: tuple) -> tuple:
        keep = (left[0] > right[0]) | ((left[0] == right[0]) & (left[1] < right[1]))
        return jnp.where(keep, left[0], right[0]), jnp.where(keep, left[1], right[1])

    pairs = how.pairs(how.space_of(x.shape), window)
    _, found = jax.lax.reduce_window(
        (x, numbers),
        start,
        first,
        how.outer(window, 1),
        how.outer(how.strides, 1),
        how.outer(pairs, (0, 0)),
    )
    if with_batch:
        batch = jnp.arange(len(x), dtype=jnp.int32) * x[0].size
        found = found + batch.reshape(-1, *[1] * (x.ndim - 1))
    return found.astype(dtype)


_FIT = "The window must fit into the input, margins included."
MAX = Op("max_pool", _max, hint=_FIT)
MEAN = Op("avg_pool", _mean, hint=_FIT)
PLACES = Op("max_pool_with_argmax", _places, is_differentiable=False, hint=_FIT)


def _pooled(
    name: str,
    op: Op,
    ndim: int,
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any = None,
) -> Tensor:
    x = convert(input, name="input")
    how = windows(ndim, strides, padding, data_format, dilations, name)
    check_ndim(x.shape, ndim, name)
    window = windows(ndim, ksize, "VALID", data_format, None, name).strides
    return call(op, (x,), {"how": how, "window": window}, (how, window))


def pool(
    input: TensorLike,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The largest element or the mean of windows.

    Args:
        input: Data, with one, two or three axes of space.
        window_shape: Lengths of a window along them.
        pooling_type: `"MAX"` or `"AVG"`.
        strides: Distance of the windows, for all axes of space or for each. Default 1.
        padding: `"VALID"` (default), `"SAME"` or pairs of numbers; the margin never
            counts.
        data_format: Such as `"NHWC"` (channels last, default) or `"NCHW"`.
        dilations: Distance of the elements of a window. Default 1.
        name: No effect.

    Raises:
        ArgumentError: for another kind, padding or format.
        ShapeError: if the input has other axes.
    """
    if pooling_type not in _KINDS:
        raise ArgumentError(
            f"`pooling_type` must be 'MAX' or 'AVG'; got {pooling_type!r}."
        )
    ndim = _ndim_of(input, "pool")
    op = MAX if pooling_type == "MAX" else MEAN
    return _pooled(
        *("pool", op, ndim, input, window_shape),
        *(strides, padding, data_format, dilations),
    )


def max_pool(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The largest elements of windows over one, two or three axes of space.

    Args:
        input: Data.
        ksize: Lengths of a window, for all axes of space or for each.
        strides: Distance of the windows.
        padding: `"VALID"`, `"SAME"` or pairs of numbers; the margin never counts.
        data_format: Such as `"NHWC"` (channels last, default) or `"NCHW"`.
        name: No effect.

    Shapes:
        (n, space..., c) -> (n, smaller space..., c)
    """
    ndim = _ndim_of(input, "max_pool")
    return _pooled("max_pool", MAX, ndim, input, ksize, strides, padding, data_format)


def avg_pool(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The means of windows over one, two or three axes of space; see `max_pool`."""
    ndim = _ndim_of(input, "avg_pool")
    return _pooled("avg_pool", MEAN, ndim, input, ksize, strides, padding, data_format)


def _ndim_of(input: TensorLike, name: str) -> int:
    shape = convert(input, name="input").shape
    if len(shape) not in (3, 4, 5):
        check_ndim(shape, 2, name)
    return len(shape) - 2


def max_pool1d(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """The largest elements of windows over one axis; see `max_pool`."""
    return _pooled("max_pool1d", MAX, 1, input, ksize, strides, padding, data_format)


def max_pool2d(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The largest elements of windows over two axes; see `max_pool`."""
    return _pooled("max_pool2d", MAX, 2, input, ksize, strides, padding, data_format)


def max_pool3d(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The largest elements of windows over three axes; see `max_pool`."""
    return _pooled("max_pool3d", MAX, 3, input, ksize, strides, padding, data_format)


def avg_pool1d(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """The means of windows over one axis; see `max_pool`."""
    return _pooled("avg_pool1d", MEAN, 1, input, ksize, strides, padding, data_format)


def avg_pool2d(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The means of windows over two axes; see `max_pool`."""
    return _pooled("avg_pool2d", MEAN, 2, input, ksize, strides, padding, data_format)


def avg_pool3d(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The means of windows over three axes; see `max_pool`."""
    return _pooled("avg_pool3d", MEAN, 3, input, ksize, strides, padding, data_format)


def max_pool_with_argmax(
    input: TensorLike,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d`, and where in the flattened image each element stood.

    Args:
        input: Images.
        ksize: Height and width of a window.
        strides: Distance of the windows.
        padding: `"VALID"` or `"SAME"`.
        data_format: `"NHWC"`.
        output_dtype: Dtype of the places. Default int32, int64 if x64 is enabled.
        include_batch_in_index: Whether places count from the first image on; by
            default each from its own.
        name: No effect.
    """
    name = "max_pool_with_argmax"
    if output_dtype is None:
        output_dtype = jax.dtypes.canonicalize_dtype("int64")
    x = convert(input, name="input")
    found = _pooled(name, MAX, 2, x, ksize, strides, padding, data_format)
    options = {
        "how": windows(2, strides, padding, data_format, None, name),
        "window": windows(2, ksize, "VALID", data_format, None, name).strides,
        "with_batch": bool(include_batch_in_index),
        "dtype": requested_dtype(output_dtype, "output_dtype"),
    }
    return found, call(PLACES, (x,), options, tuple(options.values()))
