"""Callback: what is told of the course of a training, and may change it."""

from collections.abc import Callable
from typing import Any

Logs = dict[str, Any]
"""Losses and metrics by name, as plain floats; a callback may change it."""


class Callback:
    """Base of all callbacks: methods that `fit`, `evaluate` and `predict` call.

    A subclass overrides the moments it cares for. Where a hook gets `logs`, what it
    changes there is what later callbacks and the History see. `fit` honours what a
    callback does to the model: weights, `model.optimizer.learning_rate`, and
    `model.stop_training = True`, which ends the training after the present epoch.

    An error that a hook raises ends `fit` at once, as Ctrl-C does: no further hook is
    called, `on_train_end` neither, but `close` is, on every callback. `model.history`
    has the epochs before it, and the model goes on from where it is.

    Attributes:
        model: The model that is trained; set before the first hook.
        params: `"verbose"`, `"epochs"` and `"steps"` (batches of an epoch, `None` while
            that is not known).
        step_interval: How often `on_train_steps_end` is called: every so many steps,
            counted over the whole `fit`; 0 says whenever a launch ends, which is
            when `fit` comes back from the device. Default `None`, never: then `fit`
            runs as many steps in one launch as pay.
        shows_progress: Whether `on_train_progress` is called, about ten times a second.

    Note:
        A callback that overrides `on_train_batch_begin` or `on_train_batch_end` is
        called for every batch, as in Keras, so `fit` runs each step on its own. Where
        every hundredth batch will do, `step_interval = 100` and `on_train_steps_end`
        let 100 steps run in one launch.

    Example:
        >>> class Halving(jt.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         rate = float(self.model.optimizer.learning_rate)
        ...         self.model.optimizer.learning_rate = rate / 2
        ...         logs["learning_rate"] = rate
    """

    step_interval: int | None = None
    shows_progress: bool = False
    state_names: tuple[str, ...] = ()
    """Attributes that a checkpoint of the training holds: numbers, texts, arrays."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained, evaluated or asked."""
        return getattr(self, "_model", None)  # a subclass may not call __init__

    def set_params(self, params: dict[str, Any]) -> None:
        """Called first, with `"verbose"`, `"epochs"` and `"steps"`."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called once the model is known, before the first hook."""
        self._model = model

    def get_state(self) -> dict[str, Any]:
        """What the callback has to know when a training goes on."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what `get_state` returned; called after `on_train_begin`."""
        for name, value in state.items():
            setattr(self, name, value)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called when `fit` begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called when `fit` ends; `logs` are those of its last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called when an epoch of `fit` begins; the first one has number 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch's validation; `val_` goes before its quantities."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each training step; the first of an epoch has number 0."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each training step, with the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_train_steps_end(self, step: int, logs: Logs | None = None) -> None:
        """Called every `step_interval` steps, with the means of the epoch so far.

        Args:
            step: Batches done in this epoch.
            logs: Losses and metrics.
        """

    def on_resume(self, position: Any) -> None:
        """Called after every `on_train_begin`, to go on from a checkpoint.

        Args:
            position: Where the training begins; may be changed.
        """

    def on_position(self) -> None:
        """Called after every `on_epoch_end`, when the next epoch is about to begin."""

    def close(self) -> None:
        """Called when `fit` ends in any way, also by an error or an interrupt."""

    def on_launch_end(self) -> None:
        """Called between steps whenever `fit` comes back from the device.

        That is at least about twice a second, where a step is not longer.
        """

    def on_train_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Called about ten times a second, if `shows_progress`.

        Args:
            step: Batches done in this epoch.
            read_logs: Returns losses and metrics; waits for the device.
        """

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called when `evaluate`, or the validation in `fit`, begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called when `evaluate`, or the validation in `fit`, ends."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of an evaluation."""

    def on_test_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """As `on_train_progress`, in evaluations."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called when `predict` begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called when `predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of `predict`; `logs["outputs"]` has the results."""

    def on_predict_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """As `on_train_progress`, in `predict`; there are no logs."""


def overrides(callback: Callback, *hooks: str) -> bool:
    """Whether a callback has one of these hooks of its own, as class or instance."""
    for name in hooks:
        method = getattr(callback, name)
        if getattr(method, "__func__", method) is not getattr(Callback, name):
            return True
    return False
