"""Rows D5, G8 and E11: Ctrl-C, SIGTERM and `kill -9` in `fit`."""

import _thread
import random
import signal
import sys
import threading
import time

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import BackupAndRestore, Callback, LambdaCallback
from tests import counting_fit, kill_fits
from tests.counting_fit import STEPS, check, fit
from tests.interruption import Interruption

# Where Python drops a Ctrl-C, it says so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(?s)Exception ignored.*KeyboardInterrupt"
    ":pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def model():
    return counting_fit.model()


def interrupted(action, wait):
    """Whether Ctrl-C, so many seconds after the start, ended the action.

    Python drops one that comes while it collects garbage or calls a weak reference
    back (once in a thousand times here); the action then goes on to its end.
    """
    timer = threading.Timer(wait, _thread.interrupt_main)
    is_over = False
    try:
        timer.start()
        action()
        is_over = True
        timer.join()
        time.sleep(0.01)  # one that came after the end is heeded here
    except KeyboardInterrupt:
        return not is_over
    finally:  # an error of the action: the Ctrl-C must not come to the next test
        timer.cancel()
        timer.join()
    return False


def interrupt_fits(model, times):
    """Ctrl-C at random times in so many fits; how many of them it ended."""
    seconds, ended, chance = 0.0, 0, random.Random(0)

    def whole():
        nonlocal seconds  # anew each time: the machine is faster when others rest
        start = time.perf_counter()
        fit(model, epochs=10)
        seconds = time.perf_counter() - start

    whole()
    for _ in range(times):
        ended += interrupted(whole, chance.uniform(0, seconds))
        check(model)
    steps = int(model.optimizer.iterations)
    fit(model, epochs=2)
    check(model, epochs=2)
    assert int(model.optimizer.iterations) == steps + 2 * STEPS
    return ended


def test_d5_ctrl_c_at_random_times_leaves_one_step(model):
    assert interrupt_fits(model, times=20) > 5


@pytest.mark.slow
def test_d5_a_hundred_times_ctrl_c(model):
    assert interrupt_fits(model, times=100) > 50


@pytest.mark.full
def test_d5_a_thousand_times_ctrl_c(model):
    assert interrupt_fits(model, times=1000) > 500


def interrupt_at_places(model, stride):
    """Ctrl-C at places of jaxtape's own code, `stride` apart; their number in all."""
    with Interruption(at=0) as whole:
        fit(model, epochs=2)
    for at in range(1, whole.count + 1, stride):
        with Interruption(at):
            fit(model, epochs=2)
        check(model)
    fit(model, epochs=2)
    check(model, epochs=2)
    return whole.count


def test_d5_ctrl_c_at_places_of_the_code_leaves_one_step(model):
    assert interrupt_at_places(model, stride=401) > 1000


@pytest.mark.full
def test_d5_ctrl_c_at_every_place_of_the_code(model):
    assert interrupt_at_places(model, stride=1) > 1000


def test_g8_ctrl_c_leaves_the_history_and_a_model_to_go_on_with(model):
    def interrupt(epoch, logs=None):
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    steps = int(model.optimizer.iterations)
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=9, callbacks=[LambdaCallback(on_epoch_begin=interrupt)])
    check(model, epochs=2)
    assert int(model.optimizer.iterations) == steps + 2 * STEPS
    fit(model, epochs=1)
    check(model, epochs=1)


def test_g8_a_second_ctrl_c_comes_through(model):
    """One that comes while the first ends `fit`: nothing holds it back."""

    class Twice(Callback):
        def on_epoch_end(self, epoch, logs=None):
            signal.raise_signal(signal.SIGINT)

        def close(self):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(model, callbacks=[Twice()])
    assert isinstance(caught.value.__context__, KeyboardInterrupt)
    check(model)


class Terminating(Callback):
    """Sends SIGTERM to its own process in a step, as a scheduler does."""

    step_interval = 1

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_steps_end(self, step, logs=None):
        if self.step == int(self.model.optimizer.iterations):
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def handler():
    """Notes the signals that come through."""
    found = []
    before = signal.signal(signal.SIGTERM, lambda *given: found.append(given[0]))
    yield found
    signal.signal(signal.SIGTERM, before)


def test_e11_sigterm_saves_and_ends_with_143(model, tmp_path, handler):
    steps = int(model.optimizer.iterations) + STEPS + 2
    backup = BackupAndRestore(tmp_path, verbose=0)
    with pytest.raises(SystemExit) as caught:
        fit(model, callbacks=[backup, Terminating(steps)])
    assert caught.value.code == 143
    assert int(model.optimizer.iterations) == steps
    fit(model, callbacks=[backup])
    check(model, epochs=3)
    assert int(model.optimizer.iterations) == steps - 2 + 2 * STEPS
    assert handler == []


class Noisy(jt.layers.Layer):
    """Adds noise in a validation too: from the common stream, and from its own."""

    def __init__(self):
        super().__init__()
        self.own = jt.random.Generator.from_seed(3)
        self.scale = self.add_weight((), "ones")

    def call(self, x):
        noise = jt.random.normal(x.shape) + self.own.normal(x.shape)
        return self.scale * (x + noise)


def noisy_fit(epochs=3, callbacks=()):
    jt.random.set_seed(0)
    model = jt.Sequential([jt.Input((1,)), Noisy()])
    model.compile(jt.optimizers.SGD(0.1), "mse")
    x = np.ones((8, 1), "float32")
    given = {"batch_size": 2, "validation_data": (x, x), "verbose": 0}
    return model.fit(x, x, epochs=epochs, callbacks=[*callbacks], **given).history


def test_e11_a_validation_that_sigterm_ends_is_made_again(tmp_path, handler):
    straight = noisy_fit()
    begun, batches = [], []

    def terminate(logs):
        begun.append(logs)
        if len(begun) == 2:
            signal.raise_signal(signal.SIGTERM)

    backup = BackupAndRestore(tmp_path, verbose=0)
    ending = LambdaCallback(
        on_test_begin=terminate, on_test_batch_end=lambda n, _: batches.append(n)
    )
    with pytest.raises(SystemExit) as caught:
        noisy_fit(callbacks=[backup, ending])
    assert caught.value.code == 143
    assert batches == [0, 1, 2, 3, 0]
    resumed = noisy_fit(callbacks=[backup])
    assert resumed == straight
    assert len(set(straight["val_loss"])) == 3  # it has noise


def test_e11_sigterm_at_the_end_goes_to_who_heeds_it_afterwards(
    model, tmp_path, handler
):
    ending = LambdaCallback(on_train_end=lambda _: signal.raise_signal(signal.SIGTERM))
    fit(model, callbacks=[ending, BackupAndRestore(tmp_path, verbose=0)])
    assert handler == [signal.SIGTERM]
    signal.raise_signal(signal.SIGTERM)
    assert handler == [signal.SIGTERM] * 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGTERM")
def test_e11_runs_that_sigterm_ends_are_exact(tmp_path):
    """A tenth of `python -m tests.kill_fits 100 TERM`."""
    assert kill_fits.kill_fits(tmp_path, 10, signal.SIGTERM) >= 10


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_runs_are_exact(tmp_path):
    """A tenth of `python -m tests.kill_fits 100`."""
    assert kill_fits.kill_fits(tmp_path, 10, signal.SIGKILL) >= 10
