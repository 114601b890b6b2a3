"""Rows C20, D3, D6, D8, F11n, G2, G4 to G7, G9, G10, G12, G13: faults in a `fit`."""

import math
import tracemalloc

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import BackupAndRestore, Callback, LambdaCallback, TerminateOnNaN
from tests import counting_fit
from tests.compile_counter import count_compiles
from tests.counting_fit import STEPS, check, fit


@pytest.fixture(scope="module")
def model():
    return counting_fit.model()


class Failure(Exception):
    """What a hook raises."""


class Failing(Callback):
    """Raises in one of its hooks when it is called for the second time."""

    def __init__(self, hook):
        super().__init__()
        self.calls = 0
        setattr(self, hook, self.fail)
        if hook == "on_train_steps_end":
            self.step_interval = 2
        self.shows_progress = hook.endswith("progress")

    def fail(self, *given, **named):
        self.calls += 1
        if self.calls == 2 or not given:
            raise Failure("by purpose")


HOOKS = [
    *("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end"),
    *("on_train_steps_end", "on_train_progress", "on_launch_end", "on_position"),
]


@pytest.mark.parametrize("hook", HOOKS)
def test_d3_an_error_of_any_hook_leaves_one_step(model, hook):
    """G6 besides: the traceback ends in the hook; `close` is called, no end is."""
    told = []
    noting = LambdaCallback(on_train_end=lambda logs: told.append("on_train_end"))
    noting.close = lambda: told.append("close")
    with pytest.raises(Failure, match="by purpose") as caught:
        fit(model, callbacks=[Failing(hook), noting])
    assert caught.traceback[-1].name == "fail"
    assert told == ["close"]
    check(model)
    fit(model, epochs=1)
    check(model, epochs=1)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_g6_an_error_writes_no_checkpoint(model, tmp_path):
    found = []

    def fail(batch, logs=None):
        found.append(contents(tmp_path))
        if batch == STEPS - 1:
            raise Failure

    backup = BackupAndRestore(tmp_path, save_freq=4, verbose=0)
    with pytest.raises(Failure):
        fit(model, callbacks=[backup, LambdaCallback(on_train_batch_end=fail)])
    assert contents(tmp_path) == found[-1] != found[0]
    assert len(found[-1]) == 2


class Keeping(Callback):
    """Keeps the logs of every step, and what memory Python has then."""

    def __init__(self):
        super().__init__()
        self.logs, self.sizes = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(logs)
        if batch % 100 == 99:
            self.sizes.append(tracemalloc.get_traced_memory()[0])


def keep_logs(model, steps):
    keeping = Keeping()
    x = np.ones((steps, 1), "float32")
    tracemalloc.start()
    model.fit(x, x, batch_size=1, epochs=1, verbose=0, callbacks=[keeping])
    tracemalloc.stop()
    return keeping


def test_d8_logs_of_all_steps_are_kept_as_plain_numbers(model):
    """A dictionary and a float or two for each step, of about 300 bytes."""
    keeping = keep_logs(model, steps=600)
    assert {type(logs["loss"]) for logs in keeping.logs} == {float}
    assert (keeping.sizes[-1] - keeping.sizes[1]) / 400 < 500


@pytest.mark.slow
def test_d8_logs_of_ten_thousand_steps(model):
    keeping = keep_logs(model, steps=10_000)
    growth = np.diff(keeping.sizes[::10]) / 1000
    assert growth.max() < 500


# A small network: its first layer can be frozen, its inputs be NaN.


@pytest.fixture(scope="module")
def network():
    layers = [jt.layers.Dense(4, name="first"), jt.layers.Dense(1, name="last")]
    model = jt.Sequential([jt.Input((3,)), *layers])
    model.compile(jt.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model


chance = np.random.default_rng(0)
X = chance.normal(size=(22, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def train(network, x=X, **arguments):
    given = {"batch_size": 4, "verbose": 0, "shuffle": False, **arguments}
    return network.fit(x, Y, **given).history


def test_c20_a_ragged_last_batch_costs_one_trace_and_no_program(network):
    with count_compiles() as first:
        train(network)
    assert first.count > 0
    steps = list(network._require_compiled("").programs.values())
    assert [step.num_recorded for step in steps] == [1]
    with count_compiles() as later:
        train(network, epochs=3)
    assert later.count == 0


def test_g2_g13_metrics_over_uneven_batches_are_those_of_one_pass(network):
    far = Y + 1.0  # small errors of a trained network are mostly rounding
    loss, mae = network.evaluate(X, far, batch_size=4, verbose=0)
    kernels = [variable.numpy().astype("float64") for variable in network.variables]
    error = (X @ kernels[0] + kernels[1]) @ kernels[2] + kernels[3] - far
    assert loss == pytest.approx(np.mean(error**2), rel=1e-6)
    assert mae == pytest.approx(np.mean(np.abs(error)), rel=1e-6)


def test_g7_a_layer_that_is_frozen_between_epochs_stays(network):
    first = network.get_layer("first")
    seen = []

    def freeze(epoch, logs=None):
        seen.append([variable.numpy() for variable in network.variables])
        first.trainable = epoch != 0

    train(network, epochs=3, callbacks=[LambdaCallback(on_epoch_end=freeze)])
    frozen = [np.array_equal(a, b) for a, b in zip(*seen[:2], strict=True)]
    assert frozen == [True, True, False, False]
    thawed = [np.array_equal(a, b) for a, b in zip(*seen[1:], strict=True)]
    assert thawed == [False] * 4


def with_nan(row):
    x = X.copy()
    x[row] = np.nan
    return x


@pytest.fixture
def kept(network):
    """Weights, which the test will spoil."""
    before = network.get_weights()
    yield before
    network.set_weights(before)


def test_g4_g5_a_nan_is_found_at_its_step_where_steps_are_watched(
    network, kept, capsys
):
    steps = int(network.optimizer.iterations)
    watching = LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    history = train(network, with_nan(9), callbacks=[watching, TerminateOnNaN()])
    assert math.isnan(history["loss"][0])
    assert int(network.optimizer.iterations) - steps == 3  # rows 8 to 11
    assert "Batch 2: the loss is nan" in capsys.readouterr().out


def test_g5_otherwise_it_is_found_when_the_launch_ends(network, kept):
    steps = int(network.optimizer.iterations)
    train(network, with_nan(1), epochs=5, callbacks=[TerminateOnNaN()])
    assert 1 <= int(network.optimizer.iterations) - steps <= 6


def test_d6_a_nan_in_a_debugging_run_leaves_the_step_before(network, kept):
    steps = int(network.optimizer.iterations)
    jt.debug.enable()
    try:
        with pytest.raises(jt.errors.NonFiniteError, match="3 NaN and 0 Inf"):
            train(network, with_nan(9))
    finally:
        jt.debug.disable()
    assert int(network.optimizer.iterations) - steps == 2
    assert all(np.isfinite(weight).all() for weight in network.get_weights())
    assert np.isfinite(train(network)["loss"]).all()


def test_g9_inputs_of_another_width_name_the_layer_and_both_shapes(network):
    with pytest.raises(ValueError, match=r"'first'.* axis 3,.* got shape \(\w+, 5\)"):
        train(network, np.ones((22, 5), "float32"))


def test_g9_inputs_of_another_rank_name_the_layer_and_both():
    model = jt.Sequential([jt.layers.Conv2D(1, 3, name="first")])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"'first'.* 4 axes.* got shape \(\w+, 3\)"):
        train(model)


class Unconnected(jt.Model):
    """Has a layer whose result is not used, or none that reaches the loss."""

    def __init__(self, stops):
        super().__init__()
        self.used, self.unused = jt.layers.Dense(1), jt.layers.Dense(1, name="unused")
        self.stops = stops

    def call(self, x):
        self.unused(x)
        result = self.used(x)
        return jt.stop_gradient(result) if self.stops else result


def test_g10_a_layer_that_is_not_used_is_named_once():
    model = Unconnected(stops=False)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="2 of 4 variables have no grad") as caught:
        train(model, epochs=2)  # its last batch is recorded on its own
    assert len(caught) == 1
    assert "'unused/kernel', 'unused/bias'" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_g10_a_loss_that_nothing_reaches_is_an_error():
    model = Unconnected(stops=True)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="No variable has a gradient; all of these"):
        train(model, batch_size=11)


def test_g12_a_model_without_parameters_is_judged():
    model = jt.Sequential([jt.Input((3,)), jt.layers.Flatten()])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="has no trainable variables") as caught:
        history = model.fit(X, X + 2, batch_size=11, epochs=2, verbose=0).history
    assert len(caught) == 1
    assert history["loss"] == pytest.approx([4, 4])
    assert model.predict(X, verbose=0).shape == X.shape


class Words(jt.Model):
    """Embeds its inputs in a `call` of its own."""

    def __init__(self):
        super().__init__()
        self.table = jt.layers.Embedding(10, 2)

    def call(self, x):
        return jt.reduce_sum(self.table(x), axis=[1, 2])


def two_inputs():
    """Two embeddings of inputs that are cast to float32 on their way."""
    first, second = jt.Input((3,), name="first"), jt.Input((3,), name="second")
    tables = [jt.layers.Embedding(10, 2)(each) for each in (first, second)]
    outputs = jt.layers.Flatten()(jt.layers.Add()(tables))
    return jt.Model({"first": first, "second": second}, jt.layers.Dense(1)(outputs))


@pytest.mark.parametrize("wrong", [10, -1])
@pytest.mark.parametrize("make", [Words, two_inputs])
def test_f11n_a_number_outside_the_table_is_told_before_anything_runs(make, wrong):
    ids = np.arange(24).reshape(8, 3) % 10
    network = make()

    def given(ids):
        return ids if make is Words else {"first": ids % 10, "second": ids}

    network.compile("sgd", "mse")
    network.fit(given(ids), np.ones((8, 1)), batch_size=4, verbose=0)
    before = network.get_weights()
    ids[6, 1] = wrong
    with pytest.raises(IndexError, match=rf"has 10 rows, from 0 to 9; got {wrong}\."):
        network.fit(given(ids), np.ones((8, 1)), batch_size=4, verbose=0)
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    for call in (
        lambda: network.evaluate(given(ids), np.ones((8, 1)), verbose=0),
        lambda: network.predict(given(ids), verbose=0),
        lambda: network.fit(
            *(given(ids[:6]), np.ones((6, 1))),
            validation_data=(given(ids), np.ones((8, 1))),
            verbose=0,
        ),
    ):
        with pytest.raises(IndexError, match=rf"10 rows, from 0 to 9; got {wrong}\."):
            call()
