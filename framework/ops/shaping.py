"""Shapes: asking for them and changing them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import is_symbolic_dim

from ..errors import ShapeError, SymbolicError
from ..recording.arithmetic import IDENTITY, RESHAPE, TRANSPOSE
from ..recording.execution import call
from ..recording.node import NOWHERE
from ..recording.op import Op
from ..recording.signature import type_of
from ..recording.tensor import Tensor, TensorLike, convert, from_array
from .conversion import one_integer, requested_dtype, several, sizes


class ShapeTensor(Tensor):
    """A shape as a Tensor; its elements are Python ints, since shapes are structure.

    So `jt.reshape(x, (jt.shape(x)[0], -1))` reads nothing from the device.
    """

    __slots__ = ("extents",)

    extents: tuple[Any, ...]
    """The axis lengths; symbols where they are not known."""

    def __init__(self, shape: tuple[Any, ...], dtype: Any = "int32") -> None:
        self.extents = shape
        is_known = not any(map(is_symbolic_dim, shape))
        value = np.asarray(shape if is_known else [0] * len(shape), dtype)
        self._type = type_of(value)
        self._value = value if is_known else None
        self._at = NOWHERE
        self._origin = None

    def _array(self) -> Any:
        if self._value is None:
            raise SymbolicError(
                f"The shape {self.extents} has lengths that are not known while a "
                "model is put together. Use -1 for one of them, or ask for the shape "
                "in the `call` of a layer."
            )
        return super()._array()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ShapeTensor(self.extents[index], self.dtype)
        if isinstance(index, int):
            return self.extents[index]
        chosen = self._host()[index]
        return ShapeTensor(tuple(chosen), self.dtype) if chosen.ndim else int(chosen)

    def __iter__(self) -> Any:
        return iter(self.extents)


def _expand_dims(x: jax.Array, *, axis: int) -> jax.Array:
    return jnp.expand_dims(x, axis)


def _squeeze(x: jax.Array, *, axis: tuple[int, ...] | None) -> jax.Array:
    return jnp.squeeze(x, axis)


EXPAND_DIMS = Op(
    "expand_dims", _expand_dims, hint="`axis` may go from -ndim - 1 to ndim."
)
SQUEEZE = Op("squeeze", _squeeze, hint="Only axes of length 1 can be squeezed.")
CONJUGATE_TRANSPOSE = Op(
    "transpose", lambda x, *, perm: jnp.conj(jnp.transpose(x, perm))
)
BROADCAST_TO = Op(
    "broadcast_to",
    lambda x, *, shape: jnp.broadcast_to(x, shape),
    hint="Axes of length 1 and new axes in front can be repeated, others must fit.",
)
REVERSE = Op("reverse", lambda x, *, axis: jnp.flip(x, axis))
ROLL = Op("roll", lambda x, *, shift, axis: jnp.roll(x, shift, axis))


def shape(
    input: TensorLike, out_type: Any = "int32", name: str | None = None
) -> Tensor:
    """The shape as an integer Tensor, whose elements are Python ints."""
    return ShapeTensor(convert(input, name="input").shape, requested_dtype(out_type))


def size(input: TensorLike, out_type: Any = "int32", name: str | None = None) -> Tensor:
    """The number of elements, as an integer Tensor."""
    elements = convert(input, name="input").size
    return from_array(np.asarray(elements, requested_dtype(out_type)))


def rank(input: TensorLike, name: str | None = None) -> Tensor:
    """The number of axes, as an integer Tensor."""
    return from_array(np.asarray(convert(input, name="input").ndim, "int32"))


def reshape(tensor: TensorLike, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in another shape; one axis may be -1."""
    x = tensor if tensor.__class__ is Tensor else convert(tensor, name="tensor")
    wanted = sizes(shape, "shape")
    return call(RESHAPE, (x,), {"shape": wanted}, wanted)


def transpose(
    a: TensorLike, perm: Any = None, conjugate: bool = False, name: str | None = None
) -> Tensor:
    """The axes in the order `perm`; default reversed."""
    x = a if a.__class__ is Tensor else convert(a, name="a")
    order = None if perm is None else sizes(perm, "perm")
    op = CONJUGATE_TRANSPOSE if conjugate else TRANSPOSE
    return call(op, (x,), {"perm": order}, (order,))


def expand_dims(input: TensorLike, axis: int, name: str | None = None) -> Tensor:
    """A new axis of length 1, which stands at `axis` afterwards."""
    x = input if input.__class__ is Tensor else convert(input, name="input")
    place = one_integer(axis, "axis")
    return call(EXPAND_DIMS, (x,), {"axis": place}, (place,))


def squeeze(input: TensorLike, axis: Any = None, name: str | None = None) -> Tensor:
    """Without axes of length 1: those in `axis`, by default all."""
    x = input if input.__class__ is Tensor else convert(input, name="input")
    places = sizes(axis, "axis") if axis is not None and axis != [] else None
    return call(SQUEEZE, (x,), {"axis": places}, (places,))


def broadcast_to(input: TensorLike, shape: Any, name: str | None = None) -> Tensor:
    """`input` repeated along new axes and axes of length 1."""
    wanted = sizes(shape, "shape")
    x = convert(input, name="input")
    return call(BROADCAST_TO, (x,), {"shape": wanted}, wanted)


def reverse(tensor: TensorLike, axis: Any, name: str | None = None) -> Tensor:
    """The elements in reverse order along `axis`."""
    places = sizes(axis, "axis")
    x = convert(tensor, name="tensor")
    return call(REVERSE, (x,), {"axis": places}, places)


def roll(input: TensorLike, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements moved on by `shift` along `axis`, the last ones to the front."""
    by, places = sizes(shift, "shift"), sizes(axis, "axis")
    x = convert(input, name="input")
    return call(ROLL, (x,), {"shift": by, "axis": places}, (by, places))


newaxis = None
"""A new axis of length 1, as an index: `x[:, jt.newaxis]`."""


def shape_n(
    input: Any, out_type: Any = "int32", name: str | None = None
) -> list[Tensor]:
    """The shapes of several Tensors."""
    return [shape(part, out_type) for part in several(input, "input")]


def ensure_shape(x: TensorLike, shape: Any, name: str | None = None) -> Tensor:
    """`x` itself, if it has this shape.

    Args:
        x: What to check.
        shape: Axis lengths, `None` where any will do; or `None` for any shape.
        name: No effect.

    Raises:
        ShapeError: if it has another one.
    """
    given = convert(x, name="x")
    if shape is not None:
        wanted = tuple(
            None if n is None else one_integer(n, "shape")
            for n in several(shape, "shape")
        )
        if len(wanted) != given.ndim or any(
            expected not in (None, length)
            for expected, length in zip(wanted, given.shape, strict=True)
        ):
            raise ShapeError(
                f"ensure_shape() expected shape {wanted}; got {given.shape}. "
                "Reshape it, or write None where any length will do."
            )
    return call(IDENTITY, (given,))


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> tuple[int, ...]:
    """The shape to which two shapes broadcast.

    Raises:
        ShapeError: if they do not.
    """
    first, second = sizes(shape_x, "shape_x"), sizes(shape_y, "shape_y")
    try:
        return np.broadcast_shapes(first, second)
    except ValueError:
        raise ShapeError(
            f"Shapes {first} and {second} do not broadcast. From the last axis on, "
            "lengths must be equal, or one of them 1."
        ) from None


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """`broadcast_static_shape` as an integer Tensor."""
    return ShapeTensor(broadcast_static_shape(shape_x, shape_y))
