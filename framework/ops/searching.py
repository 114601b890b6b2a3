"""Where values stand in sorted order, and questions about order."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, OutOfRangeError, ShapeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import beside, one_integer, requested_dtype
from .indexing import indices_of


def _searchsorted(
    table: jax.Array, values: jax.Array, *, side: str, dtype: Any
) -> jax.Array:
    if table.ndim == 1:
        return jnp.searchsorted(table, values, side=side).astype(dtype)
    rows = table.reshape(-1, table.shape[-1])
    wanted = values.reshape(len(rows), -1)
    found = jax.vmap(lambda row, v: jnp.searchsorted(row, v, side=side))(rows, wanted)
    return found.reshape(values.shape).astype(dtype)


def _in_top_k(targets: jax.Array, predictions: jax.Array, *, k: int) -> jax.Array:
    classes = predictions.shape[-1]
    is_class = (targets >= 0) & (targets < classes)
    places = jnp.where(is_class, targets, 0)[:, None]
    chosen = jnp.take_along_axis(predictions, places, -1)
    above = jnp.sum(predictions > chosen, -1)
    return is_class & jnp.isfinite(predictions).all(-1) & (above < k)


def _inverse(x: jax.Array) -> jax.Array:
    return jnp.zeros_like(x).at[x].set(jnp.arange(x.size, dtype=x.dtype))


def _rises(x: jax.Array, *, strictly: bool) -> jax.Array:
    flat = x.reshape(-1)
    before, after = flat[:-1], flat[1:]
    return jnp.all(before < after if strictly else before <= after)


SEARCHSORTED = Op(
    "searchsorted",
    _searchsorted,
    is_differentiable=False,
    hint="All axes but the last must have equal lengths.",
)
IN_TOP_K = Op(
    "in_top_k",
    _in_top_k,
    is_differentiable=False,
    hint="Give targets (n,) and predictions (n, classes).",
)
INVERT_PERMUTATION = Op("invert_permutation", _inverse, is_differentiable=False)
RISES = Op("is_non_decreasing", _rises, is_differentiable=False)


def searchsorted(
    sorted_sequence: TensorLike,
    values: TensorLike,
    side: str = "left",
    out_type: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """Where each value could be put in so that the sequence stays sorted.

    Args:
        sorted_sequence: Sorted along its last axis.
        values: What to look for.
        side: `"left"`: before equal ones, `"right"`: after them.
        out_type: Dtype of the indices. Default int32.
        name: No effect.

    Shapes:
        (..., n), (..., m) -> (..., m); of a vector n, values of any shape

    Raises:
        ArgumentError: for another side.
        ShapeError: if the axes in front differ.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"`side` must be 'left' or 'right'; got {side!r}.")
    table = convert(sorted_sequence, name="sorted_sequence")
    wanted = beside(table, values, "values")
    if not table.ndim or (table.ndim > 1 and table.shape[:-1] != wanted.shape[:-1]):
        raise ShapeError(
            f"searchsorted() got sequences of shape {table.shape} for values of shape "
            f"{wanted.shape}. All axes but the last must be the same."
        )
    options = {"side": side, "dtype": requested_dtype(out_type, "out_type")}
    return call(SEARCHSORTED, (table, wanted), options, tuple(options.values()))


def in_top_k(
    targets: TensorLike, predictions: TensorLike, k: int, name: str | None = None
) -> Tensor:
    """Whether fewer than k predictions of a row are larger than that of its target.

    Args:
        targets: Class numbers; one that is no class gives false.
        predictions: Scores of the classes; a row that is not finite gives false.
        k: How many places count.
        name: No effect.

    Shapes:
        (n,), (n, classes) -> (n,) bool
    """
    count = one_integer(k, "k")
    inputs = (indices_of(targets, "targets"), convert(predictions, name="predictions"))
    return call(IN_TOP_K, inputs, {"k": count}, (count,))


def invert_permutation(x: TensorLike, name: str | None = None) -> Tensor:
    """The permutation y for which y[x[i]] is i.

    Raises:
        ShapeError: for what is no vector.
        OutOfRangeError: for host data that is no permutation of 0, 1, 2, ...
    """
    given = indices_of(x, "x")
    if given.ndim != 1:
        raise ShapeError(f"invert_permutation() needs a vector; got {given.shape}.")
    host = given._value
    if isinstance(host, np.ndarray) and set(host.tolist()) != set(range(host.size)):
        raise OutOfRangeError(
            f"invert_permutation() got {host.tolist()}, which is no permutation of the "
            f"numbers from 0 to {host.size - 1}."
        )
    return call(INVERT_PERMUTATION, (given,))


def is_non_decreasing(x: TensorLike, name: str | None = None) -> Tensor:
    """Whether no element, flattened, is smaller than the one before."""
    return call(RISES, (convert(x, name="x"),), {"strictly": False}, (False,))


def is_strictly_increasing(x: TensorLike, name: str | None = None) -> Tensor:
    """Whether each element, flattened, is larger than the one before."""
    return call(RISES, (convert(x, name="x"),), {"strictly": True}, (True,))
