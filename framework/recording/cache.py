"""A bounded cache: what was not used for the longest time goes first."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..errors import ArgumentTypeError

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key, at most `capacity()` of them, safe to use from any thread.

    Args:
        capacity: Called at each insertion, so that a setting may change it.
    """

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        # Each call on it is atomic; a lock could be left locked by an interrupt.
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value of `key`, or `None`."""
        try:
            value = self._values.get(key)
        except TypeError:
            raise ArgumentTypeError(
                "An argument that must be a number, a text or a tuple of them is a "
                f"list, set or dictionary: {key!r}."
            ) from None
        if value is not None:
            with contextlib.suppress(KeyError):  # another thread has dropped it
                self._values.move_to_end(key)
        return value

    def add(self, key: Hashable, value: Value) -> Value:
        """Keep `value` unless another thread was first; returns the one kept."""
        kept = self._values.setdefault(key, value)
        self._make_room()
        return kept

    def replace(self, key: Hashable, value: Value) -> None:
        """Keep `value` in place of what was kept."""
        self._values[key] = value
        self._make_room()

    def _make_room(self) -> None:
        with contextlib.suppress(KeyError):
            while len(self._values) > max(1, self._capacity()):
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
