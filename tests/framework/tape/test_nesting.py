"""Tapes in tapes: derivatives of derivatives, and who watches what.

The docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import numpy as np
import pytest

import jaxtape as jt


def test_watching_is_local_to_a_tape():
    """testWatchingIsTapeLocal"""
    x, other = jt.Variable(2.0, trainable=False), jt.Variable(2.0, trainable=False)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            outer.watch(x)
            inner.watch([x, other])
            targets = [x**3, other**2]
            slopes = inner.gradient(targets, [x, other])
        curvatures = outer.gradient(slopes, [x, other])
    assert slopes == [12.0, 4.0]
    assert curvatures == [12.0, None]


def test_an_inner_gradient_flows_into_the_outer_one():
    """testGradientTape"""
    x = jt.constant(3.0)
    with jt.GradientTape() as outer:
        outer.watch(x)
        y = x * x
        with jt.GradientTape() as inner:
            inner.watch(y)
            z = 2 * y
        slope = inner.gradient(z, [y])[0]
        y += slope
    assert float(slope) == 2.0
    assert outer.gradient(y, [x]) == [6.0]


def test_persistent_tapes_nest():
    """testPersistentNestedTape"""
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=True) as outer:
        outer.watch(x)
        y = x * x
        with jt.GradientTape(persistent=True) as inner:
            inner.watch(y)
            z = 2 * y
        for _ in range(2):
            slope = inner.gradient(z, [y])[0]
            assert float(slope) == 2.0
        y += slope
        del inner
    assert outer.gradient(y, [x]) == [6.0]
    assert outer.gradient(z, [x]) == [12.0]


def test_one_persistent_tape_gives_higher_derivatives():
    """testHigherOrderGradient"""
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
        first = tape.gradient(y, x)
        second = tape.gradient(first, x)
    third = tape.gradient(second, x)
    assert [float(d) for d in (first, second, third)] == [27.0, 18.0, 6.0]


def test_three_tapes_give_the_third_derivative():
    x = jt.constant(2.0)
    with jt.GradientTape() as a:
        a.watch(x)
        with jt.GradientTape() as b:
            b.watch(x)
            with jt.GradientTape() as c:
                c.watch(x)
                y = x**5
            first = c.gradient(y, x)
        second = b.gradient(first, x)
    third = a.gradient(second, x)
    assert [float(d) for d in (first, second, third)] == [80.0, 160.0, 240.0]


def test_reads_between_the_orders_change_nothing():
    x = jt.Variable(2.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = x * x
            float(y)
            z = y * y * x
        first = inner.gradient(z, x)
        assert float(first) == 80.0
    assert float(outer.gradient(first, x)) == 160.0


def test_both_tapes_record_what_is_called_in_the_inner_block():
    x = jt.Variable(3.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = x * x
        z = y * x
    assert float(inner.gradient(y, x)) == 6.0
    assert float(outer.gradient(z, x)) == 27.0


def test_tapes_may_overlap_without_nesting():
    x = jt.Variable(3.0)
    first, second = jt.GradientTape(), jt.GradientTape()
    with first:
        a = x * x
    with second:
        b = x * 5
    with first:
        y = a * b
    assert float(first.gradient(y, x)) == 6.0 * 15.0
    assert second.gradient(b, x) == 5.0


def test_mixed_partial_derivatives():
    """d^2 (w x^2) / dx dw = 2 x"""
    x, w = jt.Variable(5.0), jt.Variable(3.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = w * x**2
        slope = inner.gradient(y, x)
    assert outer.gradient(slope, [x, w]) == [6.0, 10.0]


def test_a_gradient_penalty_reaches_the_weights():
    """f = sum(w x^3), so |df/dx|^2 = 9 sum(w^2 x^4), by w: 18 w x^4"""
    w, x = jt.Variable([1.0, 2.0]), jt.constant([0.5, -1.5])
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = jt.reduce_sum(w * x**3)
        penalty = jt.reduce_sum(inner.gradient(y, x) ** 2)
    expected = 18 * w.numpy() * x.numpy() ** 4
    np.testing.assert_allclose(outer.gradient(penalty, w), expected, rtol=1e-5)


def test_an_inner_update_is_differentiated_by_the_outer_tape():
    """w' = w - a dL/dw with L = w^2 c; d(w'^2)/dw = 2 w (1 - 2 a c)^2"""
    w, rate, c = jt.Variable(3.0), 0.1, jt.constant(2.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            loss = w**2 * c
        updated = w - rate * inner.gradient(loss, w)
        outcome = updated**2
    expected = 2 * 3.0 * (1 - 2 * rate * 2.0) ** 2
    assert float(outer.gradient(outcome, w)) == pytest.approx(expected, rel=1e-6)


def test_an_output_gradient_is_differentiated_by_the_outer_tape():
    """g = d(x^3)/dx * s = 3 x^2 s, so dg/ds = 3 x^2: double backward gives a jvp"""
    x, s = jt.Variable(2.0), jt.constant(1.0)
    with jt.GradientTape() as outer:
        outer.watch(s)
        with jt.GradientTape() as inner:
            y = x**3
        g = inner.gradient(y, x, output_gradients=s)
    assert outer.gradient(g, [s, x]) == [12.0, 12.0]


def test_a_second_derivative_that_is_none_is_none():
    x = jt.Variable(3.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = 2 * x
        slope = inner.gradient(y, x)
    assert float(slope) == 2.0
    assert outer.gradient(slope, x) is None


def test_whether_a_derivative_is_none_is_asked_of_every_op_anew():
    """The second derivative of x + x is None, that of log(x) is not"""

    def second(function):
        x = jt.Variable(2.0)
        with jt.GradientTape() as outer:
            with jt.GradientTape() as middle:
                with jt.GradientTape() as inner:
                    y = function(x)
                first = inner.gradient(y, x)
            second = middle.gradient(first, x)
        return second, second and outer.gradient(second, x)

    assert second(lambda x: x + x) == (None, None)
    assert second(jt.square) == (2.0, None)
    assert second(jt.math.log) == (-0.25, 0.25)
    assert second(lambda x: x**3) == (12.0, 6.0)


def test_an_inner_tape_may_be_opened_many_times_in_an_outer_one():
    """The sum over i of (d(i x^3)/dx) is 3 x^2 (0 + 1 + 2 + 3), by x: 36 x"""
    x = jt.Variable(2.0)
    with jt.GradientTape() as outer:
        total = jt.constant(0.0)
        for i in range(4):
            with jt.GradientTape() as inner:
                y = i * x**3
            total += inner.gradient(y, x)
    assert float(outer.gradient(total, x)) == 72.0


def test_gradient_inside_a_persistent_tape_with_reads():
    x = jt.Variable(3.0)
    with jt.GradientTape(persistent=True) as tape:
        y = x**3
        first = tape.gradient(y, x)
        assert float(first) == 27.0
        second = tape.gradient(first, x)
        assert float(second) == 18.0
    assert float(tape.gradient(second, x)) == 6.0
    assert float(tape.gradient(first, x)) == 18.0
