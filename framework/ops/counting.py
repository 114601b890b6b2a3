"""Counting: distinct values, histograms, hits. Where a count is a size, it is read."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, OutOfRangeError, ShapeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert, from_array, reduce_with
from .conversion import beside, one_integer, requested_dtype
from .indexing import indices_of


class Unique(NamedTuple):
    """Distinct values in the order in which they first came, and where each went."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """As `Unique`, and how often each value came."""

    y: Tensor
    idx: Tensor
    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]


def _count_nonzero(x: jax.Array, *, axis: Any, keepdims: bool) -> jax.Array:
    return jnp.sum(x != 0, axis=axis, keepdims=keepdims, dtype=_index_dtype())


def _index_dtype() -> np.dtype:
    return jax.dtypes.canonicalize_dtype("int64")


def _bins(
    values: jax.Array, value_range: jax.Array, *, count: int, dtype: Any
) -> jax.Array:
    low, high = value_range
    scaled = (values - low) / (high - low)
    places = jnp.floor(scaled * jnp.asarray(count, scaled.dtype))
    return jnp.clip(places, 0, count - 1).astype(dtype)


def _histogram(
    values: jax.Array, value_range: jax.Array, *, count: int, dtype: Any
) -> jax.Array:
    places = _bins(values, value_range, count=count, dtype=np.dtype("int32"))
    return jnp.zeros(count, dtype).at[places.reshape(-1)].add(1)


def _bincount(
    numbers: jax.Array, *weights: jax.Array, count: int, dtype: Any, by_row: bool
) -> jax.Array:
    ones = jnp.ones(numbers.shape, dtype)
    amounts = weights[0] if weights else ones
    rows = numbers.reshape(len(numbers), -1) if by_row else numbers.reshape(1, -1)
    amounts = amounts.reshape(rows.shape)
    places = jnp.where((rows < 0) | (rows >= count), count, rows)
    empty = jnp.zeros((len(rows), count), amounts.dtype)
    counted = empty.at[jnp.arange(len(rows))[:, None], places].add(amounts, mode="drop")
    return counted if by_row else counted[0]


def _confusion(
    labels: jax.Array,
    predictions: jax.Array,
    weights: jax.Array,
    *,
    count: int,
    dtype: Any,
) -> jax.Array:
    amounts = jnp.broadcast_to(weights.astype(dtype), labels.shape)
    return jnp.zeros((count, count), dtype).at[labels, predictions].add(amounts)


def _zero_fraction(x: jax.Array) -> jax.Array:
    return jnp.mean(x == 0, dtype=jnp.float32)


COUNT_NONZERO = Op("count_nonzero", _count_nonzero, is_differentiable=False)
BINS = Op("histogram_fixed_width_bins", _bins, is_differentiable=False)
HISTOGRAM = Op("histogram_fixed_width", _histogram, is_differentiable=False)
BINCOUNT = Op("bincount", _bincount, is_differentiable=False)
CONFUSION = Op("confusion_matrix", _confusion, is_differentiable=False)
ZERO_FRACTION = Op("zero_fraction", _zero_fraction, is_differentiable=False)


def unique(x: TensorLike, out_idx: Any = "int32", name: str | None = None) -> Unique:
    """The distinct values of a vector, which is read; no gradient passes.

    Args:
        x: A vector.
        out_idx: Dtype of the indices. Default int32.
        name: No effect.

    Shapes:
        (n,) -> y (distinct values,), in the order in which they first came; idx (n,),
        with which `jt.gather(y, idx)` is `x`

    Raises:
        ShapeError: for what is no vector.
    """
    values, places, _ = _unique_parts(x, "unique", out_idx)
    return Unique(values, places)


def unique_with_counts(
    x: TensorLike, out_idx: Any = "int32", name: str | None = None
) -> UniqueWithCounts:
    """The distinct values of a vector and how often each comes; see `unique`."""
    return UniqueWithCounts(*_unique_parts(x, "unique_with_counts", out_idx))


def _unique_parts(x: TensorLike, name: str, out_idx: Any) -> tuple:
    given = convert(x, name="x")
    if given.ndim != 1:
        raise ShapeError(
            f"{name}() needs a vector; got shape {given.shape}. Flatten it: "
            "jt.reshape(x, (-1,))."
        )
    dtype = requested_dtype(out_idx, "out_idx")
    values, first, places, counts = np.unique(
        given.numpy(), True, True, True, equal_nan=False
    )
    order = np.argsort(first)
    place_of = np.empty_like(order)
    place_of[order] = np.arange(order.size)
    return (
        from_array(values[order]),
        from_array(place_of[places.reshape(-1)].astype(dtype)),
        from_array(counts[order].astype(dtype)),
    )


def count_nonzero(
    input: TensorLike,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """How many elements are not 0, over `axis`.

    Args:
        input: What to count in.
        axis: One axis, several, or by default all.
        keepdims: Whether these axes stay, with length 1. Default false.
        dtype: Of the result. Default int32, int64 if x64 is enabled.
        name: No effect.
    """
    counted = reduce_with(
        COUNT_NONZERO, convert(input, name="input"), axis, bool(keepdims)
    )
    return counted if dtype is None else counted.astype(requested_dtype(dtype))


def zero_fraction(value: TensorLike, name: str | None = None) -> Tensor:
    """How large a part of the elements is 0, as float32; NaN of nothing."""
    return call(ZERO_FRACTION, (convert(value, name="value"),))


def bincount(
    arr: TensorLike,
    weights: TensorLike = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: Any = "int32",
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Tensor:
    """How often each number comes; the largest one is read, since it is a size.

    Args:
        arr: Integers from 0 on.
        weights: What to add for each, instead of 1; then its dtype is the result's.
        minlength: Least length of the result.
        maxlength: Greatest length; numbers from there on are not counted.
        dtype: Of the result where there are no weights. Default int32.
        name: No effect.
        axis: `None` or 0 to count all, -1 to count in each row.
        binary_output: Whether to say only if a number comes (1) or not (0).

    Raises:
        OutOfRangeError: for a negative number.
        ArgumentError: for another axis.
    """
    numbers = indices_of(arr, "arr")
    if axis not in (None, 0, -1):
        raise ArgumentError(f"`axis` of bincount() must be 0, -1 or None; got {axis}.")
    host = numbers.numpy()
    if host.size and host.min() < 0:
        raise OutOfRangeError(
            f"bincount() counts numbers from 0 on; got {host.min()}. Shift them first."
        )
    count = max(int(host.max()) + 1 if host.size else 0, _length(minlength, "min"))
    if maxlength is not None:
        count = min(count, _length(maxlength, "max"))
    options = {
        "count": count,
        "dtype": requested_dtype(dtype),
        "by_row": axis == -1 and numbers.ndim > 1,
    }
    inputs = [numbers]
    if weights is not None and not binary_output:
        inputs.append(convert(weights, name="weights"))
    counted = call(BINCOUNT, inputs, options, tuple(options.values()))
    if binary_output:
        return (counted > 0).astype(options["dtype"])
    return counted


def _length(length: Any, which: str) -> int:
    return 0 if length is None else one_integer(length, f"{which}length")


def confusion_matrix(
    labels: TensorLike,
    predictions: TensorLike,
    num_classes: int | None = None,
    weights: TensorLike = None,
    dtype: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """Row i, column j: how often the label was i and the prediction j.

    Args:
        labels: Class numbers.
        predictions: Class numbers.
        num_classes: Size of the matrix. Default one more than the largest number,
            which is read.
        weights: What to add for each pair. Default 1.
        dtype: Of the result. Default int32.
        name: No effect.

    Raises:
        OutOfRangeError: for a class that the matrix does not have.
        ShapeError: if there are not as many labels as predictions.
    """
    rows, columns = indices_of(labels, "labels"), indices_of(predictions, "predictions")
    if rows.size != columns.size:
        raise ShapeError(
            f"confusion_matrix() got labels of shape {rows.shape} and predictions of "
            f"shape {columns.shape}. Give one prediction for each label."
        )
    numbers = np.concatenate([rows.numpy().reshape(-1), columns.numpy().reshape(-1)])
    largest = int(numbers.max(initial=-1))
    given = None if num_classes is None else one_integer(num_classes, "num_classes")
    count = largest + 1 if given is None else given
    if largest >= count or numbers.min(initial=0) < 0:
        wrong = largest if largest >= count else numbers.min()
        raise OutOfRangeError(
            f"confusion_matrix() got class {wrong}, outside the {count} classes. "
            f"Use class numbers from 0 to {count - 1}."
        )
    options = {"count": count, "dtype": requested_dtype(dtype)}
    amounts = convert(1 if weights is None else weights, name="weights")
    inputs = (rows.reshape(-1), columns.reshape(-1), amounts)
    return call(CONFUSION, inputs, options, tuple(options.values()))


def histogram_fixed_width(
    values: TensorLike,
    value_range: TensorLike,
    nbins: int = 100,
    dtype: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """How many values fall into each of `nbins` equal parts of a range.

    Args:
        values: Of any shape; those outside the range count in the first or last part.
        value_range: Least and greatest value.
        nbins: Number of parts. Default 100.
        dtype: Of the counts. Default int32.
        name: No effect.
    """
    return _in_bins(HISTOGRAM, values, value_range, nbins, dtype)


def histogram_fixed_width_bins(
    values: TensorLike,
    value_range: TensorLike,
    nbins: int = 100,
    dtype: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """Which of `nbins` equal parts of a range each value falls into."""
    return _in_bins(BINS, values, value_range, nbins, dtype)


def _in_bins(
    op: Op, values: TensorLike, value_range: TensorLike, nbins: int, dtype: Any
) -> Tensor:
    x = convert(values, name="values")
    count = one_integer(nbins, "nbins")
    options = {"count": count, "dtype": requested_dtype(dtype)}
    bounds = beside(x, value_range, "value_range")
    return call(op, (x, bounds), options, tuple(options.values()))
