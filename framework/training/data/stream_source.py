"""Batches from any iterable or generator, and what other libraries' loaders tell."""

import itertools
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any

from ...errors import ArgumentError, JaxtapeError
from ...recording.site import user_level
from .batch import BatchCheck, capital, located, taken
from .prefetching import Prefetcher
from .source import Source

_END = object()
AHEAD = 4
"""Batches that are kept ready: enough to even out slow ones, few for memory."""


class StreamSource(Source):
    """Batches that an iterable yields.

    Without `steps` an epoch is one pass: what can be iterated again is, at every epoch;
    what comes only once (a generator) is used up by the first. With `steps` an epoch is
    so many batches, and the next goes on after them; at the end, what can be iterated
    again is begun anew. An endless one needs `steps`: without, the first epoch never
    ends, as in Keras.

    Args:
        iterate: Begins a pass over the data; called in a thread.
        origin: What the data are, for messages.
        is_once: Whether a second pass would yield nothing.
        steps: Batches of an epoch.
        num_batches: Batches of a pass, if that is known.
        batch_size: Samples of a batch, if that is known.
        class_weight: Weights of classes.
        output_names: Names of the outputs, for weights by name.
    """

    def __init__(
        self,
        iterate: Callable[[], Iterator[Any]],
        origin: str,
        *,
        is_once: bool,
        steps: int | None = None,
        num_batches: int | None = None,
        batch_size: int | None = None,
        class_weight: Any = None,
        output_names: list[str] | None = None,
    ) -> None:
        self._iterate, self._origin, self._is_once = iterate, origin, is_once
        self._steps = steps
        self._expected = self.num_batches = steps or num_batches
        self.batch_size = batch_size
        self._check = BatchCheck(class_weight, output_names)
        self._iterator: Iterator[Any] | None = None
        self._has_yielded = False
        self._taking = threading.Lock()
        self._running: Prefetcher | None = None

    def batches(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """The batches of an epoch, prepared ahead by a thread.

        Raises:
            ArgumentError: if there is not a single batch.

        Warns:
            UserWarning: if the data end before the epoch does.
        """
        self._stop()
        self._running = running = Prefetcher(self._taken(epoch, first), AHEAD)
        number = first
        try:
            for batch in running:
                yield self._check.read(batch, self._place(number, epoch))
                number += 1
        finally:
            running.close()
        self._note_end(epoch, number)

    def skip_epochs(self, count: int) -> None:
        """Take the batches of whole epochs, and drop them."""
        for epoch in range(count):
            for number in range(self._steps or 0):
                if self._next(self._place(number, epoch)) is _END:
                    break  # the epoch ended early

    def close(self) -> None:
        """Stop the thread, and let go of the pass that was begun."""
        self._stop()
        self._iterator = None

    def _stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def _taken(self, epoch: int, first: int) -> Generator[Any, None, None]:
        """Private copies of an epoch's batches; runs in the thread."""
        with self._taking:  # a thread that was stopped may still be in the user's code
            if self._steps is None and not self._is_once:
                self._iterator = None
            numbers = itertools.count() if self._steps is None else range(self._steps)
            for number in numbers:
                place = self._place(number, epoch)
                given = self._next(place)
                if given is _END:
                    break
                if number >= first:
                    yield _private(given, place)

    def _place(self, number: int, epoch: int) -> str:
        return f"batch {number} of epoch {epoch} of {self._origin}"

    def _next(self, place: str) -> Any:
        """The next batch of the pass; `_END` after the last, before another pass."""
        try:
            if self._iterator is None:
                self._iterator = self._iterate()
            given = next(self._iterator, _END)
        except Exception as error:
            error.add_note(f"Raised for {place} (both counted from 0).")
            raise
        if given is _END and not self._is_once:
            self._iterator = None
        return given

    def _note_end(self, epoch: int, count: int) -> None:
        """Say that data ended early; remember how many batches a pass has."""
        if not count and not self._has_yielded:
            raise ArgumentError(
                f"Expected at least one batch of {self._origin}; there are 0. "
                "A generator yields nothing once it was used up: make it anew."
            )
        self._has_yielded = True
        if count and self._expected is None:
            self.num_batches = count
        if count < (self._expected or 1):
            warnings.warn(
                f"{capital(self._origin)} ended at batch {count} of epoch {epoch} "
                f"(both counted from 0); {self._expected or 'more'} batches were "
                "expected. Yield `steps_per_epoch * epochs` batches, or give data "
                "that can be iterated again, as a list or a dataset.",
                stacklevel=user_level(),
            )


def _private(given: Any, place: str) -> tuple[Any, ...]:
    try:
        return taken(given)
    except JaxtapeError as error:
        raise located(error, place) from None
