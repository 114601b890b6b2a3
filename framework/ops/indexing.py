"""Choosing elements: by index, by condition, by slices."""

import builtins
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..checked import integer, optional_integer
from ..errors import ArgumentError, ArgumentTypeError, OutOfRangeError
from ..recording.checking import outside
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


def _bad_gather(inputs: Sequence[Any], options: dict) -> str | None:
    params, indices = inputs
    axis = options["axis"]
    place = f"axis {axis} of shape {params.shape}"
    return outside(indices, params.shape[axis], place)


WHERE = Op("where", jnp.where, hint=_BROADCAST)
GATHER = Op(
    "gather",
    _gather,
    hint="`axis` and `batch_dims` must fit both shapes.",
    bad_index=_bad_gather,
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
        ArgumentError: for more `batch_dims` than the indices have axes.
        OutOfRangeError: for an index outside the axis, where the indices are host data.

    Note:
        Indices on the device are not read: outside the axis they give NaN (the lowest
        integer for integers). TensorFlow raises on CPU and gives 0 on GPU.
    """
    x = params if params.__class__ is Tensor else convert(params, name="params")
    at = indices_of(indices, "indices")
    if batch_dims.__class__ is not int or batch_dims:
        batch_dims = leading_axes(batch_dims, at)
    place = batch_dims if axis is None else axis
    if place.__class__ is not int:
        place = integer(None, "axis", place)
    place = place + x.ndim if place < 0 else place
    if 0 <= place < x.ndim:
        check_indices(at, x.shape[place], "gather", f"axis {place} of shape {x.shape}")
    options = {"axis": place, "batch_dims": batch_dims}
    return call(GATHER, (x, at), options, (place, batch_dims))


def leading_axes(batch_dims: Any, indices: Any) -> int:
    """How many axes are those of a batch; a negative number counts from the end.

    Raises:
        ArgumentError: for more than the indices have.
    """
    given = integer(None, "batch_dims", batch_dims)
    count = given + indices.ndim if given < 0 else given
    if not 0 <= count <= indices.ndim:
        raise ArgumentError(
            f"`batch_dims` must be from {-indices.ndim} to {indices.ndim}, the axes of "
            f"the indices; got {given}."
        )
    return count


def indices_of(indices: TensorLike, name: str) -> Any:
    """Indices as a handle.

    Raises:
        ArgumentTypeError: for what is no array of integers.
    """
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


def slice(input_: TensorLike, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The part of `input_` that starts at `begin`; a size of -1 means all the rest."""
    starts, lengths = sizes(begin, "begin"), sizes(size, "size")
    x = convert(input_, name="input_")
    if not len(starts) == len(lengths) == x.ndim:
        raise ArgumentError(
            f"`begin` and `size` must have an entry for each axis of shape {x.shape}; "
            f"got {len(starts)} and {len(lengths)}."
        )
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


def strided_slice(
    input_: TensorLike,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """What indexing with `begin[i]:end[i]:strides[i]` on each axis i gives.

    Args:
        input_: What to choose from.
        begin: Where to start on each axis.
        end: Where to stop.
        strides: Distances, also negative ones. Default 1.
        begin_mask: Bit i: from the start, whatever `begin[i]` is.
        end_mask: Bit i: to the end.
        ellipsis_mask: Bit i: `...` stands here.
        new_axis_mask: Bit i: a new axis stands here.
        shrink_axis_mask: Bit i: the element at `begin[i]`, without its axis.
        var: No effect.
        name: No effect.

    Raises:
        OutOfRangeError: for an element outside its axis, or for more axes than there
            are.
    """
    starts, stops = sizes(begin, "begin"), sizes(end, "end")
    steps = (1,) * len(starts) if strides is None else sizes(strides, "strides")
    if not len(starts) == len(stops) == len(steps):
        raise ArgumentError(
            "`begin`, `end` and `strides` must have one entry for each axis alike; got "
            f"{len(starts)}, {len(stops)} and {len(steps)}."
        )
    for name_of_mask, mask in (
        ("begin_mask", begin_mask),
        ("end_mask", end_mask),
        ("ellipsis_mask", ellipsis_mask),
        ("new_axis_mask", new_axis_mask),
        ("shrink_axis_mask", shrink_axis_mask),
    ):
        integer(None, name_of_mask, mask)
    index: list[Any] = []
    for place, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        bit = 1 << place
        if ellipsis_mask & bit:
            index.append(Ellipsis)
        elif new_axis_mask & bit:
            index.append(None)
        elif shrink_axis_mask & bit:
            index.append(start)
        else:
            first = None if begin_mask & bit else start
            last = None if end_mask & bit else stop
            index.append(builtins.slice(first, last, step))
    return convert(input_, name="input_")[tuple(index)]


def _unravel(indices: jax.Array, *, dims: tuple) -> jax.Array:
    return jnp.stack(
        [p.astype(indices.dtype) for p in jnp.unravel_index(indices, dims)]
    )


def _reverse_sequence(
    x: jax.Array, lengths: jax.Array, *, seq_axis: int, batch_axis: int
) -> jax.Array:
    steps = jnp.arange(x.shape[seq_axis])
    ends = lengths[:, None]
    places = jnp.where(steps < ends, ends - 1 - steps, steps)
    rows = jnp.moveaxis(x, (batch_axis, seq_axis), (0, 1))
    turned = jax.vmap(lambda row, at: row[at])(rows, places)
    return jnp.moveaxis(turned, (0, 1), (batch_axis, seq_axis))


UNRAVEL_INDEX = Op("unravel_index", _unravel, is_differentiable=False)
REVERSE_SEQUENCE = Op(
    "reverse_sequence", _reverse_sequence, hint="Give one length for each row."
)


def unravel_index(indices: TensorLike, dims: Any, name: str | None = None) -> Tensor:
    """The places in an array of shape `dims` of indices into it, flattened.

    Shapes:
        (...) -> (number of dims, ...)

    Raises:
        OutOfRangeError: for an index outside, where the indices are host data.
    """
    at, shape = indices_of(indices, "indices"), sizes(dims, "dims")
    check_indices(at, int(np.prod(shape)), "unravel_index", f"shape {shape}")
    return call(UNRAVEL_INDEX, (at,), {"dims": shape}, shape)


def reverse_sequence(
    input: TensorLike,
    seq_lengths: TensorLike,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Each row with its first `seq_lengths[row]` elements in reverse order.

    Args:
        input: Rows along `batch_axis`, elements along `seq_axis`.
        seq_lengths: One length for each row.
        seq_axis: Along which axis to reverse. Must be given.
        batch_axis: Where the rows are. Default 0.
        name: No effect.

    Raises:
        ArgumentError: without `seq_axis`, or if the axes are the same.
        OutOfRangeError: for a length beyond the axis, where lengths are host data.
    """
    x = convert(input, name="input")
    row = integer(None, "batch_axis", batch_axis or 0) % max(x.ndim, 1)
    seq_axis = optional_integer(None, "seq_axis", seq_axis)
    if seq_axis is None or seq_axis % max(x.ndim, 1) == row:
        raise ArgumentError(
            f"reverse_sequence() needs a `seq_axis` other than `batch_axis` {row}; got "
            f"{seq_axis}."
        )
    lengths = indices_of(seq_lengths, "seq_lengths")
    place = seq_axis % x.ndim
    limit = x.shape[place] + 1
    check_indices(lengths, limit, "reverse_sequence", f"axis {place} of {x.shape}")
    options = {"seq_axis": place, "batch_axis": row}
    return call(REVERSE_SEQUENCE, (x, lengths), options, (place, row))
