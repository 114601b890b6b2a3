"""Running: the steps of an epoch, as many in one launch as pay."""

import contextlib
import math
import time
from typing import Any

import jax

from .. import config
from ..recording.body import is_handle
from .callbacks import CallbackList
from .feeds import Feed, Portion, feed_for, single
from .padding import may_pad
from .position import Position
from .programs import Steps, read_logs

_SHOWN_SECONDS = 0.1
"""Length of a launch when progress is shown."""
_MOST_SECONDS = 0.5
"""Length of a launch that nobody looks into: a signal is heeded when it ends."""
_TIMED = 4
"""Launches that are timed where batches come one by one; later ones are not awaited."""
_FASTER = 8
"""How much longer a launch may be than the one that it is judged by."""


class Run:
    """Goes through the batches of a source with the steps of a model.

    Args:
        model: A compiled model.
        mode: "train" or "test".
        source: Where the batches come from.
        callbacks: What to tell.
        position: What to keep up to date; `None` in evaluations.
    """

    def __init__(
        self,
        model: Any,
        mode: str,
        source: Any,
        callbacks: CallbackList,
        position: Position | None = None,
    ) -> None:
        self._model, self._mode, self._callbacks = model, mode, callbacks
        self._compiled = model._require_compiled("fit" if mode == "train" else "test")
        asked = self._compiled.arguments["steps_per_execution"]
        self._asked = asked if isinstance(asked, int) else None
        is_train = mode == "train"
        self._watches = (
            callbacks.watches_batches if is_train else callbacks.watches_test_batches
        )
        self._interval = callbacks.step_interval if is_train else None
        self._hooks = "on_train" if is_train else "on_test"
        self._source = source
        self._feed = None if source is None else self._feed_of(source)
        self._in_flight: Any = None
        self._num_timed = 0
        self._position = position or Position(model, source, (), 0)

    def _feed_of(self, source: Any) -> Feed:
        most = 1 if self._watches else self._asked
        return feed_for(source, may_pad(self._model, self._mode), most)

    def batch(self, batch: Any) -> dict[str, Any]:
        """Make one step; metrics begin anew, as in Keras."""
        portion = single(batch)
        return read_logs(self._launch(self._steps_for(portion), portion, 0, 1, True))

    def epoch(self, number: int, first: int = 0) -> dict[str, Any]:
        """Make the steps of an epoch from batch number `first` on; returns its logs."""
        assert self._feed is not None
        position = self._position
        # Of an epoch that is over, all but its validation, there is nothing to do.
        logs: Any = position.logs if first else {}
        done = first
        with contextlib.closing(self._feed.portions(number, first)) as portions:
            for portion in portions:
                position.batch = portion.batch
                steps = self._steps_for(portion)
                place = portion.start
                while place < portion.stop and not self._is_stopped(done):
                    stop = min(portion.stop, place + self._length(portion, steps))
                    if self._watches:
                        self._tell("batch_begin", done)
                    logs = self._launch(steps, portion, place, stop, not done)
                    done += stop - place
                    position.step, position.logs = done, logs
                    position.total_steps += stop - place
                    place = stop
                    self._tell_of(done, logs)
                if self._is_stopped(done):
                    break
        return read_logs(logs)

    def _is_stopped(self, done: int) -> bool:
        """Whether a callback has ended the training in the middle of this epoch."""
        return self._mode == "train" and done > 0 and self._model.stop_training

    def _steps_for(self, portion: Portion) -> Steps:
        key = (self._mode, portion.tree, portion.is_ordered, portion.is_masked)
        found = self._compiled.programs.get(key)
        if found is None:
            step, results = self._model._step_of(self._mode)
            found = self._compiled.programs[key] = Steps(
                step,
                results,
                self._model.reset_metrics,
                portion.tree,
                portion.is_ordered,
                portion.is_masked,
                self._model._watched(self._mode),
                f"{self._mode}_step",
            )
        return found

    def _length(self, portion: Portion, steps: Steps) -> int:
        """How many steps the next launch makes."""
        if self._watches or steps.is_single or not steps.num_recorded:
            return 1
        most = self._asked or self._affordable(portion)
        if self._interval:
            most = min(
                most, self._interval - self._position.total_steps % self._interval
            )
        return max(most, 1)

    def _affordable(self, portion: Portion) -> int:
        pace = self._compiled.pace.get(self._pace_key(portion))
        if pace is None:
            return 1
        shown = self._callbacks.shows_progress
        seconds, length = pace
        target = _SHOWN_SECONDS if shown else _MOST_SECONDS
        if not 1e-7 < seconds < math.inf:  # a clock that jumps, or stands still
            return _FASTER * length if seconds <= 1e-7 else 1
        return int(min(target / seconds, _FASTER * length))

    def _pace_key(self, portion: Portion) -> Any:
        return self._mode, portion.is_ordered, portion.batch_size

    def _launch(
        self, steps: Steps, portion: Portion, start: int, stop: int, is_first: bool
    ) -> Any:
        """Make the steps; notes how long they take."""
        if self._model.run_eagerly or config.runs_eagerly():
            return steps.run_eagerly(start, stop, is_first, portion.arrays)
        key = self._pace_key(portion)
        recorded, began = steps.num_recorded, time.perf_counter()
        logs = steps(start, stop, is_first, portion.arrays)
        if not portion.is_ordered and self._num_timed >= _TIMED:
            _wait(self._in_flight)  # the host prepares the next ones meanwhile
            self._in_flight = logs
            return logs
        _wait(logs)
        self._num_timed += 1
        if steps.num_recorded == recorded and key in self._compiled.pace:
            length = stop - start
            self._compiled.pace[key] = (time.perf_counter() - began) / length, length
        elif key not in self._compiled.pace:
            self._compiled.pace[key] = (_MOST_SECONDS, 1)
        return logs

    def _tell(self, moment: str, *place: Any) -> None:
        getattr(self._callbacks, f"{self._hooks}_{moment}")(*place)

    def _tell_of(self, done: int, logs: Any) -> None:
        """Tell the callbacks of the steps of a launch."""
        callbacks = self._callbacks
        if self._watches:
            self._tell("batch_end", done - 1, read_logs(logs))
        if self._interval is not None:
            callbacks.on_train_steps_end(done, read_logs(logs))
        if callbacks.shows_progress:
            self._tell("progress", done, lambda: read_logs(logs))
        callbacks.on_launch_end()


def _wait(logs: Any) -> None:
    for value in jax.tree.leaves(logs, is_leaf=is_handle)[:1]:
        if is_handle(value):
            value.numpy()
