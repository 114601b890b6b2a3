"""The arguments of a kept function: which are inputs, and what tells its programs."""

import functools
from collections.abc import Sequence
from types import FunctionType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from . import masking, nesting
from .captures import Same, snapshot
from .recording.body import has_tracer, is_handle
from .recording.ingest import private_array
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


class _Classes(NamedTuple):
    """What to do with arguments of some classes, by their positions.

    Attributes:
        tensors: Those whose arrays are inputs.
        numbers: Those that are numbers of NumPy's.
        hosts: Those that are copied.
        fixed: Those that are structure.
        inputs: All others, if there are any of `fixed`.
        are_known: Whether there are no others than these.
    """

    tensors: tuple[int, ...]
    numbers: tuple[int, ...]
    hosts: tuple[int, ...]
    fixed: tuple[int, ...]
    inputs: tuple[int, ...]
    are_known: bool


@functools.lru_cache(maxsize=4096)
def _sorted(classes: tuple[type, ...]) -> _Classes:
    places = range(len(classes))
    fixed = tuple(n for n in places if classes[n] in _PLAIN)
    tensors = tuple(n for n in places if classes[n] is Tensor)
    numbers = tuple(n for n in places if issubclass(classes[n], np.generic))
    hosts = tuple(n for n in places if issubclass(classes[n], np.ndarray))
    ready = sum(kind is ArrayClass for kind in classes)
    known = len(tensors) + len(numbers) + len(hosts) + len(fixed) + ready
    inputs = tuple(n for n in places if n not in fixed)
    return _Classes(tensors, numbers, hosts, fixed, inputs, known == len(classes))


def classes_of(args: tuple) -> tuple[tuple | None, Sequence[Any]]:
    """The arguments' classes, and the values of those that are structure; the arrays.

    No key where there are others than arrays, numbers and text, or an array that is
    not there yet.
    """
    key = (*map(type, args),)
    tensors, numbers, hosts, fixed, inputs, are_known = _sorted(key)
    if not are_known:
        return None, ()
    if not tensors and not numbers and not hosts and not fixed:
        return key, args
    arrays = [*args]
    for n in tensors:
        array = arrays[n] = arrays[n]._value
        if array.__class__ is not ArrayClass:
            return None, ()
    for n in numbers:
        number = arrays[n]
        found = _find((number.__class__, number.tobytes()))
        arrays[n] = _number(number) if found is None else found
    for n in hosts:
        arrays[n] = private_array(arrays[n])
    if fixed:
        key = (key, *[freeze(args[n]) for n in fixed])
        arrays = [arrays[n] for n in inputs]
    return key, arrays


_steady = Steady()
_find = _steady.get


def _number(value: np.generic) -> Any:
    """A number of NumPy's as an input; one that comes often is on the device."""
    array = value if value.__class__ in _NUMBERS else private_array(value)
    key = (array.dtype.type, array.tobytes())
    found = _find(key)
    if found is None:
        _steady.note(key, array)
    return array if found is None else found


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
