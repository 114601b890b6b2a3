"""ReduceLROnPlateau and LearningRateScheduler: learning rates counted by hand."""

import math

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import LearningRateScheduler, ReduceLROnPlateau
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError
from tests.training_course import Network, run


@pytest.mark.parametrize(
    ("options", "losses", "rates"),
    [
        ({"patience": 2}, [3, 3, 3, 3, 3], [8, 8, 8, 4, 4]),
        ({"patience": 1}, [3, 3, 2, 2, 1], [8, 8, 4, 4, 2]),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.4, 2.4], [8, 8, 4, 4]),
        ({"patience": 1, "cooldown": 2}, [3, 3, 3, 3, 3, 3], [8, 8, 4, 4, 2, 2]),
        ({"patience": 1, "min_lr": 3}, [3, 3, 3, 3], [8, 8, 4, 3]),
        ({"patience": 1, "mode": "max"}, [1, 2, 3, 2, 1], [8, 8, 8, 8, 4]),
        ({"patience": 1}, [math.nan, 3, 2, math.nan, 1], [8, 4, 4, 4, 2]),
    ],
)
def test_a_plateau_halves_the_rate_of_the_epochs_that_follow(options, losses, rates):
    model = Network(learning_rate=8.0)
    plateau = ReduceLROnPlateau("loss", factor=0.5, **options)
    _, history = run(plateau, {"loss": losses}, model)
    assert history.history["learning_rate"] == rates


def test_it_begins_anew_with_each_training():
    model, plateau = Network(learning_rate=8.0), ReduceLROnPlateau("loss", 0.5, 2)
    for _ in range(2):  # two epochs without improvement in each, which is not enough
        run(plateau, {"loss": [3, 3]}, model)
    assert model.optimizer.learning_rate == 8.0


def test_a_limit_is_compared_as_the_float32_that_the_rate_is(capsys):
    model = jt.Sequential([jt.Input((1,)), jt.layers.Dense(1)])
    model.optimizer = jt.optimizers.SGD(0.1)
    plateau = ReduceLROnPlateau("loss", patience=1, min_lr=0.1, verbose=1)
    plateau.set_model(model)
    for epoch in range(3):
        plateau.on_epoch_end(epoch, {"loss": 1.0})
    assert capsys.readouterr().out == ""
    assert float(model.optimizer.learning_rate) == np.float32(0.1)


def test_a_reduction_is_printed(capsys):
    plateau = ReduceLROnPlateau("loss", 0.5, patience=1, verbose=1)
    run(plateau, {"loss": [3, 3]}, Network(learning_rate=8.0))
    assert capsys.readouterr().out == "Epoch 2: learning rate reduced to 4\n"


def test_a_missing_quantity_is_named():
    with pytest.warns(UserWarning, match="'val_loss', .* Available: loss, learning_"):
        run(ReduceLROnPlateau(), {"loss": [1, 2]})


@pytest.mark.parametrize("factor", [1.0, -0.5])
def test_a_factor_that_does_not_reduce_is_refused(factor):
    with pytest.raises(ArgumentError, match=f"less than 1; got {factor}"):
        ReduceLROnPlateau(factor=factor)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch: 8.0 / 2**epoch,
        lambda epoch, rate: rate / 2 if epoch else rate,
        lambda epoch, rate=1.0: rate / 2 if epoch else rate,
        lambda epoch, *rates: np.float32(8.0 / 2**epoch),
        lambda epoch: jt.constant(8.0) / 2**epoch,
        lambda epoch: 8 // 2**epoch,
    ],
)
def test_a_schedule_sets_the_rate_of_each_epoch(schedule):
    _, history = run(
        LearningRateScheduler(schedule), {"loss": [1, 1, 1]}, Network(learning_rate=8.0)
    )
    assert history.history["learning_rate"] == [8.0, 4.0, 2.0]


def test_the_optimizer_takes_the_rate():
    model = jt.Sequential([jt.Input((1,)), jt.layers.Dense(1)])
    model.optimizer = jt.optimizers.SGD(1.0)
    scheduler = LearningRateScheduler(lambda epoch, rate: rate / 4)
    scheduler.set_model(model)
    scheduler.on_epoch_begin(0)
    assert float(model.optimizer.learning_rate) == 0.25


def test_a_setting_is_printed(capsys):
    run(LearningRateScheduler(lambda epoch: 0.25, verbose=1), {"loss": [1]})
    assert capsys.readouterr().out == "Epoch 1: learning rate set to 0.25\n"


def test_a_type_error_inside_of_a_schedule_is_not_hidden():
    def schedule(epoch, rate):
        return rate + "much"

    with pytest.raises(TypeError, match="unsupported operand"):
        run(LearningRateScheduler(schedule), {"loss": [1]})


@pytest.mark.parametrize("value", [None, "0.1", True])
def test_what_is_no_learning_rate_is_named(value):
    with pytest.raises(ArgumentTypeError, match=f"as a number; got {value!r}"):
        run(LearningRateScheduler(lambda epoch: value), {"loss": [1]})


def test_a_model_without_optimizer_is_named():
    model = Network()
    model.optimizer = None
    with pytest.raises(ArgumentTypeError, match=r"model.optimizer is None. Compile"):
        run(LearningRateScheduler(lambda epoch: 0.1), {"loss": [1]}, model)
