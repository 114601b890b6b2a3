"""EarlyStopping: where it stops, counted by hand, and which weights are left."""

import math

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import EarlyStopping
from jaxtape.framework.errors import ArgumentError
from tests.training_course import Network, run


@pytest.mark.parametrize(
    ("options", "losses", "epochs"),
    [
        ({}, [3, 2, 2, 1], 3),  # the third epoch is not better
        ({"patience": 2}, [3, 2, 2, 1, 1, 1], 6),
        ({"patience": 2}, [3, 4, 5, 1], 3),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.5, 2.4], 2),
        ({"mode": "max"}, [1, 2, 3, 3, 9], 4),
        ({"start_from_epoch": 2}, [3, 4, 5, 4, 5, 9], 5),
        ({"baseline": 2.0, "patience": 3}, [5, 4, 3, 2.5, 2.4, 2.6, 1], 6),
        ({"baseline": 4.5, "patience": 3}, [5, 4, 4, 4, 4, 1], 5),
    ],
)
def test_it_stops_after_the_patience(options, losses, epochs):
    _, history = run(EarlyStopping("loss", **options), {"loss": losses})
    assert len(history.epoch) == epochs


@pytest.mark.parametrize(
    ("losses", "weight"),
    [([3, 1, 2, 2, 0], 2), ([3, 2, 1], 3), ([math.nan, 2, 3, 3, 0], 2)],
)
def test_the_weights_of_the_best_epoch_come_back(losses, weight):
    stopping = EarlyStopping("loss", patience=2, restore_best_weights=True)
    model, _ = run(stopping, {"loss": losses})
    assert model.weight == weight  # steps done, one each epoch
    assert stopping.best_epoch == weight - 1


def test_the_last_weights_stay_without_restoring():
    model, _ = run(EarlyStopping("loss", patience=2), {"loss": [3, 1, 2, 2]})
    assert model.weight == 4


def test_kept_weights_are_not_changed_by_steps_that_follow():
    model = jt.Sequential([jt.Input((2,)), jt.layers.Dense(3)])
    model.optimizer = jt.optimizers.SGD(0.5)
    stopping = EarlyStopping("loss", restore_best_weights=True)
    stopping.set_model(model)
    stopping.on_train_begin()
    stopping.on_epoch_end(0, {"loss": 1.0})
    expected = [np.array(weight) for weight in model.get_weights()]
    for _ in range(3):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(model(jt.ones((4, 2))))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    stopping.on_train_end()
    for kept, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(kept, value)


def test_it_begins_anew_with_each_training():
    stopping = EarlyStopping("loss", patience=1)
    for _ in range(2):
        _, history = run(stopping, {"loss": [1, 2, 3]})
        assert len(history.epoch) == 2
    assert stopping.stopped_epoch == 1


def test_a_nan_is_never_better():
    stopping = EarlyStopping("loss", patience=2)
    _, history = run(stopping, {"loss": [math.nan, 3, 2, math.nan, math.nan, 1]})
    assert len(history.epoch) == 5
    assert stopping.best == 2


def test_what_it_does_is_printed(capsys):
    stopping = EarlyStopping("loss", verbose=1, restore_best_weights=True)
    run(stopping, {"loss": [1, 2, 3]})
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: early stopping",
        "Weights are those of epoch 1 again, the best one",
    ]


def test_a_missing_quantity_is_named_once():
    message = (
        r"EarlyStopping monitors 'val_lost', which is not available, so it does "
        r"nothing. Available: loss, val_loss. Did you mean 'val_loss'\?"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        _, history = run(
            EarlyStopping("val_lost", mode="min"), {"loss": [1, 2], "val_loss": [1, 2]}
        )
    assert len(history.epoch) == 2
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("monitor", "metrics", "values"),
    [
        ("val_loss", (), [1, 2]),
        ("val_accuracy", (), [2, 1]),
        ("acc", (), [2, 1]),
        ("roc_auc", (), [2, 1]),
        ("mean_absolute_error", (), [1, 2]),
        ("val_score", [("score", "up")], [2, 1]),
        ("score", [("score", "down")], [1, 2]),
        ("accuracy", [("accuracy", "down")], [1, 2]),
    ],
)
def test_the_direction_is_that_of_the_metric_or_its_name(monitor, metrics, values):
    stopping = EarlyStopping(monitor)
    _, history = run(stopping, {monitor: [*values, 0]}, Network(metrics))
    assert len(history.epoch) == 2
    assert stopping.best == values[0]


def test_a_quantity_without_direction_is_asked_about_before_training():
    with pytest.raises(ArgumentError, match="cannot tell whether 'score' is better"):
        run(EarlyStopping("score"), {"score": [1, 2]})


def test_an_unknown_mode_is_refused():
    with pytest.raises(ArgumentError, match="'auto', 'min' or 'max'; got 'least'"):
        EarlyStopping(mode="least")
