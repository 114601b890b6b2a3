"""What TensorFlow's tests demand of tapes inside of functions and around them.

Names in brackets are those of TensorFlow's tests; the numbers are worked out by hand.
"""

import numpy as np
import pytest

import jaxtape as jt

BOTH = pytest.mark.parametrize(
    "wrap", [lambda f: f, jt.function], ids=["eager", "kept"]
)


def gradient(function, x, **options):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x, **options)


@BOTH
def test_values_that_look_alike_are_watched_apart(wrap):  # [NoOpBehaviorConsistent]
    x = jt.constant(3.0)

    def gradients():
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            same = [jt.identity(x), x + 0.0, x - 0.0, x * 1.0]
            total = x
            for value in same:
                total = total + value * 2.0
            total = total + jt.stop_gradient(x)
        return [tape.gradient(total, value) for value in (x, *same)]

    assert [float(g) for g in wrap(gradients)()] == [9.0, 2.0, 2.0, 2.0, 2.0]


@BOTH
def test_jacobians(wrap):  # [JacobianTest testPfor, testDefun]
    x, y = jt.constant([1.0, 2.0]), jt.constant([3.0, 4.0])

    def jacobian(x, y):
        with jt.GradientTape() as tape:
            tape.watch((x, y))
            z = x * x * y
        return tape.jacobian(z, [x, y])

    by_x, by_y = wrap(jacobian)(x, y)
    assert by_x.numpy().tolist() == [[6.0, 0.0], [0.0, 16.0]]
    assert by_y.numpy().tolist() == [[1.0, 0.0], [0.0, 4.0]]


@BOTH
def test_batch_jacobians(wrap):
    x = jt.constant([[1.0, 2.0], [3.0, 4.0]])

    def jacobian(x):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = x**2
        return tape.batch_jacobian(y, x)

    found = wrap(jacobian)(x).numpy()
    np.testing.assert_array_equal(found, [np.diag([2.0, 4.0]), np.diag([6.0, 8.0])])


@BOTH
@pytest.mark.parametrize("fill", ["none", "zero"])
def test_stop_gradient_in_a_nested_function_counts(wrap, fill):
    # [UnconnectedGradientsNestedDefunZeros]
    stopped = wrap(lambda x: jt.stop_gradient(x) * 2.0)
    found = gradient(
        lambda x: stopped(stopped(x)), jt.constant(2.0), unconnected_gradients=fill
    )
    assert found is None if fill == "none" else float(found) == 0.0


@BOTH
def test_an_argument_that_is_not_used_has_no_gradient(wrap):
    x, y = jt.constant(2.0), jt.constant(5.0)
    f = wrap(lambda x, y: (x * 3.0, jt.argmax(jt.stack([x, y]))))
    with jt.GradientTape(persistent=True) as tape:
        tape.watch((x, y))
        z, place = f(x, y)
    assert [float(tape.gradient(z, x)), tape.gradient(z, y)] == [3.0, None]
    with pytest.warns(UserWarning, match="int32"):
        assert tape.gradient(place, x) is None


@BOTH
def test_one_tensor_for_two_arguments(wrap):  # [SameObjectForMultipleArguments]
    x = jt.constant(3.0)
    product = wrap(lambda a, b: a * b)
    assert float(gradient(lambda x: product(x, x), x)) == 6.0


@BOTH
def test_variables_are_watched_when_a_function_reads_them(wrap):
    weight, frozen = jt.Variable(3.0), jt.Variable(4.0, trainable=False)
    f = wrap(lambda x: weight * frozen * x)
    with jt.GradientTape() as tape:
        y = f(jt.constant(2.0))
    assert tape.watched_variables() == (weight,)
    assert [g and float(g) for g in tape.gradient(y, [weight, frozen])] == [8.0, None]


@pytest.mark.one_in(3)
@BOTH
@pytest.mark.parametrize(("at", "slope"), [(2.0, 4.0), (-2.0, -3.0)])
def test_branches_and_loops(wrap, at, slope):  # [GradientTapeWithCond, WithWhileLoop]
    branch = wrap(lambda x: jt.cond(x > 0.0, lambda: x * x, lambda: x * -3.0))
    assert float(gradient(branch, jt.constant(at))) == slope
    power = wrap(
        lambda x: jt.while_loop(
            lambda n, y: n < 3,
            lambda n, y: (n + 1, y * x),
            [0, 1.0],
            maximum_iterations=3,
        )[1]
    )
    assert float(gradient(power, jt.constant(at))) == 3.0 * at**2


@BOTH
def test_custom_gradients(wrap):  # [CustomGradient, InEagerAndGraph]
    @jt.custom_gradient
    def thrice(x):
        return x * 2.0, lambda dy: dy * 3.0

    x = jt.constant(1.0)
    assert float(gradient(wrap(lambda x: thrice(thrice(x))), x)) == 9.0
    inside = wrap(lambda x: gradient(lambda x: thrice(thrice(x)), x))
    assert float(inside(x)) == 9.0


@BOTH
def test_recomputed_functions(wrap):  # [FnRecompute]
    weight = jt.Variable(2.0)
    cube = jt.recompute_grad(lambda x: weight * x * x * x)
    x = jt.constant(2.0)
    assert float(gradient(wrap(cube), x)) == 24.0
    assert float(wrap(lambda x: gradient(cube, x))(x)) == 24.0


@BOTH
def test_higher_orders(wrap):  # [HigherOrderGradient, third derivatives]
    cube = wrap(lambda x: x**4)

    def second(x):
        return gradient(lambda x: gradient(cube, x), x)

    x = jt.constant(2.0)
    assert float(wrap(second)(x)) == 48.0  # 12 x^2
    assert float(gradient(wrap(second), x)) == 48.0  # 24 x


@BOTH
def test_forward_mode(wrap):  # [testVariableWatched, InFunction; HVP]
    weight = jt.Variable(3.0)
    f = wrap(lambda x: weight * weight * x)
    with jt.ForwardAccumulator(weight, jt.constant(2.0)) as accumulator:
        y = f(jt.constant(5.0))
    assert float(accumulator.jvp(y)) == 60.0  # 2 w x * 2

    def product(x, v):
        with jt.ForwardAccumulator(x, v) as accumulator:
            g = gradient(lambda x: jt.reduce_sum(x**3), x)
        return accumulator.jvp(g)

    x, v = jt.constant([1.0, 2.0]), jt.constant([1.0, -1.0])
    assert wrap(product)(x, v).numpy().tolist() == [6.0, -12.0]


@BOTH
def test_what_a_persistent_tape_computes_inside_is_differentiable(wrap):
    def third(x):
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x**3
            first = tape.gradient(y, x)
            second = tape.gradient(first, x)
        return tape.gradient(second, x)

    assert float(wrap(third)(jt.constant(5.0))) == 6.0


@BOTH
def test_gradients_of_intermediate_values(wrap):
    def by_middle(x):
        with jt.GradientTape() as tape:
            tape.watch(x)
            middle = x * 3.0
            y = middle * middle
        return tape.gradient(y, [x, middle])

    assert [float(g) for g in wrap(by_middle)(jt.constant(2.0))] == [36.0, 12.0]


@BOTH
def test_assignments_cut_the_derivative(wrap):
    v, w = jt.Variable(1.0), jt.Variable(3.0)

    def step():
        with jt.GradientTape() as tape:
            v.assign(2.0 * w)
            y = v * v
        return tape.gradient(y, [v, w])

    by_v, by_w = wrap(step)()
    assert (float(by_v), by_w, float(v)) == (12.0, None, 6.0)


@BOTH
def test_reads_before_and_after_an_assignment_count(wrap):
    v = jt.Variable(2.0)

    def twice():
        a = 2.0 * v
        v.assign(5.0)
        return a + 3.0 * v

    f = wrap(twice)
    with jt.GradientTape() as tape:
        y = f()
    assert (float(y), float(tape.gradient(y, v))) == (19.0, 5.0)


@BOTH
def test_a_tape_may_be_paused_and_reset(wrap):  # [TapeStopRecording, TapeReset]
    def paused(x):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = x * x
            with tape.stop_recording():
                y = y * x
            y = y * x
        return tape.gradient(y, x)

    # d(y x)/dx with y recorded as a constant from inside the pause
    assert float(wrap(paused)(jt.constant(2.0))) == 8.0


@BOTH
def test_complex_numbers_conjugate(wrap):
    z = jt.constant(3.0 + 4.0j)
    f = wrap(lambda z: jt.abs(z) ** 2)
    assert complex(gradient(f, z).numpy()) == pytest.approx(6.0 + 8.0j)
