"""Snapshot: the common buffer of some variables as it was at one moment."""

from typing import Any

import jax
import numpy as np


def _cut(array: Any, start: int, shape: tuple[int, ...]) -> Any:
    size = int(np.prod(shape))
    return jax.lax.dynamic_slice(array, (start,), (size,)).reshape(shape)


cut = jax.jit(_cut, static_argnums=2)


class Snapshot:
    """The array of a home at one moment; variables read then keep this value.

    Attributes:
        array: All members' elements, one after another.
        holders: How many segments of live tapes, or other threads, need the array.
    """

    __slots__ = ("_parts", "array", "holders")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.holders = 0
        self._parts: dict[int, Any] = {}

    def take(self, start: int, shape: tuple[int, ...]) -> Any:
        """One member's value as an array of its own."""
        part = self._parts.get(start)
        if part is None:
            part = self._parts[start] = cut(self.array, start, shape)
        return part
