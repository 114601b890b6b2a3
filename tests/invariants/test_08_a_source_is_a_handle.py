"""Invariant 8: a source is a handle, and it is tapped, not replaced.

The expected numbers are calculus; where a derivative is taken in plain JAX, the line
says so.
"""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt


@pytest.fixture(autouse=True, params=["op_by_op", "compiled"])
def execution(request, monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", request.param)


def test_variables_made_from_one_array_have_separate_gradients():
    array = jnp.array([1.0, 2.0])
    a, b = jt.Variable(array), jt.Variable(array)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(a * a * b)
    first, second = tape.gradient(loss, [a, b])
    assert (first.tolist(), second.tolist()) == ([2.0, 8.0], [1.0, 4.0])


def test_tensors_made_from_one_array_have_separate_gradients():
    array = jnp.array(3.0)
    a, b = jt.convert_to_tensor(array), jt.convert_to_tensor(array)
    with jt.GradientTape() as tape:
        tape.watch([a, b])
        y = a * a * b
    assert [float(g) for g in tape.gradient(y, [a, b])] == [18.0, 9.0]


def test_a_variable_and_the_tensor_of_its_value_are_two_sources():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        x = v.value
        y = x * x * v
    by_v, by_x = tape.gradient(y, [v, x])
    assert (float(by_v), float(by_x)) == (27.0, 18.0)  # the path through x counts for v


def test_chained_sources_have_both_whole_gradients():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    by_x, by_y = tape.gradient(z, [x, y])  # z = x^4 = y^2
    assert (float(by_x), float(by_y)) == (108.0, 18.0)


def test_a_target_that_is_also_a_source():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    by_y, by_x = tape.gradient(y, [y, x])
    assert (float(by_y), float(by_x)) == (1.0, 6.0)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_tapping_does_not_change_the_sign_of_zero(zero):
    x = jt.constant(zero)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = 1.0 / x
    tape.gradient(y, x)
    assert float(y) == (np.inf if np.copysign(1, zero) > 0 else -np.inf)


def test_mixed_partial_derivative():
    """d2(w x^2) / dx dw = 2 x; a prototype gave 0."""
    w, x = jt.Variable(2.0), jt.Variable(5.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = w * x * x
        by_x = inner.gradient(y, x)
    assert float(by_x) == 20.0
    assert float(outer.gradient(by_x, w)) == 10.0


def test_mixed_partial_derivative_the_other_way_round():
    w, x = jt.Variable(2.0), jt.Variable(5.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = w * x * x
        by_w = inner.gradient(y, w)
    assert float(outer.gradient(by_w, x)) == 10.0


def test_gradient_penalty():
    """P = |dy/dx|^2 with y = sum((x w)^2): dy/dx = 2 x w^2, P = 4 x^2 w^4."""
    x, w = jt.constant([1.0, 2.0]), jt.Variable(3.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = jt.reduce_sum(jt.square(x * w))
        penalty = jt.reduce_sum(jt.square(inner.gradient(y, x)))
    assert float(penalty) == 4 * 5 * 81
    assert float(outer.gradient(penalty, w)) == 16 * 5 * 27


def test_third_derivatives():
    x = jt.constant(5.0)
    with jt.GradientTape() as third:
        third.watch(x)
        with jt.GradientTape() as second:
            second.watch(x)
            with jt.GradientTape() as first:
                first.watch(x)
                y = x * x * x
            dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    d3y = third.gradient(d2y, x)
    assert [float(d) for d in (y, dy, d2y, d3y)] == [125.0, 75.0, 30.0, 6.0]


def test_third_derivatives_by_one_variable_and_the_power_operator():
    x = jt.Variable(5.0)
    with jt.GradientTape() as third, jt.GradientTape() as second:
        with jt.GradientTape() as first:
            y = x**3
        dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    assert [float(d) for d in (dy, d2y, third.gradient(d2y, x))] == [75.0, 30.0, 6.0]


def test_inner_update_under_an_outer_tape():
    """w' = w - a dL/dw with L = (w x)^2: dL/dw = 2 w x^2; M = w'^2.

    dM/dw = 2 w' (1 - 2 a x^2), dM/da = -2 w' 2 w x^2.
    """
    w, a, x = jt.Variable(3.0), jt.Variable(0.125), jt.constant(1.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            loss = jt.square(w * x)
        updated = w - a * inner.gradient(loss, w)
        meta = updated * updated
    by_w, by_a = outer.gradient(meta, [w, a])
    assert float(updated) == 2.25
    assert (float(by_w), float(by_a)) == (2 * 2.25 * 0.75, -2 * 2.25 * 6.0)


def test_three_unrolled_updates_under_an_outer_tape():
    """Each update multiplies w by 1 - 2 a: w3 = w (1 - 2 a)^3."""
    w, a = jt.Variable(2.0), jt.Variable(0.25)
    with jt.GradientTape() as outer:
        fast = w * 1.0
        for _ in range(3):
            with jt.GradientTape() as inner:
                inner.watch(fast)
                loss = jt.square(fast)
            fast = fast - a * inner.gradient(loss, fast)
    by_w, by_a = outer.gradient(fast, [w, a])
    assert (float(fast), float(by_w), float(by_a)) == (0.25, 0.125, 2 * 3 * 0.25 * -2)


def test_an_update_by_assignment_passes_nothing_on():
    """All reads of w count, and nothing flows through the assignment."""
    w = jt.Variable(3.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            loss = jt.square(w)
        before = w * 2.0
        w.assign_sub(0.25 * inner.gradient(loss, w))  # 1.5
        after = w * w
    assert float(after) == 2.25
    assert float(outer.gradient([before, after], w)) == 2.0 + 3.0


def test_a_source_made_inside_the_inner_tape():
    x = jt.Variable(2.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = x * x
            z = y * y * x  # x^5
        by_y = inner.gradient(z, y)  # 2 y x = 2 x^3
    assert float(by_y) == 16.0
    assert float(outer.gradient(by_y, x)) == 24.0


def test_a_variable_among_the_sources_twice():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v * v
    assert [float(g) for g in tape.gradient(y, [v, v])] == [27.0, 27.0]


def test_reads_before_and_after_an_assignment_all_count():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        a = 2.0 * v
        v.assign(5.0)
        b = 3.0 * v
    assert (float(a), float(b), float(tape.gradient([a, b], v))) == (6, 15, 5)


def test_an_assigned_variable_passes_nothing_to_what_it_was_assigned_from():
    v, w = jt.Variable(3.0), jt.Variable(4.0)
    with jt.GradientTape() as tape:
        v.assign(2.0 * w)
        y = v * v
    by_v, by_w = tape.gradient(y, [v, w])
    assert (float(by_v), by_w) == (16.0, None)


def test_a_hessian_row_by_row():
    """y = (a^3 + b^3) a: second derivatives 12 a^2, 3 b^2, 3 b^2, 6 a b."""
    x = jt.Variable([2.0, 5.0])
    with jt.GradientTape(persistent=True) as outer:
        with jt.GradientTape() as inner:
            y = jt.reduce_sum(x**3) * x[0]
        gradient = inner.gradient(y, x)
        parts = [gradient[0], gradient[1]]
    rows = [outer.gradient(part, x).tolist() for part in parts]
    assert rows == [[48.0, 75.0], [75.0, 60.0]]


def test_a_product_of_hessian_and_vector_agrees_with_plain_jax():
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]], np.float32)
    x, vector = jt.Variable([1.0, -2.0]), jt.constant([0.5, 4.0])
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = jt.reduce_sum(x * jt.linalg.matmul(matrix, x)) * 0.5
        gradient = inner.gradient(y, x)
    product = outer.gradient(gradient, x, output_gradients=vector)
    np.testing.assert_allclose(product, matrix @ [0.5, 4.0], rtol=1e-6)
