"""Invariant 6: a program returns what somebody still holds, and little else."""

import gc
import itertools

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import slots
from tests.compile_counter import count_compiles
from tests.forward_counter import CountedSquare


@pytest.fixture
def programs(monkeypatch):
    """The programs that are made from here on, in order."""
    made = []

    class Watched(slots.Program):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(slots, "Program", Watched)
    return made


def num_results(program):
    """How many results a program returns, new values of variables not counted."""
    places = program.places.values()
    return sum(place is None or place >= 0 for place in places)


def compiled(monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")


def test_dropped_results_are_no_outputs(programs, monkeypatch):
    compiled(monkeypatch)
    with jt.GradientTape():
        y = jt.constant(1.0)
        for _ in range(10):
            y = y * 2.0  # nine products are dropped
    assert float(y) == 1024.0
    assert [num_results(program) for program in programs] == [1]


def test_held_results_are_outputs(programs, monkeypatch):
    compiled(monkeypatch)
    with jt.GradientTape():
        results = [jt.constant(1.0) * float(n) for n in range(10)]
    assert [float(y) for y in results] == list(range(10))
    assert [num_results(program) for program in programs] == [10]


def test_a_live_tape_holds_nodes_and_no_results(programs, monkeypatch):
    compiled(monkeypatch)
    v = jt.Variable(np.ones(3))
    with jt.GradientTape(persistent=True) as tape:
        loss = jt.reduce_sum(jt.exp(v * 2.0) * v)
    assert float(loss) == pytest.approx(3 * np.exp(2), rel=1e-6)
    assert [num_results(program) for program in programs] == [1]
    assert tape.gradient(loss, v).shape == (3,)


def test_gradients_that_are_dropped_before_the_launch_are_no_outputs(programs):
    v = jt.Variable(np.ones(3))
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(v * v)
    v.assign_sub(0.25 * tape.gradient(loss, v), read_value=False)
    assert float(loss) == 3.0
    assert v.numpy().tolist() == [0.5] * 3
    assert [num_results(program) for program in programs] == [1]


def test_a_dropped_result_is_not_even_computed():
    square, v = CountedSquare(), jt.Variable(2.0)
    for _ in range(4):
        with jt.GradientTape() as tape:
            square(v)
            loss = v * v
        assert float(tape.gradient(loss, v)) == 4.0
    assert square.count() == 0


def powers_of_two(held):
    """Records 2, 4, ..., 64 in one structure; reads those that are held."""
    with jt.GradientTape():
        results, y = {}, jt.constant(1.0)
        for exponent in range(1, 7):
            y = y * 2.0
            if exponent in held:
                results[exponent] = y
        del y
    slot = slots.slots.find(next(iter(results.values()))._at[0])
    return {exponent: float(y) for exponent, y in results.items()}, slot


def test_there_are_at_most_two_programs_per_structure():
    for size in (1, 2, 3):
        for held in itertools.combinations(range(1, 7), size):
            found, slot = powers_of_two(held)
            assert found == {exponent: 2.0**exponent for exponent in held}
            assert len(slot.programs) <= 2


def test_a_program_that_returns_more_is_used():
    for _ in range(3):
        powers_of_two(range(1, 7))
    with count_compiles() as compiles:
        for held in itertools.combinations(range(1, 7), 3):
            powers_of_two(held)
    assert compiles.count == 0


def test_a_step_that_holds_now_this_and_now_that_stops_compiling():
    """Unions get wider until they hold all: two for the start, one for each name."""
    slots.slots.clear()
    with count_compiles() as compiles:
        for held in itertools.product(range(1, 7), range(1, 7)):
            powers_of_two(held)
    assert compiles.count <= 2 + 6


DTYPES = [
    "float32",
    "float16",
    "bfloat16",
    "int32",
    "int8",
    "uint8",
    "bool",
    "complex64",
]


def twice(x):
    return x & x if x.dtype == "bool" else x + x


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore:The loop at .* is compiled anew")
@pytest.mark.parametrize("packed_size", [0, 4096])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (7,), (2, 3)])
def test_held_results_of_every_kind_come_out_right(packed_size, shape, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "packed_size", packed_size)
    inputs = [jt.constant(np.ones(shape), dtype) for dtype in DTYPES]
    for _ in range(4):
        with jt.GradientTape():
            held = [(twice(x), twice(x)) for x in inputs]
        for x, pair in zip(inputs, held, strict=True):
            expected = np.full(shape, 1 if x.dtype == "bool" else 2, x.dtype)
            for y in pair:
                assert (y.shape, y.numpy().dtype) == (shape, expected.dtype)
                np.testing.assert_array_equal(y, expected)


def test_a_loss_that_is_kept_keeps_no_gradients():
    v, losses = jt.Variable(np.ones((64, 64))), []
    for step in range(210):
        with jt.GradientTape() as tape:
            losses.append(jt.reduce_sum(v * v))
        gradient = tape.gradient(losses[-1], v)
        v.assign_sub(0.25 * gradient)
        if step == 9:
            gc.collect()
            before = sum(array.nbytes for array in jax.live_arrays())
    gc.collect()
    grown = sum(array.nbytes for array in jax.live_arrays()) - before
    assert grown < 200 * 100  # a gradient has 16 KiB


def test_a_late_read_of_something_small_runs_nothing_again():
    square, v = CountedSquare(), jt.Variable([1.0, 2.0])
    for _ in range(3):
        with jt.GradientTape() as tape:
            y = square(v)
            loss = jt.reduce_sum(y)
        gradient = tape.gradient(loss, v)
        v.assign_sub(0.0 * gradient)
        jt.sync()
        count = square.count()
        assert (y.tolist(), float(loss), gradient.tolist()) == ([1, 4], 5.0, [2, 4])
        assert square.count() == count
