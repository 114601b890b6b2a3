"""Snapshot: the common buffer of some variables as it was at one moment."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def _cut(array: Any, start: int, shape: tuple[int, ...]) -> Any:
    size = int(np.prod(shape))
    return jax.lax.dynamic_slice(array, (start,), (size,)).reshape(shape)


_cut_compiled = jax.jit(_cut, static_argnums=2)


def cut(array: Any, start: int, shape: tuple[int, ...]) -> Any:
    """One member's elements as an array; a value also where JAX traces a function."""
    part = _cut_compiled(array, start, shape)
    if part.__class__ is array.__class__:
        return part
    with jax.ensure_compile_time_eval():  # it is kept, and outlives the trace
        return _cut_compiled(array, start, shape)


def where_it_is(function: Callable, array: Any, *args: Any) -> Any:
    """Call a compiled function on the array's device, whatever the default is now."""
    default = jax.default_device.value
    if default is None and len(array.devices()) == 1 and _is_first(array):
        return function(array, *args)
    if len(array.devices()) > 1:
        return function(array, *args)
    with jax.default_device(next(iter(array.devices()))):
        return function(array, *args)


def _is_first(array: Any) -> bool:
    return next(iter(array.devices())) == jax.local_devices()[0]


settled: Callable[["Snapshot"], Any] = id
"""Launches the turns that owe an array; `backlog` sets it."""


class Snapshot:
    """The array of a home at one moment; variables read then keep this value.

    Attributes:
        array: All members' elements, one after another.
        holders: How many segments of live tapes, or other threads, need the array.
    """

    __slots__ = ("_kind", "_parts", "array", "holders")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.holders = 0
        self._parts: dict[int, Any] = {}

    @classmethod
    def owed(cls, kind: Any) -> "Snapshot":
        """One whose array, of this shape and dtype, is there when it is asked for."""
        snapshot = cls.__new__(cls)
        snapshot._kind = kind
        snapshot.holders = 0
        snapshot._parts = {}
        return snapshot

    def __getattr__(self, name: str) -> Any:
        """The array, where turns wait whose launch makes it."""
        if name != "array":
            raise AttributeError(name)
        found = settled(self)
        try:
            return object.__getattribute__(self, name)
        except AttributeError:
            if found is not None:
                return found
            # Replaced, and overwritten in the launch that made it.
            with jax.ensure_compile_time_eval():
                gone = jax.device_put(np.zeros(self._kind.shape, self._kind.dtype))
            gone.delete()
            self.array = gone
            return gone

    def take(self, start: int, shape: tuple[int, ...]) -> Any:
        """One member's value as an array of its own."""
        part = self._parts.get(start)
        if part is None:
            part = self._parts[start] = where_it_is(cut, self.array, start, shape)
        return part
