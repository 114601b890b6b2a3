"""`fit` against the same loop written with the tape, and against counts by hand."""

import copy
import gc
import pickle
import weakref

import numpy as np
import optax
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from jaxtape.framework.training import feeds

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 8)).astype("float32")
Y = (X @ RNG.normal(size=(8, 1)) + 1).astype("float32")
LABELS = (Y[:, 0] > 1).astype("int32")


def network(*between, seed=0):
    jt.random.set_seed(seed)
    first = jt.layers.Dense(16, activation="relu", input_shape=(8,))
    return jt.Sequential([first, *between, jt.layers.Dense(1)])


def compiled(*between, metrics=("mae",), **options):
    model = network(*between)
    model.compile(jt.optimizers.Adam(0.01), "mse", metrics=list(metrics), **options)
    return model


def train_by_tape(model, epochs, batch_size=32, optimizer=None):
    """The loop that users write; returns the mean loss of each epoch."""
    optimizer = optimizer or jt.optimizers.Adam(0.01)
    loss_fn = jt.losses.MeanSquaredError()
    means = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(X), batch_size):
            x, y = X[start : start + batch_size], Y[start : start + batch_size]
            with jt.GradientTape() as tape:
                loss = loss_fn(y, model(x, training=True))
            variables = model.trainable_variables
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
            total += float(loss) * len(x)
        means.append(total / len(X))
    return means


@pytest.mark.parametrize(
    "between",
    [
        [],
        pytest.param([jt.layers.BatchNormalization], marks=pytest.mark.slow),
        pytest.param([lambda: jt.layers.Dropout(0.3)], marks=pytest.mark.slow),
    ],
    ids=["plain", "batch statistics", "dropout"],
)
def test_fit_is_the_loop_written_with_the_tape(between):
    model = compiled(*[make() for make in between])
    other = network(*[make() for make in between])
    other.set_weights(model.get_weights())
    jt.random.set_seed(1)
    history = model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    jt.random.set_seed(1)
    losses = train_by_tape(other, 2)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-6)
    for found, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("most", ["auto", 2])
def test_samples_that_stay_on_the_host_train_as_by_the_tape(monkeypatch, most):
    monkeypatch.setattr(jt.config.bounds, "resident_bytes", 0)
    monkeypatch.setattr(feeds, "_STACKED_BYTES", 3 * 32 * 9 * 4)  # three batches
    model, other = compiled(steps_per_execution=most), network()
    history = model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    losses = train_by_tape(other, 2)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-6)
    for found, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    (steps,) = model.__dict__["_kept_compiled"].programs.values()
    assert steps.num_recorded == 1
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(
        np.mean((model.predict(X, verbose=0) - Y) ** 2), rel=1e-6
    )


def test_convolutions_are_trained_as_by_the_tape():
    images = RNG.normal(size=(48, 4, 4, 2)).astype("float32")

    def made():
        jt.random.set_seed(0)
        convolution = jt.layers.Conv2D(3, 2, input_shape=(4, 4, 2))
        return jt.Sequential([convolution, jt.layers.Flatten(), jt.layers.Dense(1)])

    model, other, optimizer = made(), made(), jt.optimizers.SGD(0.05)
    model.compile(jt.optimizers.SGD(0.05), "mse")
    model.fit(images, Y[:48], batch_size=16, epochs=3, shuffle=False, verbose=0)
    for start in [0, 16, 32] * 3:
        with jt.GradientTape() as tape:
            error = other(images[start : start + 16]) - Y[start : start + 16]
            loss = jt.reduce_mean(jt.square(error))
        variables = other.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    for found, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_last_smaller_batch_costs_no_second_recording():
    model = compiled()
    model.fit(X, Y, epochs=2, verbose=0)
    (steps,) = model.__dict__["_kept_compiled"].programs.values()
    assert steps.num_recorded == 1


def test_batch_statistics_of_a_smaller_batch_are_its_own():
    model = compiled(jt.layers.BatchNormalization())
    model.fit(X, Y, verbose=0)
    (steps,) = model.__dict__["_kept_compiled"].programs.values()
    assert steps.num_recorded == 2


def test_a_layer_of_ones_own_sees_the_batch_as_it_is():
    seen = []

    class Watching(jt.layers.Layer):
        def call(self, inputs):
            seen.append(inputs.shape[0])
            return inputs

    with pytest.warns(UserWarning, match=r"`seen`.* while train_step\(\) was recorded"):
        compiled(Watching()).fit(X, Y, verbose=0)
    assert {"4", "32"} <= {*map(str, seen)}


def test_history_has_keras_s_keys_and_floats():
    history = compiled().fit(X, Y, epochs=2, verbose=0, validation_split=0.2)
    keys = ["loss", "mae", "val_loss", "val_mae"]
    assert sorted(history.history) == keys
    assert all(type(v) is float for row in history.history.values() for v in row)
    assert history.epoch == [0, 1]


def test_evaluate_is_the_mean_over_all_samples():
    model = compiled()
    loss, error = model.evaluate(X, Y, batch_size=32, verbose=0)
    outputs = model.predict(X, verbose=0).astype("float64")
    assert loss == pytest.approx(np.mean((outputs - Y) ** 2), rel=1e-6)
    assert error == pytest.approx(np.mean(np.abs(outputs - Y)), rel=1e-6)


def test_sample_weights_count_in_the_loss_and_in_weighted_metrics():
    model = network()
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    weights = RNG.uniform(size=100).astype("float32")
    logs = model.evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)
    outputs = model.predict(X, verbose=0).astype("float64")
    squares = ((outputs - Y) ** 2)[:, 0]
    assert logs["loss"] == pytest.approx(np.mean(weights * squares), rel=1e-6)
    weighted = np.sum(weights * squares) / np.sum(weights, dtype="float64")
    assert logs["mse"] == pytest.approx(weighted, rel=1e-6)
    error = np.mean(np.abs(outputs - Y))
    assert logs["mae"] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("batch_size", [None, 1, 7, 32, 100, 1000])
def test_predict_keeps_the_order_on_every_size(batch_size):
    model = network()
    found = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(found, model(X).numpy(), rtol=1e-5, atol=1e-6)


def test_a_train_step_of_ones_own_runs_as_in_tensorflow():
    class Doubled(jt.Sequential):
        def train_step(self, data):
            x, y = data
            with jt.GradientTape() as tape:
                loss = 2.0 * self.compute_loss(y=y, y_pred=self(x, training=True))
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            return {"twice": loss}

    model = Doubled([jt.layers.Dense(1, input_shape=(8,))])
    model.compile(jt.optimizers.SGD(0.1), "mse")
    kernel, bias = (value.astype("float64") for value in model.get_weights())
    history = model.fit(X, Y, batch_size=100, shuffle=False, verbose=0)
    error = X @ kernel + bias - Y
    assert history.history["twice"] == [pytest.approx(2 * np.mean(error**2), rel=1e-5)]
    expected = kernel - 0.1 * 4 * np.mean(X * error, axis=0)[:, None]
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4, atol=1e-6)


def test_steps_run_one_by_one_in_python_where_asked():
    shapes = []

    class Printing(jt.Sequential):
        def train_step(self, data):
            shapes.append(float(data[0].numpy().sum()))  # a value, not a shape
            return super().train_step(data)

    model = Printing([jt.layers.Dense(1, input_shape=(8,))])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, Y, shuffle=False, verbose=0)
    expected = [X[start : start + 32].sum() for start in range(0, 100, 32)]
    np.testing.assert_allclose(shapes, expected, rtol=1e-4)


def test_accuracy_is_the_one_that_suits_the_shapes():
    model = jt.Sequential([jt.layers.Dense(2, activation="softmax", input_shape=(8,))])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    logs = model.evaluate(X, LABELS, verbose=0, return_dict=True)
    expected = np.mean(model.predict(X, verbose=0).argmax(-1) == LABELS)
    assert logs["accuracy"] == pytest.approx(expected)


def test_several_outputs_have_losses_and_metrics_by_name():
    inputs = jt.Input(shape=(8,))
    level = jt.layers.Dense(1, name="level")(inputs)
    sign = jt.layers.Dense(1, activation="sigmoid", name="sign")(inputs)
    model = jt.Model(inputs, [level, sign])
    model.compile(
        "sgd",
        loss={"level": "mse", "sign": "binary_crossentropy"},
        loss_weights={"level": 2.0, "sign": 0.5},
        metrics={"sign": ["accuracy"]},
    )
    targets = {"level": Y, "sign": LABELS[:, None]}
    logs = model.evaluate(X, targets, verbose=0, return_dict=True)
    first, second = (part.astype("float64") for part in model.predict(X, verbose=0))
    squares = np.mean((first - Y) ** 2)
    p, y = second[:, 0], LABELS
    entropy = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert logs["level_loss"] == pytest.approx(squares, rel=1e-5)
    assert logs["sign_loss"] == pytest.approx(entropy, rel=1e-5)
    assert logs["loss"] == pytest.approx(2 * squares + 0.5 * entropy, rel=1e-5)
    assert logs["sign_accuracy"] == pytest.approx(np.mean((p > 0.5) == y))


def test_train_on_batch_is_one_step():
    model, other = compiled(), network()
    other.set_weights(model.get_weights())
    loss, _ = model.train_on_batch(X, Y)
    (expected,) = train_by_tape(other, 1, batch_size=100)
    assert loss == pytest.approx(expected, rel=1e-6)
    found, expected = model.get_weights()[0], other.get_weights()[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_metrics_on_batches_are_those_of_the_batch_alone():
    model = compiled()
    first = model.test_on_batch(X[:50], Y[:50])
    model.test_on_batch(X[50:], Y[50:])
    assert model.test_on_batch(X[:50], Y[:50]) == first


def test_batches_may_come_from_a_generator():
    model, other = compiled(), compiled()
    other.set_weights(model.get_weights())

    def batches():
        while True:
            for start in range(0, 100, 25):
                yield X[start : start + 25], Y[start : start + 25]

    found = model.fit(batches(), steps_per_epoch=4, epochs=2, verbose=0)
    expected = other.fit(X, Y, batch_size=25, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        found.history["loss"], expected.history["loss"], rtol=1e-6
    )


def test_callbacks_see_every_batch_and_may_stop():
    class Stopping(jt.callbacks.Callback):
        seen = ()

        def on_train_batch_end(self, batch, logs=None):
            self.seen = (*self.seen, (batch, type(logs["loss"])))
            self.model.stop_training = batch == 2

    stopping = Stopping()
    compiled().fit(X, Y, epochs=5, verbose=0, callbacks=[stopping])
    assert stopping.seen == ((0, float), (1, float), (2, float))


def test_a_source_without_an_end_is_left_where_a_callback_stops():
    taken = []

    def batches():
        while True:
            taken.append(len(taken))
            assert len(taken) < 1000, "not left"
            yield X[:25], Y[:25]

    class Stopping(jt.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    model = compiled()
    model.fit(batches(), epochs=5, verbose=0, callbacks=[Stopping()])
    assert int(model.optimizer.iterations) == 3


@pytest.mark.parametrize("resident_bytes", [0, 2**30], ids=["gathered", "resident"])
@pytest.mark.parametrize("most", [1, 3])
def test_the_first_nan_ends_the_training_within_its_launch(
    monkeypatch, resident_bytes, most, capsys
):
    monkeypatch.setattr(jt.config.bounds, "resident_bytes", resident_bytes)
    x = X.copy()
    x[45] = np.nan  # in the fifth of ten batches
    model = compiled(steps_per_execution=most)
    callbacks = [jt.callbacks.TerminateOnNaN()]
    model.fit(x, Y, 10, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
    assert 5 <= int(model.optimizer.iterations) < 5 + most
    assert capsys.readouterr().out.count("the training ends") == 1


LAYOUTS = {
    "by columns": np.asfortranarray,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "columns backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "not aligned": lambda x: np.frombuffer(b" " + x.tobytes(), x.dtype, -1, 1).reshape(
        x.shape
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_of_any_layout_train_the_same(monkeypatch, layout):
    model, other = compiled(), compiled()
    other.set_weights(model.get_weights())
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    monkeypatch.setattr(jt.config.bounds, "resident_bytes", 0)
    other.fit(layout(X), layout(Y), epochs=2, shuffle=False, verbose=0)
    for found, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_an_axis_of_length_zero_is_no_hindrance(monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "resident_bytes", 0)
    inputs = [jt.Input((8,)), jt.Input((0,))]
    outputs = jt.layers.Dense(1)(jt.layers.Concatenate()(inputs))
    model = jt.Model(inputs, outputs)
    model.compile("sgd", "mse")
    losses = model.fit([X, X[:, :0]], Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("resident_bytes", [0, 2**30], ids=["gathered", "resident"])
def test_nothing_of_the_data_is_kept_after_fit(monkeypatch, resident_bytes):
    monkeypatch.setattr(jt.config.bounds, "resident_bytes", resident_bytes)
    model, x, y = compiled(), X.copy(), Y.copy()
    model.fit(x, y, validation_data=(x, y), verbose=0)
    kept = weakref.ref(x)
    del x
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_goes_on_as_the_model_does(copied):
    assert_goes_on(copied, jt.optimizers.Adam(0.01))


def test_a_copy_with_a_rule_of_optax_goes_on_as_the_model_does():
    assert_goes_on(copy.deepcopy, jt.optimizers.Optax(optax.adam(0.01)))


def assert_goes_on(copied, optimizer):
    model = network()
    model.compile(optimizer, "mse", metrics=[jt.metrics.MeanAbsoluteError()])
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    other = copied(model)
    for each in (model, other):
        each.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    assert other.history.history == model.history.history
    for found, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_fit_before_compile_says_what_to_do():
    with pytest.raises(NotBuiltError, match=r"fit\(\).*model.compile"):
        network().fit(X, Y)


def test_a_misspelt_loss_is_an_error_of_compile():
    with pytest.raises(ArgumentError, match=r"'mean_squred_error'.*mean_squared_error"):
        network().compile("sgd", "mean_squred_error")


def test_a_misspelt_metric_is_an_error_of_compile():
    with pytest.raises(ArgumentError, match="'mean_squared_eror'"):
        network().compile("sgd", "mse", metrics=["mean_squared_eror"])


@pytest.mark.parametrize("value", [0, -1, True, "some", 1.5])
def test_steps_per_execution_is_a_positive_integer(value):
    with pytest.raises(ArgumentError, match=f"steps_per_execution.*got {value!r}"):
        network().compile("sgd", "mse", steps_per_execution=value)


@pytest.mark.parametrize("value", [1.5, None, "two"])
def test_epochs_is_an_integer(value):
    with pytest.raises(ArgumentTypeError, match=f"`epochs`.*{value!r}"):
        compiled().fit(X, Y, epochs=value, verbose=0)


@pytest.mark.parametrize("value", [0, True, None, 1.5])
def test_validation_freq_is_a_number_or_a_list(value):
    with pytest.raises(ArgumentError, match=f"validation_freq.*got {value!r}"):
        compiled().fit(X, Y, verbose=0, validation_freq=value)


def test_validation_after_the_epochs_listed():
    data = X[:32], Y[:32]
    options = {"batch_size": 32, "verbose": 0, "validation_data": data}
    history = compiled().fit(*data, epochs=3, validation_freq=[1, 3], **options)
    assert {name: len(row) for name, row in history.history.items()} == {
        "loss": 3,
        "mae": 3,
        "val_loss": 2,
        "val_mae": 2,
    }


def test_a_step_without_a_dictionary_is_an_error():
    class Silent(jt.Sequential):
        def train_step(self, data):
            return None

    model = Silent([jt.layers.Dense(1, input_shape=(8,))])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentTypeError, match=r"dictionary of logs.*got NoneType"):
        model.fit(X, Y, verbose=0)


def test_a_constraint_that_calls_ops_holds_in_fit():
    """Gradient descent on (3x - wx)^2 by NumPy, clipped after each step."""
    x = np.linspace(-1.0, 1.0, 32).astype(np.float32)[:, None]
    layer = jt.layers.Dense(
        1,
        use_bias=False,
        kernel_initializer="zeros",
        kernel_constraint=lambda w: jt.clip_by_value(w, -0.5, 0.5),
        input_shape=(1,),
    )
    model = jt.Sequential([layer])
    model.compile(jt.optimizers.SGD(0.1), "mse")
    w, expected = 0.0, []
    for _ in range(6):
        model.fit(x, 3.0 * x, batch_size=32, verbose=0)
        w = np.clip(w + 0.1 * np.mean(2.0 * (3.0 - w) * x**2), -0.5, 0.5)
        expected.append((float(layer.kernel[0, 0]), w))
    found, wanted = zip(*expected, strict=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert found[0] < found[-1] == 0.5


def test_a_schedule_that_calls_ops_holds_in_fit():
    """Steps of 0.1 / (1 + number of steps before) by NumPy."""
    x = np.linspace(-1.0, 1.0, 32).astype(np.float32)[:, None]
    layer = jt.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", input_shape=(1,)
    )
    model = jt.Sequential([layer])
    rate = lambda step: 0.1 / (1.0 + jt.cast(step, "float32"))  # noqa: E731
    model.compile(jt.optimizers.SGD(rate), "mse")
    model.fit(x, 3.0 * x, batch_size=32, epochs=5, verbose=0)
    w = 0.0
    for step in range(5):
        w += 0.1 / (1 + step) * np.mean(2.0 * (3.0 - w) * x**2)
    np.testing.assert_allclose(float(layer.kernel[0, 0]), w, rtol=1e-6)


def test_metrics_names_are_those_of_what_evaluate_returns():
    """Two outputs with a metric of one name each, which history tells apart too."""
    x = jt.Input((3,))
    a, b = jt.layers.Dense(1, name="a")(x), jt.layers.Dense(2, name="b")(x)
    model = jt.Model(x, [a, b])
    model.compile("sgd", ["mse", "mse"], metrics=[["mae"], ["mae", "accuracy"]])
    data = np.ones((8, 3)), [np.ones((8, 1)), np.ones((8, 2))]
    history = model.fit(*data, verbose=0).history
    names = ["loss", "a_loss", "b_loss", "a_mae", "b_mae", "b_accuracy"]
    assert model.metrics_names == names
    assert set(history) == set(names)
    listed = dict(zip(names, model.evaluate(*data, verbose=0), strict=True))
    assert listed == model.evaluate(*data, verbose=0, return_dict=True)
