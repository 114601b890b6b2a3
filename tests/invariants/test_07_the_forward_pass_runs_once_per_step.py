"""Invariant 7: a step computes its forward pass once, whoever asks for what.

Counted on the device, by a callback in the op. The claim is about compiled steps: a
step that runs op by op, the first time it is seen, computes each op a second time
inside its pullback.
"""

import numpy as np
import pytest

import jaxtape as jt
from tests.forward_counter import CountedSquare


@pytest.fixture(autouse=True)
def always_compiled(monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")


def forwards_per_step(step, times=3):
    """How often the square of `step(square)` is computed in each of some steps."""
    square, counts = CountedSquare(), [0]
    for _ in range(times):
        step(square)
        jt.sync()
        counts.append(square.count())
    return np.diff(counts).tolist()


def test_the_counter_counts():
    def step(square):
        with jt.GradientTape():
            y = square(jt.constant(3.0)) + square(jt.constant(4.0))
        assert float(y) == 25.0

    assert forwards_per_step(step) == [2, 2, 2]


def test_a_gradient_and_its_loss_share_the_forward_pass():
    v = jt.Variable([1.0, 2.0])

    def step(square):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(square(v))
        gradient = tape.gradient(loss, v)
        assert (float(loss), gradient.tolist()) == (5.0, [2.0, 4.0])

    assert forwards_per_step(step) == [1, 1, 1]


def test_a_training_step_runs_it_once():
    v, optimizer = jt.Variable([64.0, 128.0]), jt.optimizers.SGD(0.25)

    def step(square):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(square(v))
        gradients = tape.gradient(loss, [v])
        optimizer.apply_gradients(zip(gradients, [v], strict=True))
        float(loss)

    assert forwards_per_step(step) == [1, 1, 1]
    assert v.tolist() == [8.0, 16.0]


def test_the_gradient_of_many_sources_runs_it_once():
    sources = [jt.Variable(float(n)) for n in range(1, 6)]

    def step(square):
        with jt.GradientTape() as tape:
            loss = square(jt.add_n(sources))
        assert [float(g) for g in tape.gradient(loss, sources)] == [30.0] * 5

    assert forwards_per_step(step) == [1, 1, 1]


def test_several_gradients_of_one_tape_share_it():
    v, w = jt.Variable(2.0), jt.Variable(3.0)

    def step(square):
        with jt.GradientTape(persistent=True) as tape:
            hidden = square(v * w)
            first, second = hidden * v, hidden * w
        found = [tape.gradient(y, x) for y in (first, second) for x in (v, w)]
        # v^3 w^2 and v^2 w^3, each by v and by w
        assert [float(g) for g in found] == [108.0, 48.0, 108.0, 108.0]

    assert forwards_per_step(step) == [1, 1, 1]


def test_gradients_of_two_tapes_share_it():
    v = jt.Variable(3.0)

    def step(square):
        with jt.GradientTape() as a, jt.GradientTape() as b:
            y = square(v)
            z = y * v
        found = a.gradient(y, v), b.gradient(z, v)
        assert [float(g) for g in found] == [6.0, 27.0]

    assert forwards_per_step(step) == [1, 1, 1]


def test_a_gradient_of_a_gradient_shares_it():
    v = jt.Variable(3.0)

    def step(square):
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                y = square(v) * v
            first = inner.gradient(y, v)
        second = outer.gradient(first, v)
        assert (float(y), float(first), float(second)) == (27.0, 27.0, 18.0)

    assert forwards_per_step(step) == [1, 1, 1]


def test_a_gradient_penalty_in_a_training_step_shares_it():
    v, optimizer = jt.Variable([1.0, 2.0]), jt.optimizers.SGD(0.25)
    x = jt.constant([1.0, 1.0])

    def step(square):
        v.assign([1.0, 2.0])
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                inner.watch(x)
                y = jt.reduce_sum(square(v * x))
            slope = inner.gradient(y, x)  # 2 v^2 x
            loss = y + jt.reduce_sum(slope)  # 3 v^2 at x = 1
        gradients = outer.gradient(loss, [v])  # 6 v
        optimizer.apply_gradients(zip(gradients, [v], strict=True))
        assert (float(y), slope.tolist(), float(loss)) == (5.0, [2.0, 8.0], 15.0)
        assert gradients[0].tolist() == [6.0, 12.0]
        assert v.tolist() == [-0.5, -1.0]

    assert forwards_per_step(step) == [1, 1, 1]


def test_two_inner_gradients_and_both_of_their_gradients_share_it():
    v, w = jt.Variable(2.0), jt.Variable(3.0)

    def step(square):
        with jt.GradientTape(persistent=True) as outer:
            with jt.GradientTape(persistent=True) as inner:
                y = square(v * w) * v  # v^3 w^2
            by_v, by_w = inner.gradient(y, v), inner.gradient(y, w)
        found = [outer.gradient(slope, x) for slope in (by_v, by_w) for x in (v, w)]
        # 6 v w^2, 6 v^2 w, 6 v^2 w, 2 v^3
        assert [float(g) for g in found] == [108.0, 72.0, 72.0, 16.0]

    assert forwards_per_step(step) == [1, 1, 1]


def test_the_third_derivative_shares_it():
    x = jt.constant(2.0)

    def step(square):
        with jt.GradientTape() as third:
            third.watch(x)
            with jt.GradientTape() as second:
                second.watch(x)
                with jt.GradientTape() as first:
                    first.watch(x)
                    y = square(square(x)) * x  # x^5
                slope = first.gradient(y, x)
            curve = second.gradient(slope, x)
            total = y + slope + curve
        found = third.gradient(total, x)
        assert (float(slope), float(curve)) == (80.0, 160.0)
        assert float(found) == 80.0 + 160.0 + 240.0

    assert forwards_per_step(step) == [2, 2, 2]


def test_results_read_after_the_step_do_not_run_it_again():
    v, optimizer = jt.Variable([1.0, 2.0]), jt.optimizers.SGD(0.0)

    def step(square):
        with jt.GradientTape() as tape:
            hidden = square(v)
            loss = jt.reduce_sum(hidden)
        gradients = tape.gradient(loss, [v])
        optimizer.apply_gradients(zip(gradients, [v], strict=True))
        assert (hidden.tolist(), float(loss)) == ([1.0, 4.0], 5.0)
        assert gradients[0].tolist() == [2.0, 4.0]

    assert forwards_per_step(step) == [1, 1, 1]


def test_stop_gradient_does_not_run_it_again():
    v = jt.Variable(3.0)

    def step(square):
        with jt.GradientTape() as tape:
            y = square(v)
            loss = y * jt.stop_gradient(y)
        assert float(tape.gradient(loss, v)) == 54.0  # 2 v * v^2

    assert forwards_per_step(step) == [1, 1, 1]
