"""`jt.gradients_check`: it accepts right gradients and rejects almost right ones."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

POINT = np.array([0.3, -0.7, 1.2], np.float32)


def scaled_sine(factor):
    """The sine with a gradient that is off by a factor."""

    @jt.custom_gradient
    def sine(x):
        return jt.sin(x), lambda dy: dy * jt.cos(x) * factor

    return sine


def test_a_right_custom_gradient_is_accepted():
    assert jt.gradients_check(scaled_sine(1.0), POINT) < 1e-8


@pytest.mark.parametrize("factor", [0.999, 1.001, -1.0, 0.0])
def test_a_gradient_that_is_off_by_a_thousandth_is_rejected(factor):
    with pytest.raises(jt.errors.GradientError, match=r"sine\(\) differs from"):
        jt.gradients_check(scaled_sine(factor), POINT)


def test_it_is_accepted_where_the_tolerance_allows_it():
    found = jt.gradients_check(scaled_sine(0.999), POINT, tolerance=1e-2)
    assert found == pytest.approx(1e-3, rel=0.01)


def test_a_missing_gradient_is_rejected_and_named():
    with pytest.raises(jt.errors.GradientError, match="None for argument 1"):
        jt.gradients_check(lambda x, y: x * jt.stop_gradient(y), [POINT, POINT + 1.0])


def test_several_inputs_and_nested_results():
    def function(x, count, y):
        return {"product": x * y, "power": [x**count]}

    assert jt.gradients_check(function, [POINT, 3, jt.constant(POINT)]) < 1e-8


def test_a_zero_gradient_is_right():
    assert jt.gradients_check(lambda x: x * 0.0 + 1.0, POINT) < 1e-6


def test_what_computes_in_float32_is_compared_as_such():
    function = jt.op(lambda x: jnp.sin(x.astype(jnp.float32)))
    assert jt.gradients_check(function, POINT) < 1e-4
    wrong = scaled_sine(0.999)
    with pytest.raises(jt.errors.GradientError, match="more than the tolerance"):
        jt.gradients_check(lambda x: wrong(jt.cast(x, "float32")), POINT)


def test_complex_inputs_follow_the_convention_of_tensorflow():
    def function(z):
        return jt.abs(z) ** 2

    assert jt.gradients_check(function, np.array([3.0 + 4.0j])) < 1e-8


def test_only_integers_are_refused():
    with pytest.raises(ValueError, match="expected a floating-point input"):
        jt.gradients_check(lambda x: x, jt.constant([1, 2]))


def test_variables_and_what_is_recorded_around_it_stay_as_they_are():
    weight = jt.Variable(POINT)
    with jt.GradientTape() as tape:
        before = weight * 2.0
        assert jt.gradients_check(lambda x: x * weight, POINT) < 1e-6
        after = before * weight
    np.testing.assert_allclose(tape.gradient(after, weight), 4 * POINT, rtol=1e-6)
    assert weight.dtype == "float32"
