"""recompute_grad: the same numbers, and a function that is computed once more.

The docstrings name the tests of TensorFlow (`gradients_test.py`, `forwardprop_test.py`)
that demand the same.
"""

import gc
import weakref

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.forward_counter import CountedSquare
from tests.repeated import slopes, thrice


def test_gradients_are_those_of_the_function():
    """testFnRecompute: sin(x) e^y by x and y"""
    again = jt.recompute_grad(lambda x, y: jt.sin(x) * jt.exp(y))
    found = slopes(again, jt.constant(0.5), jt.constant(-1.0))
    expected = [np.cos(0.5) * np.exp(-1.0), np.sin(0.5) * np.exp(-1.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_without_a_tape_it_is_the_function():
    again = jt.recompute_grad(lambda x: x * float(x))
    assert float(again(jt.constant(3.0))) == 9.0


def test_a_name_is_kept():
    def block(x):
        """What it does."""
        return x

    again = jt.recompute_grad(block)
    assert (again.__name__, again.__doc__) == ("block", "What it does.")
    assert again.__wrapped__ is block  # type: ignore[attr-defined]


def test_the_same_tensor_twice():
    """testFnRecomputeSameTensor: d(x^2 3x)/dx = 9 x^2"""
    again = jt.recompute_grad(lambda x, y: x**2 * 3 * y)
    assert slopes(lambda x: again(x, x), jt.constant(2.0)) == [36.0]


def test_an_input_without_elements():
    """testFnRecomputeZeroSizeInput"""
    again = jt.recompute_grad(lambda x: jt.reduce_sum(x) + 1.0)
    assert slopes(again, jt.zeros((0, 3))) == [np.zeros((0, 3)).tolist()]


def test_an_integer_argument_has_no_gradient():
    """testFnRecomputeDifferentDtypesInputs"""
    again = jt.recompute_grad(lambda x, n: x * jt.cast(n, "float32"))
    n = jt.constant(3)
    assert slopes(lambda x: again(x, n), jt.constant(2.0)) == [3.0]


def test_keywords_structures_and_python_values():
    def block(named, *, power, is_negated=False):
        y = named["a"] ** power * named["b"][0]
        return {"y": -y if is_negated else y}

    again = jt.recompute_grad(block)

    def function(a, b):
        return again({"a": a, "b": (b,)}, power=3, is_negated=True)["y"]

    assert slopes(function, jt.constant(2.0), jt.constant(5.0)) == [-60.0, -8.0]


def test_what_it_captures_has_gradients_and_may_change():
    v, x = jt.Variable(3.0), jt.constant(2.0)
    again = jt.recompute_grad(lambda a: a * v * x)
    for value in (3.0, 4.0, 5.0, 6.0):
        v.assign(value)
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = again(x)
        assert tape.gradient(y, [x, v]) == [4.0 * value, 4.0]


def test_layers_are_recomputed_with_their_variables():
    layer = jt.layers.Dense(3, activation="tanh")
    x = jt.constant([[1.0, -2.0]])
    layer(x)

    def step(call):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(call(x) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    expected = step(layer)
    found = thrice(lambda: step(jt.recompute_grad(layer)))
    for plain, again in zip(expected, found, strict=True):
        np.testing.assert_allclose(again, plain, rtol=1e-6)


def test_derivatives_up_to_the_third_order():
    """testCustomGradientRecomputeGradHigherOrder: x^4 at 2"""
    again = jt.recompute_grad(lambda x: x**4)
    x = jt.constant(2.0)

    def step():
        with jt.GradientTape() as a:
            a.watch(x)
            with jt.GradientTape() as b:
                b.watch(x)
                with jt.GradientTape() as c:
                    c.watch(x)
                    y = again(x)
                first = c.gradient(y, x)
            second = b.gradient(first, x)
        return first, second, a.gradient(second, x)

    assert [*map(float, thrice(step))] == [32.0, 48.0, 48.0]


def test_forward_derivatives():
    """testCustomGradientRecomputeGrad: d tanh(x)"""
    again, x = jt.recompute_grad(jt.tanh), jt.constant(0.5)

    def step():
        with jt.ForwardAccumulator(x, jt.constant(2.0)) as accumulator:
            y = again(x)
        return accumulator.jvp(y)

    expected = 2.0 / np.cosh(0.5) ** 2
    np.testing.assert_allclose(thrice(step), expected, rtol=1e-5)


def test_nothing_passes_where_the_function_stops_it():
    """As under a plain tape: stop(x) x has the derivative x, round(x) none"""
    x = jt.constant(2.5)
    partly = jt.recompute_grad(lambda x: jt.stop_gradient(x) * x)
    assert slopes(partly, x) == [2.5]
    for stop in (jt.stop_gradient, jt.round, lambda x: jt.cast(x > 1, "float32")):
        assert slopes(jt.recompute_grad(lambda x, s=stop: 2 * s(x)), x) == [None]
    assert slopes(jt.recompute_grad(lambda x, y: 2 * y), x, x * 1) == [None, 2.0]


def test_nothing_passes_through_an_assignment():
    """v = 2x; v x is 2 x^2, by x (the factor alone) 2x and by v x"""
    v, x = jt.Variable(1.0), jt.constant(3.0)

    def block(x):
        v.assign(2.0 * x)
        return v * x

    def step(call):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
        return (y, *tape.gradient(y, [x, v]), v.numpy().item())

    for call in (block, jt.recompute_grad(block)):
        assert [*map(float, thrice(lambda c=call: step(c)))] == [18.0, 6.0, 3.0, 6.0]


def test_random_numbers_are_the_same_again():
    """y = x u, so the gradient is u"""
    again, x = jt.recompute_grad(lambda x: x * jt.random.uniform((3,))), jt.ones(3)
    drawn = []
    for _ in range(4):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = again(x)
        np.testing.assert_array_equal(tape.gradient(y, x), y)
        drawn.append(tuple(y.numpy().tolist()))
    assert len(set(drawn)) == 4


@pytest.mark.parametrize(("is_recomputed", "count"), [(False, 1), (True, 2)])
def test_a_program_computes_the_function_once_more(is_recomputed, count):
    jt.config.execution("compiled")  # op by op everything is computed again
    square = CountedSquare()

    def function(x):
        return jt.exp(square(x))

    block = jt.recompute_grad(function) if is_recomputed else function
    w = jt.Variable(1.0)
    for _ in range(3):
        before = square.count()
        with jt.GradientTape() as tape:
            y = block(0.5 * w)
        float(tape.gradient(y, w))
        assert square.count() - before == count


def _in_jax(block):
    return lambda x: jt.convert_to_tensor(block(jt.convert_to_tensor(x)))._array()


@pytest.mark.parametrize(
    ("policy", "count"),
    [(None, 3), (jax.checkpoint_policies.everything_saveable, 2)],
)
def test_the_policy_says_what_is_kept_also_in_a_users_own_grad(policy, count):
    """sin(sin(x)) needs sin(x) once more, unless it is kept"""
    again = jt.recompute_grad(lambda x: jt.sin(jt.sin(x)), policy=policy)
    program = str(jax.make_jaxpr(jax.grad(_in_jax(again)))(0.5))
    assert program.count("= sin ") == count
    expected = np.cos(np.sin(0.5)) * np.cos(0.5)
    np.testing.assert_allclose(jax.grad(_in_jax(again))(0.5), expected, rtol=1e-6)


def test_a_value_from_before_an_assignment_can_be_read():
    v = jt.Variable(1.0)

    def block(x):
        doubled = 2.0 * v
        v.assign(5.0 * x)
        return x * float(doubled)

    for value in (1.0, 2.0, 3.0):
        v.assign(value)
        with jt.GradientTape():
            y = jt.recompute_grad(block)(jt.constant(3.0))
        assert (float(y), float(v)) == (6.0 * value, 15.0)


def test_a_body_that_raises_leaves_variables_as_they_were():
    v, x = jt.Variable(1.0), jt.constant(3.0)

    def failing(x):
        v.assign(x)
        raise LookupError("mine")

    for value in (1.0, 2.0, 3.0):
        v.assign(value)
        with jt.GradientTape() as tape:
            y = v * x
            with pytest.raises(LookupError, match="mine"):
                jt.recompute_grad(failing)(x)
            z = y * v
        assert float(v) == value
        assert float(tape.gradient(z, v)) == 6.0 * value


def test_nothing_of_a_step_is_kept():
    references = []

    def step():
        x = jt.constant(np.ones(3, np.float32))
        v = jt.Variable(np.ones(3, np.float32))
        again = jt.recompute_grad(lambda y: y * x * v)
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(again(v * 1.0))
        np.testing.assert_array_equal(tape.gradient(loss, v), 2 * np.ones(3))
        references.extend(map(weakref.ref, (x, v, again, loss)))

    for _ in range(4):
        step()
    gc.collect()
    assert [reference() for reference in references] == [None] * 16
