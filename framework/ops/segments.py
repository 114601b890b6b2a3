"""Sums, means, products and extremes of rows that belong together.

`segment_*` take sorted ids and make as many rows as there are; `unsorted_segment_*`
take ids in any order and the number of rows.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, OutOfRangeError, ShapeError
from ..recording.checking import outside
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import one_integer
from .indexing import indices_of


def _flat(data: jax.Array, ids: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Rows with one id each; ids that name no segment become `count`, one too many."""
    rows = data.reshape(ids.size, *data.shape[ids.ndim :])
    flat = ids.reshape(-1)
    return rows, jnp.where((flat < 0) | (flat >= count), count, flat)


def _sum(data: jax.Array, ids: jax.Array, *, count: int) -> jax.Array:
    rows, places = _flat(data, ids, count)
    empty = jnp.zeros((count, *rows.shape[1:]), rows.dtype)
    return empty.at[places].add(rows, mode="drop")


def _sizes(data: jax.Array, ids: jax.Array, count: int) -> jax.Array:
    """How many rows each segment has (1 where none), to divide rows by."""
    rows, places = _flat(data, ids, count)
    found = jnp.zeros(count, rows.dtype).at[places].add(1, mode="drop")
    return jnp.maximum(found, 1).reshape(count, *[1] * (rows.ndim - 1))


def _divided(total: jax.Array, by: jax.Array) -> jax.Array:
    if jnp.issubdtype(total.dtype, jnp.integer):
        return jax.lax.div(total, jnp.broadcast_to(by, total.shape))
    return total / by


def _mean(data: jax.Array, ids: jax.Array, *, count: int) -> jax.Array:
    return _divided(_sum(data, ids, count=count), _sizes(data, ids, count))


def _sqrt_n(data: jax.Array, ids: jax.Array, *, count: int) -> jax.Array:
    return _sum(data, ids, count=count) / jnp.sqrt(_sizes(data, ids, count))


def _prod(data: jax.Array, ids: jax.Array, *, count: int) -> jax.Array:
    """Products by a scan over the sorted rows: exact derivatives, also by a zero.

    (Those of a product scattered into place divide by the factors.)
    """
    rows, places = _flat(data, ids, count)
    if not rows.shape[0]:
        return jnp.ones((count, *rows.shape[1:]), rows.dtype)
    order = jnp.argsort(places, stable=True)
    rows, places = rows[order], places[order]
    is_first = jnp.concatenate([jnp.ones(1, bool), places[1:] != places[:-1]])
    is_first = is_first.reshape(-1, *[1] * (rows.ndim - 1))

    def join(left: tuple, right: tuple) -> tuple:
        starts, product = right
        product = jnp.where(starts, product, left[1] * product)
        return left[0] | starts, product

    _, running = jax.lax.associative_scan(join, (is_first, rows))
    last = jnp.searchsorted(places, jnp.arange(count), side="right") - 1
    has_any = (last >= 0) & (places[last] == jnp.arange(count))
    found = running[jnp.maximum(last, 0)]
    return jnp.where(has_any.reshape(-1, *[1] * (rows.ndim - 1)), found, 1)


def _extreme(name: str, is_empty_zero: bool) -> Callable[..., jax.Array]:
    """The largest or smallest rows; equal ones share the gradient, as in TensorFlow.

    JAX has no derivative of it. A segment without rows is 0, or the dtype's least
    value (of `min` the greatest).
    """

    def found(rows: jax.Array, places: jax.Array, count: int) -> tuple:
        start = jnp.full((count, *rows.shape[1:]), _neutral(name, rows.dtype))
        out = getattr(start.at[places], name)(rows, mode="drop")
        if is_empty_zero:
            has_rows = jnp.zeros(count, bool).at[places].set(True, mode="drop")
            out = jnp.where(has_rows.reshape(-1, *[1] * (rows.ndim - 1)), out, 0)
        chosen = (rows == out.at[places].get(mode="fill")).astype(rows.dtype)
        shares = jnp.zeros_like(start).at[places].add(chosen, mode="drop")
        return out, chosen, shares

    @jax.custom_jvp
    def extreme(rows: jax.Array, places: jax.Array, empties: jax.Array) -> jax.Array:
        return found(rows, places, empties.size)[0]

    @extreme.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        rows, places, empties = primals
        out, chosen, shares = found(rows, places, empties.size)
        total = jnp.zeros_like(out).at[places].add(chosen * tangents[0], mode="drop")
        return out, total / jnp.where(shares == 0, 1, shares)

    def function(data: jax.Array, ids: jax.Array, *, count: int) -> jax.Array:
        rows, places = _flat(data, ids, count)
        return extreme(rows, places, jnp.zeros(count, bool))

    return function


def _neutral(name: str, dtype: Any) -> Any:
    """The finite value of a dtype that every other one replaces."""
    limits = jnp.finfo if jnp.issubdtype(dtype, jnp.inexact) else jnp.iinfo
    bounds = limits(dtype)
    return np.asarray(bounds.min if name == "max" else bounds.max, dtype)


def _bad_segment(inputs: Sequence[Any], options: dict) -> str | None:
    """What a debugging run says of ids; negative ones belong nowhere."""
    count = options["count"]
    return outside(inputs[1], count, f"{count} segments", lowest=None)


_HINT = "The shape of the ids must be that of the first axes of the data."
_UNSORTED = "unsorted_segment_"
UNSORTED_SUM = Op(f"{_UNSORTED}sum", _sum, hint=_HINT, bad_index=_bad_segment)
UNSORTED_MEAN = Op(f"{_UNSORTED}mean", _mean, hint=_HINT, bad_index=_bad_segment)
UNSORTED_SQRT_N = Op(f"{_UNSORTED}sqrt_n", _sqrt_n, hint=_HINT, bad_index=_bad_segment)
UNSORTED_PROD = Op(f"{_UNSORTED}prod", _prod, hint=_HINT, bad_index=_bad_segment)
UNSORTED_MAX = Op(
    f"{_UNSORTED}max", _extreme("max", False), hint=_HINT, bad_index=_bad_segment
)
UNSORTED_MIN = Op(
    f"{_UNSORTED}min", _extreme("min", False), hint=_HINT, bad_index=_bad_segment
)
# Where ids are sorted, a segment without rows is 0, or 1 for products.
SUM = Op("segment_sum", _sum, hint=_HINT)
MEAN = Op("segment_mean", _mean, hint=_HINT)
PROD = Op("segment_prod", _prod, hint=_HINT)
MAX = Op("segment_max", _extreme("max", True), hint=_HINT)
MIN = Op("segment_min", _extreme("min", True), hint=_HINT)


def _unsorted(op: Op, summary: str) -> Callable[..., Tensor]:
    """The public function of an op on ids in any order."""

    def apply(
        data: TensorLike,
        segment_ids: TensorLike,
        num_segments: int,
        name: str | None = None,
    ) -> Tensor:
        rows, ids = convert(data, name="data"), indices_of(segment_ids, "segment_ids")
        count = one_integer(num_segments, "num_segments")
        _check_shapes(op, rows, ids)
        _check_ids(op, ids, count)
        return call(op, (rows, ids), {"count": count}, (count,))

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = f"""{summary} rows of `data` that have the same segment id.

    Args:
        data: Rows.
        segment_ids: Integers in any order, one for each row; negative ones belong
            nowhere. Ids of several axes stand for as many axes of the data.
        num_segments: How many segments there are.
        name: No effect.

    Shapes:
        (n, ...), (n,) -> (num_segments, ...)

    Raises:
        OutOfRangeError: for an id of `num_segments` or more, where the ids are host
            data; on the device it belongs nowhere.
    """
    return apply


def _sorted(op: Op, summary: str) -> Callable[..., Tensor]:
    """The public function of an op on sorted ids, which are read."""

    def apply(
        data: TensorLike, segment_ids: TensorLike, name: str | None = None
    ) -> Tensor:
        rows, ids = convert(data, name="data"), indices_of(segment_ids, "segment_ids")
        _check_shapes(op, rows, ids)
        count = _count_of(op, ids)
        return call(op, (rows, ids), {"count": count}, (count,))

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = f"""{summary} rows of `data` that have the same segment id.

    Args:
        data: Rows.
        segment_ids: Sorted integers from 0 on, one for each row. They are read, since
            the last one is a size.
        name: No effect.

    Shapes:
        (n, ...), (n,) -> (segment_ids[-1] + 1, ...)

    Raises:
        ArgumentError: for ids that are negative or not sorted.
    """
    return apply


def _check_shapes(op: Op, rows: Any, ids: Any) -> None:
    if rows.shape[: ids.ndim] != ids.shape:
        raise ShapeError(
            f"{op.name}() got ids of shape {ids.shape} for data of shape {rows.shape}. "
            "Give one id for each row."
        )


def _check_ids(op: Op, ids: Any, count: int) -> None:
    """Check ids that lie on the host; those on the device are not waited for."""
    host = ids._value
    if isinstance(host, np.ndarray) and host.size and host.max() >= count:
        raise OutOfRangeError(
            f"{op.name}() got segment id {host.max()} for {count} segments. "
            f"Use ids up to {count - 1}."
        )


def _count_of(op: Op, ids: Any) -> int:
    if ids.ndim != 1:
        raise ShapeError(
            f"{op.name}() needs a vector of ids; got shape {ids.shape}. "
            f"For more axes use unsorted_{op.name}()."
        )
    host = ids.numpy()
    if not host.size:
        return 0
    falls = np.flatnonzero(np.diff(host) < 0)
    if falls.size or host[0] < 0:
        pair = host[falls[0] : falls[0] + 2] if falls.size else host[:1]
        raise ArgumentError(
            f"{op.name}() needs sorted ids from 0 on; got {pair.tolist()} among them. "
            f"For ids in any order use unsorted_{op.name}()."
        )
    return operator.index(host[-1]) + 1


segment_sum = _sorted(SUM, "The sums of the")
segment_mean = _sorted(MEAN, "The means of the")
segment_prod = _sorted(PROD, "The products of the")
segment_max = _sorted(MAX, "The largest of the")
segment_min = _sorted(MIN, "The smallest of the")
unsorted_segment_sum = _unsorted(UNSORTED_SUM, "The sums of the")
unsorted_segment_mean = _unsorted(UNSORTED_MEAN, "The means of the")
unsorted_segment_prod = _unsorted(UNSORTED_PROD, "The products of the")
unsorted_segment_max = _unsorted(UNSORTED_MAX, "The largest of the")
unsorted_segment_min = _unsorted(UNSORTED_MIN, "The smallest of the")
unsorted_segment_sqrt_n = _unsorted(
    UNSORTED_SQRT_N, "The sums, divided by the root of their number, of the"
)
