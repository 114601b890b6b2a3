"""Where the extremes are, and sorting."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import one_integer, requested_dtype

_DIRECTIONS = {"ASCENDING": False, "DESCENDING": True}


class TopK(NamedTuple):
    """The largest elements and where they stand."""

    values: Tensor
    indices: Tensor


def _argmax(x: jax.Array, *, axis: int, dtype: Any) -> jax.Array:
    return jnp.argmax(x, axis).astype(dtype)


def _argmin(x: jax.Array, *, axis: int, dtype: Any) -> jax.Array:
    return jnp.argmin(x, axis).astype(dtype)


def _argsort(x: jax.Array, *, axis: int, descending: bool) -> jax.Array:
    order = jnp.argsort(x, axis, stable=True, descending=descending)
    return order.astype(jnp.int32)


def _sort(x: jax.Array, *, axis: int, descending: bool) -> jax.Array:
    order = _argsort(x, axis=axis, descending=descending)
    return jnp.take_along_axis(x, order, axis)


def _top_k(x: jax.Array, *, k: int, dtype: Any) -> list[jax.Array]:
    """0 and -0 are equal here, so that the first comes first; XLA ranks 0 higher."""
    rank = jnp.where(x == 0, jnp.zeros_like(x), x)
    _, places = jax.lax.top_k(jax.lax.stop_gradient(rank), k)
    return [jnp.take_along_axis(x, places, -1), places.astype(dtype)]


ARGMAX = Op("argmax", _argmax, is_differentiable=False)
ARGMIN = Op("argmin", _argmin, is_differentiable=False)
ARGSORT = Op("argsort", _argsort, is_differentiable=False)
SORT = Op("sort", _sort)
TOP_K = Op("top_k", _top_k, hint="`k` may be at most the length of the last axis.")


def argmax(
    input: TensorLike,
    axis: int | None = None,
    output_type: Any = None,
    name: str | None = None,
) -> Tensor:
    """Index of the largest element along `axis` (default 0); the first if several.

    Args:
        input: What to search.
        axis: One axis. Default 0, as in TensorFlow.
        output_type: Dtype of the indices. Default int32, int64 if x64 is enabled.
        name: No effect.
    """
    return _index_of(ARGMAX, input, axis, output_type)


def argmin(
    input: TensorLike,
    axis: int | None = None,
    output_type: Any = None,
    name: str | None = None,
) -> Tensor:
    """Index of the smallest element along `axis` (default 0); see `argmax`."""
    return _index_of(ARGMIN, input, axis, output_type)


def _index_of(op: Op, input: TensorLike, axis: int | None, output_type: Any) -> Tensor:
    x = input if input.__class__ is Tensor else convert(input, name="input")
    place = 0 if axis is None else one_integer(axis, "axis")
    if output_type is None:
        output_type = jax.dtypes.canonicalize_dtype("int64")
    dtype = requested_dtype(output_type, "output_type")
    return call(op, (x,), {"axis": place, "dtype": dtype}, (place, dtype))


def sort(
    values: TensorLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    name: str | None = None,
) -> Tensor:
    """The elements in order along `axis`; equal ones keep theirs."""
    return _ordered(SORT, values, axis, direction)


def argsort(
    values: TensorLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = True,
    name: str | None = None,
) -> Tensor:
    """The indices that would sort `values` along `axis`; always stable."""
    return _ordered(ARGSORT, values, axis, direction)


def _ordered(op: Op, values: TensorLike, axis: int, direction: str) -> Tensor:
    is_text = isinstance(direction, str)
    descending = _DIRECTIONS.get(direction) if is_text else None
    if descending is None:
        raise ArgumentError(
            f"`direction` must be 'ASCENDING' or 'DESCENDING'; got {direction!r}."
        )
    options = {"axis": axis, "descending": descending}
    return call(op, (convert(values, name="values"),), options, (axis, descending))


def top_k(
    input: TensorLike,
    k: int = 1,
    sorted: bool = True,
    index_type: Any = "int32",
    name: str | None = None,
) -> TopK:
    """The k largest elements along the last axis, and their indices.

    Args:
        input: What to choose from; of equal elements the first comes first.
        k: How many. Default 1.
        sorted: No effect: they are always sorted.
        index_type: Dtype of the indices. Default int32.
        name: No effect.

    Shapes:
        (..., n) -> values (..., k), indices (..., k)
    """
    count = one_integer(k, "k")
    options = {"k": count, "dtype": requested_dtype(index_type, "index_type")}
    given = convert(input, name="input")
    return TopK(*call(TOP_K, (given,), options, tuple(options.values())))
