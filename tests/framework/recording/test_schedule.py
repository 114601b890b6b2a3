"""Steps that hand out large gradients are compiled in another order of ops."""

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording.schedule import compiler_options, is_known

SIZE = 400  # times itself: more elements than such a step needs to count as large


@pytest.fixture
def descend():
    """A step of gradient descent on |w|^2 / 2, whose gradient is held: w itself."""
    optimizer = jt.optimizers.SGD(0.5)

    def step(w):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(w * w) / 2.0
        gradient = tape.gradient(loss, w)
        optimizer.apply_gradients([(gradient, w)])
        return gradient

    return step


def test_numbers_are_those_of_gradient_descent(descend):
    start = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)
    w = jt.Variable(start)
    for turn in range(6):
        gradient = descend(w)
        # halving is exact in binary
        np.testing.assert_array_equal(gradient.numpy(), start / 2.0**turn)
    np.testing.assert_array_equal(w.numpy(), start / 2.0**6)


def test_an_update_within_jit_is_refused_and_changes_nothing(descend):
    w = jt.Variable(np.ones((SIZE, SIZE), np.float32))

    @jax.jit
    def traced(x):
        descend(w)
        return x

    for _ in range(5):  # in the end the same line only compares its calls
        descend(w)
    with pytest.raises(jt.errors.ExecutionError, match="a function that JAX traces"):
        traced(1.0)
    np.testing.assert_array_equal(w.numpy(), np.full((SIZE, SIZE), 2.0**-5))


def test_small_results_leave_the_order_to_xla():
    kernel = jax.ShapeDtypeStruct((64, 64), np.float32)
    assert compiler_options([kernel, kernel]) is None


def test_options_that_xla_does_not_know_are_not_given():
    assert not is_known({"xla_cpu_no_such_option": "1"})
