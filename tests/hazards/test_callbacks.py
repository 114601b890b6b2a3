"""Rows G5 to G7 and G15 to G17: callbacks and their output in a real `fit`."""

import errno
import io
import itertools
import math
import sys
import time

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import (
    Callback,
    CSVLogger,
    LambdaCallback,
    ModelCheckpoint,
    ProgressBar,
    TerminateOnNaN,
)
from jaxtape.framework.training.callbacks import csv_logger

# One weight w and the loss mean((w - 1)**2), so that a step of SGD is by hand
# w <- w - rate * 2 * (w - 1), and the loss of an epoch the mean of those of its steps.
ROWS, BATCH = 8, 2
X, Y = np.ones((ROWS, 1), "float32"), np.ones((ROWS, 1), "float32")


@pytest.fixture(scope="module")
def compiled():
    layer = jt.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = jt.Sequential([jt.Input((1,)), layer])
    model.compile(jt.optimizers.SGD(0.25), "mse")
    return model


@pytest.fixture
def model(compiled):
    """With w = 0 and its learning rate; programs are those of the test before."""
    compiled.set_weights([np.zeros((1, 1), "float32")])
    compiled.optimizer.learning_rate = 0.25
    return compiled


def fit(model, *callbacks, epochs=2, verbose=0):
    return model.fit(
        X,
        Y,
        batch_size=BATCH,
        epochs=epochs,
        verbose=verbose,
        shuffle=False,
        callbacks=list(callbacks),
    ).history


def course(rate_of, epochs, weight=0.0):
    """Mean losses of epochs, by the formula above."""
    means = []
    for epoch in range(epochs):
        losses = []
        for _ in range(ROWS // BATCH):
            losses.append((weight - 1) ** 2)
            weight -= rate_of(epoch) * 2 * (weight - 1)
        means.append(np.mean(losses))
    return means


def test_g7_a_changed_learning_rate_is_that_of_the_next_step(model):
    def change(epoch, logs):
        model.optimizer.learning_rate = 0.125

    history = fit(model, LambdaCallback(on_epoch_end=change), epochs=3)
    expected = course(lambda epoch: 0.125 if epoch else 0.25, 3)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_g7_a_rate_that_is_changed_after_a_batch_is_that_of_the_next(model):
    def change(batch, logs=None):
        model.optimizer.learning_rate = 0.25 if batch % 2 else 0.0

    history = fit(model, LambdaCallback(on_train_batch_end=change), epochs=1)
    # Steps with 0.25 (w: 0, 0.5), then 0 (it stays), then 0.25 (0.75), then 0.
    np.testing.assert_allclose(history["loss"], [(1 + 0.25 + 0.25 + 0.0625) / 4])


def test_g7_changed_weights_are_those_of_the_next_step(model):
    def change(epoch, logs):
        model.set_weights([np.full((1, 1), 3.0, "float32")])

    history = fit(model, LambdaCallback(on_epoch_end=change), epochs=2)
    expected = [course(lambda _: 0.25, 1)[0], course(lambda _: 0.25, 1, 3.0)[0]]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_g7_changed_logs_are_those_of_the_history(model):
    def change(epoch, logs):
        logs["root"] = math.sqrt(logs.pop("loss"))

    history = fit(model, LambdaCallback(on_epoch_end=change), epochs=1)
    assert list(history) == ["root"]
    expected = math.sqrt(course(lambda _: 0.25, 1)[0])
    assert history["root"] == pytest.approx([expected], rel=1e-5)


def test_g7_a_stop_ends_the_training_after_the_epoch(model):
    def stop(epoch, logs):
        model.stop_training = epoch == 1

    history = fit(model, LambdaCallback(on_epoch_end=stop), epochs=5)
    assert len(history["loss"]) == 2


def test_g7_a_stop_in_an_epoch_ends_it(model):
    def stop(batch, logs=None):
        model.stop_training = batch == 1

    steps = int(model.optimizer.iterations)
    history = fit(model, LambdaCallback(on_train_batch_end=stop), epochs=5)
    assert len(history["loss"]) == 1
    assert int(model.optimizer.iterations) - steps <= ROWS // BATCH


class Failing(Callback):
    """Raises in one of its hooks, from the second batch or epoch on."""

    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self.fail)

    def fail(self, *given):
        if len(given) == 1 or given[0]:
            raise RuntimeError("by purpose")


HOOKS = ("train_begin", "epoch_begin", "train_batch_begin", "train_batch_end")


@pytest.mark.parametrize("hook", [*HOOKS, "epoch_end", "train_end"])
def test_g6_an_error_of_a_hook_goes_through_and_the_model_goes_on(model, hook):
    ended = []
    noting = LambdaCallback(on_train_end=ended.append)
    with pytest.raises(RuntimeError, match="by purpose") as caught:
        fit(model, Failing(f"on_{hook}"), noting)
    assert [entry.name for entry in caught.traceback][-1] == "fail"
    assert ended == []
    epochs = {"epoch_begin": 1, "epoch_end": 1, "train_end": 2}.get(hook, 0)
    assert len(model.history.history.get("loss", [])) == epochs
    weight = model.get_weights()
    assert np.isfinite(weight[0]).all()
    assert len(fit(model)["loss"]) == 2


def test_g5_a_nan_is_found_within_the_launch(model, capsys):
    def spoil(epoch, logs):
        if epoch == 1:
            model.set_weights([np.full((1, 1), np.nan, "float32")])

    callbacks = LambdaCallback(on_epoch_begin=spoil), TerminateOnNaN()
    history = fit(model, *callbacks, epochs=5)
    assert len(history["loss"]) == 2
    assert math.isnan(history["loss"][1])
    assert "the loss is nan, so the training ends" in capsys.readouterr().out


def test_g4_what_was_saved_is_from_before_the_nan(model, tmp_path):
    def spoil(epoch, logs):
        if epoch == 1:
            model.set_weights([np.full((1, 1), np.nan, "float32")])

    path = tmp_path / "w.weights.safetensors"
    saving = ModelCheckpoint(path, save_weights_only=True)
    with pytest.warns(UserWarning, match="the loss is nan. What was saved before"):
        fit(model, LambdaCallback(on_epoch_begin=spoil), saving, epochs=2)
    model.load_weights(path)
    # Four steps with 0.25 halve the distance from 1 four times.
    np.testing.assert_allclose(model.get_weights()[0], [[1 - 2**-4]])


def refuse(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_g15_a_full_disk_stops_no_training(model, monkeypatch, tmp_path):
    monkeypatch.setattr(csv_logger, "open", refuse, raising=False)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        history = fit(model, CSVLogger(tmp_path / "log.csv"), epochs=3)
    assert len(caught) == 1
    assert len(history["loss"]) == 3


CLOCKS = {
    "back": lambda: itertools.count(1e9, -1e3),
    "negative": lambda: itertools.repeat(-1.0),
    "jumping": lambda: itertools.cycle([1e30, -1e30]),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_g16_a_strange_clock_stops_no_training(model, monkeypatch, clock, capsys):
    fit(model, ProgressBar(), verbose=1)  # JAX itself looks at clocks when it compiles
    capsys.readouterr()
    ticks = CLOCKS[clock]()
    with monkeypatch.context() as patch:
        for name in ("perf_counter", "time", "monotonic"):
            patch.setattr(time, name, lambda: next(ticks))
        history = fit(model, ProgressBar(), verbose=1)
    assert len(history["loss"]) == 2
    assert capsys.readouterr().out.startswith("Epoch 1/2 - 0.0s")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


OUTPUTS = {
    "none": lambda: None,
    "closed": closed,
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_g17_no_output_stops_a_training(model, monkeypatch, output):
    renaming = LambdaCallback(on_epoch_end=lambda _, logs: logs.update(größe=1))
    monkeypatch.setattr(sys, "stdout", OUTPUTS[output]())
    history = fit(model, renaming, ProgressBar(), verbose=1)
    assert len(history["loss"]) == 2
