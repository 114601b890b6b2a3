"""Choosing elements: by index, by mask, by condition."""

import builtins
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, OutOfRangeError
from ..recording.checking import outside, outside_rows
from ..recording.execution import call
from ..recording.node import Handle
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert, from_array
from .conversion import operands, sizes

_BROADCAST = "The condition and both values must broadcast to one shape."


def _gather(
    params: jax.Array, indices: jax.Array, *, axis: int, batch_dims: int
) -> jax.Array:
    """Indices outside the axis give NaN, or the dtype's lowest integer."""

    def take(x: jax.Array, at: jax.Array) -> jax.Array:
        at = jnp.where(at < 0, x.shape[axis - batch_dims], at)  # -1 is no index here
        return jnp.take(x, at, axis=axis - batch_dims, mode="fill")

    for _ in range(batch_dims):
        take = jax.vmap(take)
    return take(params, indices)


def _gather_nd(params: jax.Array, indices: jax.Array, *, batch_dims: int) -> jax.Array:
    def take(x: jax.Array, at: jax.Array) -> jax.Array:
        return x[tuple(jnp.moveaxis(at, -1, 0))]

    for _ in range(batch_dims):
        take = jax.vmap(take)
    return take(params, indices)


def _scatter_update(
    x: jax.Array, indices: jax.Array, updates: jax.Array, *, how: str
) -> jax.Array:
    place = x.at[tuple(jnp.moveaxis(indices, -1, 0))]
    return getattr(place, how)(updates.astype(x.dtype))


def _scatter_nd(indices: jax.Array, updates: jax.Array, *, shape: tuple) -> jax.Array:
    empty = jnp.zeros(shape, updates.dtype)
    return _scatter_update(empty, indices, updates, how="add")


def _bad_gather(inputs: Sequence[Any], options: dict) -> str | None:
    params, indices = inputs
    axis = options["axis"]
    place = f"axis {axis} of shape {params.shape}"
    return outside(indices, params.shape[axis], place)


def _bad_gather_nd(inputs: Sequence[Any], options: dict) -> str | None:
    params, indices = inputs
    return outside_rows(indices, params.shape[options["batch_dims"] :])


WHERE = Op("where", jnp.where, hint=_BROADCAST)
GATHER = Op(
    "gather",
    _gather,
    hint="`axis` and `batch_dims` must fit both shapes.",
    bad_index=_bad_gather,
)
GATHER_ND = Op("gather_nd", _gather_nd, bad_index=_bad_gather_nd)
SCATTER_ND = Op(
    "scatter_nd",
    _scatter_nd,
    bad_index=lambda inputs, options: outside_rows(inputs[0], options["shape"]),
)
SCATTER_UPDATE = Op(
    "tensor_scatter_nd",
    _scatter_update,
    bad_index=lambda inputs, options: outside_rows(inputs[1], inputs[0].shape),
)


def where(
    condition: TensorLike,
    x: TensorLike = None,
    y: TensorLike = None,
    name: str | None = None,
) -> Tensor:
    """`x` where `condition` is true, else `y`; alone, the indices of what is true.

    Args:
        condition: Booleans.
        x: Chosen where true; broadcasts.
        y: Chosen where false; broadcasts.
        name: No effect.

    Shapes:
        with `x` and `y`: their common shape; alone: (number of true ones, ndim), for
        which the condition is read

    Raises:
        ArgumentError: if only one of `x` and `y` is given.
    """
    chosen = condition
    chosen = chosen if chosen.__class__ is Tensor else convert(chosen, name="condition")
    if x is None and y is None:
        return from_array(np.argwhere(chosen.numpy()).astype("int32"))
    if x is None or y is None:
        raise ArgumentError(
            "where() needs both `x` and `y`, or neither. Give the value for false, "
            "for example jt.where(mask, x, 0.0)."
        )
    if x.__class__ is not Tensor or y.__class__ is not Tensor:
        x, y = operands(x, y)
    return call(WHERE, (chosen, x, y))


def gather(
    params: TensorLike,
    indices: TensorLike,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """Slices of `params` along `axis`, in the order of `indices`.

    Args:
        params: What to choose from.
        indices: Integers from 0 on; negative ones do not count from the end.
        validate_indices: No effect.
        axis: Where to choose. Default `batch_dims`.
        batch_dims: Leading axes that both have in common. Default 0.
        name: No effect.

    Shapes:
        params.shape[:axis] + indices.shape[batch_dims:] + params.shape[axis + 1:]

    Raises:
        OutOfRangeError: for an index outside the axis, where the indices are host data.

    Note:
        Indices on the device are not read: outside the axis they give NaN (the lowest
        integer for integers). TensorFlow raises on CPU and gives 0 on GPU.
    """
    x = params if params.__class__ is Tensor else convert(params, name="params")
    place = batch_dims if axis is None else axis
    place = place + x.ndim if place < 0 else place
    at = _indices(indices, "indices")
    if 0 <= place < x.ndim:
        check_indices(at, x.shape[place], "gather", f"axis {place} of shape {x.shape}")
    options = {"axis": place, "batch_dims": batch_dims}
    return call(GATHER, (x, at), options, (place, batch_dims))


def _indices(indices: TensorLike, name: str) -> Any:
    at = indices if indices.__class__ is Tensor else convert(indices, name=name)
    if not jnp.issubdtype(at.dtype, jnp.integer):
        raise ArgumentTypeError(
            f"`{name}` must be integers; got dtype {at.dtype.name}. "
            f"Cast them: jt.cast({name}, 'int32')."
        )
    return at


def check_indices(indices: Handle, length: int, name: str, place: str) -> None:
    """Check indices that lie on the host; those on the device are not waited for.

    Raises:
        OutOfRangeError: with the first index outside 0 to `length - 1`.
    """
    host = indices._value
    if not isinstance(host, np.ndarray | int) or np.size(host) == 0:
        return
    host = np.asarray(host)
    wrong = (host < 0) | (host >= length)
    if wrong.any():
        raise OutOfRangeError(
            f"{name}() got index {host[wrong].flat[0]}, outside {place}. "
            f"Use indices from 0 to {length - 1}."
        )


def gather_nd(
    params: TensorLike,
    indices: TensorLike,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """Elements or slices of `params`; each row of `indices` is the place of one.

    Shapes:
        indices.shape[:-1] + params.shape[indices.shape[-1]:]
    """
    inputs = (convert(params, name="params"), _indices(indices, "indices"))
    return call(GATHER_ND, inputs, {"batch_dims": batch_dims}, (batch_dims,))


def scatter_nd(
    indices: TensorLike, updates: TensorLike, shape: Any, name: str | None = None
) -> Tensor:
    """Zeros of `shape` with `updates` added at the places that `indices` name."""
    wanted = sizes(shape, "shape")
    inputs = (_indices(indices, "indices"), convert(updates, name="updates"))
    return call(SCATTER_ND, inputs, {"shape": wanted}, wanted)


def tensor_scatter_nd_update(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` with `updates` at the places that the rows of `indices` name."""
    return _scatter(tensor, indices, updates, "set")


def tensor_scatter_nd_add(
    tensor: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`tensor` with `updates` added at the places that the rows of `indices` name."""
    return _scatter(tensor, indices, updates, "add")


def _scatter(tensor: Any, indices: Any, updates: Any, how: str) -> Tensor:
    x = convert(tensor, name="tensor")
    inputs = (x, _indices(indices, "indices"), convert(updates, name="updates"))
    return call(SCATTER_UPDATE, inputs, {"how": how}, (how,))


def boolean_mask(
    tensor: TensorLike, mask: TensorLike, axis: int | None = None, name: str = ""
) -> Tensor:
    """The slices of `tensor` where `mask` is true; the mask is read.

    Args:
        tensor: What to choose from.
        mask: Booleans, of the shape of the axes from `axis` on.
        axis: Where the mask begins. Default 0.
        name: No effect.
    """
    x = convert(tensor, name="tensor")
    place = axis or 0
    before = (builtins.slice(None),) * (place % x.ndim if place < 0 else place)
    return x[(*before, convert(mask, "bool", "mask"))]


def slice(input_: TensorLike, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The part of `input_` that starts at `begin`; a size of -1 means all the rest."""
    starts, lengths = sizes(begin, "begin"), sizes(size, "size")
    x = convert(input_, name="input_")
    for axis, (start, length, end) in enumerate(
        zip(starts, lengths, x.shape, strict=True)
    ):
        if not 0 <= start <= end or length < -1 or start + length > end:
            raise OutOfRangeError(
                f"slice() from {start} with size {length} does not fit axis {axis} of "
                f"a Tensor of shape {x.shape}. Begin at 0 to {end} and stay within; a "
                "size of -1 means all the rest."
            )
    spans = tuple(
        builtins.slice(start, None if length == -1 else start + length)
        for start, length in zip(starts, lengths, strict=True)
    )
    return x[spans]
