"""TensorBoard: the events on disk, and a training that goes on without a disk."""

import errno
import struct
import sys

import numpy as np
import pytest
from tensorboardX import record_writer
from tensorboardX.proto.event_pb2 import Event

import jaxtape as jt
from jaxtape.callbacks import CallbackList, TensorBoard
from jaxtape.framework.errors import ArgumentError, MissingPackageError
from tests.training_course import Network, run


def events_in(folder):
    """All events of a folder; a record is length, check, data and check."""
    found = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name.split(".")[-1]):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            found.append(Event.FromString(data[place + 12 : place + 12 + length]))
            place += 16 + length
    return found


def scalars_in(folder):
    """Steps and values by tag."""
    found = {}
    for event in events_in(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                points = found.setdefault(value.tag, [])
                points.append((event.step, value.simple_value))
    return found


def test_epochs_are_written_under_keras_names(tmp_path):
    run(TensorBoard(tmp_path), {"loss": [2.0, 1.0], "val_loss": [4.0, 3.0]})
    assert scalars_in(tmp_path / "train") == {
        "epoch_loss": [(0, 2.0), (1, 1.0)],
        "epoch_learning_rate": [(0, 0.5), (1, 0.5)],
    }
    assert scalars_in(tmp_path / "validation") == {
        "epoch_loss": [(0, 4.0), (1, 3.0)],
    }


def test_steps_are_written_at_multiples_of_the_frequency(tmp_path):
    board = TensorBoard(tmp_path, update_freq=4)
    run(board, {"loss": [2.0, 1.0]}, steps=6, launch=100)
    expected = [(4, 2.0), (8, 1.0), (12, 1.0)]
    assert scalars_in(tmp_path / "train")["batch_loss"] == expected


@pytest.mark.parametrize(("given", "steps"), [("batch", 1), (7, 7), ("epoch", None)])
def test_the_frequency_is_a_step_interval(given, steps):
    assert TensorBoard(update_freq=given).step_interval == steps


@pytest.fixture
def model():
    model = jt.Sequential([jt.Input((2,)), jt.layers.Dense(3, name="d")])
    model.optimizer = jt.optimizers.SGD(0.25)
    return model


def test_weights_are_written_as_histograms(model, tmp_path):
    kernel = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]], "float32")
    model.set_weights([kernel, np.zeros(3, "float32")])
    board = TensorBoard(tmp_path, histogram_freq=2)
    board.set_model(model)
    board.on_train_begin()
    for epoch in range(3):
        board.on_epoch_end(epoch, {"loss": 1.0})
    board.on_train_end()
    values = [
        (event.step, value)
        for event in events_in(tmp_path / "train")
        for value in event.summary.value
        if value.tag == "d/kernel/histogram"
    ]
    assert [step for step, _ in values] == [0, 2]
    histogram = values[0][1].histo
    assert (histogram.num, histogram.sum, histogram.max) == (5, 15.0, 5.0)


def test_an_evaluation_is_written_by_the_updates_so_far(model, tmp_path):
    model.optimizer.iterations.assign(7)
    told = CallbackList(TensorBoard(tmp_path), model)
    told.on_test_begin()
    told.on_test_end({"loss": 1.5})
    expected = {"evaluation_loss_vs_iterations": [(7, 1.5)]}
    assert scalars_in(tmp_path / "validation") == expected


def test_the_speed_of_an_epoch_is_written(model, tmp_path, monkeypatch):
    board = TensorBoard(tmp_path, write_steps_per_second=True)
    board.set_model(model)
    times = iter([10.0, 12.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    board.on_train_begin()
    board.on_epoch_begin(0)
    model.optimizer.iterations.assign(6)
    board.on_epoch_end(0, {"loss": 1.0})
    board.on_train_end()
    assert scalars_in(tmp_path / "train")["epoch_steps_per_second"] == [(0, 3.0)]


def test_trainings_of_one_second_have_files_of_their_own(tmp_path):
    for loss in (2.0, 1.0):
        run(TensorBoard(tmp_path), {"loss": [loss]})
    assert scalars_in(tmp_path / "train")["epoch_loss"] == [(0, 2.0), (0, 1.0)]


class FullDisk:
    """Opens files that take nothing while the disk is full."""

    def __init__(self):
        self.is_full = True
        self.open = record_writer.open_file

    def __call__(self, path):
        file = self.open(path)
        if self.is_full:
            file.close()
            return self
        return file

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    flush = close = lambda self: None


def test_a_full_disk_costs_one_warning(tmp_path, monkeypatch):
    disk = FullDisk()
    monkeypatch.setattr(record_writer, "open_file", disk)
    room = jt.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(disk, "is_full", epoch < 2)
    )
    with pytest.warns(UserWarning, match="No space left on device. The tr") as caught:
        _, history = run([room, TensorBoard(tmp_path)], {"loss": [4.0, 3.0, 2.0, 1.0]})
    assert len(caught) == 1
    assert len(history.epoch) == 4
    assert scalars_in(tmp_path / "train")["epoch_loss"] == [(2, 2.0), (3, 1.0)]


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.warns(UserWarning, match="TensorBoard cannot write to") as caught:
        run(TensorBoard(tmp_path / "logs"), {"loss": [2.0, 1.0]})
    assert len(caught) == 1


def test_values_that_are_no_numbers_are_left_out(tmp_path):
    run(TensorBoard(tmp_path), [{"loss": 1.0, "note": "text", "rows": [1.0, 2.0]}])
    names = set(scalars_in(tmp_path / "train"))
    assert names == {"epoch_loss", "epoch_learning_rate"}


def test_a_missing_package_is_named_before_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    model = Network()
    with pytest.raises(MissingPackageError, match=r'install "jaxtape\[tensorboard\]"'):
        run(TensorBoard(), {"loss": [1.0]}, model)
    assert model.weight == 0


@pytest.mark.parametrize("value", ["step", 0, -1, None])
def test_an_unknown_frequency_is_refused(value):
    with pytest.raises(ArgumentError, match=f"number of steps; got {value!r}"):
        TensorBoard(update_freq=value)


def test_what_is_not_supported_is_said():
    with pytest.warns(UserWarning, match="support write_images, profile_batch; the"):
        TensorBoard(write_images=True, profile_batch=2)
