"""ProgressBar: lines in files, a bar in terminals, and outputs that are neither."""

import io
import itertools
import math
import re
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from jaxtape.callbacks import CallbackList, LambdaCallback, ProgressBar
from jaxtape.framework.errors import ArgumentError
from jaxtape.framework.training.callbacks import console, wording
from tests.training_course import Network, run

EPOCHS = {"loss": [0.12345, 0.5], "val_loss": [2e-5, 0.0]}


class Terminal(io.StringIO):
    """Takes text as a terminal does."""

    encoding = "utf-8"

    def isatty(self):
        return True

    @property
    def screen(self):
        """The lines that can be read there at the end."""
        lines = []
        for line in self.getvalue().split("\n"):
            shown = ""
            for part in line.split("\r"):
                shown = part + shown[len(part) :]
            lines.append(shown.rstrip())
        return [line for line in lines if line]


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    # pytest puts its own `sys.stdout` back between a fixture and the test.
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=stream))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return stream


@pytest.fixture
def seconds(monkeypatch):
    """Each look at the clock is two seconds after the one before."""
    ticks = itertools.count(100, 2)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_a_file_gets_one_line_for_each_epoch(capsys, seconds, verbose):
    run(ProgressBar(), EPOCHS, steps=50, verbose=verbose)
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1/2 - 2.0s - 40ms/step - loss: 0.1235 - val_loss: 2.0000e-05",
        "Epoch 2/2 - 2.0s - 40ms/step - loss: 0.5000 - val_loss: 0.0000",
    ]


def test_nothing_is_printed_if_that_is_asked(capsys):
    run(ProgressBar(), EPOCHS, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_and_keeps_lines(terminal):
    run(ProgressBar(), EPOCHS, steps=4, verbose="auto")
    drawn = [part for part in terminal.getvalue().split("\r") if "1/2  50%" in part]
    assert re.search(r"\|█+\S* *\| 2/4 - ETA \S+ - \S+/step - loss: 0.1235", drawn[0])
    first, second = terminal.screen
    assert first.startswith("Epoch 1/2 - ")
    assert second.startswith("Epoch 2/2 - ")


def test_what_is_left_is_estimated_without_the_first_launch(terminal, monkeypatch):
    told = CallbackList(ProgressBar(), Network(), verbose=1, epochs=1, steps=11)
    ticks = iter([0.0, 30.0, 31.0, 32.0])  # 30 s to compile, then two steps a second
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    told.on_epoch_begin(0)
    for step in (1, 3, 5):
        told.on_train_progress(step, dict)
    drawn = terminal.getvalue().split("\r")
    assert drawn[-3].rstrip().endswith("| 1/11 - 30s")
    assert drawn[-1].rstrip().endswith("| 5/11 - ETA 3.0s - 500ms/step")
    told.on_train_end()


def test_a_terminal_has_no_bar_at_verbose_2(terminal):
    run(ProgressBar(), EPOCHS, steps=4, verbose=2)
    assert "\r" not in terminal.getvalue()
    assert len(terminal.screen) == 2


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_the_bar_fits_the_terminal(terminal, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    run(ProgressBar(), {"loss": [1.0], "accuracy": [1.0]}, steps=4, verbose=1)
    drawn = [part for part in re.split("[\r\n]", terminal.getvalue()) if "%" in part]
    assert len(drawn) == 4
    assert max(map(len, drawn)) < columns


def test_a_terminal_that_cannot_move_back_gets_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    run(ProgressBar(), EPOCHS, steps=4, verbose=1)
    assert "\r" not in terminal.getvalue()


def test_lines_of_other_callbacks_stand_above_the_bar(terminal):
    say = LambdaCallback(on_epoch_end=lambda epoch, logs: console.say("saved"))
    run([say, ProgressBar()], {"loss": [1.0]}, steps=2, verbose=1)
    assert terminal.screen[0] == "saved"
    assert terminal.screen[1].startswith("Epoch 1/1 - ")


def test_a_bar_of_unknown_length_counts(terminal):
    run(ProgressBar(), {"loss": [1.0]}, steps=2, verbose=1)
    told = CallbackList(ProgressBar(), Network(), verbose=1, epochs=1, steps=None)
    told.on_predict_begin()
    for step in (2, 7):
        told.on_predict_progress(step, dict)
    assert re.search(r"\rPrediction 7 - \S+s - \S+/step", terminal.getvalue())
    told.on_predict_end()
    assert len(terminal.screen) == 1  # the line of the epoch


def test_the_validation_of_an_epoch_is_shown(terminal):
    told = CallbackList(ProgressBar(), Network(), verbose=1, epochs=1, steps=4)
    told.on_train_begin()
    told.on_epoch_begin(0)
    told.on_train_progress(3, lambda: {"loss": 1.0})
    told.on_test_begin()
    told.on_test_progress(1, lambda: {"loss": 1.0})
    told.on_test_end({"loss": 1.0})
    assert terminal.getvalue().rstrip().endswith("| 4/4 - validation")
    told.on_epoch_end(0, {"loss": 1.0})
    told.on_train_end()
    assert len(terminal.screen) == 1


def evaluate(verbose):
    told = CallbackList(ProgressBar(), Network(), verbose=verbose, epochs=1, steps=4)
    told.on_test_begin()
    if told.shows_progress:
        told.on_test_progress(2, lambda: {"loss": 1.0})
    told.on_test_end({"loss": 0.5})


def test_an_evaluation_is_one_line(capsys, seconds):
    evaluate("auto")
    expected = "Evaluation - 2.0s - 500ms/step - loss: 0.5000\n"
    assert capsys.readouterr().out == expected


def test_an_evaluation_has_a_bar_in_a_terminal(terminal):
    evaluate(1)
    assert "Evaluation  50%" in terminal.getvalue()
    assert len(terminal.screen) == 1


def test_a_prediction_prints_nothing_into_a_file(capsys):
    told = CallbackList(ProgressBar(), Network(), verbose=1, epochs=1, steps=4)
    told.on_predict_begin()
    told.on_predict_end()
    assert capsys.readouterr().out == ""


def test_an_interrupted_bar_is_gone_with_the_next(terminal):
    for _ in range(2):
        told = CallbackList(ProgressBar(), Network(), verbose=1, epochs=1, steps=4)
        told.on_train_begin()
        told.on_epoch_begin(0)
        told.on_train_progress(2, lambda: {"loss": 1.0})
    told.on_epoch_end(0, {"loss": 1.0})
    told.on_train_end()
    assert len(terminal.screen) == 1


def test_braces_in_a_name_are_shown(terminal):
    run(ProgressBar(), [{"{top}": 1.0}], steps=2, verbose=1)
    assert "- {top}: 1.0000" in terminal.getvalue()


CLOCKS = {
    "back": itertools.count(100, -7),
    "standing": itertools.repeat(5.0),
    "nan": itertools.repeat(math.nan),
    "infinite": itertools.cycle([0.0, math.inf]),
    "jumping": itertools.cycle([1e30, -1e30]),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("name", ["perf_counter", "time", "monotonic"])
def test_a_strange_clock_stops_nothing(terminal, monkeypatch, clock, name):
    ticks = CLOCKS[clock]
    monkeypatch.setattr(time, name, lambda: next(ticks))
    _, history = run(ProgressBar(), EPOCHS, steps=4, verbose=1)
    assert len(history.epoch) == 2
    assert len(terminal.screen) == 2
    assert "-" not in terminal.screen[0].split(" - ")[1]


class Closed(Terminal):
    """A terminal that was closed."""

    def write(self, text):
        raise ValueError("I/O operation on closed file.")


class Broken(Terminal):
    """A pipe that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


class Ascii(Terminal):
    """A terminal that only knows ASCII."""

    encoding = "ascii"

    def write(self, text):
        text.encode("ascii")
        return super().write(text)


class Bare:
    """What somebody put there to collect text."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


OUTPUTS = {
    "none": lambda: None,
    "closed": Closed,
    "broken": Broken,
    "ascii": Ascii,
    "bare": Bare,
    "really closed": lambda: closed_file(),
    "object": object,
}


def closed_file():
    with open(__file__) as file:
        return file


@pytest.mark.parametrize("kind", OUTPUTS)
def test_no_output_stops_a_training(monkeypatch, kind):
    monkeypatch.setattr(sys, "stdout", OUTPUTS[kind]())
    logs = {"größe": [1.0, 2.0], "loss": [1.0, 2.0]}
    _, history = run(ProgressBar(), logs, steps=4, verbose=1)
    assert len(history.epoch) == 2


def test_letters_that_an_output_lacks_become_question_marks(monkeypatch):
    stream = Ascii()
    monkeypatch.setattr(sys, "stdout", stream)
    run(ProgressBar(), {"größe": [1.0]}, steps=4, verbose=1)
    assert "gr??e: 1.0000" in stream.screen[-1]
    assert stream.getvalue().isascii()


def test_a_closed_output_of_the_middle_stops_nothing(terminal, monkeypatch):
    def close(epoch, logs):
        terminal.close()

    callbacks = [LambdaCallback(on_epoch_end=close), ProgressBar()]
    _, history = run(callbacks, EPOCHS, steps=4, verbose=1)
    assert len(history.epoch) == 2


def test_no_thread_is_left(terminal):
    before = set(threading.enumerate())
    run(ProgressBar(), EPOCHS, steps=4, verbose=1)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("verbose", [3, -1, "loud", None, 1.5])
def test_another_verbosity_is_refused(verbose):
    with pytest.raises(ArgumentError, match=f"'auto'; got {verbose!r}"):
        run(ProgressBar(), EPOCHS, verbose=verbose)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.6, "1m 00s"),
        (185, "3m 05s"),
        (7265, "2h 01m"),
        (-3, "0.0s"),
        (math.nan, "0.0s"),
    ],
)
def test_durations(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4e-6, "4us"), (0.9994e-3, "999us"), (0.0385, "38ms"), (1.5, "1.5s"), (75, "75s")],
)
def test_times_of_a_step(seconds, text):
    assert wording.timing(seconds, 1)[1] == f"{text}/step"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00012, "1.2000e-04"),
        (0.5, "0.5000"),
        (0, "0.0000"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (1e7, "1.0000e+07"),
        ("text", "text"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_numbers(value, text):
    assert wording.number(value) == text
