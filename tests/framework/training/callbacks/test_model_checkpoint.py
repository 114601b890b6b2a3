"""ModelCheckpoint: what is on disk after which epoch or step."""

import math
import os

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import ModelCheckpoint
from jaxtape.framework.errors import ArgumentError, FileAccessError
from tests.training_course import Network, run


class Saving(Network):
    """Notes where it was saved, and after how many steps."""

    def __init__(self):
        super().__init__()
        self.saved = []

    def save(self, filepath, overwrite=True):
        self.saved.append((os.path.basename(filepath), self.weight))

    save_weights = save


def saved(epochs, path="m", **options):
    """Where a model was saved, each with the number of steps done until then."""
    steps = options.pop("steps", 1)
    callback = ModelCheckpoint(path, **options)
    model, _ = run(callback, epochs, Saving(), steps=steps, launch=100)
    return model.saved


def test_each_epoch_is_saved_under_its_name():
    logs = {"loss": [0.5, 0.25], "val_loss": [0.625, 0.375]}
    assert saved(logs, "{epoch:02d}-{val_loss:.2f}") == [("01-0.62", 1), ("02-0.38", 2)]


def test_only_what_is_better_is_saved():
    assert saved({"val_loss": [3, 4, 2, 2, math.nan, 1]}, save_best_only=True) == [
        ("m", 1),
        ("m", 3),
        ("m", 6),
    ]


def test_better_is_more_for_an_accuracy():
    epochs = {"val_accuracy": [0.5, 0.4, 0.75]}
    options = {"monitor": "val_accuracy", "save_best_only": True}
    assert saved(epochs, **options) == [("m", 1), ("m", 3)]


def test_the_first_value_must_pass_the_threshold():
    options = {"save_best_only": True, "initial_value_threshold": 2.5}
    assert saved({"val_loss": [3, 2.6, 2, 3]}, **options) == [("m", 3)]


def test_the_best_value_is_kept_for_the_next_training():
    callback = ModelCheckpoint("m", save_best_only=True)
    model, _ = run(callback, {"val_loss": [2]}, Saving())
    run(callback, {"val_loss": [3, 1]}, model)
    assert model.saved == [("m", 1), ("m", 3)]


def test_steps_are_counted_over_epochs():
    path = "{epoch}-{batch}"
    found = saved({"loss": [1, 1, 1]}, path, save_freq=4, steps=5)
    assert found == [("1-4", 4), ("2-3", 8), ("3-2", 12)]


def test_steps_and_best_go_together():
    options = {"save_freq": 2, "save_best_only": True, "monitor": "loss"}
    found = saved({"loss": [3, 4, 2]}, "{epoch}-{batch}", steps=2, **options)
    assert found == [("1-2", 2), ("3-2", 6)]


def test_without_the_quantity_each_epoch_is_saved_with_a_warning():
    with pytest.warns(UserWarning, match="'val_loss', .* so it saves every time") as w:
        assert len(saved({"loss": [1, 2]}, save_best_only=True)) == 2
    assert len(w) == 1


@pytest.mark.parametrize("freq", ["epoch", 1])
@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_model_whose_loss_is_no_number_is_not_saved(freq, loss):
    with pytest.warns(UserWarning, match=f"save m: the loss is {loss}. What") as caught:
        assert saved({"loss": [1, loss, loss]}, save_freq=freq) == [("m", 1)]
    assert len(caught) == 1


def test_what_it_does_is_printed(capsys):
    saved({"val_loss": [3, 4, 2]}, save_best_only=True, verbose=1)
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: saved m, since val_loss is 3",
        "Epoch 3: saved m, since val_loss is 2, after 3",
    ]


@pytest.fixture
def model():
    return jt.Sequential([jt.Input((2,)), jt.layers.Dense(3)])


def test_a_model_is_loaded_again(model, tmp_path):
    callback = ModelCheckpoint(tmp_path / "runs" / "{epoch}")
    callback.set_model(model)
    callback.on_epoch_end(0, {"loss": 1.0})
    loaded = jt.load_model(tmp_path / "runs" / "1")
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_weights_are_loaded_again(model, tmp_path):
    path = tmp_path / "runs" / "best.weights.safetensors"
    callback = ModelCheckpoint(path, save_weights_only=True)
    callback.set_model(model)
    callback.on_epoch_end(0, {"loss": 1.0})
    kept = model.get_weights()
    model.set_weights([weight * 0 for weight in kept])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], kept[0])


def test_a_folder_that_cannot_be_made_is_named(model, tmp_path):
    (tmp_path / "runs").write_text("a file")
    callback = ModelCheckpoint(tmp_path / "runs" / "deep" / "{epoch}")
    callback.set_model(model)
    with pytest.raises(FileAccessError, match=r"runs.deep failed: .* Nothing was"):
        callback.on_epoch_end(0, {"loss": 1.0})


def test_a_name_that_the_logs_do_not_have_is_told():
    with pytest.raises(ArgumentError, match=r"KeyError 'val_loss'. .* epoch, loss\."):
        saved({"loss": [1]}, "{val_loss}")


@pytest.mark.parametrize("value", [0, -1, True, "batch", 2.0, None])
def test_an_unknown_frequency_is_refused(value):
    with pytest.raises(ArgumentError, match=f"number of steps; got {value!r}"):
        ModelCheckpoint("m", save_freq=value)


@pytest.mark.parametrize("save_weights_only", [False, True])
def test_a_name_of_keras_files_is_refused_before_training(save_weights_only):
    with pytest.raises(ArgumentError, match=r"is 'a.weights.h5', an HDF5 name"):
        ModelCheckpoint("a.weights.h5", save_weights_only=save_weights_only)
