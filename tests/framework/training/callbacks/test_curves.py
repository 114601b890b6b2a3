"""history.plot(): what is drawn where."""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from jaxtape.callbacks import History
from jaxtape.framework.errors import ArgumentError, MissingPackageError
from tests.training_course import run

mpl.use("agg")

LOGS = {
    "loss": [3.0, 2.0, 1.0],
    "accuracy": [0.5, 0.625, 0.75],
    "val_loss": [3.5, None, 2.5],
    "val_accuracy": [0.25, None, 0.5],
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def history():
    return run([], LOGS)[1]


def curves_of(axis):
    """Epochs and values by label."""
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axis.lines
    }


def test_a_panel_has_training_and_validation(history):
    loss, accuracy = history.plot()
    assert curves_of(loss) == {
        "training": ([1, 2, 3], [3.0, 2.0, 1.0]),
        "validation": ([1, 3], [3.5, 2.5]),
    }
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss")
    assert accuracy.get_ylabel() == "accuracy"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "training",
        "validation",
    ]


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 40])
def test_epochs_are_whole_numbers(epochs):
    _, history = run([], {"loss": list(range(epochs))})
    (axis,) = history.plot()
    axis.figure.draw_without_rendering()
    ticks = np.array(axis.get_xticks())
    np.testing.assert_array_equal(ticks, np.round(ticks))
    assert axis.get_legend() is None


def test_chosen_quantities_are_drawn_in_their_order(history):
    assert [axis.get_ylabel() for axis in history.plot(["val_accuracy"])] == [
        "accuracy"
    ]
    assert [axis.get_ylabel() for axis in history.plot("loss")] == ["loss"]
    labels = [axis.get_ylabel() for axis in history.plot(["accuracy", "loss"])]
    assert labels == ["accuracy", "loss"]


def test_several_trainings_follow_each_other():
    history = History()
    for _ in range(2):
        run([history], {"loss": [2.0, 1.0]})
    (axis,) = history.plot()
    assert curves_of(axis)["training"] == ([1, 2, 3, 4], [2.0, 1.0, 2.0, 1.0])


def test_a_history_that_was_put_back_is_drawn():
    history = History()
    history.history = {"loss": [2.0, 1.0]}
    assert curves_of(history.plot()[0])["training"] == ([1, 2], [2.0, 1.0])


def test_a_training_that_goes_on_keeps_the_epochs_of_its_values(history):
    other = History()
    other.set_state(history.get_state())
    assert curves_of(other.plot()[0])["validation"] == ([1, 3], [3.5, 2.5])


def test_what_are_no_numbers_is_left_out():
    _, history = run([], [{"loss": 1.0, "rows": [1.0, 2.0], "note": "a"}])
    assert len(history.plot()) == 1


def test_panels_stand_in_rows_of_three():
    _, history = run([], [dict.fromkeys("abcde", 1.0)])
    axes = history.plot()
    assert [axis.get_ylabel() for axis in axes] == list("abcde")
    assert len(axes[0].figure.axes) == 5


def test_a_picture_is_saved(history, tmp_path):
    history.plot(to_file=tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_quantity_is_named(history):
    message = r"\['loss', 'accuracy'\]; got \['lost'\]"
    with pytest.raises(ArgumentError, match=message):
        history.plot(["lost"])


def test_an_empty_history_is_told():
    with pytest.raises(ArgumentError, match="no numbers yet"):
        History().plot()


def test_a_missing_package_is_named(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingPackageError, match=r'install "jaxtape\[plot\]"'):
        history.plot()
