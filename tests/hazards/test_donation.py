"""Rows D1, D2 and D7 of the hazards: who may see the buffer of a variable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.halving import halve, halving_optimizer, sum_of_squares
from tests.in_threads import in_a_thread

START = np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True, params=[0, 4096], ids=["own buffers", "common buffer"])
def packed_size(request, monkeypatch):
    """Small variables can have buffers of their own, or share one."""
    monkeypatch.setattr(jt.config.bounds, "packed_size", request.param)


# D1: two variables with one value


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_d1_one_variable_assigned_to_another(covered):
    v1, v2 = jt.Variable(START), jt.Variable(np.zeros((2, 3)))
    optimizer = halving_optimizer()
    for steps in range(1, 4):
        if covered:
            with jt.GradientTape():
                v2.assign(v1)
        else:
            v2.assign(v1)
        halve(optimizer, [v1, v2])
        np.testing.assert_array_equal(v1, START / 2**steps)
        np.testing.assert_array_equal(v2, v1)


def test_d1_two_variables_that_exchange_their_values():
    v1, v2 = jt.Variable(START), jt.Variable(-START)
    optimizer = halving_optimizer()
    for _ in range(4):
        with jt.GradientTape():
            first, second = v1.value, v2.value
            v1.assign(second)
            v2.assign(first)
        halve(optimizer, [v1, v2])
    np.testing.assert_array_equal(v1, START / 16)
    np.testing.assert_array_equal(v2, -START / 16)


def test_d1_tied_weights_are_one_variable():
    """loss = sum(v^2) + sum(v^2): the gradient is 4 v, and rate 1/4 leaves nothing."""
    v, optimizer = jt.Variable(START), halving_optimizer()
    with jt.GradientTape() as tape:
        loss = sum_of_squares([v, v])
    optimizer.apply_gradients([(tape.gradient(loss, v), v)])
    np.testing.assert_array_equal(v, np.zeros((2, 3)))


def test_d1_tied_weights_among_the_variables_twice():
    """One variable, named twice: an error, or both gradients applied; never garbage."""
    v, optimizer = jt.Variable(START), halving_optimizer()
    try:
        halve(optimizer, [v, v])
    except jt.errors.JaxtapeError:
        np.testing.assert_array_equal(v, START)
    else:  # the gradient is 4 v, applied once or twice
        assert np.array_equal(v, START * 0) or np.array_equal(v, -START)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("source", ["variable", "value", "numpy", "jax"])
def test_d1_an_average_initialised_from_the_weights(source):
    weights, optimizer = jt.Variable(START), halving_optimizer()
    halve(optimizer, [weights])
    taken = {
        "variable": lambda: weights,
        "value": lambda: weights.value,
        "numpy": lambda: np.asarray(weights, copy=False),
        "jax": lambda: jax.tree.leaves(weights.value)[0],
    }[source]()
    average, expected = jt.Variable(taken, trainable=False), START / 2
    for steps in range(2, 6):
        halve(optimizer, [weights])
        average.assign(0.5 * average + 0.5 * weights)
        expected = 0.5 * expected + 0.5 * START / 2**steps
        np.testing.assert_array_equal(average, expected)


def test_d1_an_optimizer_slot_that_equals_the_weight():
    """v <- v + m, m <- m / 2 - 0: the velocity starts as the weight itself."""
    v, optimizer = jt.Variable(START), jt.optimizers.SGD(1.0, momentum=0.5)
    optimizer.build([v])
    (velocity,) = optimizer._slots[id(v)]
    velocity.assign(v)
    for steps in range(1, 4):
        optimizer.apply_gradients([(np.zeros((2, 3), np.float32), v)])
        np.testing.assert_array_equal(velocity, START / 2**steps)
        np.testing.assert_array_equal(v, START * (2 - 0.5**steps))


def test_d1_a_weight_assigned_from_a_slot():
    v, optimizer = jt.Variable(START), jt.optimizers.SGD(1.0, momentum=0.5)
    optimizer.apply_gradients([(START, v)])
    (velocity,) = optimizer._slots[id(v)]
    v.assign(velocity)
    optimizer.apply_gradients([(np.zeros((2, 3), np.float32), v)])
    np.testing.assert_array_equal(velocity, -START / 2)
    np.testing.assert_array_equal(v, -START * 1.5)


def test_d1_two_models_with_the_same_weights():
    first, second = [
        jt.Sequential([jt.layers.Dense(3, input_shape=(2,))]) for _ in "ab"
    ]
    second.set_weights(first.get_weights())
    for mine, theirs in zip(second.variables, first.variables, strict=True):
        mine.assign(theirs)
    before = [v.numpy() for v in second.variables]
    halve(halving_optimizer(), first.trainable_variables, 3)
    for v, old, trained in zip(second.variables, before, first.variables, strict=True):
        np.testing.assert_array_equal(v, old)
        np.testing.assert_array_equal(trained, old / 8)


# D2: the user holds an old value across steps


@pytest.mark.parametrize("steps_before", [0, 1, 3])
def test_d2_an_old_value_stays_readable(steps_before):
    v, optimizer = jt.Variable(START), halving_optimizer()
    halve(optimizer, [v], steps_before)
    old = v.value
    halve(optimizer, [v], 3)
    np.testing.assert_array_equal(old, START / 2**steps_before)


def test_d2_old_values_of_every_step_stay_readable():
    v, optimizer, history = jt.Variable(START), halving_optimizer(), []
    for _ in range(6):
        history.append(v.value)
        halve(optimizer, [v])
    for step, old in enumerate(history):
        np.testing.assert_array_equal(old, START / 2**step)


def test_d2_an_old_value_can_be_put_back():
    v, optimizer = jt.Variable(START), halving_optimizer()
    best = v.value
    halve(optimizer, [v], 3)
    v.assign(best)
    halve(optimizer, [v])
    np.testing.assert_array_equal(v, START / 2)
    np.testing.assert_array_equal(best, START)


def test_d2_a_value_whose_computation_is_pending_stays_readable():
    v, optimizer = jt.Variable(START), halving_optimizer()
    halve(optimizer, [v])
    with jt.GradientTape():
        tripled = v * 3.0  # not computed before the step takes the buffer
    halve(optimizer, [v], 2)
    np.testing.assert_array_equal(tripled, START * 1.5)


def test_d2_a_value_that_another_thread_holds_stays_readable():
    v, optimizer = jt.Variable(START), halving_optimizer()
    halve(optimizer, [v])
    held = in_a_thread(lambda: v.value)
    halve(optimizer, [v], 2)
    np.testing.assert_array_equal(held, START / 2)


# D7: one array is an input and a variable


@pytest.mark.parametrize("kind", ["jax", "numpy", "tensor", "variable"])
def test_d7_an_array_that_is_input_and_variable(kind):
    """loss = sum(x v) with x the array that v was made from: v becomes v - x / 4."""
    x = {
        "jax": lambda: jnp.array(START),
        "numpy": lambda: START.copy(),
        "tensor": lambda: jt.constant(START),
        "variable": lambda: jt.Variable(START, trainable=False),
    }[kind]()
    v, optimizer = jt.Variable(x), halving_optimizer()
    for steps in range(1, 5):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(x * v)
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])
        np.testing.assert_array_equal(v, START * (1 - steps / 4))
    np.testing.assert_array_equal(x, START)


@pytest.mark.parametrize("steps", [1, 3])
def test_d7_the_value_of_a_variable_as_an_input_of_its_own_step(steps):
    v, optimizer = jt.Variable(START), halving_optimizer()
    for _ in range(steps):
        x = v.value
        with jt.GradientTape() as tape:
            loss = 2.0 * jt.reduce_sum(x * v)  # the gradient is 2 x = 2 v
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])
    np.testing.assert_array_equal(v, START / 2**steps)
    np.testing.assert_array_equal(x, START / 2 ** (steps - 1))


def test_d7_a_gradient_that_is_the_variable():
    v, optimizer = jt.Variable(START), halving_optimizer()
    for _ in range(3):
        optimizer.apply_gradients([(v.value, v)])
    np.testing.assert_array_equal(v, START * 0.75**3)


def test_d7_one_array_for_two_variables_and_the_input():
    x = jnp.array(START)
    variables, optimizer = [jt.Variable(x), jt.Variable(x)], halving_optimizer()
    for _ in range(3):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(variables[0] * variables[1]) + jt.reduce_sum(x * x)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    for v in variables:  # each loses a quarter of the other, which is equal
        np.testing.assert_array_equal(v, START * 0.75**3)
    np.testing.assert_array_equal(x, START)
