"""WorkerProcess: batches of a PyDataset made in a process of their own.

Spawned, never forked: JAX's threads do not survive a fork, and a lock that one of them
held would stay locked in the child for ever.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from ...errors import WorkerError

_START = 120.0  # seconds; importing JAX takes a few, many at once on few cores longer
_SPAWN = multiprocessing.get_context("spawn")
_environment = threading.Lock()


class WorkerProcess:
    """A process that holds a copy of a PyDataset and makes batches of it.

    Used by one thread at a time. The process ends with `stop`, with the interpreter,
    and when its parent dies.

    Args:
        timeout: Seconds that a batch may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._process: Any = None
        self._connection: Any = None
        self._holds: int | None = None
        self._is_stopped = False
        self._guard = threading.Lock()

    @property
    def name(self) -> str:
        """What messages call it, with the system's number of the process."""
        return f"worker process {self._process.pid if self._process else '(none)'}"

    def make(self, version: int, dataset: bytes, number: int) -> Any:
        """A batch, made in the process, which is started when it is first needed.

        Args:
            version: Tells apart the states of the data set.
            dataset: The pickled data set.
            number: Of the batch.

        Raises:
            WorkerError: if the process dies, hangs, or cannot load the data set.
        """
        task = f"batch {number}"
        if self._process is None:
            self._start(task)
        if self._holds != version:
            self._ask(("dataset", dataset), _START, task)
            self._holds = version
        return self._ask(("batch", number), self._timeout, task)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        with self._guard:
            self._is_stopped = True
            process = self._process
        if process is not None:
            process.terminate()
            process.join(1.0)
            if process.is_alive():
                process.kill()
                process.join(1.0)

    def _start(self, task: str) -> None:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        with self._guard, _on_the_host():
            if self._is_stopped:
                raise WorkerError(f"The worker was stopped before it made {task}.")
            process.start()
            self._process, self._connection = process, ours
        theirs.close()
        self._answer(_START, task)

    def _ask(self, message: tuple, timeout: float, task: str) -> Any:
        with contextlib.suppress(OSError):  # it died; the answer will not come
            self._connection.send(message)
        return self._answer(timeout, task)

    def _answer(self, timeout: float, task: str) -> Any:
        """What the process sends within a time."""
        begun = time.monotonic()
        ends = [self._connection, self._process.sentinel]
        ready = wait(ends, None if timeout == float("inf") else timeout)
        if not ready:
            name = self.name
            self.stop()
            raise WorkerError(
                f"{name} has been making {task} for more than {timeout:g} seconds and "
                "was stopped. Give the PyDataset a longer `timeout` if a batch can "
                "take so long."
            )
        try:
            kind, *content = self._connection.recv()
        except (EOFError, OSError):
            raise self._died(task, time.monotonic() - begun) from None
        if kind == "error":
            self._raise(task, *content)
        return content[0] if content else None

    def _died(self, task: str, seconds: float) -> WorkerError:
        self._process.join(1.0)
        code = self._process.exitcode
        ended = f"exit code {code}" if code is None or code >= 0 else f"signal {-code}"
        cause = (
            "It printed the reason above, or the system ended it, for example for want "
            "of memory."
        )
        if self._holds is None:
            cause += " A script must call fit under `if __name__ == '__main__':`."
        return WorkerError(
            f"{self.name} died ({ended}) on {task} after {seconds:.1f} seconds. {cause}"
        )

    def _raise(self, task: str, pickled: bytes | None, text: str) -> None:
        """Raise the error of the process, with its traceback there as the cause."""
        note = f"Raised for {task} by {self.name}."
        error: Any = None
        with contextlib.suppress(Exception):
            error = pickle.loads(pickled or b"")
        if not isinstance(error, BaseException):
            error = WorkerError(f"{text.strip().splitlines()[-1]}. {note}")
        error.add_note(note)
        raise error from _RemoteTraceback(text)


class _RemoteTraceback(Exception):
    """The traceback of an error in another process, as text."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


@contextlib.contextmanager
def _on_the_host() -> Iterator[None]:
    """Processes that are started in this block leave accelerators alone.

    JAX takes most of a GPU's memory as soon as it is imported and used; the processes
    inherit this environment.
    """
    with _environment:
        before = os.environ.get("JAX_PLATFORMS")
        os.environ["JAX_PLATFORMS"] = "cpu"
        try:
            yield
        finally:
            if before is None:
                del os.environ["JAX_PLATFORMS"]
            else:
                os.environ["JAX_PLATFORMS"] = before


def _serve(connection: Connection) -> None:
    """What the process does: hold a data set, and answer with its batches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    dataset: Any = None
    connection.send(("ready",))
    while True:
        try:
            kind, content = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if kind == "dataset":
                dataset = _loaded(content)
                answer: tuple = ("loaded",)
            else:
                answer = ("batch", dataset[content])
            connection.send(answer)
        except BrokenPipeError:
            return
        except BaseException as error:
            connection.send(("error", _pickled(error), traceback.format_exc()))


def _loaded(content: bytes) -> Any:
    try:
        return pickle.loads(content)
    except Exception as error:
        raise WorkerError(
            f"The data set cannot be loaded in a worker process: {error}. Define its "
            "class at the top level of a module that can be imported, not in a "
            "notebook or under `if __name__ == '__main__':`."
        ) from error


def _pickled(error: BaseException) -> bytes | None:
    try:
        return pickle.dumps(error)
    except Exception:
        return None


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
