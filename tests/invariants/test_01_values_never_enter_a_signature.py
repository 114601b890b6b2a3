"""Invariant 1: values never enter a signature; only structure does."""

import contextlib
import functools
import math
from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording.execution import call
from jaxtape.framework.recording.op import Op
from tests.compile_counter import count_compiles


def compiles_after_warm_up(step, values, warm_up=2):
    """Backend compiles of `step(value)` for all values but the first few."""
    values = list(values)
    for value in values[:warm_up]:
        step(value)
    with count_compiles() as compiles:
        for value in values[warm_up:]:
            step(value)
    return compiles.count


def test_counting_sees_a_compile():
    with count_compiles() as compiles:
        jax.jit(lambda x: x + 1)(1.0)
    assert compiles.count >= 1


def test_a_thousand_learning_rates_are_one_program():
    w, optimizer = jt.Variable(jnp.zeros(7)), jt.optimizers.SGD(1.0)

    def step(rate):
        optimizer.learning_rate = rate
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(w)
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])

    rates = [0.5 * 0.99**step for step in range(1_000)]
    assert compiles_after_warm_up(step, rates) == 0
    np.testing.assert_allclose(w, np.full(7, -sum(rates)), rtol=1e-5)


def test_a_thousand_floats_in_a_hand_written_update_are_one_program():
    w = jt.Variable(jnp.ones(11))

    def step(rate):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(w)
        w.assign_sub(rate * 0.5 * tape.gradient(loss, w))

    rates = [1e-3 * 0.99**step for step in range(1_000)]
    assert compiles_after_warm_up(step, rates) == 0
    np.testing.assert_allclose(w, np.full(11, 1 - 0.5 * sum(rates)), rtol=1e-5)


@pytest.mark.parametrize(
    "combine",
    [
        lambda x, k: x + k,
        lambda x, k: k - x,
        lambda x, k: x * k,
        lambda x, k: k / x,
        lambda x, k: x < k,
        lambda x, k: x ** (k / 8),
    ],
    ids=["add", "sub", "mul", "div", "less", "pow"],
)
@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_numbers_in_arithmetic_are_inputs(combine, kind, covered):
    x = jt.constant([1.0, 2.0, 4.0])
    plain = np.array([1.0, 2.0, 4.0], np.float32)

    def step(k):
        with jt.GradientTape() if covered else contextlib.nullcontext():
            y = combine(x, k)
        np.testing.assert_allclose(y, combine(plain, k), rtol=1e-5)

    assert compiles_after_warm_up(step, map(kind, range(1, 101))) == 0


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_a_slice_depends_on_its_size_and_not_on_its_start(covered):
    data = np.arange(1_032.0, dtype=np.float32)
    x = jt.constant(data)

    def step(i):
        with jt.GradientTape() if covered else contextlib.nullcontext():
            y = x[i : i + 32] * 2.0
        np.testing.assert_array_equal(y, 2 * data[i : i + 32])

    assert compiles_after_warm_up(step, range(1_000)) == 0


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_an_index_is_an_input(covered):
    data = np.arange(3_000.0, dtype=np.float32).reshape(1_000, 3)
    x = jt.constant(data)

    def step(i):
        with jt.GradientTape() if covered else contextlib.nullcontext():
            y = x[i] * 2.0, x[-i - 1, i % 3]
        np.testing.assert_array_equal(y[0], 2 * data[i])
        assert float(y[1]) == data[-i - 1, i % 3]

    assert compiles_after_warm_up(step, range(1_000)) == 0


@pytest.mark.parametrize("index", [3, -4, 1_000_000, -1_000_000])
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_an_index_outside_its_axis_raises(index, covered):
    x = jt.constant([1.0, 2.0, 3.0])
    tape = jt.GradientTape() if covered else contextlib.nullcontext()
    with tape, pytest.raises(IndexError, match=f"Index {index} .* axis 0"):
        x[index]


def test_floats_of_a_lifted_function_are_inputs():
    soften = jt.op(lambda x, scale: jnp.log(jnp.cosh(scale * x)) / scale)
    x = jt.constant([0.5, 1.5])

    def step(scale):
        expected = np.log(np.cosh(scale * np.array([0.5, 1.5]))) / scale
        np.testing.assert_allclose(soften(x, scale), expected, rtol=1e-5)

    assert compiles_after_warm_up(step, np.linspace(0.5, 2, 1_000).tolist()) == 0


def test_floats_of_the_numpy_namespace_are_inputs():
    x = jt.constant([0.5, 1.5, 2.5])

    def step(bound):
        clipped = jt.numpy.clip(x, 0.0, bound)
        np.testing.assert_allclose(clipped, np.clip([0.5, 1.5, 2.5], 0, bound), 1e-6)

    assert compiles_after_warm_up(step, np.linspace(0.5, 2, 200).tolist()) == 0


@pytest.mark.parametrize(
    "limit",
    [
        lambda x, bound: jt.clip_by_norm(x, bound),
        lambda x, bound: jt.clip_by_value(x, -bound, bound),
        lambda x, bound: jt.clip_by_global_norm([x], bound)[0][0],
        lambda x, bound: jt.maximum(x, bound),
        lambda x, bound: jt.where(x > bound, x, bound),
    ],
    ids=["clip_by_norm", "clip_by_value", "clip_by_global_norm", "maximum", "where"],
)
def test_bounds_are_inputs(limit):
    x = jt.constant([3.0, 4.0])
    bounds = np.linspace(0.5, 6, 100).tolist()
    assert compiles_after_warm_up(lambda bound: limit(x, bound).numpy(), bounds) == 0


def test_an_integer_exponent_is_structure_and_right():
    x = jt.constant(3.0)
    for exponent in (2, 3, 2, -1, 0, 3):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = x**exponent
        gradient = exponent * 3.0 ** (exponent - 1)
        assert (float(y), float(tape.gradient(y, x))) == pytest.approx(
            (3.0**exponent, gradient)
        )


def test_an_axis_is_structure_and_right():
    data = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    for axis in (0, 1, 0, -1, None, 1):
        with jt.GradientTape():
            total = jt.reduce_sum(jt.constant(data), axis)
        np.testing.assert_array_equal(total, data.sum(axis))


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_zero_and_minus_zero_differ_as_inputs(covered):
    for _ in range(3):
        for zero, expected in ((0.0, math.inf), (-0.0, -math.inf)):
            with jt.GradientTape() if covered else contextlib.nullcontext():
                y = jt.constant(1.0) / zero
            assert float(y) == expected


def sign_of_number(x, number):
    return x * math.copysign(1.0, number)  # needs the number itself: structure


def kind_of_number(x, number):
    return x * {int: 2.0, float: 3.0, bool: 5.0}[type(number)]


def test_zero_and_minus_zero_differ_as_structure():
    signed = jt.op(sign_of_number)
    found = [float(signed(jt.constant(7.0), n)) for n in (0.0, -0.0, 0.0, -0.0)]
    assert found == [7.0, -7.0, 7.0, -7.0]


def test_one_and_true_differ_as_structure():
    kinds = jt.op(kind_of_number)
    found = [float(kinds(jt.constant(1.0), n)) for n in (1, True, 1, True)]
    assert found == [2.0, 5.0, 2.0, 5.0]


def test_a_structural_number_that_changes_for_the_third_time_is_explained():
    shifted = jt.op(lambda x, by: jnp.roll(x, by))
    call = functools.partial(shifted, jt.constant([1.0, 2.0]))
    with pytest.warns(UserWarning, match="`by` of .* has changed 3 times, to 3"):
        deque(map(call, range(4)))


def test_a_fresh_lambda_per_step_is_explained():
    def ten_steps():
        return [float(jt.op(lambda x: x * x)(jt.constant(2.0))) for _ in range(10)]

    with pytest.warns(UserWarning, match=r"jt\.op\(\) has lifted .* for the 10th time"):
        assert ten_steps() == [4.0] * 10


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_x64_is_obeyed_each_time_it_is_switched(covered):
    def dtype_of_sum():
        with jt.GradientTape() if covered else contextlib.nullcontext():
            return jt.reduce_sum(jt.constant(np.ones(3)) * 0.1).numpy().dtype

    found = []
    for enabled in (False, True, False, True):
        with jax.enable_x64(enabled):
            found.append(dtype_of_sum())
    assert found == ["float32", "float64", "float32", "float64"]


def factor_of_precision(x):
    return (
        x * {"highest": 2.0, "bfloat16": 3.0}[jax.config.jax_default_matmul_precision]
    )


# The CPU multiplies matrices alike at every precision, so this stands in for them.
PRECISION = Op("precision", factor_of_precision)


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_matmul_precision_is_obeyed_each_time_it_is_switched(covered):
    found = []
    for precision in ("highest", "bfloat16", "highest", "bfloat16"):
        tape = jt.GradientTape() if covered else contextlib.nullcontext()
        with tape, jax.default_matmul_precision(precision):
            y = call(PRECISION, (jt.constant(1.0),))
        found.append(float(y))
    assert found == [2.0, 3.0, 2.0, 3.0]


def test_matmul_precision_is_obeyed_when_it_is_switched_inside_a_tape():
    x = jt.constant(1.0)
    for _ in range(3):
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            with jax.default_matmul_precision("highest"):
                y = call(PRECISION, (x,))
            with jax.default_matmul_precision("bfloat16"):
                z = call(PRECISION, (y,))
        assert (float(z), float(tape.gradient(z, x))) == (6.0, 6.0)
