"""Invariant 5: what has run lets go of what it stood on; caches are bounded."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import slots
from tests.halving import halve, halving_optimizer, sum_of_squares
from tests.memory import MEGABYTE, live_array_bytes, resident_bytes


def growth(step, warm_up, steps):
    """Bytes by which resident memory grows in `steps` steps after the first."""
    for number in range(warm_up):
        step(number)
    before = resident_bytes()
    for number in range(steps):
        step(number)
    return resident_bytes() - before


def test_an_intermediate_result_dies_with_its_tape():
    v = jt.Variable(np.ones(1_000))
    with jt.GradientTape() as tape:
        hidden = v * 2.0
        loss = jt.reduce_sum(hidden)
    tape.gradient(loss, v).numpy()
    hidden = weakref.ref(hidden)
    gc.collect()
    assert hidden() is None


def test_activations_are_not_kept_as_outputs():
    x = jt.constant(np.ones((256, 1024), np.float32))
    for _ in range(3):  # op by op, then compiled
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            loss = jt.reduce_mean(jt.exp(jt.square(x) * 0.5) + 1.0)
        loss.numpy()
    before = live_array_bytes()
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        loss = jt.reduce_mean(jt.exp(jt.square(x) * 0.5) + 1.0)
    loss.numpy()
    assert live_array_bytes() - before < MEGABYTE  # not even one of the activations


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("read", [False, True])
def test_a_tape_holds_its_input_only_while_it_lives(persistent, read):
    with jt.GradientTape(persistent=persistent) as tape:
        x = jt.constant(np.ones(1_000))
        tape.watch(x)
        loss = jt.reduce_sum(x * x)
        if read:
            loss.numpy()
    tape.gradient(loss, x).numpy()
    input_ = weakref.ref(x)
    del x, tape
    gc.collect()
    assert input_() is None


def test_a_spent_tape_lets_go_while_it_lives():
    with jt.GradientTape() as tape:
        x = jt.constant(np.ones(1_000))
        tape.watch(x)
        loss = jt.reduce_sum(x * x)
    tape.gradient(loss, x).numpy()
    x = weakref.ref(x)
    gc.collect()
    assert x() is None
    assert tape is not None


def test_an_abandoned_tape_lets_go():
    x = jt.constant(np.ones(1_000))
    with jt.GradientTape() as tape:
        tape.watch(x)
        jt.reduce_sum(x * x)
    input_, tape = weakref.ref(x), weakref.ref(tape)
    del x
    jt.sync()
    gc.collect()
    assert (input_(), tape()) == (None, None)


def test_a_tape_that_raised_lets_go():
    x = jt.constant(np.ones(1_000))

    def raising_step(x):
        with jt.GradientTape() as tape:
            tape.watch(x)
            raise KeyError(jt.reduce_sum(x * x).shape)

    for _ in range(3):
        with pytest.raises(KeyError):
            raising_step(x)
    input_ = weakref.ref(x)
    del x
    jt.sync()
    gc.collect()
    assert input_() is None


def test_a_deleted_variable_is_freed():
    variables, optimizer = [jt.Variable(np.ones((256, 1024)))], halving_optimizer()
    halve(optimizer, variables, 3)
    before, freed = live_array_bytes(), weakref.ref(variables[0])
    del variables, optimizer
    jt.sync()
    assert live_array_bytes() <= before - MEGABYTE
    assert freed() is None


def test_a_thousand_live_results_are_freed():
    """Hazard B19."""
    x = jt.constant(np.ones(1_000, np.float32))
    jt.sync()
    before = live_array_bytes()
    with jt.GradientTape() as tape:
        results = [x * float(n) for n in range(1_000)]
    assert float(results[999][0]) == 999.0
    assert live_array_bytes() - before > 3.9e6
    references = list(map(weakref.ref, results))
    del results, tape
    gc.collect()
    assert all(reference() is None for reference in references)
    assert live_array_bytes() - before < 0.1 * MEGABYTE


def test_arrays_do_not_pile_up_in_a_loop():
    variables, optimizer = [jt.Variable(np.ones((64, 64)))], halving_optimizer()
    halve(optimizer, variables, 5)
    before = len(jax.live_arrays())
    halve(optimizer, variables, 50)
    gc.collect()
    assert len(jax.live_arrays()) <= before + 5


def plain_step():
    variables, optimizer = [jt.Variable(np.ones((32, 64)))], halving_optimizer()
    return lambda number: halve(optimizer, variables)


def reading_step():
    variables, optimizer, history = (
        [jt.Variable(np.ones((32, 64)))],
        halving_optimizer(),
        [],
    )
    return lambda number: history.append(float(halve(optimizer, variables)))


def persistent_step():
    variables = [jt.Variable(np.ones((32, 64))), jt.Variable(np.ones(64))]

    def step(number):
        with jt.GradientTape(persistent=True) as tape:
            loss = sum_of_squares(variables)
        for v in variables:
            v.assign_sub(0.25 * tape.gradient(loss, v))
        jt.sync()

    return step


def raising_step():
    v = jt.Variable(np.ones((32, 64)))

    def step(number):
        try:
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(v * v)
                if number % 10 == 9:
                    raise KeyError
        except KeyError:
            return
        v.assign_sub(0.25 * tape.gradient(loss, v))

    return step


def cut_step():
    v = jt.Variable(np.ones((32, 64)))

    def step(number):
        with jt.GradientTape() as tape:
            total = jt.reduce_sum(v * v)
            for _ in range(6):
                float(total)
                total = total + jt.reduce_sum(v)
        tape.gradient(total, v).numpy()

    return step


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (plain_step, 1_000),
        (reading_step, 1_000),
        (persistent_step, 600),
        (raising_step, 1_000),
        (cut_step, 120),
    ],
)
def test_memory_is_flat_over_many_steps(make, steps):
    """The bound for 100,000 steps, in `benchmarks/memory.py`, is 20 MB."""
    assert growth(make(), warm_up=steps // 2, steps=steps) < 2 * MEGABYTE


def power(x, depth):
    """x ** depth by `depth - 1` calls: another structure for each depth."""
    y = x
    for _ in range(depth - 1):
        y = y * x
    return y


def test_models_of_a_search_are_freed():
    freed = []
    for _ in range(3):
        variables, optimizer = [jt.Variable(np.ones((32, 64)))], halving_optimizer()
        halve(optimizer, variables, 2)
        freed += [weakref.ref(variables[0]), weakref.ref(optimizer)]
    del variables, optimizer
    jt.sync()
    gc.collect()
    assert [reference() for reference in freed] == [None] * 6


@pytest.mark.parametrize("in_turn", [False, True])
def test_compiled_programs_are_bounded(monkeypatch, in_turn):
    monkeypatch.setattr(jt.config.bounds, "programs", 4)
    slots.slots.clear()
    depths = sorted([*range(2, 12)] * 2) if in_turn else [*range(2, 12)] * 2
    for depth in depths:
        with jt.GradientTape():
            y = power(jt.constant(2.0), depth)
        assert float(y) == 2.0**depth
    assert len(slots.slots) <= 4


def test_a_program_that_was_dropped_is_compiled_again(monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "programs", 2)
    x = jt.constant(2.0)
    for depth in (2, 3, 4, 5) * 4:
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = power(x, depth)
        gradient = tape.gradient(y, x)
        assert (float(y), float(gradient)) == (2.0**depth, depth * 2.0 ** (depth - 1))


def test_structures_are_bounded(monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "programs", 1)
    slots.slots.clear()
    for depth in range(2, 42):
        with jt.GradientTape():
            y = power(jt.constant(1.0), depth)
        assert float(y) == 1.0
    assert len(slots.slots._by_key) <= 16


def test_a_lambda_lifted_at_every_step_is_freed():
    freed = []
    for number in range(8):
        scale = jnp.float32(number)
        doubled = jt.op(lambda x, scale=scale: x * scale)
        assert float(doubled(jt.constant(3.0))) == 3.0 * number
        freed.append(weakref.ref(doubled))
    del doubled
    gc.collect()
    assert sum(reference() is not None for reference in freed) == 0
