"""ProgressBar: how far a training is, and what each epoch came to."""

import time
from collections.abc import Callable
from typing import Any

from ...errors import ArgumentError
from . import console, wording
from .callback import Callback, Logs


class ProgressBar(Callback):
    """A bar while an epoch runs, and a line when it is over.

    The bar is shown in terminals and notebooks. Where the output is neither, such as a
    log file, there are only the lines, without control characters. `fit`, `evaluate`
    and `predict` make one themselves, according to their `verbose`: 0 is silent, 1 or
    `"auto"` shows bar and lines, 2 only lines. `predict` has no line.

    Nothing that happens to the output stops a training.

    Raises:
        ArgumentError: for another `verbose`.

    Example:
        >>> bar = ProgressBar()
        >>> bar.set_params({"verbose": 2, "epochs": 10, "steps": 32})
        >>> bar.on_epoch_begin(2)
        >>> bar.on_epoch_end(2, {"loss": 0.125})
        Epoch 3/10 - 0.0s - ...s/step - loss: 0.1250
    """

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self._is_in_fit = False
        self._title = ""
        self._begin = 0.0
        self._step = 0
        self._first: tuple[float, int] | None = None
        self._bar: console.Bar | None = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Take `verbose`, and look what the output is."""
        super().set_params(params)
        verbose = params.get("verbose", "auto")
        if not (verbose == "auto" or (isinstance(verbose, int) and 0 <= verbose <= 2)):
            raise ArgumentError(
                f"`verbose` must be 0 (silent), 1 (bar), 2 (a line for each epoch) or "
                f"'auto'; got {verbose!r}."
            )
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.shows_progress = self.verbose == 1 and console.has_bars()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """From now on evaluations are a part of epochs."""
        self._is_in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Take the bar away."""
        self._is_in_fit = False
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock; a bar comes with the first progress."""
        epochs = self.params.get("epochs")
        self._start(f"Epoch {epoch + 1}/{epochs}" if epochs else f"Epoch {epoch + 1}")

    def on_train_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Show it on the bar."""
        self._show(step, read_logs())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put a line in place of the bar."""
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Start the clock, unless it is the validation of an epoch."""
        if not self._is_in_fit:
            self._start("Evaluation")
        elif self._bar is not None and console.is_shown(self._bar):
            step = self._num_steps() or self._step
            console.draw(self._bar, step, self._title, "- validation")

    def on_test_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Show it on the bar."""
        if not self._is_in_fit:
            self._show(step, read_logs())

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Put a line in place of the bar, unless it was a validation."""
        if not self._is_in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._start("Prediction")

    def on_predict_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Show it on the bar."""
        self._show(step, {})

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Take the bar away."""
        self._close()

    def _start(self, title: str) -> None:
        self._close()
        self._title, self._step, self._first = title, 0, None
        self._begin = time.perf_counter()

    def _show(self, step: int, logs: Logs) -> None:
        if not console.is_shown(self._bar):
            self._bar = console.show(self._num_steps())
        self._step = step
        if self._bar is None:
            self.shows_progress = False
            return
        seconds = time.perf_counter() - self._begin
        texts = [*self._times(seconds, step), *wording.quantities(logs)]
        console.draw(self._bar, step, self._title, "- " + " - ".join(texts))

    def _times(self, seconds: float, step: int) -> list[str]:
        """What is left, by the pace since the first look: compiling came before it."""
        if self._first is None:
            self._first = seconds, step
        begin, before = self._first
        total, done = self._num_steps(), step - before
        if not done:
            return [wording.duration(seconds)]
        times = wording.timing(seconds - begin, done)
        if total:
            left = (seconds - begin) / done * (total - step)
            times[0] = f"ETA {wording.duration(left)}"
        return times

    def _finish(self, logs: Logs | None) -> None:
        self._close()
        if self.verbose:
            seconds = time.perf_counter() - self._begin
            steps = self._num_steps() or self._step
            console.say(wording.line(self._title, seconds, steps, logs or {}))

    def _num_steps(self) -> int | None:
        return self.params.get("steps")

    def _close(self) -> None:
        if console.is_shown(self._bar):
            console.hide()
        self._bar = None


ProgbarLogger = ProgressBar
"""Keras's name of it."""
