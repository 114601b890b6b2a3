"""A bounded cache: what was not used for the longest time goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key, at most `capacity()` of them, safe to use from any thread.

    Args:
        capacity: Called at each insertion, so that a setting may change it.
    """

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value of `key`, or `None`."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def add(self, key: Hashable, value: Value) -> Value:
        """Keep `value` unless another thread was first; returns the one kept."""
        with self._lock:
            kept = self._values.setdefault(key, value)
            while len(self._values) > max(1, self._capacity()):
                self._values.popitem(last=False)
            return kept

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
