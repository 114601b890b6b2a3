"""Invariant 4: old buffers of variables are overwritten, and nobody can tell."""

import contextlib
import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles
from tests.halving import halve, halving_optimizer, sum_of_squares

START = np.arange(1.0, 13.0, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True, params=[0, 4096], ids=["own buffer", "common buffer"])
def packed_size(request, monkeypatch):
    """Small variables can have buffers of their own, or share one."""
    monkeypatch.setattr(jt.config.bounds, "packed_size", request.param)


def two_variables():
    return [jt.Variable(START), jt.Variable(np.ones(5, np.float32))]


ALIASES = {
    "value": lambda v: v.value,
    "read_value": lambda v: v.read_value(),
    "identity": jt.identity,
    "plus": lambda v: +v,
    "ellipsis": lambda v: v[...],
    "whole slice": lambda v: v[:],
    "reshape": lambda v: jt.reshape(v, (3, 4)),
    "cast": lambda v: jt.cast(v, "float32"),
    "transpose": lambda v: jt.transpose(v, [0, 1]),
    "squeeze": jt.squeeze,
    "stop_gradient": jt.stop_gradient,
    "convert_to_tensor": jt.convert_to_tensor,
    "constant": jt.constant,
    "broadcast": lambda v: jt.broadcast_to(v, (3, 4)),
    "add_n": lambda v: jt.add_n([v]),
    "concat": lambda v: jt.concat([v], 0),
    "tile": lambda v: jt.tile(v, [1, 1]),
    "lifted identity": jt.op(lambda x: x),
    "numpy namespace": jt.numpy.asarray,
    "assign": lambda v: v.assign(v),
    "assign_add": lambda v: v.assign_add(0.0),
    "sliced assign": lambda v: v[0].assign(START[0]),
    "tree leaf": lambda v: jax.tree.leaves(v.value)[0],
    "jnp": jnp.asarray,
    "device_put": lambda v: jax.device_put(v.numpy()),
    "numpy": lambda v: v.numpy(),
    "np.asarray": np.asarray,
    "np view": lambda v: np.asarray(v, copy=False),
    "np view of a view": lambda v: np.asarray(v, copy=False)[:].T.T,
    "memoryview": lambda v: memoryview(np.asarray(v, copy=False)),
    "dlpack": lambda v: np.from_dlpack(jax.tree.leaves(v.value)[0]),
    "strides": lambda v: np.lib.stride_tricks.sliding_window_view(v, (3, 4)),
    "copy of variable": lambda v: jt.Variable(v),
    "assigned to another": lambda v: jt.Variable(np.zeros((3, 4))).assign(v),
}


@pytest.mark.filterwarnings("ignore:Compile")  # each way of taking is a program
@pytest.mark.filterwarnings("ignore:A JAX function read the value")
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_what_was_taken_from_a_variable_keeps_its_value(covered):
    (v, w), optimizer, wrong = two_variables(), halving_optimizer(), []
    halve(optimizer, [v, w], 3)
    for name, take in ALIASES.items():
        v.assign(START)
        with jt.GradientTape() if covered else contextlib.nullcontext():
            taken = take(v)
        halve(optimizer, [v, w], 2)
        if not np.array_equal(np.array(taken).reshape(3, 4), START):
            wrong.append(name)
        np.testing.assert_array_equal(v, START / 4)
    assert wrong == []


@pytest.mark.parametrize("alias", ["value", "whole slice", "assign", "np view"])
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_what_was_taken_before_the_first_step_keeps_its_value(alias, covered):
    variables, optimizer = two_variables(), halving_optimizer()
    with jt.GradientTape() if covered else contextlib.nullcontext():
        taken = ALIASES[alias](variables[0])
    halve(optimizer, variables, 3)
    np.testing.assert_array_equal(np.array(taken).reshape(3, 4), START)
    np.testing.assert_array_equal(variables[0], START / 8)


def test_a_value_taken_inside_the_step_keeps_its_value():
    variables, optimizer, taken = two_variables(), halving_optimizer(), []
    for _ in range(5):
        with jt.GradientTape() as tape:
            taken.append(variables[0].value)
            loss = sum_of_squares(variables)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    for step, value in enumerate(taken):
        np.testing.assert_array_equal(value, START / 2**step)


def test_gradients_and_losses_of_earlier_steps_keep_their_values():
    variables, optimizer, kept = two_variables(), halving_optimizer(), []
    for _ in range(5):
        with jt.GradientTape() as tape:
            loss = sum_of_squares(variables)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        kept.append((loss, gradients))
    for step, (loss, gradients) in enumerate(kept):
        assert float(loss) == np.sum(START**2 + 0.0) / 4**step + 5 / 4**step
        np.testing.assert_array_equal(gradients[0], 2 * START / 2**step)


def test_a_persistent_tape_differentiates_at_the_values_that_it_saw():
    variables, optimizer = two_variables(), halving_optimizer()
    tapes = []
    for _ in range(4):
        with jt.GradientTape(persistent=True) as tape:
            loss = sum_of_squares(variables)
        tapes.append((tape, loss))
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    for step, (tape, loss) in enumerate(tapes):
        again = tape.gradient(loss, variables[0])
        np.testing.assert_array_equal(again, 2 * START / 2**step)


def test_a_tape_that_is_still_open_differentiates_at_the_values_that_it_saw():
    variables, optimizer = two_variables(), halving_optimizer()
    with jt.GradientTape() as tape:
        loss = sum_of_squares(variables)
        loss.numpy()
        optimizer.apply_gradients([(jt.constant(START), variables[0])])
        optimizer.apply_gradients([(jt.constant(START), variables[0])])
    np.testing.assert_array_equal(tape.gradient(loss, variables[0]), 2 * START)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_variable_made_from_another_is_not_trained_with_it(steps):
    variables, optimizer = two_variables(), halving_optimizer()
    other, assigned = jt.Variable(variables[0]), jt.Variable(np.zeros((3, 4)))
    assigned.assign(variables[0])
    halve(optimizer, variables, steps)
    np.testing.assert_array_equal(other, START)
    np.testing.assert_array_equal(assigned, START)


@pytest.mark.parametrize("steps", [1, 4])
def test_both_sides_of_an_assignment_can_be_trained(steps):
    variables, optimizer = two_variables(), halving_optimizer()
    variables.append(jt.Variable(np.zeros((3, 4))))
    variables[2].assign(variables[0])
    halve(optimizer, variables, steps)
    np.testing.assert_array_equal(variables[0], START / 2**steps)
    np.testing.assert_array_equal(variables[2], START / 2**steps)


@pytest.mark.parametrize("way", ["initial value", "assign", "operand", "gradient"])
def test_an_array_of_the_users_stays_readable(way):
    theirs = jnp.array(START)
    variables, optimizer = two_variables(), halving_optimizer()
    if way == "initial value":
        variables[0] = jt.Variable(theirs)
    elif way == "assign":
        variables[0].assign(theirs)
    elif way == "operand":
        variables[0].assign_add(jt.constant(0.0) * theirs)
    else:
        optimizer.apply_gradients([(theirs, jt.Variable(START))])
    halve(optimizer, variables, 4)
    np.testing.assert_array_equal(theirs, START)
    np.testing.assert_array_equal(variables[0], START / 16)


def test_an_array_that_went_out_stays_readable():
    variables, optimizer = two_variables(), halving_optimizer()
    halve(optimizer, variables, 3)
    variables[0].assign(START)
    out = jax.tree.leaves(jt.identity(variables[0]))[0]
    halve(optimizer, variables, 3)
    assert not out.is_deleted()
    np.testing.assert_array_equal(out, START)


def test_a_private_buffer_is_donated():
    """Neither the old buffer nor a copy of it outlives the step."""
    large = [jt.Variable(np.ones((64, 1024), np.float32))]  # in no common buffer
    optimizer = halving_optimizer()
    halve(optimizer, large, 3)
    old = large[0]._array()
    halve(optimizer, large)
    assert old.is_deleted()


def test_donation_reuses_the_memory():
    large = [jt.Variable(np.ones((64, 1024), np.float32))]
    optimizer = halving_optimizer()
    halve(optimizer, large, 3)
    before = large[0]._array().unsafe_buffer_pointer()
    halve(optimizer, large)
    assert large[0]._array().unsafe_buffer_pointer() == before


def test_a_shared_buffer_costs_no_other_program():

    variables, optimizer = two_variables(), halving_optimizer()
    halve(optimizer, variables, 3)
    taken = variables[0].value
    halve(optimizer, variables)
    del taken
    halve(optimizer, variables)
    with count_compiles() as compiles:
        taken = variables[0].value
        halve(optimizer, variables, 2)
    assert compiles.count == 0
    np.testing.assert_array_equal(taken, START / 32)


def test_donation_resumes_when_the_holder_is_gone():
    large = [jt.Variable(np.ones((64, 1024), np.float32))]
    optimizer = halving_optimizer()
    halve(optimizer, large, 3)
    taken = large[0].value
    halve(optimizer, large)
    del taken
    gc.collect()
    halve(optimizer, large)
    old = large[0]._array()
    halve(optimizer, large)
    assert old.is_deleted()


def test_slots_are_never_observably_donated():
    v, optimizer = jt.Variable(START), jt.optimizers.SGD(1.0, momentum=0.5)
    step = [(jt.constant(np.ones((3, 4))), v)]
    optimizer.apply_gradients(step)
    (velocity,) = optimizer._slots[id(v)]
    taken = velocity.value
    for _ in range(3):
        optimizer.apply_gradients(step)
    np.testing.assert_array_equal(taken, np.full((3, 4), -1.0))
    np.testing.assert_array_equal(velocity, np.full((3, 4), -1.875))
