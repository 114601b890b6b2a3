"""CallbackList: several callbacks as one, and what they need of the training."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...errors import ArgumentTypeError
from .callback import Callback, Logs, overrides
from .history import History
from .progress_bar import ProgressBar

_STEP_HOOKS = (
    *("on_batch_begin", "on_batch_end"),
    *("on_train_batch_begin", "on_train_batch_end"),
)


class CallbackList:
    """Calls each hook on all callbacks, in their order.

    `fit` makes one of its argument; a training loop of one's own may too.

    Args:
        callbacks: A callback, or a list of them, also nested.
        model: What the callbacks get as `model`.
        params: What they get as `params`.
        add_history: Whether to put a `History` at the end if there is none, where it
            sees what the others change in `logs`. Default false, as in Keras.
        add_progbar: The same for a `ProgressBar`. Default false, as in Keras.
        **further: More entries of `params`, as Keras takes them.

    Attributes:
        callbacks: All of them.
        model, params: What they got.
        history: The `History` among them, or `None`.
        steps_before: Steps of this `fit` before the present epoch.

    Raises:
        ArgumentTypeError: for what is no callback.

    Example:
        >>> callbacks = jt.callbacks.CallbackList(add_history=True, epochs=1)
        >>> callbacks.on_train_begin()
        >>> callbacks.on_epoch_end(0, {"loss": 0.5})
        >>> callbacks.history.history
        {'loss': [0.5]}
    """

    def __init__(
        self,
        callbacks: Any = None,
        model: Any = None,
        params: dict[str, Any] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        **further: Any,
    ) -> None:
        if params is not None and not isinstance(params, Mapping):
            raise ArgumentTypeError(f"`params` must be a dictionary; got {params!r}.")
        self.model, self.params = model, {**(params or {}), **further}
        self.callbacks = list(_flattened(callbacks))
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(c, ProgressBar) for c in self.callbacks):
            self.callbacks.append(ProgressBar())
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        self.steps_before = 0
        self._steps_seen = 0
        self._batch_watchers = [c for c in self.callbacks if overrides(c, *_STEP_HOOKS)]
        self._launch_watchers = self._overriding("on_launch_end")
        self._test_watchers = self._overriding(
            "on_test_batch_begin", "on_test_batch_end"
        )
        self._predict_watchers = self._overriding(
            "on_predict_batch_begin", "on_predict_batch_end"
        )
        if model is not None:
            self.set_model(model)
        self.set_params(self.params)

    def _overriding(self, *hooks: str) -> list[Callback]:
        return [c for c in self.callbacks if overrides(c, *hooks)]

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    @property
    def watches_batches(self) -> bool:
        """Whether a callback wants to be called for every batch of training."""
        return bool(self._batch_watchers)

    @property
    def watches_test_batches(self) -> bool:
        """Whether a callback wants to be called for every batch of an evaluation."""
        return bool(self._test_watchers)

    @property
    def watches_predict_batches(self) -> bool:
        """Whether a callback wants to be called for every batch of `predict`."""
        return bool(self._predict_watchers)

    @property
    def step_interval(self) -> int | None:
        """A launch ends at each multiple of it: the greatest common divisor.

        1 if batches are watched; 0 if it is enough to tell whenever a launch ends;
        `None` if nobody asks.
        """
        if self.watches_batches:
            return 1
        asked = [c.step_interval for c in self.callbacks if c.step_interval is not None]
        return math.gcd(*asked) if asked else None

    @property
    def shows_progress(self) -> bool:
        """Whether a callback shows how far an epoch is."""
        return any(c.shows_progress for c in self.callbacks)

    def set_params(self, params: dict[str, Any]) -> None:
        """Give all callbacks the same dictionary."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Give all callbacks the model."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call it on all; steps are counted from 0."""
        self.steps_before = self._steps_seen = 0
        _call(self.callbacks, "on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call it on all."""
        _call(self.callbacks, "on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call it on all."""
        _call(self.callbacks, "on_epoch_begin", logs, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call it on all; the steps of the next epoch are counted on."""
        self.steps_before = self._steps_seen
        _call(self.callbacks, "on_epoch_end", logs, epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call it on those that watch batches."""
        _call(self._batch_watchers, "on_train_batch_begin", logs, batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call it on those that watch batches."""
        _call(self._batch_watchers, "on_train_batch_end", logs, batch)

    def on_train_steps_end(self, step: int, logs: Logs | None = None) -> None:
        """Call it on those whose interval is over; to be called after each launch."""
        before, self._steps_seen = self._steps_seen, self.steps_before + step
        due = [c for c in self.callbacks if _is_due(c, before, self._steps_seen)]
        _call(due, "on_train_steps_end", logs, step)

    def on_resume(self, position: Any) -> None:
        """Call it on all; steps are counted on from where the training begins."""
        for callback in self.callbacks:
            callback.on_resume(position)
        self._steps_seen = position.total_steps
        self.steps_before = position.total_steps - position.step

    def on_position(self) -> None:
        """Call it on all."""
        for callback in self.callbacks:
            callback.on_position()

    def close(self) -> None:
        """Call it on all."""
        for callback in self.callbacks:
            callback.close()

    def on_launch_end(self) -> None:
        """Call it on those that override it."""
        for callback in self._launch_watchers:
            callback.on_launch_end()

    def on_train_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Call it on those that show progress."""
        self._show("on_train_progress", step, read_logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call it on all."""
        _call(self.callbacks, "on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call it on all."""
        _call(self.callbacks, "on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call it on those that watch batches of evaluations."""
        _call(self._test_watchers, "on_test_batch_begin", logs, batch)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call it on those that watch batches of evaluations."""
        _call(self._test_watchers, "on_test_batch_end", logs, batch)

    def on_test_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Call it on those that show progress."""
        self._show("on_test_progress", step, read_logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call it on all."""
        _call(self.callbacks, "on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call it on all."""
        _call(self.callbacks, "on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call it on those that watch batches of `predict`."""
        _call(self._predict_watchers, "on_predict_batch_begin", logs, batch)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call it on those that watch batches of `predict`."""
        _call(self._predict_watchers, "on_predict_batch_end", logs, batch)

    def on_predict_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Call it on those that show progress."""
        self._show("on_predict_progress", step, read_logs)

    def _show(self, hook: str, step: int, read_logs: Callable[[], Logs]) -> None:
        for callback in self.callbacks:
            if callback.shows_progress:
                getattr(callback, hook)(step, read_logs)


def _call(
    callbacks: Sequence[Callback], hook: str, logs: Logs | None, *place: int
) -> None:
    """Call a hook on each; they share one dictionary of logs."""
    logs = {} if logs is None else logs
    for callback in callbacks:
        getattr(callback, hook)(*place, logs)


def _is_due(callback: Callback, before: int, now: int) -> bool:
    """Whether a multiple of a callback's interval was reached after `before` steps."""
    interval = callback.step_interval
    if not interval:
        return interval == 0
    return now // interval > before // interval


def _flattened(given: Any) -> Iterator[Callback]:
    if given is None:
        return
    if isinstance(given, list | tuple | CallbackList):
        for part in given:
            yield from _flattened(part)
    elif isinstance(given, Callback):
        yield given
    else:
        fix = (
            f"It is a class: give an object, {given.__name__}()."
            if inspect.isclass(given)
            else "Derive it from jt.callbacks.Callback."
        )
        raise ArgumentTypeError(
            f"`callbacks` must be callbacks, in a list; got {given!r}. {fix}"
        )
