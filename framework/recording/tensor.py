"""Tensor: an immutable array that may still be waiting to be computed.

Reading it in any way (`numpy()`, `print`, `float`, `if`) gives its value; shape and
dtype are known at once.
"""

import operator
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import is_symbolic_dim

from ..errors import (
    ArgumentError,
    ArgumentTypeError,
    BodyError,
    ExecutionError,
    OutOfRangeError,
    ShapeError,
    UnhashableError,
)
from . import arithmetic as ops
from . import execution, rehearsal
from .backlog import result_of
from .execution import call
from .ingest import X64, device_dtype, is_number, private_array
from .launching import read_elsewhere, was_donated
from .node import NOWHERE, Handle, Recording, current, here
from .op import ArrayClass, Op
from .program import Pack
from .signature import (
    SCALAR,
    TensorType,
    freeze,
    scalar_beside,
    tensor_type,
    type_of,
)

_READS = 20
TensorLike: TypeAlias = Any
"""A Tensor, Variable, array, Python number, or nested list of these."""


class Ref:
    """A hashable stand-in for a Tensor or Variable: `values[t.ref()] = ...`."""

    __slots__ = ("_target",)

    def __init__(self, target: Any) -> None:
        self._target = target

    def deref(self) -> Any:
        """The Tensor or Variable itself."""
        return self._target

    def __hash__(self) -> int:
        return id(self._target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self._target is other._target


def _binary(op: Op, name: str) -> tuple[Callable, Callable]:
    """The operator and its reflected form."""

    def forward(self: "ArrayLike", other: TensorLike) -> "Tensor":
        if not isinstance(other, Handle):
            other = partner(self, other)
            if other is NotImplemented:
                return other
        return call(op, (self, other))

    def reflected(self: "ArrayLike", other: TensorLike) -> "Tensor":
        other = partner(self, other)
        if other is NotImplemented:
            return other
        return call(op, (other, self))

    forward.__name__, reflected.__name__ = f"__{name}__", f"__r{name}__"
    return forward, reflected


def _unary(op: Op, name: str) -> Callable:
    def apply(self: "ArrayLike") -> "Tensor":
        return call(op, (self,))

    apply.__name__ = f"__{name}__"
    return apply


def _reducer(op: Op, name: str) -> Callable:
    def reduce(
        self: "ArrayLike",
        axis: int | Sequence[int] | None = None,
        keepdims: bool = False,
    ) -> "Tensor":
        return reduce_with(op, self, axis, keepdims)

    reduce.__name__ = name
    reduce.__doc__ = f"The {name} over `axis` (default all axes), as in NumPy."
    return reduce


def reduce_with(op: Op, x: Handle, axis: Any, keepdims: bool) -> "Tensor":
    """Call a reduction; `axis` is one axis, several or `None` for all."""
    if axis is not None and not isinstance(axis, int):
        try:
            axis = tuple(map(operator.index, np.atleast_1d(np.asarray(axis))))
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                f"`axis` must be an integer, several in a tuple, or None; got {axis!r}."
            ) from None
    options = {"axis": axis, "keepdims": bool(keepdims)}
    return call(op, (x,), options, (freeze(axis), bool(keepdims)))


class ArrayLike(Handle):
    """What Tensors and Variables share: operators, methods, NumPy protocols."""

    __slots__ = ()

    numpy_function: Callable[..., Callable | None] = staticmethod(lambda *names: None)
    """Finds the recorded namesake of a NumPy function; `framework.numpy` sets it."""

    __add__, __radd__ = _binary(ops.ADD, "add")
    __sub__, __rsub__ = _binary(ops.SUBTRACT, "sub")
    __mul__, __rmul__ = _binary(ops.MULTIPLY, "mul")
    __truediv__, __rtruediv__ = _binary(ops.DIVIDE, "truediv")
    __floordiv__, __rfloordiv__ = _binary(ops.FLOOR_DIVIDE, "floordiv")
    __mod__, __rmod__ = _binary(ops.MOD, "mod")
    __matmul__, __rmatmul__ = _binary(ops.MATMUL, "matmul")
    __and__, __rand__ = _binary(ops.AND, "and")
    __or__, __ror__ = _binary(ops.OR, "or")
    __xor__, __rxor__ = _binary(ops.XOR, "xor")
    __lt__, _ = _binary(ops.LESS, "lt")
    __le__, _ = _binary(ops.LESS_EQUAL, "le")
    __gt__, _ = _binary(ops.GREATER, "gt")
    __ge__, _ = _binary(ops.GREATER_EQUAL, "ge")
    _equal, _ = _binary(ops.EQUAL, "eq")
    _not_equal, _ = _binary(ops.NOT_EQUAL, "ne")
    _power, __rpow__ = _binary(ops.POWER, "pow")
    __neg__ = _unary(ops.NEGATIVE, "neg")
    __abs__ = _unary(ops.ABS, "abs")
    __invert__ = _unary(ops.INVERT, "invert")
    sum = _reducer(ops.SUM, "sum")
    mean = _reducer(ops.MEAN, "mean")
    max = _reducer(ops.MAX, "max")
    min = _reducer(ops.MIN, "min")
    prod = _reducer(ops.PROD, "prod")
    any = _reducer(ops.ANY, "any")
    all = _reducer(ops.ALL, "all")
    del _

    def __eq__(self, other: object) -> Any:
        result = self._equal(other)
        return False if result is NotImplemented else result

    def __ne__(self, other: object) -> Any:
        result = self._not_equal(other)
        return True if result is NotImplemented else result

    def __hash__(self) -> int:
        name = type(self).__name__
        raise UnhashableError(
            f"{name} is unhashable, since == compares its elements. "
            f"Use x.ref() as the dictionary key or set member."
        )

    def __pow__(self, exponent: TensorLike) -> "Tensor":
        if type(exponent) is int:
            return call(ops.INTEGER_POWER, (self,), {"exponent": exponent}, (exponent,))
        return self._power(exponent)

    def __pos__(self) -> "Tensor":
        return call(ops.IDENTITY, (self,))

    def __getitem__(self, index: Any) -> "Tensor":
        parts, numbers = parse_index(index, self._type.shape)
        return call(ops.SELECT, (self, *numbers), {"parts": parts}, (parts,))

    def __len__(self) -> int:
        if not self._type.shape:
            raise ArgumentTypeError(
                "len() needs at least one axis; this Tensor is a scalar, shape (). "
                "Use float(x) or x.item() for its value."
            )
        return self._type.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Axis lengths."""
        return self._type.shape

    @property
    def dtype(self) -> np.dtype:
        """Element type; equal to its name as a string."""
        return self._type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._type.size

    @property
    def device(self) -> Any:
        """Where the value lies; reading it computes the value."""
        array = self._array()
        return array.device if isinstance(array, jax.Array) else jax.devices()[0]

    @property
    def T(self) -> "Tensor":
        """The axes in reverse order."""
        return call(ops.TRANSPOSE, (self,), {"perm": None}, (None,))

    def astype(self, dtype: Any) -> "Tensor":
        """The same values in another dtype."""
        return cast(self, dtype)

    def reshape(self, *shape: Any) -> "Tensor":
        """The same elements in another shape; one axis may be -1."""
        given = shape[0] if len(shape) == 1 and not is_number(shape[0]) else shape
        try:
            sizes = tuple(map(operator.index, given))
        except TypeError:
            if not any(map(is_symbolic_dim, given)):
                raise
            sizes = tuple(given)  # the batch of a model whose shapes are inferred
        return call(ops.RESHAPE, (self,), {"shape": sizes}, sizes)

    def _host(self) -> np.ndarray:
        """The value on the host; may be a read-only view."""
        recording = here.recording
        if recording is not None and recording.depth:
            for tape in current().live_tapes():
                tape._note_read(self)
        for attempt in range(_READS):
            try:
                return self._read()
            except Exception as error:
                # Another thread's step may take over the buffer of a variable between
                # fetching and reading it; the new value is there then.
                if attempt + 1 < _READS and was_donated(error):
                    continue
                _name_call(error, self._at)
                raise
        raise AssertionError("the last attempt returns or raises")

    def _read(self) -> np.ndarray:
        return self._on_host(self._value)

    def _on_host(self, value: Any) -> np.ndarray:
        """A value that was found for this, on the host; `None` if none was."""
        if value.__class__ is ArrayClass:
            return np.asarray(value)
        if value.__class__ is Pack:
            return value.take_host(self._at[1])
        array = self._array()
        _refuse_tracer(array)
        if array.__class__ in (float, int, complex):
            return np.asarray(array, self._type.dtype)
        return np.asarray(array)

    def numpy(self) -> np.ndarray:
        """The value as a private NumPy array; writing to it changes nothing else.

        One number is a NumPy scalar, as in TensorFlow: `round` and `hash` take it.
        """
        value = np.array(self._host())
        return value if value.ndim else value[()]

    def item(self) -> Any:
        """The value of a one-element Tensor as a Python number.

        Raises:
            ShapeError: if there are more elements, or none.
        """
        if self._type.size != 1:
            raise ShapeError(
                f"Only a Tensor of one element is one number; this one has shape "
                f"{self.shape}. Take an element, x[0], or reduce it: x.mean()."
            )
        return self._host().item()

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self._host().tolist()

    def ref(self) -> Ref:
        """A hashable reference, for dictionaries and sets."""
        return Ref(self)

    def __bool__(self) -> bool:
        return bool(self._host())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        return operator.index(self._host()[()])

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.item(), ndigits)

    def __format__(self, spec: str) -> str:
        host = self._host()
        return format(host if host.shape else host.item(), spec)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller.split(".")[0] in ("jax", "jaxlib"):
            warn_of_conversion(self)
        host = self._host()
        if dtype is not None and host.dtype != dtype:
            return host.astype(dtype)
        return np.array(host) if copy or copy is None else host

    def __array_ufunc__(
        self, ufunc: Any, method: str, *args: Any, **options: Any
    ) -> Any:
        function = self.numpy_function(ufunc.__name__)
        if method != "__call__" or options.get("out") is not None or function is None:
            args = tuple(_to_host(value) for value in args)
            return getattr(ufunc, method)(*args, **options)
        return function(*args, **options)

    def __array_function__(
        self, function: Any, types: Any, args: Any, options: Any
    ) -> Any:
        ours = self.numpy_function(function.__name__, function.__module__)
        if ours is None or function.__module__ not in ("numpy", "numpy.linalg"):
            args, options = jax.tree.map(
                _to_host, (args, options), is_leaf=lambda x: isinstance(x, Handle)
            )
            return function(*args, **options)
        return ours(*args, **options)


def _name_call(error: Exception, at: tuple[Recording | None, int]) -> None:
    """Add to an error the user's line that recorded the value."""
    recording, number = at
    node = None if recording is None else recording.node
    while node is not None and node.parent is not None and number < node.first:
        node = node.parent
    if node is not None and node.parent is not None:
        error.add_note(f"In {node.op}, recorded at {node.site}.")


def _to_host(value: Any) -> Any:
    return value._host() if isinstance(value, ArrayLike) else value


def _refuse_tracer(array: Any) -> None:
    if _is_tracer(array):
        raise jax.errors.ConcretizationTypeError(
            array,
            "The value of a Tensor was read inside a function that JAX traces, where "
            "it is not known yet. Read it outside, or use jnp.where or lax.cond.",
        )


def _is_tracer(array: Any) -> bool:
    return array.__class__ is not ArrayClass and isinstance(array, jax.Array)


class Tensor(ArrayLike):
    """An immutable array of known shape and dtype, computed when it is read.

    Made by `jt.constant` and by every op. Elementwise `==`, so it is unhashable:
    `x.ref()` is hashable.

    Args:
        value: Array, number or nested list; copied.
        dtype: Element type; default that of `value`, with float64 as float32 and
            int64 as int32 unless x64 is enabled.

    Shapes:
        as `value`
    """

    __slots__ = ("_mask",)

    _mask: "Tensor"
    """Of a `MaskedTensor` alone; see `framework/masking.py`."""

    def __init__(self, value: TensorLike, dtype: Any = None) -> None:
        array = jnp.asarray(private_array(value, dtype, "value"))
        self._type = type_of(array)
        self._value = array
        self._at = NOWHERE
        self._origin = None

    def _array(self) -> Any:
        value = self._value
        if value is None:
            value = self._compute()
        if value.__class__ is Pack:
            value = self._value = value.take(self._at[1])
        return value

    def _read(self) -> np.ndarray:
        value = self._value
        if value is None and self._at[0] is not None:
            value = self._compute()
        return self._on_host(value)

    def _compute(self) -> Any:
        """Run what this waits for; in another thread, compute only this.

        Returns:
            An array, or the `Pack` that it is in.
        """
        recording, number = self._at
        assert recording is not None
        if recording.outer is not None:
            value = self._value = recording.read(number)
            return value
        if not recording.is_done:
            if execution.is_current(recording):
                execution.run(recording)
            else:
                value = read_elsewhere(recording, number)
                if value is not None:
                    return value
        value = self._value
        if value is None:
            value = result_of(self)  # its turn may wait for the next ones
        if value is None:
            _raise_lost(recording)
        return value

    def __repr__(self) -> str:
        try:
            shown = shown_value(self._host())
        except BodyError:  # while a function is recorded: shapes can be printed
            shown = _NOT_YET
        return (
            f"<jt.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={shown}>"
        )

    def __str__(self) -> str:
        try:
            shown = _own_lines(str(self._host()))
        except BodyError:
            shown = _NOT_YET
        return f"jt.Tensor({shown}, shape={self.shape}, dtype={self.dtype.name})"

    def __copy__(self) -> "Tensor":
        return self

    def __deepcopy__(self, memo: dict) -> "Tensor":
        return Tensor(self.numpy())

    def __reduce__(self) -> tuple:
        return (Tensor, (self.numpy(),))


_NOT_YET = "(no value yet)"


def shown_value(host: np.ndarray) -> str:
    """A value as TensorFlow's `repr` shows it: a scalar is the bare Python number."""
    return _own_lines(repr(host)) if host.shape else str(host.item())


def _own_lines(text: str) -> str:
    """Text of several lines starts on a line of its own."""
    return f"\n{text}" if "\n" in text else text


def _raise_lost(recording: Recording) -> None:
    from_error = recording.failure
    raise ExecutionError(
        "This Tensor has no value: the program that would have computed it failed "
        f"({type(from_error).__name__}: {from_error}). Mend that call and run again."
    ) from from_error


def make_pending(kind: TensorType, at: tuple[Recording, int]) -> Tensor:
    """The Tensor of a recorded result."""
    tensor = Tensor.__new__(Tensor)
    tensor._type = kind
    tensor._value = None
    tensor._at = at
    tensor._origin = None
    return tensor


def from_array(value: Any) -> Tensor:
    """The Tensor of an array that nobody will change."""
    tensor = Tensor.__new__(Tensor)
    tensor._type = type_of(value)
    tensor._value = value
    tensor._at = NOWHERE
    tensor._origin = None
    return tensor


def make_result(kind: TensorType, value: Any, at: tuple[Any, int] = NOWHERE) -> Tensor:
    """The Tensor of a value whose type is known, or that a recording will compute."""
    tensor = Tensor.__new__(Tensor)
    tensor._type = kind
    tensor._value = value
    tensor._at = at
    tensor._origin = None
    return tensor


execution.make_pending = rehearsal.make_pending = make_pending
execution.make_value = from_array


def scalar(value: Any) -> Tensor:
    """A Python number as an input, weakly typed: it follows what it meets."""
    if isinstance(value, bool):
        return from_array(np.asarray(value))
    try:
        dtype = jnp.asarray(value).dtype
    except OverflowError:
        raise ArgumentError(
            f"The integer {value} does not fit {jnp.asarray(0).dtype.name}. "
            f"Call {X64} first, or use a smaller number."
        ) from None
    return make_result(tensor_type((), dtype, True, SCALAR), value)


def partner(x: Handle, value: TensorLike) -> Any:
    """The other operand of an operator as a handle, or `NotImplemented`.

    A Python number next to floating-point data takes that dtype, so that its value is
    an input and its type costs no promotion.
    """
    kind = x._type
    cls = value.__class__
    if cls is float or cls is int:
        if kind.is_inexact:
            return make_result(scalar_beside(kind), float(value))
        return scalar(value)
    if isinstance(value, Handle):
        return value
    if value is None or isinstance(value, str | bytes | dict | set):
        return NotImplemented
    return convert(value, name="operand")


def convert(value: TensorLike, dtype: Any = None, name: str = "value") -> Any:
    """Any value as a handle: a Tensor or Variable as it is, host data copied.

    Args:
        value: What the user gave.
        dtype: Element type to cast to; default its own.
        name: The argument's name in error messages.

    Raises:
        ArgumentTypeError: for what is no array of numbers.
    """
    if isinstance(value, Handle):
        return (
            value if dtype is None or value._type.dtype == dtype else cast(value, dtype)
        )
    if dtype is None:
        if value.__class__ is ArrayClass:
            return from_array(value)
        if value.__class__ is np.ndarray:  # the tests below cost 0.5 us
            return from_array(private_array(value, None, name))
        if is_number(value):
            return scalar(value)
        if isinstance(value, jax.Array):  # a tracer
            return from_array(value)
        if is_symbolic_dim(value):  # a length of a shape that is inferred
            return make_result(tensor_type((), np.dtype("int32"), True, SCALAR), value)
    if isinstance(value, list | tuple) and _holds_handles(value):
        stacked = call(STACK, [convert(part) for part in value], {"axis": 0}, (0,))
        return stacked if dtype is None else cast(stacked, dtype)
    return from_array(private_array(value, dtype, name))


def _holds_handles(values: Sequence[Any]) -> bool:
    return any(
        isinstance(v, Handle) or (isinstance(v, list | tuple) and _holds_handles(v))
        for v in values
    )


STACK = Op(
    "stack",
    lambda *arrays, axis: (
        jnp.stack(jnp.broadcast_arrays(*arrays), axis)
        if all(a.ndim == 0 for a in arrays)
        else jnp.stack(arrays, axis)
    ),
    hint="All parts must have the same shape.",
)


def cast(x: TensorLike, dtype: Any) -> Tensor:
    """The same values in another dtype; a float becomes an integer by truncation."""
    x = convert(x, name="x")
    dtype = device_dtype(dtype)
    return call(ops.CAST, (x,), {"dtype": dtype}, (dtype,))


_AT, _ALL = ("at",), ("all",)
_INT = frozenset({int})


def parse_index(
    index: Any, shape: tuple[int, ...]
) -> tuple[tuple[tuple, ...], list[Any]]:
    """What an index is made of: its structure, and the integers that are inputs.

    Raises:
        OutOfRangeError: for an integer outside its axis.
    """
    if index.__class__ is slice and shape:
        numbers = []
        part = _slice_part(index, shape[0], numbers)
        return (part, *(_ALL,) * (len(shape) - 1)), numbers
    given = list(index) if isinstance(index, tuple) else [index]
    count = len(given)
    if _INT.issuperset(map(type, given)) and count <= len(shape):  # the most
        numbers = [_index_number(_place(i, n, shape)) for n, i in enumerate(given)]
        return (_AT,) * count + (_ALL,) * (len(shape) - count), numbers
    if sum(part is Ellipsis for part in given) > 1:
        raise OutOfRangeError(
            "An index can have one ellipsis `...` only; got two. Write the axes out "
            "with `:`."
        )
    axes = sum(_axes_of(part) for part in given if part is not Ellipsis)
    if axes > len(shape):
        raise OutOfRangeError(
            f"Too many indices: {axes} for a Tensor of shape {shape}. "
            f"Use at most {len(shape)}."
        )
    if not any(part is Ellipsis for part in given):
        given.append(Ellipsis)
    parts: list[tuple] = []
    numbers: list[Any] = []
    axis = 0
    for part in given:
        if part is Ellipsis:
            parts.extend([_ALL] * (len(shape) - axes))
            axis += len(shape) - axes
        elif part is None:
            parts.append(("new",))
        else:
            parts.extend(_index_parts(part, axis, shape, numbers))
            axis += _axes_of(part)
    return tuple(parts), numbers


def _axes_of(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    if isinstance(part, ArrayLike | np.ndarray | jax.Array) and part.dtype == bool:
        return part.ndim
    return 1


def _index_parts(part: Any, axis: int, shape: tuple, numbers: list) -> list[tuple]:
    """The structure of one index; what is an input is appended to `numbers`."""
    length = shape[axis]
    if isinstance(part, slice):
        return [_slice_part(part, length, numbers)]
    if is_number(part) and not isinstance(part, bool | np.bool_):
        numbers.append(_index_number(_place(operator.index(part), axis, shape)))
        return [_AT]
    array = convert(part, name="index")
    if array.dtype == bool and array.shape != shape[axis : axis + array.ndim]:
        raise OutOfRangeError(
            f"A mask of shape {array.shape} was used at axis {axis} of a Tensor of "
            f"shape {shape}. Give it the shape {shape[axis : axis + array.ndim]}."
        )
    if array.dtype == bool:  # how many are chosen is a shape: it has to be read
        rows = np.nonzero(array._host())
        numbers.extend(from_array(row.astype(np.int32)) for row in rows)
        return [("array",)] * len(rows)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ArgumentTypeError(
            f"An index must be an integer, a slice, or an array of integers or "
            f"booleans; got dtype {array.dtype.name}. Cast it: jt.cast(i, 'int32')."
        )
    if not isinstance(part, Handle | jax.Array):
        _check_rows(np.asarray(part), axis, shape)
    numbers.append(array)
    return [("array",)]


def _place(position: int, axis: int, shape: tuple[int, ...]) -> int:
    """An index that counts from the start.

    Raises:
        OutOfRangeError: if it is outside its axis.
    """
    length = shape[axis]
    if not -length <= position < length:
        raise OutOfRangeError(
            f"Index {position} is out of range for axis {axis} of a Tensor of shape "
            f"{shape}. Use an index from {-length} to {length - 1}."
        )
    return position % length


def _check_rows(rows: np.ndarray, axis: int, shape: tuple[int, ...]) -> None:
    """Refuse host indices outside their axis, which JAX would clamp silently."""
    length = shape[axis]
    wrong = rows[(rows < -length) | (rows >= length)]
    if wrong.size:
        raise OutOfRangeError(
            f"Index {wrong.flat[0]} is out of range for axis {axis} of a Tensor of "
            f"shape {shape}. Use indices from {-length} to {length - 1}."
        )


_INDEX = tensor_type((), np.dtype("int32"), False, SCALAR)


def _index_number(value: int) -> Tensor:
    return make_result(_INDEX, value)


def _slice_part(part: slice, length: int, numbers: list) -> tuple:
    if part.start is None and part.stop is None and part.step is None:
        return _ALL  # also where the length is not known
    start, stop, step = part.indices(length)
    size = len(range(start, stop, step))
    if size == length and step == 1:
        return _ALL
    numbers.append(_index_number(max(start, 0)))
    return ("span", size, step)


def warn_of_conversion(x: ArrayLike) -> None:
    """Warn where JAX reads a Tensor that a live tape covers: the gradient ends here."""
    recording = x._at[0]
    covered = recording is not None and any(True for _ in recording.live_tapes())
    if covered or (x._origin is not None and x._origin[0]() is not None):
        warnings.warn(
            "A JAX function read the value of a Tensor that a GradientTape covers, so "
            "no gradient flows through this call. Use the function's namesake in "
            "jt.numpy, or wrap it: jt.op(f)(x).",
            stacklevel=_user_level(),
        )


def _user_level() -> int:
    """How many frames up the first one outside JAX and this module is."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        if name != __name__ and name.split(".")[0] not in ("jax", "jaxlib", "numpy"):
            break
        level, frame = level + 1, frame.f_back
    return level


def _flatten(tensor: Tensor) -> tuple[tuple, None]:
    warn_of_conversion(tensor)
    return (tensor._array(),), None


def _unflatten(_: None, children: tuple) -> Any:
    (value,) = children
    is_array = isinstance(value, jax.Array | np.ndarray | np.generic)
    return from_array(value) if is_array else value


jax.tree_util.register_pytree_node(Tensor, _flatten, _unflatten)
