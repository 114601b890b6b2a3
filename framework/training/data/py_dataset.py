"""PyDataset: batches that a user's class makes by number, in several workers."""

import math
from collections.abc import Iterator
from typing import Any

from ...errors import ArgumentError

_QUEUE = 10  # Keras's
_TIMEOUT = 25.0


class PyDataset:
    """Batches by number: `dataset[number]` is a batch of `len(dataset)` ones.

    The base of data sets that are read or computed in Python, of Keras's interface.
    Implement `__getitem__` (a whole batch, not a sample) and `__len__` (the number of
    batches); `num_batches` may return `None` instead for an endless one.

    The batches are in the same order, and the same to the last bit, whatever `workers`
    is, as long as `__getitem__` depends on its argument alone.

    Args:
        workers: Threads or processes that make batches. Default 1: a thread prepares
            them while the model trains. With 0 they are made when they are needed.
        use_multiprocessing: Processes instead of threads, which help where Python code
            takes the time. They are spawned, never forked: the class must stand at the
            top level of a module, its objects must be picklable, and a script must call
            `fit` under `if __name__ == "__main__":`.
        max_queue_size: Batches that are kept ready or being made. Default 10, Keras's.
        timeout: Seconds that a worker of several may take for a batch before it is
            given up as hanging. Default 25.

    Raises:
        ArgumentError: for numbers that cannot be used.

    Example:
        >>> class Squares(jt.utils.PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, number):
        ...         x = np.arange(3.0) + 3 * number
        ...         return x[:, None], x**2
        >>> [y.tolist() for x, y in Squares()]
        [[0.0, 1.0, 4.0], [9.0, 16.0, 25.0]]

    Note:
        Keras forks its processes, and has no `timeout`.
    """

    _workers: int = 1  # for subclasses that do not call this constructor
    _use_multiprocessing: bool = False
    _max_queue_size: int = _QUEUE
    _timeout: float = _TIMEOUT

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = _QUEUE,
        *,
        timeout: float = _TIMEOUT,
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size
        self.timeout = timeout

    @property
    def workers(self) -> int:
        """Threads or processes that make batches."""
        return self._workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = _count(value, "workers", 0)

    @property
    def use_multiprocessing(self) -> bool:
        """Whether the workers are processes."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = bool(value)

    @property
    def max_queue_size(self) -> int:
        """Batches that are kept ready or being made."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = _count(value, "max_queue_size", 1)

    @property
    def timeout(self) -> float:
        """Seconds that a worker may take for a batch."""
        return self._timeout

    @timeout.setter
    def timeout(self, value: float) -> None:
        if not isinstance(value, int | float) or not value > 0:
            raise ArgumentError(
                f"`timeout` must be a positive number of seconds; got {value!r}. "
                "Use math.inf to wait for ever."
            )
        self._timeout = value

    def __getitem__(self, index: int) -> Any:
        """The batch of a number: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(_MISSING.format(type(self).__name__, "__getitem__"))

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch; `None` for a data set without end."""
        try:
            length = type(self).__len__  # type: ignore[attr-defined]
        except AttributeError:
            message = _MISSING.format(type(self).__name__, "__len__")
            raise NotImplementedError(message) from None
        return length(self)

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        number = 0
        while number < (math.inf if count is None else count):
            yield self[number]
            number += 1

    def on_epoch_begin(self) -> None:
        """Called before the first batch of every epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of every epoch."""


_MISSING = (
    "{0} is a PyDataset without `{1}`. Define __getitem__(self, number), which returns "
    "a batch, and __len__(self), the number of batches."
)


def _count(value: Any, name: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ArgumentError(
            f"`{name}` must be an integer of at least {least}; got {value!r}."
        )
    return value
