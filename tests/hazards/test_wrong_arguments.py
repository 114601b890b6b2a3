"""Row G18: arguments of a wrong type or size end in errors of ours that name them."""

import inspect

import numpy as np
import pytest

import jaxtape as jt
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
    "Dropout": ("rate", "noise_shape"),
    "LayerNormalization": ("epsilon",),
    "Adadelta": ("rho",),
    "Adagrad": ("initial_accumulator_value",),
    "Adam": ("beta_1", "beta_2"),
    "Lion": ("beta_1", "beta_2"),
    "RMSprop": ("rho", "momentum"),
    "SGD": ("momentum",),
    "BinaryCrossentropy": ("label_smoothing", "axis", "reduction", "dtype"),
    "CategoricalCrossentropy": ("label_smoothing", "axis", "reduction", "dtype"),
    "SparseCategoricalCrossentropy": ("ignore_class", "axis", "reduction", "dtype"),
    "Huber": ("delta",),
}
"""Arguments that are numbers or words, by the class."""
NO_NUMBERS = [{"a": 1}, {1, 2}, object(), len]


@pytest.mark.parametrize("name", NUMBERS)
def test_g18_numbers_of_layers_losses_and_optimizers(name):
    spaces = (jt.layers, jt.optimizers, jt.losses)
    cls = next(getattr(s, name) for s in spaces if hasattr(s, name))
    for argument in NUMBERS[name]:
        for value in NO_NUMBERS:
            with pytest.raises((TypeError, ValueError), match=f"`{argument}`") as found:
                cls(
                    **{"rate": 0.5, argument: value}
                    if name == "Dropout"
                    else {argument: value}
                )
            assert isinstance(found.value, jt.errors.JaxtapeError), value
