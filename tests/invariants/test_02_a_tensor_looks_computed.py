"""Invariant 2: shape, dtype and errors at once; the value when it is read."""

import contextlib
import gc
import weakref
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording.execution import call
from jaxtape.framework.recording.op import Op
from tests.compile_counter import count_compiles
from tests.forward_counter import CountedSquare


def line_of(comment):
    """The line of this file that ends with a comment, as messages name it."""
    lines = Path(__file__).read_text().splitlines()
    numbers = [n for n, line in enumerate(lines, 1) if line.endswith(f"# {comment}")]
    return f"{__file__}:{numbers[0]}"


def test_shape_and_dtype_are_known_before_anything_runs():
    square = CountedSquare()
    with jt.GradientTape():
        y = jt.matmul(square(jt.constant(np.ones((2, 3)))), np.ones((3, 5)))
        assert (y.shape, y.dtype, y.ndim, y.size, len(y)) == (
            (2, 5),
            "float32",
            2,
            10,
            2,
        )
        assert square.count() == 0


def test_a_value_that_nobody_reads_is_not_computed():
    square = CountedSquare()
    with jt.GradientTape():
        square(jt.constant(2.0))
    jt.sync()
    assert square.count() == 0


def test_a_value_is_computed_once_however_often_it_is_read():
    square = CountedSquare()
    with jt.GradientTape():
        y = square(jt.constant(2.0))
        found = [float(y), y.item(), float(y.numpy()), float(np.asarray(y)), int(y)]
    assert found == [4.0] * 5
    assert square.count() == 1


READS = {
    "numpy": lambda y: y.numpy(),
    "float": float,
    "int": int,
    "complex": complex,
    "bool": bool,
    "item": lambda y: y.item(),
    "tolist": lambda y: y.tolist(),
    "format": lambda y: float(f"{y:.1f}"),
    "round": lambda y: round(y, 2),
    "asarray": np.asarray,
    "index": lambda y: range(10)[jt.cast(y, "int32")],
    "round trip": lambda y: jt.constant(y.numpy()).item(),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_reading_in_any_way_gives_the_value(read, covered):
    for _ in range(3):
        with jt.GradientTape() if covered else contextlib.nullcontext():
            y = jt.constant(1.5) * 2.0
            assert READS[read](y) == (True if read == "bool" else 3)


@pytest.mark.parametrize("show", [repr, str])
def test_a_pending_tensor_shows_its_value(show):
    with jt.GradientTape():
        y = jt.constant(1.5) * 2.0
        assert "3.0" in show(y)


def test_an_error_names_the_line_that_caused_it():
    a, b = jt.constant(np.ones((2, 3))), jt.constant(np.ones((2, 3)))
    with jt.GradientTape():
        a + b
        with pytest.raises(ValueError, match="matmul") as caught:
            a @ b  # does not fit
    assert line_of("does not fit") in str(caught.value)


@pytest.mark.parametrize(
    "misfit",
    [
        lambda x: x @ x,
        lambda x: x + np.ones((5, 7)),
        lambda x: jt.reshape(x, (7,)),
        lambda x: jt.concat([x, np.ones((9, 9))], 0),
        lambda x: jt.reduce_sum(x, 2),
        lambda x: x[5],
        lambda x: jt.transpose(x, [0, 0]),
        lambda x: jt.broadcast_to(x, (4, 4)),
    ],
)
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_misfits_raise_where_they_are_called(misfit, covered):
    x = jt.constant(np.ones((2, 3)))
    tape = jt.GradientTape() if covered else contextlib.nullcontext()
    with tape, pytest.raises((jt.errors.ShapeError, jt.errors.OutOfRangeError)):
        misfit(x)


def test_an_error_of_a_users_function_is_raised_where_it_is_called():
    def refuse(x):
        raise KeyError("my own")

    with jt.GradientTape(), pytest.raises(KeyError, match="my own"):
        jt.op(refuse)(jt.constant(1.0))


def fail(x):
    raise ValueError("the sensor is unplugged")


def read_sensor(x):
    return jax.pure_callback(fail, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


SENSOR = Op("read_sensor", read_sensor)


@pytest.mark.parametrize("mode", ["op_by_op", "compiled"])
def test_an_error_at_launch_names_the_line_that_made_the_call(mode, monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", mode)
    for _ in range(2):
        with jt.GradientTape():
            x = jt.constant(1.0) * 2.0
            y = call(SENSOR, (x,))  # will fail
            y = y + 1.0
        with pytest.raises(Exception, match="the sensor is unplugged") as caught:
            y.numpy()
        told = [str(caught.value), *getattr(caught.value, "__notes__", [])]
        assert any(line_of("will fail") in text for text in told)


def test_shape_inference_is_remembered():
    x = jt.constant(np.ones((3, 4)))
    traces = []

    def note(x):
        traces.append(x.shape)
        return x * 2

    op = Op("noted", note)
    for _ in range(5):
        with jt.GradientTape():
            call(op, (x,))
    assert len(traces) == 1


class Witness:
    """Something in a frame, to see whether the frame is kept."""


def test_nodes_keep_no_frame():
    def record():
        witness = Witness()
        return jt.constant(2.0) * 3.0, weakref.ref(witness)

    with jt.GradientTape() as tape:
        y, witness = record()
    assert witness() is None
    del tape, y


def test_a_tensor_that_was_read_lets_go_of_its_inputs():
    with jt.GradientTape():
        x = jt.constant(np.ones(1_000)) * 1.0
        y = jt.reduce_sum(x)
    y.numpy()
    x = weakref.ref(x)
    gc.collect()
    assert x() is None


def test_reading_twice_compiles_once():
    x = jt.constant(np.ones(23))
    for _ in range(3):
        with jt.GradientTape():
            y = jt.reduce_sum(x * 3.0)
        y.numpy()
    with count_compiles() as compiles:
        assert [float(y), float(y)] == [69.0, 69.0]
    assert compiles.count == 0
