"""Preparing batches in a thread, some of them ahead of where they are used."""

import queue
import threading
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import jax

_POLL = 0.1  # seconds between looks at whether the other side is still there
_PATIENCE = 2.0  # seconds that close() waits for a thread in the user's code
_END = object()


class Prefetcher(Iterator[Any]):
    """An iterator whose items a thread takes ahead of their use.

    The thread holds at most `ahead` items and ends with the iterator, with `close`, or
    when the prefetcher is dropped; it is a daemon, so that it never keeps an
    interpreter from exiting. An error in it is raised where the item would have been
    taken, with the traceback that it came with.

    Args:
        items: Taken from by the thread alone.
        ahead: Items that are kept ready.
    """

    def __init__(self, items: Generator[Any, None, None], ahead: int) -> None:
        self._ready: queue.Queue = queue.Queue(ahead)
        self._stop = threading.Event()
        arguments = (items, self._ready, self._stop, jax.enable_x64.value)
        self._thread = threading.Thread(
            target=_fill, args=arguments, name="jaxtape prefetch", daemon=True
        )
        weakref.finalize(self, self._stop.set)
        self._thread.start()

    def __next__(self) -> Any:
        while not self._stop.is_set():
            try:
                item, error = self._ready.get(timeout=_POLL)
            except queue.Empty:
                continue
            if error is not None:
                self._stop.set()
                raise error
            if item is _END:
                self._stop.set()
                break
            return item
        raise StopIteration

    def close(self) -> None:
        """Stop the thread; wait a moment for the user's code to return to it."""
        self._stop.set()
        self._thread.join(_PATIENCE)


def _fill(
    items: Generator[Any, None, None],
    ready: queue.Queue,
    stop: threading.Event,
    x64: bool,
) -> None:
    """Take items until they end, fail, or nobody wants them."""
    entry: tuple[Any, BaseException | None] = (_END, None)
    with jax.enable_x64(x64):  # the setting is the thread's own
        try:
            for item in items:
                _put((item, None), ready, stop)
                if stop.is_set():
                    items.close()
                    return
        except BaseException as error:
            entry = (None, error)
    _put(entry, ready, stop)


def _put(entry: tuple, ready: queue.Queue, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return ready.put(entry, timeout=_POLL)
        except queue.Full:
            continue
    return None
