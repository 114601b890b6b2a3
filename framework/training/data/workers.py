"""Workers: several threads that make numbered items, which come out in order."""

import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotReady
from typing import Any

import jax

from ...errors import WorkerError

_POLL = 0.1  # seconds between looks at whether anything is wrong


class _Task:
    """An item that was asked for."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.future: Future = Future()
        self.begun: float | None = None
        self.worker = ""


class Workers:
    """Threads that call `make(number)`, some items ahead of their use.

    They are daemons, end with `close` or when this object is dropped, and never keep an
    interpreter from exiting.

    Args:
        makers: One function for each thread: from the number of an item to the item.
        ahead: Items that are asked for before the first of them is used.
        timeout: Seconds for one item before its thread is given up.
    """

    def __init__(
        self, makers: list[Callable[[int], Any]], ahead: int, timeout: float
    ) -> None:
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        self._ahead = max(ahead, 1)
        self._timeout = timeout
        self._threads = [
            threading.Thread(
                target=_work,
                args=(make, self._tasks, jax.enable_x64.value),
                name=f"jaxtape worker {position}",
                daemon=True,
            )
            for position, make in enumerate(makers)
        ]
        weakref.finalize(self, _dismiss, self._tasks, len(makers))
        for thread in self._threads:
            thread.start()

    def items(self, numbers: Iterable[int]) -> Iterator[Any]:
        """The items of these numbers, in this order.

        Raises:
            WorkerError: if a thread takes longer than the timeout.
        """
        waiting: deque[_Task] = deque()
        try:
            for number in numbers:
                waiting.append(task := _Task(number))
                self._tasks.put(task)
                if len(waiting) >= self._ahead:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for task in waiting:
                task.future.cancel()

    def close(self) -> None:
        """Let the threads end after what they are making."""
        _dismiss(self._tasks, len(self._threads))

    def _result(self, task: _Task) -> Any:
        while True:
            try:
                return task.future.result(_POLL)
            except NotReady:
                if task.future.done():
                    return task.future.result()  # or raises what the user's code did
                begun = task.begun
                if begun is not None and time.monotonic() - begun > self._timeout:
                    raise WorkerError(
                        f"{task.worker} has been making batch {task.number} for more "
                        f"than {self._timeout:g} seconds. Give the PyDataset a longer "
                        "`timeout` if a batch can take so long."
                    ) from None


def _work(make: Callable[[int], Any], tasks: queue.SimpleQueue, x64: bool) -> None:
    """Make what is asked for until `None` is."""
    with jax.enable_x64(x64):  # the setting is the thread's own
        while (task := tasks.get()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            task.worker = threading.current_thread().name
            task.begun = time.monotonic()
            try:
                task.future.set_result(make(task.number))
            except BaseException as error:
                task.future.set_exception(error)
            del task  # its item is large, and the next one may be long in coming


def _dismiss(tasks: queue.SimpleQueue, count: int) -> None:
    for _ in range(count):
        tasks.put(None)
