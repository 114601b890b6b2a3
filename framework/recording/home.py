"""Homes: one buffer for many small variables that are updated together.

An array costs a launch a few microseconds, whatever its size, so the small variables
of a model, and the slots of its optimizer, live side by side in one array. A program
takes the array as a single argument and cuts the variables out inside; a variable that
is read on its own is cut out then.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .node import NOWHERE, Handle, writes
from .signature import tensor_type
from .snapshot import Snapshot, where_it_is


class Home(Handle):
    """The common buffer of some variables of one dtype.

    Args:
        members: The variables, in order. They move in: their values live here.

    Attributes:
        starts, shapes: Where each member's elements start, and their shape.
        before: The members' arrays until now.
    """

    __slots__ = ("before", "members", "shapes", "starts")

    _start = -1
    _may_change = True
    moves = 0
    """How often variables have moved into a home, counted over all."""

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = tuple(members)
        self.shapes = tuple(member.shape for member in members)
        sizes = [member.size for member in members]
        self.starts = tuple(int(n) for n in np.cumsum([0, *sizes[:-1]]))
        self.before = tuple(member._array() for member in members)
        array = where_it_is(_join_to, self.before[0], list(self.before[1:]))
        self._type = tensor_type(array.shape, array.dtype)
        self._value = Snapshot(array)
        self._at = NOWHERE
        self._origin = None
        for member, start in zip(members, self.starts, strict=True):
            member._move_in(self, start)
        Home.moves += 1
        writes.count += 1

    @property
    def _home(self) -> "Home":
        return self

    def _array(self) -> Any:
        return self._value

    def _write(self, value: Any) -> None:
        """Take a new array: every member has a new value."""
        self._value = Snapshot(value)
        writes.count += 1

    def _put(self, start: int, value: Any) -> None:
        """Take a new value for one member.

        Where a failed step has taken the buffer, the others are NaN until they are
        assigned too.
        """
        array = self._value.array
        if array.is_deleted():
            kind = self._type
            is_float = jnp.issubdtype(kind.dtype, jnp.inexact)
            array = jnp.full(kind.shape, jnp.nan if is_float else 0, kind.dtype)
        self._write(where_it_is(_replaced, array, start, value))

    def _share(self) -> None:
        self._value.holders += 1

    def _admitted(self) -> Any:
        return self._value

    def _may_donate(self, value: Any) -> bool:
        return value is self._value and not value.holders

    def is_home_of(self, variables: Iterable[Any]) -> bool:
        """Whether exactly these variables live here, in this order."""
        given = tuple(variables)
        return len(given) == len(self.members) and all(
            a is b for a, b in zip(self.members, given, strict=True)
        )


def _flat(arrays: Sequence[Any]) -> Any:
    return jnp.concatenate([jnp.ravel(array) for array in arrays])


_join_to = jax.jit(lambda first, rest: _flat([first, *rest]))


_replaced = jax.jit(
    lambda array, start, value: jax.lax.dynamic_update_slice(
        array, jnp.ravel(value), (start,)
    )
)


def cut_in_trace(array: Any, start: int, shape: tuple[int, ...]) -> Any:
    """One member of a home, inside a program."""
    size = int(np.prod(shape))
    return jax.lax.slice(array, (start,), (start + size,)).reshape(shape)


def put_in_trace(array: Any, start: int, value: Any) -> Any:
    """A home with one member replaced, inside a program."""
    return jax.lax.dynamic_update_slice(array, jnp.ravel(value), (start,))
