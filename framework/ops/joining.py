"""Putting Tensors together, taking them apart, repeating and padding."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ShapeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import STACK, Tensor, TensorLike, convert
from .conversion import beside, one_integer, several, sizes, tensors

_MODES = {"CONSTANT": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}


def _concat(*arrays: jax.Array, axis: int) -> jax.Array:
    return jnp.concatenate(arrays, axis)


def _split(x: jax.Array, *, ends: tuple[int, ...], axis: int) -> list[jax.Array]:
    return jnp.split(x, ends, axis)


def _unstack(x: jax.Array, *, axis: int) -> list[jax.Array]:
    return [jnp.squeeze(part, axis) for part in jnp.split(x, x.shape[axis], axis)]


def _pad(x: jax.Array, fill: jax.Array, *, widths: tuple, mode: str) -> jax.Array:
    if not widths:
        return x  # jnp.pad does not take an empty list
    if mode == "constant":
        return jnp.pad(x, widths, constant_values=fill.astype(x.dtype))
    return jnp.pad(x, widths, mode=mode)


CONCAT = Op("concat", _concat, hint="All but the joined axis must have equal lengths.")
SPLIT = Op("split", _split)
UNSTACK = Op("unstack", _unstack)
TILE = Op("tile", lambda x, *, multiples: jnp.tile(x, multiples))
REPEAT = Op("repeat", lambda x, *, repeats, axis: jnp.repeat(x, repeats, axis))
PAD = Op("pad", _pad)


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """Tensors of one shape side by side along a new axis.

    Raises:
        ShapeError: if the shapes differ.
    """
    return call(STACK, _some(values, "stack"), {"axis": axis}, (axis,))


def unstack(
    value: TensorLike, num: int | None = None, axis: int = 0, name: str | None = None
) -> list[Tensor]:
    """The parts of a Tensor along `axis`, without that axis.

    Raises:
        ArgumentError: if there are not `num` of them.
    """
    x = convert(value, name="value")
    length = _length(x, axis, "unstack")
    if num not in (None, length):
        raise ArgumentError(
            f"`num` is {num}, but axis {axis} of shape {x.shape} has {length} parts. "
            "Leave `num` out."
        )
    return call(UNSTACK, (x,), {"axis": axis}, (axis,))


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """Tensors one after another along an axis that they have.

    Raises:
        ShapeError: if another axis differs.
    """
    place = one_integer(axis, "axis")
    return call(CONCAT, _some(values, "concat"), {"axis": place}, (place,))


def _some(values: Any, name: str) -> tuple[Any, ...]:
    given = tensors(values, "values")
    if not given:
        raise ArgumentError(
            f"{name}() needs at least one Tensor; got an empty list. "
            "Give a list such as [x, y]."
        )
    return given


def split(
    value: TensorLike,
    num_or_size_splits: Any,
    axis: int = 0,
    num: int | None = None,
    name: str | None = None,
) -> list[Tensor]:
    """Parts of a Tensor along `axis`.

    Args:
        value: What to split.
        num_or_size_splits: How many equal parts, or the length of each; one may be -1,
            for the rest.
        axis: Where to split. Default 0.
        num: No effect: TensorFlow uses it for unknown shapes.
        name: No effect.

    Raises:
        ShapeError: if the parts do not make up the axis.
    """
    x = convert(value, name="value")
    length = _length(x, axis, "split")
    lengths = _part_lengths(num_or_size_splits, length)
    if sum(lengths) != length or min(lengths, default=0) < 0:
        raise ShapeError(
            f"split() cannot make {num_or_size_splits} parts of axis {axis}, length "
            f"{length}, of shape {x.shape}. The parts must add up to that length."
        )
    ends = tuple(np.cumsum(lengths)[:-1].tolist())
    return call(SPLIT, (x,), {"ends": ends, "axis": axis}, (ends, axis))


def _part_lengths(parts: Any, length: int) -> list[int]:
    if np.ndim(parts) == 0:
        number = one_integer(parts, "num_or_size_splits")
        if number < 1 or length % number:
            return [-1]  # which is refused
        return [length // number] * number
    lengths = list(sizes(parts, "num_or_size_splits"))
    if lengths.count(-1) == 1:
        lengths[lengths.index(-1)] = length - sum(lengths) - 1
    return lengths


def _length(x: Any, axis: int, name: str) -> int:
    axis = one_integer(axis, "axis")
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(
            f"{name}() got axis {axis} for shape {x.shape}. "
            f"Use an axis from {-x.ndim} to {x.ndim - 1}."
        )
    return x.shape[axis]


def tile(input: TensorLike, multiples: Any, name: str | None = None) -> Tensor:
    """`input` repeated `multiples[i]` times along axis i.

    Raises:
        ShapeError: if there is not one multiple for each axis.
    """
    x = convert(input, name="input")
    times = sizes(multiples, "multiples")
    if len(times) != x.ndim:
        raise ShapeError(
            f"tile() got {len(times)} multiples {times} for shape {x.shape}. "
            "Give one for each axis."
        )
    return call(TILE, (x,), {"multiples": times}, times)


def repeat(
    input: TensorLike, repeats: Any, axis: int | None = None, name: str | None = None
) -> Tensor:
    """Each element (along `axis`) repeated; by default of the flattened Tensor.

    Args:
        input: What to repeat.
        repeats: How often, for all or for each.
        axis: Along which axis.
        name: No effect.
    """
    x = convert(input, name="input")
    given = sizes(repeats, "repeats")
    times = given[0] if len(given) == 1 else np.asarray(given)
    return call(REPEAT, (x,), {"repeats": times, "axis": axis}, (given, axis))


def pad(
    tensor: TensorLike,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: TensorLike = 0,
    name: str | None = None,
) -> Tensor:
    """`tensor` with margins.

    Args:
        tensor: What to pad.
        paddings: For each axis, how many elements before and after.
        mode: `"CONSTANT"`, `"REFLECT"` (mirrored at the edge element) or `"SYMMETRIC"`
            (mirrored at the edge, which is repeated).
        constant_values: What fills the margin in mode `"CONSTANT"`. Default 0.
        name: No effect.

    Raises:
        ArgumentError: for an unknown mode.
        ShapeError: if `paddings` is not (ndim, 2), or mirrors more than there is.
    """
    x = convert(tensor, name="tensor")
    kind = _MODES.get(str(mode).upper())
    if kind is None:
        raise ArgumentError(f"`mode` must be one of {list(_MODES)}; got {mode!r}.")
    widths = tuple(sizes(width, "paddings") for width in several(paddings, "paddings"))
    _check_widths(widths, x.shape, kind)
    fill = beside(x, constant_values, "constant_values")
    return call(PAD, (x, fill), {"widths": widths, "mode": kind}, (widths, kind))


def _check_widths(widths: tuple, shape: tuple[int, ...], mode: str) -> None:
    if len(widths) != len(shape) or any(len(width) != 2 for width in widths):
        raise ShapeError(
            f"`paddings` must have shape ({len(shape)}, 2) for a Tensor of shape "
            f"{shape}; got {widths}. Give [before, after] for each axis."
        )
    most = {"constant": None, "reflect": -1, "symmetric": 0}[mode]
    for axis, (width, length) in enumerate(zip(widths, shape, strict=True)):
        if most is not None and max(width) > length + most:
            raise ShapeError(
                f"`paddings` {width} of axis {axis} mirror more than its length "
                f"{length} has. Use at most {length + most}."
            )
