"""Known data: host arrays that stand behind the placeholders of a model's inputs.

A layer that is put together for `fit` sees placeholders. Where all data is on the host,
it can be looked at once, before anything runs.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .recording.node import Handle


class _Known(threading.local):
    """What placeholders stand for in this thread: they and arrays, by their ids."""

    pairs: dict[int, tuple[Handle, np.ndarray]] | None = None


_known = _Known()


@contextlib.contextmanager
def standing_for(handles: Sequence[Handle], arrays: Sequence[Any]) -> Iterator[None]:
    """Let layers look at the arrays that placeholders stand for, those on the host."""
    before = _known.pairs
    _known.pairs = {}
    for handle, array in zip(handles, arrays, strict=True):
        if isinstance(array, np.ndarray):
            _known.pairs[id(handle)] = (handle, array)
    try:
        yield
    finally:
        _known.pairs = before


def converted(before: Handle, after: Handle) -> Handle:
    """`after`, which has the numbers of `before` in another dtype."""
    pairs = _known.pairs
    if pairs is not None and id(before) in pairs:
        pairs[id(after)] = (after, pairs[id(before)][1])
    return after


def host_values(handle: Handle) -> np.ndarray | int | float | None:
    """A Tensor's value if it is on the host, or what it stands for; else `None`."""
    value = handle._value
    if value is None and _known.pairs is not None:
        return _known.pairs.get(id(handle), (None, None))[1]
    return value if isinstance(value, np.ndarray | int | float) else None
