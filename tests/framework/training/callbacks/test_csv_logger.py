"""CSVLogger: Keras's files, and a training that goes on when the disk is full."""

import errno
import math
import warnings

import numpy as np
import pytest

from jaxtape.callbacks import CSVLogger
from jaxtape.framework.training.callbacks import csv_logger
from tests.golden_values import golden
from tests.training_course import run


def text_of(path):
    return path.read_bytes().decode()


@pytest.mark.parametrize("name", ["plain", "validation", "seldom", "separated"])
def test_the_file_is_that_of_keras(tmp_path, name):
    case = golden("callbacks")["csv"][name]
    path = tmp_path / "log.csv"
    run(CSVLogger(path, **case["options"]), case["epochs"])
    assert text_of(path) == case["file"]


def test_appended_rows_are_those_of_keras(tmp_path):
    case = golden("callbacks")["csv"]["appended"]
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, append=True)
    for _ in range(2):
        run(logger, case["epochs"])
    assert text_of(path) == case["file"]


def test_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        run(CSVLogger(path), {"loss": [1.5]})
    assert text_of(path).count("epoch") == 1


def test_values_of_any_kind_have_a_cell(tmp_path):
    path = tmp_path / "log.csv"
    logs = {"a": np.float32(0.5), "b": np.array(2.0), "c": [1, 2], "d": math.nan}
    run(CSVLogger(path), [logs | {"val_a": "text"}])
    assert text_of(path).splitlines()[1] == '0,0.5,2.0,"""[1, 2]""",nan,text'


class Disk:
    """Opens files of a disk that is full for a while."""

    def __init__(self, is_full):
        self.is_full = is_full
        self.opened = 0

    def __call__(self, *arguments):
        file = open(*arguments)  # noqa: SIM115 (who asked for it closes it)
        self.opened += 1
        return _Full(file) if self.opened in self.is_full else file


class _Full:
    """Takes a part of what is written and says that there is no room for the rest."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("full", [{2}, {2, 3}, {3, 4}, {1, 2}, {4}])
def test_a_full_disk_costs_one_warning_and_no_row(monkeypatch, tmp_path, full):
    path, expected = tmp_path / "log.csv", tmp_path / "expected.csv"
    epochs = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [5.0, 4.0, 3.0, 2.0]}
    run(CSVLogger(expected), epochs)
    monkeypatch.setattr(csv_logger, "open", Disk(full), raising=False)
    with pytest.warns(UserWarning, match="No space left on device. The tr") as caught:
        _, history = run(CSVLogger(path), epochs)
    assert len(caught) == 1
    assert len(history.epoch) == 4
    assert text_of(path) == text_of(expected)


def test_a_file_that_cannot_be_written_costs_one_warning(tmp_path):
    logger = CSVLogger(tmp_path / "missing" / "log.csv")
    with pytest.warns(UserWarning, match=r"missing.log.csv: No such file") as caught:
        _, history = run(logger, {"loss": [1.0, 2.0, 3.0]})
    assert len(caught) == 1
    assert history.history == {"loss": [1.0, 2.0, 3.0]}


def test_no_warning_where_all_is_well(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(CSVLogger(tmp_path / "log.csv"), {"loss": [1.0]})
