"""Steady: host values that come again and again, as arrays that are on the device.

A NumPy array among its arguments costs a launch 2 to 9 microseconds, one that is on the
device 0.3.
"""

from collections.abc import Hashable
from typing import Any

import jax

_OFTEN = 8  # times; to put an array on the device costs as much as 10 to hand it over
_MOST = 256  # values that are counted


class Steady:
    """Which host values came often.

    Attributes:
        get: The array of a key on the device; `None` if it is not there. (The method of
            a dictionary itself: launches ask at every step.)
    """

    __slots__ = ("_arrays", "_times", "get")

    def __init__(self) -> None:
        self._arrays: dict[Hashable, Any] = {}
        self._times: dict[Hashable, int] = {}
        self.get = self._arrays.get

    def note(self, key: Hashable, array: Any) -> None:
        """Count an array of the host that was handed over.

        Args:
            key: Equal only where arrays are equal bit by bit.
            array: Nobody else may change it.
        """
        if len(self._times) >= _MOST:
            self._times.clear()
            self._arrays.clear()
        times = self._times[key] = self._times.get(key, 0) + 1
        if times > _OFTEN:
            with jax.ensure_compile_time_eval():  # a tracer would outlive its trace
                self._arrays[key] = jax.device_put(array)
