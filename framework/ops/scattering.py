"""Reading and writing at places that the rows of an index array name."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import OutOfRangeError, ShapeError
from ..recording.checking import outside_rows
from ..recording.execution import call
from ..recording.node import Handle
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import beside, sizes
from .indexing import indices_of, leading_axes

_FAR = np.iinfo(np.int32).max


def _far_if_negative(indices: jax.Array) -> jax.Array:
    """Negative indices name no place here; JAX would count them from the end."""
    return jnp.where(indices < 0, _FAR, indices)


def _gather_nd(params: jax.Array, indices: jax.Array, *, batch_dims: int) -> jax.Array:
    """Places outside give NaN, or the dtype's lowest integer."""

    def take(x: jax.Array, at: jax.Array) -> jax.Array:
        places = tuple(jnp.moveaxis(_far_if_negative(at), -1, 0))
        return x.at[places].get(mode="fill")

    for _ in range(batch_dims):
        take = jax.vmap(take)
    return take(params, indices)


def _scatter(
    x: jax.Array, indices: jax.Array, updates: jax.Array, *, how: str
) -> jax.Array:
    places = tuple(jnp.moveaxis(_far_if_negative(indices), -1, 0))
    if how in ("min", "max"):
        return _extreme(x, places, updates.astype(x.dtype), how)
    if how == "subtract":
        return x.at[places].add(-updates.astype(x.dtype), mode="drop")
    return getattr(x.at[places], how)(updates.astype(x.dtype), mode="drop")


def _extreme(x: jax.Array, places: tuple, updates: jax.Array, how: str) -> jax.Array:
    """Of what meets at a place the extreme one; its gradient is shared among equals."""
    fixed, offered = map(jax.lax.stop_gradient, (x, updates))
    out = getattr(fixed.at[places], how)(offered, mode="drop")
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        return out
    held = (fixed == out).astype(x.dtype)
    won = (offered == out.at[places].get(mode="fill")).astype(x.dtype)
    count = held.at[places].add(won, mode="drop")
    mass = (held * _variation(x)).at[places].add(won * _variation(updates), mode="drop")
    return out + mass / jnp.where(count == 0, 1, count)


def _variation(x: jax.Array) -> jax.Array:
    """0, with derivative 1."""
    finite = jnp.where(jnp.isfinite(x), x, 0)
    return finite - jax.lax.stop_gradient(finite)


def _scatter_nd(indices: jax.Array, updates: jax.Array, *, shape: tuple) -> jax.Array:
    return _scatter(jnp.zeros(shape, updates.dtype), indices, updates, how="add")


_FIT = (
    "The last axis of `indices` names a place; `updates` needs the shape of "
    "indices.shape[:-1] and the axes that the place leaves open."
)


def _bad_gather_nd(inputs: Sequence[Any], options: dict) -> str | None:
    params, indices = inputs
    return outside_rows(indices, params.shape[options["batch_dims"] :])


GATHER_ND = Op("gather_nd", _gather_nd, hint=_FIT, bad_index=_bad_gather_nd)
SCATTER_ND = Op(
    "scatter_nd",
    _scatter_nd,
    hint=_FIT,
    bad_index=lambda inputs, options: outside_rows(inputs[0], options["shape"]),
)
SCATTER_UPDATE = Op(
    "tensor_scatter_nd",
    _scatter,
    hint=_FIT,
    bad_index=lambda inputs, options: outside_rows(inputs[1], inputs[0].shape),
)


def gather_nd(
    params: TensorLike,
    indices: TensorLike,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """Elements or slices of `params`; each row of `indices` is the place of one.

    Args:
        params: What to choose from.
        indices: Integers from 0 on; the last axis is a place.
        batch_dims: Leading axes that both have in common. Default 0.
        name: No effect.

    Shapes:
        indices.shape[:-1] + params.shape[batch_dims + indices.shape[-1]:]

    Raises:
        OutOfRangeError: for a place outside, where the indices are host data.

    Note:
        Indices on the device are not read: outside they give NaN (the lowest integer
        for integers), as in `gather`.
    """
    x, at = convert(params, name="params"), indices_of(indices, "indices")
    batch_dims = leading_axes(batch_dims, at)
    _check_places(at, x.shape[batch_dims:], "gather_nd")
    return call(GATHER_ND, (x, at), {"batch_dims": batch_dims}, (batch_dims,))


def scatter_nd(
    indices: TensorLike, updates: TensorLike, shape: Any, name: str | None = None
) -> Tensor:
    """Zeros of `shape` with `updates` added at the places that `indices` name.

    Args:
        indices: Integers from 0 on; the last axis is a place.
        updates: What to add; those at one place are summed.
        shape: Of the result.
        name: No effect.

    Shapes:
        indices (..., k), updates (...) + shape[k:] -> shape

    Raises:
        OutOfRangeError: for a place outside, where the indices are host data; on the
            device its update is dropped.
    """
    wanted = sizes(shape, "shape")
    at, values = indices_of(indices, "indices"), convert(updates, name="updates")
    _check_places(at, wanted, "scatter_nd")
    _check_updates(at, values, wanted, "scatter_nd")
    return call(SCATTER_ND, (at, values), {"shape": wanted}, wanted)


def tensor_scatter_nd_update(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` with `updates` at the places that the rows of `indices` name.

    Places and errors are those of `scatter_nd`; of several updates of one place any
    may stay.
    """
    return _at_places(tensor, indices, updates, "set", "tensor_scatter_nd_update")


def tensor_scatter_nd_add(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` with `updates` added at the places that the rows of `indices` name."""
    return _at_places(tensor, indices, updates, "add", "tensor_scatter_nd_add")


def tensor_scatter_nd_sub(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` less `updates` at the places that the rows of `indices` name."""
    return _at_places(tensor, indices, updates, "subtract", "tensor_scatter_nd_sub")


def tensor_scatter_nd_max(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` and `updates`, at each place the larger; equal ones share gradients."""
    return _at_places(tensor, indices, updates, "max", "tensor_scatter_nd_max")


def tensor_scatter_nd_min(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` and `updates`, at each place the smaller; equal ones share gradients."""
    return _at_places(tensor, indices, updates, "min", "tensor_scatter_nd_min")


def _at_places(
    tensor: TensorLike, indices: TensorLike, updates: TensorLike, how: str, name: str
) -> Tensor:
    x, at = convert(tensor, name="tensor"), indices_of(indices, "indices")
    values = beside(x, updates, "updates")
    _check_places(at, x.shape, name)
    _check_updates(at, values, x.shape, name)
    return call(SCATTER_UPDATE, (x, at, values), {"how": how}, (how,))


def _check_places(indices: Handle, shape: tuple[int, ...], name: str) -> None:
    """Check places that lie on the host; those on the device are not waited for."""
    extents = indices._type.shape
    if not extents or extents[-1] > len(shape):
        raise ShapeError(
            f"{name}() got indices of shape {extents}, whose last axis names a place "
            f"among axes of shape {shape}. Give at most {len(shape)} numbers a place."
        )
    host = indices._value
    if not isinstance(host, np.ndarray):
        return
    wrong = ((host < 0) | (host >= np.asarray(shape[: extents[-1]], int))).any(-1)
    if wrong.any():
        raise OutOfRangeError(
            f"{name}() got the place {host[wrong][0].tolist()}, outside shape {shape}. "
            "Count from 0 on every axis."
        )


def _check_updates(
    indices: Handle, updates: Handle, shape: tuple[int, ...], name: str
) -> None:
    extents, given = indices._type.shape, updates._type.shape
    expected = extents[:-1] + shape[extents[-1] :]
    if given and given != expected:
        raise ShapeError(
            f"{name}() got updates of shape {given} for indices of shape {extents} "
            f"into shape {shape}. Give updates of shape {expected}."
        )
