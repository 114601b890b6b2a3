"""summary(): Keras's columns, counts and sizes."""

import io
import sys

import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError
from jaxtape.layers import Concatenate, Dense


def lines_of(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return lines


def cells_of(model, **options):
    """The text of each cell, row by row, with the wrapped lines put together."""
    rows = [line.strip("│┃ ") for line in lines_of(model, **options) if line[0] in "│┃"]
    return [[cell.strip() for cell in row.replace("┃", "│").split("│")] for row in rows]


def shared():
    x = jt.Input((3,), name="a")
    inner = jt.Sequential([Dense(2, name="d")], name="inner")
    joined = Concatenate(name="join")([inner(x), inner(x * 2)])
    return jt.Model(x, joined, name="big")


# The rows and counts of Keras 3.15 for the same model, where `multiply` is an op.
def test_a_functional_model_shows_what_is_connected():
    assert cells_of(shared(), line_length=120) == [
        ["Layer (type)", "Output Shape", "Param #", "Connected to"],
        ["a (InputLayer)", "(None, 3)", "0", "-"],
        ["multiply (Multiply)", "(None, 3)", "0", "a[0][0]"],
        ["inner (Sequential)", "(None, 2)", "8", "a[0][0], multiply[0][0]"],
        ["join (Concatenate)", "(None, 4)", "0", "inner[0][0], inner[1][0]"],
    ]


def test_nested_models_are_expanded_and_frozen_layers_shown():
    model = shared()
    model.get_layer("inner").trainable = False
    rows = cells_of(model, expand_nested=True, show_trainable=True, line_length=120)
    assert rows[0][-1] == "Trainable"
    assert [row[0] for row in rows[3:5]] == ["inner (Sequential)", "└ d (Dense)"]
    assert [row[-1] for row in rows[1:]] == ["-", "-", "N", "N", "-"]
    assert lines_of(model)[-3:] == [
        " Total params: 8 (32.00 B)",
        " Trainable params: 0 (0.00 B)",
        " Non-trainable params: 8 (32.00 B)",
    ]


@pytest.mark.parametrize("length", [44, 60, 100])
def test_lines_fit_the_width_and_lose_no_text(length):
    lines = lines_of(shared(), line_length=length)
    assert max(map(len, lines)) <= length
    cells = cells_of(shared(), line_length=length)
    text = "".join(row[0] for row in cells).replace(" ", "")
    assert "multiply(Multiply)" in text


def test_the_width_is_that_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, lines_of(shared()))) <= 50


def test_columns_end_where_asked():
    model = jt.Sequential([jt.Input((3,)), Dense(2)])
    lines = lines_of(model, line_length=100, positions=[0.5, 0.75, 1.0])
    assert [i for i, c in enumerate(lines[2]) if c == "┃"] == [0, 50, 75, 100]
    with pytest.raises(ArgumentError, match=r"each of 3 columns; got \[0.5\]"):
        model.summary(positions=[0.5])


def test_a_range_of_layers_is_shown():
    model = jt.Sequential([jt.Input((3,)), *[Dense(2, name=f"d{i}") for i in range(5)]])
    rows = cells_of(model, layer_range=("d1", "d3"))
    assert [row[0] for row in rows[1:]] == ["d1 (Dense)", "d2 (Dense)", "d3 (Dense)"]
    with pytest.raises(ArgumentError, match=r"'x', but .*d0, d1"):
        model.summary(layer_range=("x", "d3"))
    with pytest.raises(ArgumentError, match=r"must be two names.*'d1'"):
        model.summary(layer_range=("d1",))


def test_an_unbuilt_model_says_so():
    rows = cells_of(jt.Sequential([Dense(2, name="d"), jt.layers.Dropout(0.5)]))
    assert rows[1] == ["d (Dense)", "?", "0 (unbuilt)"]
    assert rows[2][1:] == ["?", "0"]


def test_a_subclass_shows_the_shapes_of_its_layers():
    class Network(jt.Model):
        def __init__(self):
            super().__init__()
            self.hidden = Dense(4, name="hidden")
            self.out = Dense(2, name="out")

        def call(self, inputs):
            return self.out(self.hidden(inputs))

    model = Network()
    model.build((None, 3))
    assert cells_of(model)[1:] == [
        ["hidden (Dense)", "(None, 4)", "16"],
        ["out (Dense)", "(None, 2)", "10"],
    ]


def test_an_output_that_knows_only_ascii_gets_plain_rules(monkeypatch):
    model = jt.Sequential([jt.Input((3,)), Dense(2, name="größe")])
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        model.summary()
    output.seek(0)
    lines = output.read().splitlines()
    assert lines[1] == "+---------------+--------------+---------+"
    assert lines[4] == "| gr??e (Dense) | (None, 2)    |       8 |"


def test_an_output_that_knows_more_gets_fine_rules(capsys):
    jt.Sequential([jt.Input((3,)), Dense(2)]).summary()
    assert capsys.readouterr().out.splitlines()[1].startswith("┏━")
