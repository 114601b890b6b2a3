"""The arguments of a kept function: which are inputs, and what tells its programs."""

from collections.abc import Sequence
from types import FunctionType
from typing import Any

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
from .recording.tensor import Tensor
from .variable import Variable

_HOST = (np.ndarray, np.generic)  # as a union it would be made anew: 0.1 us
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})


def classes_of(args: tuple) -> tuple[tuple | None, list[Any]]:
    """Which arguments are arrays, and the others' values; no key for anything else."""
    parts, arrays = [], []
    for value in args:
        kind = value.__class__
        if kind is Tensor:
            value = value._value
            kind = value.__class__
        if kind is ArrayClass:
            arrays.append(value)
            parts.append(kind)
        elif kind in _PLAIN:
            parts.append(freeze(value))
        elif issubclass(kind, _HOST):
            arrays.append(private_array(value))
            parts.append(ArrayClass)
        else:
            return None, arrays
    return tuple(parts), arrays


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
