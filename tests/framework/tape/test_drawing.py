"""`print(tape)` and `tape.to_mermaid()`: what a tape recorded, as text."""

import re

import numpy as np
import pytest

import jaxtape as jt
from tests.code_line import line


def affine(persistent=False, name="kernel"):
    """A tape over three calls, its loss and source, and the lines of the calls."""
    w = jt.Variable(np.ones((3, 2), np.float32), name=name)
    x = jt.constant(np.ones((4, 3), np.float32))
    with jt.GradientTape(persistent=persistent) as tape:
        y, first = jt.matmul(x, w), line()
        z, second = y * 2.0, line()
        loss, third = jt.reduce_sum(z), line()
    return tape, loss, w, (first, second, third)


def table_of(lines):
    """The rows that `affine` must give, cell by cell."""
    return [
        ["0", "matmul", "tensor float32[4,3], 'kernel' float32[3,2]", "float32[4,2]"],
        ["1", "multiply", "#0, number", "float32[4,2]"],
        ["2", "reduce_sum", "#1", "float32[]"],
    ], list(lines)


def rows_of(tape):
    """The cells of a printed tape, and its lines."""
    rows = [re.split(r"  +", row.strip()) for row in str(tape).split("\n")[2:]]
    return [row[:-1] for row in rows], [row[-1] for row in rows]


def test_a_table_has_op_inputs_shape_dtype_and_line():
    tape, _, _, lines = affine()
    assert rows_of(tape) == table_of(lines)


@pytest.mark.parametrize("persistent", [False, True])
def test_it_is_the_same_after_the_gradient_and_the_next_step(persistent):
    tape, loss, w, lines = affine(persistent)
    gradient = tape.gradient(loss, w)
    assert rows_of(tape) == table_of(lines)
    w.assign_sub(gradient)
    affine()
    assert rows_of(tape) == table_of(lines)


def test_reading_a_value_in_the_middle_changes_nothing_but_numbers():
    v = jt.Variable(1.0, name="v")
    with jt.GradientTape() as tape:
        a = jt.sin(v)
        float(a)
        b = jt.cos(a * v)
    rows, _ = rows_of(tape)
    assert [row[1] for row in rows] == ["sin", "multiply", "cos"]
    assert rows[1][2] == "#0, 'v' float32[]"
    tape.gradient(b, v)
    assert [row[1] for row in rows_of(tape)[0]] == ["sin", "multiply", "cos"]


def test_only_what_the_tape_covers_is_listed():
    v = jt.Variable(1.0)
    with jt.GradientTape() as outer:
        a = jt.sin(v)
        with jt.GradientTape() as inner, inner.stop_recording():
            b = jt.cos(a)
        jt.exp(b)
    assert [row[1] for row in rows_of(outer)[0]] == ["sin", "cos", "exp"]
    assert rows_of(inner) == ([], [])


def test_a_call_with_several_results():
    x = jt.constant(np.ones((2, 3), np.float32))
    with jt.GradientTape() as tape:
        tape.watch(x)
        a, b = jt.split(x, [1, 2], axis=1)
        b * 2.0
        a * 3.0
    rows, _ = rows_of(tape)
    assert rows[0][3] == "float32[2,1], float32[2,2]"
    assert [row[2] for row in rows[1:]] == ["#0.1, number", "#0.0, number"]


def test_a_long_recording_is_shortened_in_the_middle():
    x = jt.constant(1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        for _ in range(1_500):
            x = x + 1.0
    lines = str(tape).split("\n")
    assert len(lines) == 2 + 20 + 1 + 20
    assert lines[22] == "... 1,460 more calls ..."
    assert (lines[21].split()[0], lines[23].split()[0]) == ("19", "1480")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "3 calls"),
        ({"persistent": True}, "3 calls, persistent"),
        ({"strict": True}, "3 calls, strict"),
    ],
)
def test_repr_is_one_line(options, words):
    x = jt.constant(1.0)
    with jt.GradientTape(**options) as tape:
        tape.watch(x)
        y = jt.sin(jt.cos(jt.exp(x)))
        assert repr(tape) == f"<jt.GradientTape: {words}, active>"
    assert repr(tape) == f"<jt.GradientTape: {words}>"
    tape.gradient(y, x)
    spent = "" if "persistent" in options else ", spent"
    assert repr(tape) == f"<jt.GradientTape: {words}{spent}>"


def test_an_empty_tape():
    tape = jt.GradientTape()
    assert repr(tape) == "<jt.GradientTape: 0 calls>"
    assert tape.to_mermaid() == "flowchart TD\n"
    assert "line" in str(tape)


# Mermaid

_NODE = r"    (?P<id>[an]\d+)(?P<open>\(\[|\[)\"(?P<label>[^\"]*)\"(?P<close>\]\)|\])"
_ARROW = r"    [an]\d+ --> n\d+"
# What stands for itself inside quotes, and codes for all the rest.
_LABEL = r"([A-Za-z0-9 _.,/()\[\]+=*'-]|#\d+;|<br/>)*"


def labels_of(chart):
    """The label of every node by its id; fails for any line that is no Mermaid."""
    first, *lines = chart.rstrip("\n").split("\n")
    assert first == "flowchart TD"
    labels = {}
    for text in lines:
        node = re.fullmatch(_NODE, text)
        assert node or re.fullmatch(_ARROW, text), text
        if node:
            assert re.fullmatch(_LABEL, node["label"]), text
            labels[node["id"]] = node["label"]
    return labels


def decoded(label):
    """A label as a reader sees it."""
    label = label.replace("<br/>", "\n")
    return re.sub(r"#(\d+);", lambda code: chr(int(code.group(1))), label)


def test_a_chart_has_calls_arguments_and_arrows():
    tape, loss, w, lines = affine()
    chart = tape.to_mermaid()
    found = {name: decoded(label) for name, label in labels_of(chart).items()}
    assert list(found.values()) == [
        "tensor float32[4,3]",
        "'kernel' float32[3,2]",
        f"matmul\nfloat32[4,2]\n{lines[0]}",
        "number",
        f"multiply\nfloat32[4,2]\n{lines[1]}",
        f"reduce_sum\nfloat32[]\n{lines[2]}",
    ]
    kernel, scale = list(found)[1], list(found)[3]
    for arrow in (f"{kernel} --> n0", "n0 --> n1", f"{scale} --> n1", "n1 --> n2"):
        assert f"    {arrow}\n" in chart
    tape.gradient(loss, w)
    assert tape.to_mermaid() == chart


@pytest.mark.parametrize(
    "name",
    [
        'a "quoted" name',
        "end",
        "style:#x;",
        "%%{init: {}}%%",
        "a\nb",
        "<script>",
        "`code`",
        "[x](y)",
        "größe 層 #35;",
        "a --> b",
        "dense/kernel:0",
    ],
)
def test_any_name_is_a_valid_label(name):
    tape, *_ = affine(name=name)
    labels = labels_of(tape.to_mermaid())
    assert f"'{name}' float32[3,2]" in map(decoded, labels.values())
