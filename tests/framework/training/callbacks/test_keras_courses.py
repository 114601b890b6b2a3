"""Courses of random losses: callbacks do in each epoch what Keras's do."""

import pytest

import jaxtape as jt
from jaxtape.callbacks import EarlyStopping, ReduceLROnPlateau
from tests.golden_values import golden, signature_of
from tests.training_course import Network, run


@pytest.mark.parametrize("case", golden("callbacks")["stopping"])
def test_early_stopping(case):
    stopping = EarlyStopping("loss", **case["options"])
    _, history = run(stopping, {"loss": case["losses"]})
    assert len(history.epoch) == case["epochs"]
    assert stopping.best_epoch == case["best_epoch"]


@pytest.mark.parametrize("case", golden("callbacks")["plateau"])
def test_reduce_lr_on_plateau(case):
    plateau = ReduceLROnPlateau("loss", factor=0.5, **case["options"])
    model = Network(learning_rate=0.5)
    _, history = run(plateau, {"loss": case["losses"]}, model)
    # Keras keeps rates as float32, and goes on from there with 0.1.
    assert history.history["learning_rate"] == pytest.approx(case["rates"], rel=1e-7)


@pytest.mark.parametrize("name", golden("callbacks")["signatures"])
def test_arguments_have_keras_names_order_and_defaults(name):
    given = [
        row for row in signature_of(getattr(jt.callbacks, name)) if row != ["further"]
    ]
    assert given == golden("callbacks")["signatures"][name]
