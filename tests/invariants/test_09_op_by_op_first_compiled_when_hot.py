"""Invariant 9: a new structure runs op by op; one that comes again is compiled."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import slots
from tests.compile_counter import count_compiles
from tests.halving import halve, halving_optimizer

fresh_lengths = itertools.count(101, 2)
"""Lengths that no other test has, so that nothing is compiled for them yet."""


@pytest.fixture
def programs(monkeypatch):
    """How many calls each program that is compiled whole from here on has."""
    made = []

    class Watched(slots.Program):
        def __init__(self, path, *args):
            super().__init__(path, *args)
            made.append(len(path))

    monkeypatch.setattr(slots, "Program", Watched)
    return made


def doubled(x, times):
    with jt.GradientTape():
        y = x
        for _ in range(times):
            y = y * 2.0
    return y


def test_the_counter_counts_each_program_once():
    program = jax.jit(lambda x: x * 3.25)
    x = jnp.ones(7)
    with count_compiles() as compiles:
        program(x)
        program(x)
    assert compiles.count == 1


def test_a_new_wiring_of_known_ops_compiles_nothing():
    x = jt.constant(np.ones(next(fresh_lengths), np.float32))
    doubled(x, 1).numpy()  # compiles the one op
    with count_compiles() as compiles:
        found = [doubled(x, times).numpy()[0] for times in range(2, 40)]
    assert found == [2.0**times for times in range(2, 40)]
    assert compiles.count == 0


def test_a_structure_that_comes_again_is_compiled_whole_once(programs):
    x = jt.constant(np.ones(next(fresh_lengths), np.float32))
    made = []
    for _ in range(5):
        assert doubled(x, 6).numpy()[0] == 64.0
        made.append(len(programs))
    assert made == [0, 1, 1, 1, 1]
    assert programs == [6]


def test_two_hundred_differently_wired_gradients_compile_nothing_new():
    x, generator = jt.constant(np.ones(5, np.float32) * 3), np.random.default_rng(0)

    def step(choices):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = x
            for choice in choices:
                y = [y + x, y - x, y * x][choice]
        return float(tape.gradient(y, x)[0])

    def plain(choices):
        value, slope = 3.0, 1.0  # of y by x, forward
        for choice in choices:
            slope = [slope + 1, slope - 1, 3 * slope + value][choice]
            value = [value + 3, value - 3, value * 3][choice]
        return slope

    wirings = [tuple(generator.integers(0, 3, 5)) for _ in range(200)]
    for choice in itertools.product(range(3), repeat=2):  # every pair of neighbours
        step(choice)
    step(wirings[0])
    with count_compiles() as compiles:
        for wiring in dict.fromkeys(wirings[1:]):
            if wiring != wirings[0]:
                assert step(wiring) == plain(wiring)
    assert compiles.count <= 5  # the odd pullback that no pair above had


def test_a_training_step_is_compiled_at_first_sight(programs):
    halve(halving_optimizer(), [jt.Variable(np.ones(next(fresh_lengths)))])
    assert len(programs) == 1


def test_a_loop_compiles_nothing_after_the_second_iteration():
    v, optimizer = jt.Variable(np.ones(next(fresh_lengths))), jt.optimizers.Adam(0.01)
    counts = []
    for step in range(12):
        with count_compiles() as compiles:
            optimizer.learning_rate = 0.01 / (step + 1)
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(v * v) * (1.0 + step)
            gradients = [jt.clip_by_norm(g, 1.0) for g in tape.gradient(loss, [v])]
            optimizer.apply_gradients(zip(gradients, [v], strict=True))
            if step % 3 == 2:
                assert np.isfinite(
                    [float(loss), gradients[0].numpy()[0], v.numpy()[0]]
                ).all()
        counts.append(compiles.count)
    assert counts[0] > 0
    assert counts[2:] == [0] * 10


def test_a_ragged_last_batch_is_one_more_set():
    w, optimizer = jt.Variable(np.zeros(3)), halving_optimizer()
    data, counts = np.ones((40, 3), np.float32), []

    def step(batch):
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean(jt.square(jt.linalg.matmul(batch, w) - 1.0))
        gradient = tape.gradient(loss, w)
        optimizer.apply_gradients([(gradient, w)])

    for _ in range(4):
        with count_compiles() as compiles:
            for start in range(0, 40, 16):  # 16, 16, 8
                step(data[start : start + 16])
        counts.append(compiles.count)
    assert counts[2:] == [0, 0]


def long_step(v, optimizer, length):
    with jt.GradientTape() as tape:
        y = v
        for _ in range(length):
            y = y * 1.0
        loss = jt.reduce_sum(y)
    optimizer.apply_gradients([(tape.gradient(loss, v), v)])


@pytest.mark.parametrize(("length", "expected"), [(20, [1, 1, 1]), (30, [0, 1, 1])])
def test_a_step_above_the_bound_runs_op_by_op_once(
    programs, monkeypatch, length, expected
):
    monkeypatch.setattr(jt.config.bounds, "compile_at_sight", 25)
    v, optimizer, made = jt.Variable(np.ones(3)), jt.optimizers.SGD(1.0), []
    for _ in range(3):
        long_step(v, optimizer, length)
        made.append(len(programs))
    assert made == expected
    assert v.tolist() == [-2.0] * 3  # the gradient is 1


def test_the_bound_is_a_thousand_calls():
    assert jt.config.bounds.compile_at_sight == 1_000


def test_a_step_of_more_than_a_thousand_calls_runs_op_by_op_first(programs):
    v, optimizer = jt.Variable(np.ones(3)), jt.optimizers.SGD(1.0)
    long_step(v, optimizer, 1_050)
    assert programs == []
    assert v.tolist() == [0.0] * 3


def test_pending_calls_are_bounded(programs, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "pending_nodes", 50)
    x = jt.constant(1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(400):
            y = y * 1.01
    assert float(y) == pytest.approx(1.01**400, rel=1e-4)
    assert float(tape.gradient(y, x)) == pytest.approx(1.01**400, rel=1e-4)
    assert all(length <= 110 for length in programs)


@pytest.mark.parametrize(("mode", "expected"), [("compiled", 1), ("op_by_op", 0)])
def test_config_can_ask_for_one_way_always(programs, monkeypatch, mode, expected):
    monkeypatch.setattr(jt.config.switches, "execution", "auto")  # to be put back
    jt.config.execution(mode)
    x = jt.constant(np.ones(next(fresh_lengths), np.float32))
    for _ in range(3):
        assert doubled(x, 4).numpy()[0] == 16.0
    assert len(programs) == expected


def test_both_ways_agree(monkeypatch):
    start, results = np.linspace(-1, 1, 24).reshape(4, 6).astype(np.float32), []
    for mode in ("compiled", "op_by_op"):
        monkeypatch.setattr(jt.config.switches, "execution", mode)
        x = jt.Variable(start)
        with jt.GradientTape() as tape:
            hidden = jt.math.tanh(jt.matmul(x, jt.transpose(x)) * 0.5)
            loss = jt.reduce_mean(jt.exp(hidden) / (1.0 + jt.square(hidden)))
        results.append(tape.gradient(loss, x).numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_ordinary_expressions_outside_a_tape_are_not_recorded(programs):
    x = jt.constant(np.ones(next(fresh_lengths), np.float32))
    for _ in range(3):
        y = jt.reduce_sum(x * 2.0 + 1.0)
        assert y._value is not None
    assert programs == []


def test_run_eagerly_computes_every_op_at_once():
    v = jt.Variable(3.0)
    jt.config.run_eagerly(True)
    try:
        with jt.GradientTape() as tape:
            y = v * v
            assert y._value is not None
            z = y * v
        assert float(tape.gradient(z, v)) == 27.0
    finally:
        jt.config.run_eagerly(False)
