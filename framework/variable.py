"""Variable: a mutable value that tapes watch and optimizers update."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import (
    ArgumentError,
    ArgumentTypeError,
    ExecutionError,
    OutOfRangeError,
    ShapeError,
)
from .recording import arithmetic as ops
from .recording import execution
from .recording.execution import call
from .recording.home import Home
from .recording.ingest import private_array
from .recording.launching import updating
from .recording.node import NOWHERE, current, here, writes
from .recording.signature import TRAINABLE, plain_type, trainable_type, type_of
from .recording.tensor import (
    ArrayLike,
    Tensor,
    TensorLike,
    convert,
    from_array,
    parse_index,
    shown_value,
)
from .scattering import Scattering

_copy = jax.jit(jnp.copy)


class Variable(Scattering):
    """A value that can be assigned; tapes watch it on their own when it is trainable.

    Created at once, wherever the call stands, also inside a `jt.function`. A read gives
    the value of that moment: what was computed from it keeps it after an assignment.

    Args:
        initial_value: Array, number, nested list, Tensor, or a callable that returns
            one. Copied. A Python int makes an int32 variable, which has no gradient.
        trainable: Whether tapes watch it without `watch`. Default true.
        name: For messages and summaries; need not be unique. Default "Variable".
        dtype: Element type; default that of the value.
        constraint: Called with the value after each update by an optimizer.

    Raises:
        ArgumentError: if `constraint` is not callable.
    """

    __slots__ = (
        "_holders",
        "_home",
        "_is_exclusive",
        "_lock",
        "_start",
        "constraint",
        "name",
    )

    _may_change = True
    made = 0
    """How many variables have been made so far."""

    def __init__(
        self,
        initial_value: TensorLike = None,
        trainable: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        constraint: Callable | None = None,
        shape: Any = None,
    ) -> None:
        if constraint is not None and not callable(constraint):
            raise ArgumentError(
                f"`constraint` must be callable, for example "
                f"lambda w: jt.maximum(w, 0.0); got {constraint!r}."
            )
        if callable(initial_value) and not isinstance(initial_value, ArrayLike):
            initial_value = initial_value()
        if isinstance(initial_value, ArrayLike):
            initial_value = initial_value._array()
        if initial_value is None:
            raise ArgumentError(
                "`initial_value` is missing. Give the variable its first value, for "
                "example jt.Variable(jt.zeros((3, 2)))."
            )
        # A copy by the device, so that the buffer belongs to this variable alone.
        array = _copy(jnp.asarray(private_array(initial_value, dtype, "initial_value")))
        kind = type_of(array)
        if kind.weak_type:
            array = jax.lax.convert_element_type(array, array.dtype)
            kind = plain_type(type_of(np.empty(kind.shape, kind.dtype)))
        if shape is not None and tuple(shape) != kind.shape:
            raise ShapeError(
                f"`initial_value` has shape {kind.shape}, but `shape` is "
                f"{tuple(shape)}. Give a value of that shape, or leave `shape` out."
            )
        self._type = kind if trainable is False else trainable_type(kind)
        self._value = array
        self._at = NOWHERE
        self._origin = None
        self._holders = 0
        self._home: Home | None = None
        self._start = 0
        self._is_exclusive = True
        self._lock = threading.RLock()
        self.name = name or "Variable"
        self.constraint = constraint
        Variable.made += 1

    @property
    def trainable(self) -> bool:
        """Whether tapes watch it without being told."""
        return self._type.role == TRAINABLE

    @trainable.setter
    def trainable(self, value: bool) -> None:
        kind = plain_type(self._type)
        self._flush_if_recorded()
        self._type = trainable_type(kind) if value else kind
        writes.retypings += 1

    def _flush_if_recorded(self) -> None:
        recording = current()
        if recording.numbers_of(self):
            execution.run(recording)

    def _array(self) -> Any:
        """The value, running what is pending for it in this thread."""
        self._settle()
        if self._home is not None:
            return self._home._value.take(self._start, self._type.shape)
        return self._value

    def _settle(self) -> None:
        """Run what is pending for the value in this thread."""
        around = here.recording
        if around is not None and around.is_kept:
            around.refuse()
        recording = self._at[0]
        if (
            recording is not None
            and id(self) in recording.writes
            and execution.is_current(recording)
        ):
            execution.run(recording)

    def _read(self) -> np.ndarray:
        self._settle()
        self._refuse_lost()
        home = self._home
        if home is None:
            return super()._read()
        # Cut on the host, which needs no program; copied, for the buffer goes on.
        whole = np.asarray(home._value.array)
        return whole[self._start : self._start + self.size].reshape(self.shape).copy()

    def _admitted(self) -> Any:
        """The value as a recording takes it in: a home is cut inside the program."""
        return self._value if self._home is None else self._home._value

    def _move_in(self, home: Home, start: int) -> None:
        """Let the value live in a home from now on."""
        self._home, self._start = home, start
        self._value = home  # no array of its own; not pending

    def _write(self, value: Any) -> None:
        """Take a new value whose buffer belongs to this variable alone."""
        if self._home is not None:
            self._home._put(self._start, value)
            return
        self._value = value
        self._is_exclusive = True
        writes.count += 1

    def _is_still(self, value: Any) -> bool:
        return self._admitted() is value

    def _share(self) -> None:
        self._is_exclusive = False

    def _hold(self, count: int) -> None:
        self._holders += count

    def _may_donate(self, value: Any) -> bool:
        """Whether the program may overwrite the buffer."""
        return self._is_exclusive and not self._holders and value is self._value

    @property
    def value(self) -> Tensor:
        """The value of this moment, as a Tensor."""
        return call(ops.IDENTITY, (self,))

    def read_value(self) -> Tensor:
        """The value of this moment, as a Tensor."""
        return self.value

    def assign(self, value: TensorLike, read_value: bool = True) -> Tensor | None:
        """Replace the value; returns the new one, unless `read_value` is false.

        Nothing is differentiated through an assignment.

        Raises:
            ShapeError: if the shape differs.
        """
        return self._update(ops.ASSIGN, value, read_value)

    def assign_add(self, delta: TensorLike, read_value: bool = True) -> Tensor | None:
        """Add to the value."""
        return self._update(ops.ASSIGN_ADD, delta, read_value)

    def assign_sub(self, delta: TensorLike, read_value: bool = True) -> Tensor | None:
        """Subtract from the value."""
        return self._update(ops.ASSIGN_SUB, delta, read_value)

    def count_up_to(self, limit: int) -> Tensor:
        """Add one to an integer; returns the value from before.

        Raises:
            OutOfRangeError: if that would go beyond `limit`.
        """
        with self._lock:
            before = self.value
            if int(before) >= limit:
                raise OutOfRangeError(
                    f"Variable '{self.name}' has reached its limit of {limit}; its "
                    f"value is {int(before)}. Assign it to count again."
                )
            self.assign_add(1)
        return before

    def _update(self, op: Any, value: TensorLike, read_value: bool) -> Tensor | None:
        given = convert(value, name="value")
        if given.shape != self.shape and (op is ops.ASSIGN or given.shape != ()):
            raise ShapeError(
                f"Variable '{self.name}' has shape {self.shape}, and the value has "
                f"shape {given.shape}: the shapes are incompatible. "
                f"Reshape the value to {self.shape}."
            )
        self._check_dtype(given)
        with self._lock:
            if op is ops.ASSIGN and self._is_lost():
                # Its buffer went with a step that failed; there is no old value.
                value = jnp.asarray(given._array(), self.dtype)
                self._write(value)
                return from_array(value) if read_value else None
            new = call(op, (self, given))
        return new if read_value else None

    def _is_lost(self) -> bool:
        """Whether a step that failed on the device has taken the buffer."""
        if not self._is_deleted():
            return False
        with updating:  # another thread's step may be about to replace it
            return self._is_deleted()

    def _is_deleted(self) -> bool:
        value = self._value if self._home is None else self._home._value.array
        return isinstance(value, jax.Array) and value.is_deleted()

    def _refuse_lost(self) -> None:
        if self._is_lost():
            raise ExecutionError(
                f"Variable '{self.name}' has no value: its buffer was lost with a step "
                "that failed on the device. Assign it again, for example with "
                "model.set_weights() from a saved copy."
            )

    def _check_dtype(self, given: ArrayLike) -> None:
        mine, other = self.dtype, given.dtype
        if mine != other and not _can_hold(mine, other):
            raise ArgumentTypeError(
                f"Variable '{self.name}' has dtype {mine.name} and cannot take a value "
                f"of dtype {other.name}. Cast it: jt.cast(value, '{mine.name}')."
            )

    def __getitem__(self, index: Any) -> "VariableSlice":
        value = super().__getitem__(index)
        return VariableSlice._of(value, self, index)

    def __repr__(self) -> str:
        return (
            f"<jt.Variable '{self.name}:0' shape={self.shape} "
            f"dtype={self.dtype.name}, numpy={shown_value(self._host())}>"
        )

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else str(self)

    def __copy__(self) -> "Variable":
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict) -> "Variable":
        copied = Variable(
            self.numpy(), self.trainable, self.name, self.dtype, self.constraint
        )
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> tuple:
        return (Variable, (self.numpy(), self.trainable, self.name, self.dtype))


def _can_hold(mine: np.dtype, other: np.dtype) -> bool:
    """Whether a value's kind of number fits the variable's: no float into an int."""
    return (
        bool(jnp.promote_types(mine, other) == mine)
        or (jnp.issubdtype(mine, jnp.floating) and jnp.issubdtype(other, jnp.floating))
        or (jnp.issubdtype(mine, jnp.integer) and jnp.issubdtype(other, jnp.integer))
    )


class VariableSlice(Tensor):
    """Part of a variable: a Tensor that can also be assigned: `v[0].assign(2.0)`."""

    __slots__ = ("_index", "_variable")

    _index: Any
    _variable: Variable

    @classmethod
    def _of(cls, value: Tensor, variable: Variable, index: Any) -> "VariableSlice":
        part = cls.__new__(cls)
        part._type, part._value, part._at = value._type, value._value, value._at
        part._origin = value._origin
        part._variable, part._index = variable, index
        recording, number = value._at
        if recording is not None and value._value is None:
            recording.hand_over(number, part)
        return part

    def assign(self, value: TensorLike) -> Tensor:
        """Replace this part of the variable; returns the variable's whole new value."""
        given = convert(value, name="value")
        if given.shape not in ((), self.shape):
            raise ShapeError(
                f"This part of Variable '{self._variable.name}' has shape "
                f"{self.shape}, and the value has shape {given.shape}: the shapes are "
                f"incompatible. Reshape the value to {self.shape}."
            )
        self._variable._check_dtype(given)
        parts, numbers = parse_index(self._index, self._variable.shape)
        with self._variable._lock:
            return call(
                ops.ASSIGN_AT,
                (self._variable, given, *numbers),
                {"parts": parts},
                (parts,),
            )

    def assign_add(self, delta: TensorLike) -> Tensor:
        """Add to this part of the variable."""
        return self.assign(self + delta)

    def assign_sub(self, delta: TensorLike) -> Tensor:
        """Subtract from this part of the variable."""
        return self.assign(self - delta)


@contextlib.contextmanager
def outside_recording() -> Iterator[None]:
    """Run a block at once, whatever is being recorded: variables are made there."""
    with execution.detached():
        yield
