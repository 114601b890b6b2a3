"""Row G18: arguments of a wrong type or size end in errors of ours that name them."""

import inspect

import numpy as np
import pytest

import jaxtape as jt
from tests.contracts import ROWS as CONTRACTS
from tests.framework.training.metrics.metric_rows import ROWS as METRICS

WRONG = {
    "None": None,
    "text": "text",
    "NaN": float("nan"),
    "infinite": float("inf"),
    "negative": -1,
    "huge": 10**30,
    "list": [1, "a"],
    "empty": [],
    "set": {1, 2},
    "dict": {"a": 1},
    "object": object(),
    "true": True,
}
X, Y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
ARGUMENTS = {
    "fit": {"x": X, "y": Y, "verbose": 0},
    "evaluate": {"x": X, "y": Y, "verbose": 0},
    "predict": {"x": X, "verbose": 0},
    "train_on_batch": {"x": X, "y": Y},
    "test_on_batch": {"x": X, "y": Y},
    "predict_on_batch": {"x": X},
}
ENDLESS = [("fit", "epochs", "huge")]


@pytest.fixture(scope="module")
def model():
    model = jt.Sequential([jt.layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model


def report(call, name, value):
    """What is wrong about a call's error; empty if it is right, or there is none."""
    try:
        call(**{name: value})
    except jt.errors.JaxtapeError as error:
        is_usual = isinstance(error, TypeError | ValueError)
        return "" if is_usual else f"{name}={value!r}: {error!r}"
    except UserWarning:  # of an argument that is accepted and has no effect
        return ""
    except Exception as error:
        return f"{name}={value!r}: {error!r}"
    return ""


def reports(call, method, owner=""):
    """The same for all arguments of a method and all wrong values."""
    found = [
        report(call, name, value)
        for name in inspect.signature(method).parameters
        for kind, value in WRONG.items()
        if (owner, name, kind) not in ENDLESS
    ]
    return "\n".join(filter(None, found))


@pytest.mark.parametrize("method", ARGUMENTS)
def test_g18_arguments_of_what_models_do_with_data(model, method):
    def call(**given):
        getattr(model, method)(**{**ARGUMENTS[method], **given})

    assert reports(call, getattr(model, method), method) == ""


@pytest.mark.parametrize("trains", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_g18_arguments_of_compile(model, trains):
    def call(**given):
        fresh = jt.Sequential([jt.layers.Dense(2, input_shape=(3,))])
        fresh.compile(**{"optimizer": "sgd", "loss": "mse", **given})
        if trains:  # which compiles a program for each
            fresh.fit(X, Y, verbose=0)

    assert reports(call, model.compile) == ""


CALLBACKS = {
    name: found
    for name, found in vars(jt.callbacks).items()
    if inspect.isclass(found) and name != "Callback"
}
NEEDED = {
    "filepath": "weights.{epoch}",
    "filename": "log.csv",
    "schedule": lambda epoch: 0.1,
    "backup_dir": "backup",
    "log_dir": "logs",
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_g18_arguments_of_callbacks(model, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cls = CALLBACKS[name]
    known = inspect.signature(cls).parameters
    needed = {key: value for key, value in NEEDED.items() if key in known}

    def call(**given):
        callbacks = [cls(**{**needed, **given})]
        model.fit(X, Y, validation_data=(X, Y), callbacks=callbacks, verbose=0)

    assert reports(call, cls) == ""


@pytest.mark.parametrize("name", METRICS)
def test_g18_arguments_of_metrics(name):
    cls = getattr(jt.metrics, name)
    arguments, inputs = METRICS[name]

    def call(**given):
        metric = cls(**{**arguments, **given})
        metric.update_state(*inputs)
        metric.result()

    assert reports(call, cls) == ""


@pytest.mark.parametrize("value", [None, len, 3, "nothing"])
def test_an_optimizer_that_is_none_is_told(value):
    model = jt.Sequential([jt.layers.Dense(2)])
    with pytest.raises((TypeError, ValueError), match=r"`?optimizer`? "):
        model.compile(optimizer=value)


def test_a_batch_that_no_machine_has_is_told(model):
    with pytest.raises(ValueError, match=r"`batch_size` must be .* got 1000000000000"):
        model.fit(X, Y, batch_size=10**30, verbose=0)


def test_a_batch_larger_than_the_data_is_not_filled_up(model):
    """10**12 samples would be 12 TB."""
    found = model.predict(X, batch_size=10**12, verbose=0)
    np.testing.assert_array_equal(found, model.predict(X, verbose=0))
    assert len(model.fit(X, Y, batch_size=10**12, verbose=0).history["loss"]) == 1


NUMBERS = {
    "BatchNormalization": ("momentum", "epsilon", "axis"),
    "Concatenate": ("axis",),
    "Conv2D": ("filters", "groups", "kernel_size", "strides", "dilation_rate"),
    "Dense": ("units",),
    "Dropout": ("rate", "noise_shape"),
    "Embedding": ("input_dim", "output_dim"),
    "GRU": ("units", "dropout", "recurrent_dropout"),
    "GaussianNoise": ("stddev",),
    "LayerNormalization": ("epsilon",),
    "Adadelta": ("rho",),
    "Adagrad": ("initial_accumulator_value",),
    "Adam": ("beta_1", "beta_2", "epsilon"),
    "Lion": ("beta_1", "beta_2"),
    "RMSprop": ("rho", "momentum"),
    "SGD": ("momentum",),
    "BinaryCrossentropy": ("label_smoothing", "axis", "reduction", "dtype"),
    "CategoricalCrossentropy": ("label_smoothing", "axis", "reduction", "dtype"),
    "SparseCategoricalCrossentropy": ("ignore_class", "axis", "reduction", "dtype"),
    "Huber": ("delta",),
}
"""Arguments that are numbers or words, by the class."""
NEEDED_NUMBERS = {
    "Conv2D": {"filters": 2, "kernel_size": 1},
    "Dense": {"units": 2},
    "Dropout": {"rate": 0.5},
    "Embedding": {"input_dim": 2, "output_dim": 2},
    "GRU": {"units": 2},
    "GaussianNoise": {"stddev": 0.5},
}
NO_NUMBERS = [{"a": 1}, {1, 2}, object(), len]


@pytest.mark.parametrize("name", NUMBERS)
def test_g18_numbers_of_layers_losses_and_optimizers(name):
    spaces = (jt.layers, jt.optimizers, jt.losses)
    cls = next(getattr(s, name) for s in spaces if hasattr(s, name))
    for argument in NUMBERS[name]:
        for value in NO_NUMBERS:
            with pytest.raises((TypeError, ValueError), match=f"`{argument}`") as found:
                cls(**{**NEEDED_NUMBERS.get(name, {}), argument: value})
            assert isinstance(found.value, jt.errors.JaxtapeError), value


SINGLE = {
    row.cls.__name__: row
    for row in CONTRACTS
    if row.kind == "layer" and row.cls.takes_one_input
}


@pytest.mark.parametrize("name", SINGLE)
def test_layers_of_one_input_say_so(name):
    row = SINGLE[name]
    x = jt.constant(row.arrays()[0])
    for several in ([x, x], {"a": x}, []):
        with pytest.raises(TypeError, match=f"{name}.* takes one array; got a (li|di)"):
            row.make()(several)


ROWS = np.ones((2, 3), np.float32)
IMAGE = np.ones((1, 4, 4, 1), np.float32)
OPS = {
    "axis": [
        lambda value: jt.reduce_sum(ROWS, value),
        lambda value: jt.split(ROWS, 1, value),
        lambda value: jt.unstack(ROWS, axis=value),
        lambda value: jt.gather(ROWS, [0], axis=value),
        lambda value: jt.concat([ROWS, ROWS], value),
        lambda value: jt.argmax(ROWS, value),
    ],
    "padding": [lambda value: jt.nn.max_pool2d(IMAGE, 2, 1, value)],
    "data_format": [lambda value: jt.nn.max_pool2d(IMAGE, 2, 1, "SAME", value)],
    "limit": [lambda value: jt.range(0, value)],
    "begin_mask": [lambda v: jt.strided_slice(ROWS, [0, 0], [1, 1], begin_mask=v)],
    "num_partitions": [lambda value: jt.dynamic_partition(ROWS, [0, 0], value)],
    "t_list": [lambda value: jt.clip_by_global_norm(value, 1.0)],
    "direction": [lambda value: jt.sort(ROWS, direction=value)],
    "paddings": [lambda value: jt.pad(ROWS, value)],
    "depth": [lambda value: jt.one_hot([1], value)],
}
"""Calls with a wrong argument, by its name."""


@pytest.mark.parametrize("name", OPS)
def test_g18_arguments_of_ops(name):
    for call in OPS[name]:
        for value in (object(), len, "text", {"a": 1}, 1.5j):
            with pytest.raises((TypeError, ValueError), match=f"`{name}`") as found:
                call(value)
            assert isinstance(found.value, jt.errors.JaxtapeError)
