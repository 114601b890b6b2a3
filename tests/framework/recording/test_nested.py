"""Gradients of gradients in one program: numbers from calculus.

The claim that no call is computed twice is invariant 7's.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt


@pytest.fixture(autouse=True)
def always_compiled(monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")


def test_the_fifth_derivative():
    x = jt.constant(2.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        found = [x**4 * x]
        for _ in range(5):
            found.append(tape.gradient(found[-1], x))
    assert [float(y) for y in found] == [32.0, 80.0, 160.0, 240.0, 240.0, 120.0]


def test_the_residual_of_a_differential_equation():
    w, x = jt.Variable(1.5), np.linspace(0.2, 1, 5).astype(np.float32)
    at = jt.constant(x)
    with jt.GradientTape() as by_weight:
        with jt.GradientTape() as second:
            second.watch(at)
            with jt.GradientTape() as first:
                first.watch(at)
                u = jt.sin(w * at)
            slope = first.gradient(u, at)
        curve = second.gradient(slope, at)
        residual = curve + 2.0 * u
    np.testing.assert_allclose(curve, -(1.5**2) * np.sin(1.5 * x), 1e-6, 1e-6)
    expected = np.sum(
        -3 * np.sin(1.5 * x) + (2 - 1.5**2) * x * np.cos(1.5 * x), dtype=np.float64
    )
    assert float(by_weight.gradient(residual, w)) == pytest.approx(expected, rel=1e-5)


def test_what_is_watched_between_a_call_and_its_gradient():
    x = jt.constant(2.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            inner.watch(x)
            square = x * x
            y = square * x
        outer.watch(x)  # from here on: x counts, the square and y do not
        slope = inner.gradient(y, x)  # square + x (x + x)
        total = y + slope
    assert float(slope) == 12.0
    assert float(outer.gradient(total, x)) == 8.0  # 4 x


def test_the_results_go_by_a_rule_of_ones_own():
    @jt.custom_gradient
    def wave(x):
        return jt.sin(x), lambda upstream: upstream * 10.0 * jt.cos(x)

    x = jt.constant(0.5)
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = wave(x)
        total = y + inner.gradient(y, x)
    expected = 10 * np.cos(0.5) - 10 * np.sin(0.5)
    assert float(outer.gradient(total, x)) == pytest.approx(expected, rel=1e-6)


def test_the_results_go_by_the_rule_of_a_lifted_function():
    @jax.custom_vjp
    def staircase(x):
        return jnp.round(x)

    staircase.defvjp(lambda x: (jnp.round(x), x), lambda x, upstream: (upstream * x,))
    stairs = jt.op(staircase)
    x = jt.constant([0.4, 2.6])
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = stairs(x)
        slope = inner.gradient(y, x)  # x
        total = y + 3.0 * slope
    assert y.tolist() == [0.0, 3.0]
    np.testing.assert_allclose(outer.gradient(total, x), [3.4, 5.6], rtol=1e-6)


def test_masks_and_places_are_residuals_without_a_derivative():
    x = jt.constant([3.0, -1.0, 2.0])
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            rising = jt.sort(jt.nn.relu(x))  # 0, x2, x0
            y = jt.reduce_sum(rising**3 * jt.constant([1.0, 10.0, 100.0]))
        slope = inner.gradient(y, x)
    assert slope.tolist() == [2700.0, 0.0, 120.0]  # 3 c x^2
    assert outer.gradient(slope, x).tolist() == [1800.0, 0.0, 120.0]  # 6 c x


def test_a_call_with_several_results_of_which_one_is_used():
    x = jt.constant([1.0, 2.0, 3.0])
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            first, _, third = jt.unstack(x**3)
            y = first * third
        slope = inner.gradient(y, x)  # 3 a^2 c^3, 0, 3 a^3 c^2
        part = slope[0]
    assert slope.tolist() == [81.0, 0.0, 27.0]
    assert outer.gradient(part, x).tolist() == [162.0, 0.0, 81.0]  # 6 a c^3, 9 a^2 c^2


def test_the_jacobian_by_rows_of_a_gradient():
    x = jt.constant([1.0, 2.0, 3.0])
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = jt.reduce_prod(x) + jt.reduce_sum(x**3)
        few = inner.gradient(y, x)[:2]
    jacobian = outer.jacobian(few, x)
    assert jacobian.tolist() == [[6.0, 3.0, 2.0], [3.0, 12.0, 1.0]]


def test_gradients_along_given_directions_are_differentiated():
    x, way = jt.constant([1.0, 2.0]), jt.constant([3.0, 5.0])
    with jt.GradientTape() as outer:
        outer.watch([x, way])
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        along = inner.gradient(y, x, output_gradients=way)  # 3 w x^2
    by_x, by_way = outer.gradient(along, [x, way])
    assert (by_x.tolist(), by_way.tolist()) == ([18.0, 60.0], [3.0, 12.0])
