"""TerminateOnNaN: at which step a training ends."""

import math

import pytest

from jaxtape.callbacks import TerminateOnNaN
from jaxtape.framework.errors import JaxtapeError, NonFiniteLossError
from tests.training_course import run


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_it_ends_the_training_at_the_end_of_the_launch(loss, capsys):
    model, history = run(
        TerminateOnNaN(), {"loss": [1.0, loss, 1.0]}, steps=8, launch=4
    )
    assert len(history.epoch) == 2
    assert model.weight == 8 + 4  # steps done
    said = f"Batch 3: the loss is {loss}, so the training ends\n"
    assert capsys.readouterr().out == said


def test_it_raises_if_asked():
    with pytest.raises(NonFiniteLossError, match=r"Batch 0: the loss is nan. Lower"):
        run(TerminateOnNaN(raise_error=True), {"loss": [math.nan]})
    assert issubclass(NonFiniteLossError, RuntimeError)
    assert issubclass(NonFiniteLossError, JaxtapeError)


def test_the_loss_of_an_epoch_is_looked_at_too(capsys):
    model, _ = run([], {"loss": [1.0]})
    watching = TerminateOnNaN()
    watching.set_model(model)
    watching.on_epoch_end(1, {"loss": math.nan})
    assert model.stop_training
    assert capsys.readouterr().out.startswith("Epoch 2: the loss is nan")


def test_finite_losses_and_none_pass():
    _, history = run(TerminateOnNaN(), [{"loss": 1.0}, {"accuracy": 0.5}])
    assert len(history.epoch) == 2
