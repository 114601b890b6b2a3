"""Fitting: the loops of `fit` and `evaluate`, and what `predict` does."""

import contextlib
import dataclasses
import operator
from typing import Any

import jax

from .. import nesting
from ..errors import ArgumentError, ArgumentTypeError
from ..recording.body import leave_bodies
from ..recording.node import current
from .callbacks import CallbackList, ProgressBar
from .data import Source, find_source
from .position import Position
from .running import Run


@dataclasses.dataclass(frozen=True)
class Data:
    """What a user gave to learn from or to be judged by.

    Args:
        x, y, sample_weight, class_weight: As of `fit`.
        batch_size: Samples of a batch.
        steps: Batches of an epoch.
        shuffle: Whether each epoch has an order of its own.
        steps_name: What the caller's argument is called that is `steps` here.
    """

    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Any = None
    batch_size: int | None = None
    steps: int | None = None
    shuffle: bool = False
    steps_name: str = "steps"

    def source(self, model: Any) -> Source:
        """The batches."""
        return find_source(
            self.x,
            self.y,
            self.sample_weight,
            batch_size=self.batch_size,
            shuffle=None if self.shuffle is True else self.shuffle,
            steps=self.steps,
            class_weight=self.class_weight,
            output_names=model.output_names,
            steps_name=self.steps_name,
        )


class Fitting:
    """One call of `fit`.

    Args:
        model: A compiled model.
        data: What to train on.
        validation: What to validate on, if anything.
        freq: After how many epochs, or after which.
        epochs: The number of the first epoch, and the one after the last.
        callbacks: Those that the user gave.
        verbose: As of `fit`.
    """

    def __init__(
        self,
        model: Any,
        data: Data,
        validation: Data | None,
        freq: Any,
        epochs: tuple[int, int],
        callbacks: Any,
        verbose: Any,
    ) -> None:
        self._model = model
        model._require_compiled("fit")
        self._first, self._last = _checked_epochs(*epochs)
        self._freq = _checked_freq(freq)
        self._source = data.source(model)
        self._validation = None if validation is None else validation.source(model)
        steps = self._source.num_batches
        self._callbacks = listed(
            callbacks, model, verbose, epochs=self._last, steps=steps
        )
        self._position = Position(
            model, self._source, self._callbacks.callbacks, self._first
        )
        model.__dict__["_kept_position"] = self._position
        model.stop_training = False
        model.history = self._callbacks.history

    def run(self) -> Any:
        """Train; returns the History."""
        with contextlib.ExitStack() as stack:
            stack.callback(leave_bodies, current())
            stack.callback(self._model.__dict__.pop, "_kept_position", None)
            stack.callback(self._source.close)
            if self._validation is not None:
                stack.callback(self._validation.close)
            stack.callback(self._callbacks.close)
            self._train()
        return self._model.history

    def _train(self) -> None:
        model, callbacks, position = self._model, self._callbacks, self._position
        prepare(model, self._source)
        run = Run(model, "train", self._source, callbacks, position)
        judged = None
        if self._validation is not None:
            model._check_data("test", self._validation.arrays)
            judged = Run(model, "test", self._validation, callbacks)
        callbacks.on_train_begin()
        callbacks.on_resume(position)
        if not position.step:  # it was written between two epochs
            position.restore()
        logs: dict[str, Any] = {}
        while position.epoch < self._last and not model.stop_training:
            epoch = position.epoch
            callbacks.on_epoch_begin(epoch)
            position.restore()
            logs = run.epoch(epoch, position.step)
            self._source.end_epoch()
            if callbacks.params.get("steps") is None:
                callbacks.params["steps"] = position.step
            if judged is not None and self._validation and self._is_due(epoch):
                with position.at_validation():
                    found = evaluate(judged, callbacks)
                self._validation.end_epoch()
                logs |= {f"val_{name}": value for name, value in found.items()}
            callbacks.on_epoch_end(epoch, logs)
            position.epoch, position.step = epoch + 1, 0
            callbacks.on_position()
        callbacks.on_train_end(logs)

    def _is_due(self, epoch: int) -> bool:
        """Whether there is a validation after an epoch."""
        if isinstance(self._freq, int):
            return (epoch + 1) % self._freq == 0
        return epoch + 1 in self._freq


def evaluate(run: Run, callbacks: CallbackList) -> dict[str, Any]:
    """The logs of one evaluation."""
    callbacks.on_test_begin()
    logs = run.epoch(0)
    callbacks.on_test_end(logs)
    return logs


def evaluate_once(
    model: Any, data: Data, callbacks: Any, verbose: Any
) -> dict[str, Any]:
    """The logs of one call of `evaluate`."""
    source = data.source(model)
    with contextlib.closing(source):
        steps = source.num_batches
        callbacks = listed(callbacks, model, verbose, is_training=False, steps=steps)
        model._check_data("test", source.arrays)
        run = Run(model, "test", source, callbacks)
        return evaluate(run, callbacks)


def on_batch(model: Any, mode: str, data: Data) -> dict[str, Any]:
    """The logs of one step on all samples that were given."""
    model._require_compiled(f"{mode}_on_batch")
    arrays = data.source(model).arrays
    if arrays is None:
        raise ArgumentTypeError(
            f"{mode}_on_batch() takes the arrays of one batch; got "
            f"{type(data.x).__name__}. For a source of batches there is fit(x)."
        )
    run = Run(model, mode, None, CallbackList())
    return run.batch(arrays)


def listed(callbacks: Any, model: Any, verbose: Any, **params: Any) -> CallbackList:
    """The callbacks of a run, with a History and what shows progress."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    given = [] if callbacks is None else [callbacks]
    has_bar = any(isinstance(c, ProgressBar) for c in CallbackList(given))
    if verbose != 0 and not has_bar:
        given.append(ProgressBar())
    params = {"verbose": verbose, **params}
    return CallbackList(given, model=model, params=params, add_history=True)


def prepare(model: Any, source: Source) -> None:
    """Make weights, slots and metrics before the first step is recorded.

    A step that makes variables would be recorded twice. Where the shape of a batch
    is not known yet, or the model does not say what it returns, that is what happens.
    """
    arrays = source.arrays
    if arrays is None or source.batch_size is None:
        return
    leaves, tree = nesting.flatten(arrays)
    number = min(source.batch_size, source.num_samples or source.batch_size)
    kinds = [
        jax.ShapeDtypeStruct((number, *leaf.shape[1:]), leaf.dtype) for leaf in leaves
    ]
    model._prepare(kinds, tree, arrays)


def _checked_freq(freq: Any) -> Any:
    """After how many epochs to validate, or after which.

    Raises:
        ArgumentError: for what is neither a positive integer nor a list of epochs.
    """
    is_number = isinstance(freq, int) and not isinstance(freq, bool)
    if (is_number and freq > 0) or isinstance(freq, list | tuple | set | range):
        return freq
    raise ArgumentError(
        f"`validation_freq` must be a positive integer, or a list of the epochs to "
        f"validate after, counted from 1; got {freq!r}."
    )


def _checked_epochs(first: Any, last: Any) -> tuple[int, int]:
    """The epochs to train.

    Raises:
        ArgumentTypeError: for what is no integer, ArgumentError for a negative one.
    """
    for name, value in (("initial_epoch", first), ("epochs", last)):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ArgumentTypeError(
                f"`{name}` must be an integer; got {type(value).__name__} {value!r}."
            )
        if value < 0:
            raise ArgumentError(f"`{name}` must not be negative; got {value}.")
    return operator.index(first), operator.index(last)
