"""History: plain floats by Keras's keys, also of an interrupted training."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import Callback, CallbackList, History
from tests.training_course import Network, run


def test_it_keeps_each_quantity_and_the_epochs():
    model, history = run([], {"loss": [3.0, 2.0], "val_loss": [4.0, 5.0]})
    assert history.history == {"loss": [3.0, 2.0], "val_loss": [4.0, 5.0]}
    assert history.epoch == [0, 1]
    assert history.params == {"verbose": 0, "epochs": 2, "steps": 1}
    assert history.model is model
    assert model.history is history


@pytest.mark.parametrize(
    "value", [2, np.float32(2), np.array(2.0), jnp.array(2.0), jt.constant(2.0)]
)
def test_numbers_of_any_kind_become_plain_floats(value):
    _, history = run([], [{"loss": value}])
    (kept,) = history.history["loss"]
    assert type(kept) is float
    assert kept == 2.0


@pytest.mark.parametrize("kind", [np.array, jt.constant])
def test_an_array_becomes_a_list_and_a_text_stays(kind):
    _, history = run([], [{"rows": kind([1.0, 2.0]), "note": "1"}])
    assert history.history == {"rows": [[1.0, 2.0]], "note": ["1"]}


def test_it_is_the_models_before_the_first_epoch_ends():
    class Interrupting(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    model = Network()
    with pytest.raises(KeyboardInterrupt):
        run([Interrupting()], {"loss": [3.0, 2.0]}, model)
    assert model.history.history == {"loss": [3.0]}


def test_a_history_that_is_given_goes_on():
    history = History()
    for _ in range(2):
        run([history], {"loss": [3.0]})
    assert history.history == {"loss": [3.0, 3.0]}
    assert history.epoch == [0]


def test_only_one_history_is_there():
    history = History()
    told = CallbackList([history], add_history=True)
    assert told.callbacks == [history]
    assert told.history is history


def test_its_repr_has_the_last_values():
    _, history = run([], {"loss": [3.0, 0.25]})
    assert repr(history) == "<History of 2 epochs; loss: 0.25>"
    assert repr(History()) == "<History of 0 epochs; empty>"
