"""The batches of a PyDataset: made here, ahead by a thread, or by several workers."""

import itertools
import math
import pickle
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...errors import ArgumentError, JaxtapeError
from ...seeds import next_order_seed
from .batch import BatchCheck, capital, located, taken
from .ordering import permutation, place_of
from .prefetching import Prefetcher
from .py_dataset import PyDataset
from .source import Source
from .worker_process import WorkerProcess
from .workers import Workers


class PyDatasetSource(Source):
    """Batches that a PyDataset makes by number.

    Shuffling is that of whole batches, as in Keras. The batches of an epoch follow from
    the seed and its number; a data set without end goes on from epoch to epoch.

    Args:
        dataset: Asked for its workers when the first batch is.
        shuffle: Whether every epoch has its own order of the batches.
        steps: Batches of an epoch at most.
        seed: Of the order; default one from `jt.random`'s seed.
        class_weight: Weights of classes.
        output_names: Names of the outputs, for weights by name.

    Raises:
        ArgumentError: for a data set without batches, or one that cannot be sent to the
            processes that it asks for.
    """

    def __init__(
        self,
        dataset: PyDataset,
        *,
        shuffle: bool = False,
        steps: int | None = None,
        seed: int | None = None,
        class_weight: Any = None,
        output_names: list[str] | None = None,
    ) -> None:
        self._dataset, self._steps = dataset, steps
        self._name = f"the PyDataset {type(dataset).__name__}"
        self._check = BatchCheck(class_weight, output_names)
        self._in_pass = self._count()
        if shuffle and self._in_pass is not None:
            self.seed = next_order_seed() if seed is None else seed
        self._copy = _Copy(dataset, self._name) if self._has_processes else None
        self._processes: list[WorkerProcess] = []
        self._workers: Workers | None = None
        self._ahead: Prefetcher | None = None
        weakref.finalize(self, _stop, self._processes)

    @property
    def _has_processes(self) -> bool:
        return self._dataset.use_multiprocessing and self._dataset.workers > 0

    def batches(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """The batches of an epoch."""
        self._dataset.on_epoch_begin()
        self._in_pass = self._count()
        numbers = itertools.islice(self._numbers(epoch), first, None)
        try:
            for batch, place in self._made(numbers):
                yield self._check.read(batch, place)
        except GeneratorExit:
            raise
        except BaseException:
            self.close()
            raise

    def skip_epochs(self, count: int) -> None:
        """Let the data set's hooks do what they did in whole epochs."""
        for _ in range(count):
            self._dataset.on_epoch_begin()
            self.end_epoch()

    def end_epoch(self) -> None:
        """Call the data set's `on_epoch_end`, which may change it."""
        self._dataset.on_epoch_end()
        self._in_pass = self._count()

    def close(self) -> None:
        """Stop the workers."""
        if self._ahead is not None:
            self._ahead.close()
        if self._workers is not None:
            self._workers.close()
        _stop(self._processes)
        self._processes.clear()
        self._ahead = self._workers = None

    def _count(self) -> int | None:
        """Batches of a pass; sets those of an epoch."""
        count = self._dataset.num_batches
        if count is not None and count < 1:
            raise ArgumentError(
                f"{capital(self._name)} has {count} batches; at least 1 is needed. "
                "Check its __len__."
            )
        both = [number for number in (count, self._steps) if number is not None]
        self.num_batches = min(both, default=None)
        return count

    def _numbers(self, epoch: int) -> Iterable[int]:
        """The numbers of an epoch's batches."""
        if self._in_pass is None:
            start = epoch * (self._steps or 0)
            return itertools.islice(itertools.count(start), self._steps)
        assert self.num_batches
        number, position = place_of(epoch, self.num_batches, self._in_pass)
        end = position + self.num_batches
        if self.seed is None:
            return range(position, min(end, self._in_pass))
        return permutation(self.seed, number, self._in_pass)[position:end].tolist()

    def _made(self, numbers: Iterable[int]) -> Iterator[tuple[Any, str]]:
        """The batches of these numbers, each with where it comes from."""
        if self._dataset.workers > 1 or self._has_processes:
            yield from self._team().items(numbers)
            return
        make = _maker(self._dataset, self._name)
        here = (make(number) for number in numbers)
        if self._dataset.workers == 0:
            yield from here
            return
        self._ahead = ahead = Prefetcher(here, self._dataset.max_queue_size)
        try:
            yield from ahead
        finally:
            ahead.close()

    def _team(self) -> Workers:
        """The workers, who are kept from epoch to epoch."""
        if self._copy is not None:
            self._copy.renew(self._dataset, self._name)
        if self._workers is None:
            dataset, count = self._dataset, self._dataset.workers
            timeout = dataset.timeout
            makers = [_maker(dataset, self._name, is_one_of_many=True)] * count
            if self._copy is not None:
                self._processes += [WorkerProcess(timeout) for _ in range(count)]
                makers = [
                    _process_maker(process, self._copy, self._name)
                    for process in self._processes
                ]
                timeout = math.inf  # the processes are watched themselves
            self._workers = Workers(makers, dataset.max_queue_size, timeout)
        return self._workers


class _Copy:
    """A PyDataset as it is sent to processes; the version tells its states apart."""

    def __init__(self, dataset: PyDataset, name: str) -> None:
        self.version = 0
        self.content = b""
        self._is_due = True
        self.renew(dataset, name)
        kind = type(dataset)
        self._is_due = (
            kind.on_epoch_begin is not PyDataset.on_epoch_begin
            or kind.on_epoch_end is not PyDataset.on_epoch_end
        )

    def renew(self, dataset: PyDataset, name: str) -> None:
        """Pickle it again if its hooks may have changed it."""
        if not self._is_due:
            return
        try:
            content = pickle.dumps(dataset)
        except Exception as error:
            raise ArgumentError(
                f"{capital(name)} cannot be sent to worker processes: {error}. Define "
                "it at the top level of a module, with attributes that can be pickled "
                "(no lambdas, locks or open files), or use threads: "
                "use_multiprocessing=False."
            ) from error
        if content != self.content:
            self.version, self.content = self.version + 1, content


_Maker = Callable[[int], tuple[Any, str]]


def _maker(dataset: PyDataset, name: str, is_one_of_many: bool = False) -> _Maker:
    """What makes a batch in this process."""

    def make(number: int) -> tuple[Any, str]:
        place = f"batch {number} of {name}"
        if is_one_of_many:
            place += f" (by {threading.current_thread().name})"
        try:
            given = dataset[number]
        except Exception as error:
            error.add_note(f"Raised for {place}.")
            raise
        return _private(given, place), place

    return make


def _process_maker(process: WorkerProcess, copy: _Copy, name: str) -> _Maker:
    """What has a batch made by a process."""

    def make(number: int) -> tuple[Any, str]:
        given = process.make(copy.version, copy.content, number)
        place = f"batch {number} of {name} (by {process.name})"
        return _private(given, place, is_sent=True), place

    return make


def _private(given: Any, place: str, is_sent: bool = False) -> Any:
    try:
        return taken(given, is_private=is_sent)
    except JaxtapeError as error:
        raise located(error, place) from None


def _stop(processes: list[WorkerProcess]) -> None:
    for process in processes:
        process.stop()
