"""The arguments of a kept function: which are inputs, and what tells its programs."""

from collections.abc import Sequence
from types import FunctionType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from . import masking, nesting
from .captures import Same, snapshot
from .recording.body import has_tracer, is_handle
from .recording.ingest import AS_IS, LARGE, private_array
from .recording.node import Handle
from .recording.op import ArrayClass
from .recording.signature import SCALAR, TensorType, freeze, plain_type, type_of
from .recording.steady import Steady
from .recording.tensor import Tensor
from .variable import Variable

_HOST = (np.ndarray, np.generic)  # as a union it would be made anew: 0.1 us
_NUMBERS = frozenset({np.float32, np.int32, np.bool_})
"""Host values that nobody can change, which programs take as they are."""
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})


class Way(NamedTuple):
    """How arguments of some classes become the inputs of a program.

    Attributes:
        tensors: Positions of Tensors, whose arrays are inputs.
        numbers: Of numbers of NumPy's.
        hosts: Of NumPy's arrays, which are copied.
        fixed: Of what is structure.
        inputs: Of all others, if there are any of `fixed`.
        are_ready: Whether the arguments are the inputs as they are.
    """

    tensors: tuple[int, ...]
    numbers: tuple[int, ...]
    hosts: tuple[int, ...]
    fixed: tuple[int, ...]
    inputs: tuple[int, ...]
    are_ready: bool

    def arrays_of(self, args: tuple) -> Sequence[Any] | None:
        """The inputs; `None` where the array of a Tensor is not there yet."""
        tensors, numbers, hosts, fixed, inputs, _ = self
        arrays = [*args]
        for n in tensors:
            array = arrays[n] = arrays[n]._value
            if array.__class__ is not ArrayClass:
                return None
        for n in numbers:
            number = arrays[n]
            found = _found((number.__class__, number))
            arrays[n] = _number(number) if found is None else found
        for n in hosts:
            host = arrays[n]
            is_usual = host.dtype in AS_IS and host.nbytes < LARGE
            arrays[n] = host.copy() if is_usual else private_array(host)
        return [arrays[n] for n in inputs] if fixed else arrays

    def values_of(self, args: tuple) -> tuple:
        """What is structure among the arguments, as `freeze` writes it."""
        return tuple([freeze(args[n]) for n in self.fixed])


def way_of(classes: tuple[type, ...]) -> Way | None:
    """The way of arguments of these classes.

    None where there are others than arrays, Tensors, numbers and text.
    """
    places = range(len(classes))
    fixed = tuple(n for n in places if classes[n] in _PLAIN)
    tensors = tuple(n for n in places if classes[n] is Tensor)
    numbers = tuple(n for n in places if issubclass(classes[n], np.generic))
    hosts = tuple(n for n in places if classes[n] is np.ndarray)
    ready = sum(kind is ArrayClass for kind in classes)
    if len(tensors) + len(numbers) + len(hosts) + len(fixed) + ready < len(classes):
        return None
    inputs = tuple(n for n in places if n not in fixed)
    return Way(tensors, numbers, hosts, fixed, inputs, ready == len(classes))


_steady = Steady()
_by_number: dict[tuple[type, np.generic], Any] = {}
_found = _by_number.get  # launches ask at every step: 0.2 us, the bits 0.5 us
_MOST_NUMBERS = 256


def _number(value: np.generic) -> Any:
    """A number of NumPy's as an input; one that comes often is on the device."""
    kind = value.__class__
    array = value if kind in _NUMBERS else private_array(value)
    bits = (array.dtype.type, array.tobytes())
    found = _steady.get(bits)
    if found is None:
        _steady.note(bits, array)
        return array
    # 0.0 equals -0.0, whose bits are others, and NaN equals nothing.
    if kind in _NUMBERS and (kind is not np.float32 or 0 != value == value):
        if len(_by_number) >= _MOST_NUMBERS:
            _by_number.clear()
        _by_number[kind, value] = found
    return found


def signature_of(
    args: tuple, kwargs: dict, are_read: bool
) -> tuple[Any, Sequence[Any]]:
    """What tells the program, and the arrays to give it; no key inside a trace.

    Args:
        args: The arguments.
        kwargs: Those by keyword.
        are_read: Whether the arrays are needed, for which pending ones are computed.
    """
    parts: list[Any] = []
    arrays: list[Any] = []
    for value in args:
        kind = value.__class__
        if kind is Tensor:
            array = value._value
            if array.__class__ is not ArrayClass:
                if _is_tracer(array):
                    return None, ()
                array = _array_of(value) if are_read else None
            arrays.append(array)
            parts.append(plain_type(value._type))
        elif kind is ArrayClass or issubclass(kind, _HOST):
            array = value if kind is ArrayClass else private_array(value)
            arrays.append(array)
            parts.append(type_of(array))
        elif kind in _PLAIN:
            parts.append(freeze(value))
        else:
            return _signature_of_any(args, kwargs, are_read)
    if kwargs:
        return _signature_of_any(args, kwargs, are_read)
    return tuple(parts), arrays


def _signature_of_any(
    args: tuple, kwargs: dict, are_read: bool
) -> tuple[Any, Sequence[Any]]:
    """The same for nested structures, objects and functions."""
    given = masking.parted((args, kwargs))
    leaves, tree = nesting.flatten(given, is_handle)
    if has_tracer(leaves):
        return None, ()
    parts, arrays = [tree], []
    for leaf in leaves:
        if is_input(leaf):
            arrays.append(_array_of(leaf) if are_read else None)
            parts.append(type_of_input(leaf))
        elif leaf.__class__ in _PLAIN:
            parts.append(freeze(leaf))
        elif isinstance(leaf, Variable):
            parts.append((Same(leaf), leaf._type))
        elif isinstance(leaf, FunctionType):
            parts.append(snapshot(leaf))
        else:
            parts.append(Same(leaf))
    return tuple(parts), arrays


def is_input(leaf: Any) -> bool:
    """Whether an argument is handed to the program; all others are structure."""
    is_array = isinstance(leaf, Handle | jax.Array | np.ndarray | np.generic)
    return is_array and not isinstance(leaf, Variable)


def _array_of(value: Any) -> Any:
    """An argument as an array that nobody will change."""
    if not isinstance(value, Handle):
        return private_array(value) if not isinstance(value, jax.Array) else value
    array = value._array()
    if value._type.role == SCALAR:  # a Python number, weakly typed or not
        return jnp.asarray(array, None if value._type.weak_type else value._type.dtype)
    return array


def type_of_input(value: Any) -> TensorType:
    """The type of the stand-in for an argument."""
    if isinstance(value, Handle):
        return plain_type(value._type)
    return type_of(value if isinstance(value, jax.Array) else private_array(value))


def _is_tracer(array: Any) -> bool:
    return isinstance(array, jax.Array) and array.__class__ is not ArrayClass


def objects_in(args: tuple, kwargs: dict) -> list[Any]:
    """The arguments that a function may use attributes of."""
    leaves = jax.tree.leaves((args, kwargs), is_leaf=is_handle)
    return [
        leaf for leaf in leaves if not is_input(leaf) and leaf.__class__ not in _PLAIN
    ]
