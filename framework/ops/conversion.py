"""From the user's values to Tensors, and what arguments of ops are made of."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import is_symbolic_dim

from ..dtypes import as_dtype
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..recording.arithmetic import CAST, IDENTITY, RESHAPE
from ..recording.execution import call
from ..recording.ingest import device_dtype, private_array
from ..recording.node import Handle
from ..recording.op import Op
from ..recording.tensor import (
    ArrayLike,
    Tensor,
    TensorLike,
    convert,
    from_array,
    partner,
)

STOP_GRADIENT = Op("stop_gradient", lambda x: x, is_differentiable=False)
BITCAST = Op(
    "bitcast",
    lambda x, *, dtype: jax.lax.bitcast_convert_type(x, dtype),
    is_differentiable=False,
    hint="To a wider dtype, the last axis must hold the parts of one element.",
)


def _saturate(x: jax.Array, *, dtype: Any) -> jax.Array:
    if jnp.issubdtype(dtype, jnp.integer):
        bounds = jnp.iinfo(dtype)
        return _whole(x, int(bounds.min), int(bounds.max), dtype)
    is_whole = jnp.issubdtype(x.dtype, jnp.integer)
    if is_whole or jnp.finfo(x.dtype).max <= jnp.finfo(dtype).max:
        return x.astype(dtype)
    most = jnp.asarray(jnp.finfo(dtype).max, x.dtype)
    return jnp.clip(x, -most, most).astype(dtype)


def _whole(x: jax.Array, low: int, high: int, dtype: Any) -> jax.Array:
    """Integers within bounds that the dtype of x may not have."""
    if jnp.issubdtype(x.dtype, jnp.integer):
        own = jnp.iinfo(x.dtype)
        return jnp.clip(x, max(low, own.min), min(high, own.max)).astype(dtype)
    inside = jnp.where((x > low) & (x < high), x, 0).astype(dtype)
    top = jnp.asarray(high, dtype)
    return jnp.where(
        x >= high, top, jnp.where(x <= low, jnp.asarray(low, dtype), inside)
    )


SATURATE_CAST = Op("saturate_cast", _saturate)


def constant(
    value: TensorLike, dtype: Any = None, shape: Any = None, name: str | None = None
) -> Tensor:
    """A Tensor with a private copy of `value`, on the device.

    Args:
        value: Array, number or nested list; a Tensor is cast if `dtype` asks for it.
        dtype: Element type; default that of `value`, with float64 as float32 and int64
            as int32 unless x64 is enabled.
        shape: Shape of the result: a number fills it, an array of as many elements is
            reshaped. Default the shape of `value`.
        name: No effect.

    Raises:
        ArgumentTypeError: for what is no array of numbers, or floats as integers.
        ArgumentError: for a 64-bit dtype while x64 is not enabled.
        ShapeError: if `value` does not fill `shape`.
    """
    wanted = None if dtype is None else requested_dtype(dtype)
    if wanted is not None and isinstance(value, float | list | tuple):
        _check_whole(value, wanted)
    if isinstance(value, Handle) or _holds_handles(value):
        made = convert_to_tensor(convert(value, name="value"), wanted)
        return made if shape is None else _reshape(made, sizes(shape, "shape"))
    host = private_array(value, wanted, "value")
    return from_array(
        jnp.asarray(host if shape is None else _filled(host, sizes(shape, "shape")))
    )


def convert_to_tensor(
    value: TensorLike,
    dtype: Any = None,
    dtype_hint: Any = None,
    name: str | None = None,
) -> Tensor:
    """`value` as a Tensor: a Tensor as it is, a Variable's value, anything else copied.

    Args:
        value: What to convert.
        dtype: Element type to cast to; default that of `value`.
        dtype_hint: No effect: TensorFlow uses it for empty lists.
        name: No effect.
    """
    if not isinstance(value, Handle):
        return constant(value, dtype)
    if dtype is not None and value._type.dtype != as_dtype(dtype):
        return cast(value, dtype)
    return value if isinstance(value, Tensor) else call(IDENTITY, (value,))


def cast(x: TensorLike, dtype: Any, name: str | None = None) -> Tensor:
    """`x` in another dtype; floats become integers by dropping the fraction.

    Raises:
        ArgumentError: for a 64-bit dtype while x64 is not enabled.
    """
    x = x if x.__class__ is Tensor else convert(x, name="x")
    wanted = requested_dtype(dtype)
    return call(CAST, (x,), {"dtype": wanted}, (wanted,))


def saturate_cast(value: TensorLike, dtype: Any, name: str | None = None) -> Tensor:
    """`value` in another dtype, what is beyond its range at its least or greatest.

    Raises:
        ArgumentError: for a 64-bit dtype while x64 is not enabled.
    """
    wanted = requested_dtype(dtype)
    x = convert(value, name="value")
    return call(SATURATE_CAST, (x,), {"dtype": wanted}, (wanted,))


def bitcast(input: TensorLike, type: Any, name: str | None = None) -> Tensor:
    """The same bits read as another dtype; no gradient passes.

    Shapes:
        the same for a dtype as wide; a narrower one adds an axis, a wider one takes
        the last axis away
    """
    wanted = requested_dtype(type, "type")
    return call(BITCAST, (convert(input, name="input"),), {"dtype": wanted}, (wanted,))


def is_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor or Variable."""
    return isinstance(x, Handle)


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """`identity` of each of several Tensors."""
    return [identity(part) for part in several(input, "input")]


def identity(input: TensorLike, name: str | None = None) -> Tensor:
    """A Tensor of its own with the value of `input`."""
    return call(IDENTITY, (convert(input, name="input"),))


def stop_gradient(input: TensorLike, name: str | None = None) -> Tensor:
    """The value of `input`, as a constant: no gradient passes."""
    return call(STOP_GRADIENT, (convert(input, name="input"),))


def requested_dtype(dtype: Any, name: str = "dtype") -> np.dtype:
    """A dtype that the user asked for by name.

    Raises:
        ArgumentError: for a 64-bit dtype while x64 is not enabled.
    """
    return device_dtype(as_dtype(dtype), name)


def sizes(shape: Any, name: str) -> tuple[int, ...]:
    """A shape, list of axes or multiples as plain ints; Tensors in it are read."""
    if shape.__class__ is int:
        return (shape,)
    if shape.__class__ is tuple and all(size.__class__ is int for size in shape):
        return shape
    if isinstance(shape, ArrayLike):
        shape = getattr(shape, "extents", None) or shape.numpy()
    try:
        return tuple(map(operator.index, np.atleast_1d(_object_array(shape))))
    except TypeError:
        if isinstance(shape, list | tuple) and all(map(_is_length, shape)):
            return tuple(shape)  # the batch of a model whose shapes are inferred
        raise ArgumentTypeError(
            f"`{name}` must be made of integers; got {shape!r}. "
            "Give a tuple such as (2, 3)."
        ) from None


def one_integer(value: Any, name: str) -> int:
    """A number of things or a place, as a plain int; a Tensor is read.

    Raises:
        ArgumentTypeError: for several numbers, and for none.
        ArgumentError: for one beyond 32 bits.
    """
    found = sizes(value, name)
    if len(found) != 1:
        raise ArgumentTypeError(f"`{name}` must be one integer; got {value!r}.")
    if isinstance(found[0], int) and abs(found[0]) >= 2**31:
        raise ArgumentError(f"`{name}` must fit 32 bits; got {value!r}.")
    return found[0]


def several(values: Any, name: str) -> list[Any]:
    """The parts of a list, of whatever kind.

    Raises:
        ArgumentTypeError: for a single thing.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ArgumentTypeError(
            f"`{name}` must be a list; got {values!r}. Put it in brackets."
        )
    return list(values)


def _is_length(size: Any) -> bool:
    return isinstance(size, int) or is_symbolic_dim(size)


def operands(x: TensorLike, y: TensorLike) -> tuple[Any, Any]:
    """Both operands as handles; a Python number takes the dtype of the other one."""
    if not isinstance(x, Handle):
        x = partner(y, x) if isinstance(y, Handle) else convert(x, name="x")
    if not isinstance(y, Handle):
        y = partner(x, y) if isinstance(x, Handle) else y
    for name, value in (("x", x), ("y", y)):
        if value is NotImplemented or not isinstance(value, Handle):
            raise ArgumentTypeError(
                f"`{name}` must be a Tensor, an array, a number or a list of numbers. "
                "None, text and dictionaries have no arithmetic."
            )
    return x, y


def tensors(values: Any, name: str) -> Any:
    """A list or tuple of Tensors as it is, others converted; the rows of one Tensor."""
    if values.__class__ is list or values.__class__ is tuple:
        for value in values:
            if value.__class__ is not Tensor:
                break
        else:
            return values
    if isinstance(values, Handle | np.ndarray):
        values = list(convert(values, name=name))
    given = several(values, name)
    return [v if v.__class__ is Tensor else convert(v, name=name) for v in given]


def beside(x: Handle, value: TensorLike, name: str) -> Any:
    """A value that takes part in an op on `x`; a Python number takes its dtype."""
    if value.__class__ is Tensor:
        return value
    found = partner(x, value)
    return convert(value, name=name) if found is NotImplemented else found


_SINGLE = from_array(np.zeros((), np.float32))


def limit_of(x: Handle, value: TensorLike, name: str) -> Any:
    """A bound for norms of `x`, in float32 where the dtype of `x` is narrower."""
    like = x if x._type.dtype.itemsize >= 4 else _SINGLE
    if value.__class__ is float:
        return partner(like, value)
    return beside(like, value, name)


def _object_array(values: Any) -> Any:
    """Values one by one, so that `operator.index` sees each as it was given."""
    if isinstance(values, Sequence) and not isinstance(values, str):
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made
    return values


def _holds_handles(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(isinstance(v, Handle) or _holds_handles(v) for v in value)
    return False


def _reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return call(RESHAPE, (x,), {"shape": shape}, shape)


def _check_whole(value: Any, wanted: np.dtype) -> None:
    """Refuse to cut the fraction off numbers that were written as floats."""
    if wanted.kind in "iu" and _holds_floats(value):
        raise ArgumentTypeError(
            f"`value` holds floats, and dtype {wanted.name} would cut them: {value!r}. "
            f"Use jt.cast(value, '{wanted.name}') if that is meant."
        )


def _holds_floats(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_floats, value))
    return value.__class__ is float


def _filled(host: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if host.size == 1:
        return np.full(shape, host.reshape(()))
    if host.size != int(np.prod(shape)):
        raise ShapeError(
            f"`value` has shape {host.shape}, {host.size} elements, and `shape` is "
            f"{shape}. Give a number, or as many elements as the shape has."
        )
    return host.reshape(shape)
