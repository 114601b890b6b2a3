"""`jt.math` against NumPy, the standard library and numbers from tables."""

import math
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxtape as jt

POINTS = np.array([-0.9, -0.3, 0.1, 0.5, 0.8], np.float32)
POSITIVE = np.array([0.3, 1.5, 2.0, 4.5], np.float32)


@pytest.mark.parametrize(
    ("name", "expected", "points"),
    [
        *((n, getattr(np, n), POINTS) for n in ("sin", "cos", "tan", "sinh", "cosh")),
        *((n, getattr(np, n), POINTS) for n in ("tanh", "expm1", "log1p", "ceil")),
        *((n, getattr(np, "arc" + n[1:]), POINTS) for n in ("asin", "acos", "atan")),
        *((n, getattr(np, "arc" + n[1:]), POINTS) for n in ("asinh", "atanh")),
        ("acosh", np.arccosh, POSITIVE + 1),
        ("log", np.log, POSITIVE),
        ("rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE),
        ("reciprocal", lambda x: 1 / x, POSITIVE),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), POINTS),
        ("softplus", lambda x: np.log1p(np.exp(x)), POINTS),
        ("erf", np.vectorize(math.erf), POINTS),
        ("erfc", np.vectorize(math.erfc), POINTS),
        ("lgamma", np.vectorize(math.lgamma), POSITIVE),
    ],
)
def test_functions_are_those_of_numpy(name, expected, points):
    ours = getattr(jt.math, name)(points)
    np.testing.assert_allclose(ours, expected(points), rtol=2e-6, atol=1e-6)


def test_digamma_of_1_and_2():
    # Abramowitz and Stegun, 6.3.2: -gamma and 1 - gamma.
    expected = [-np.euler_gamma, 1 - np.euler_gamma]
    np.testing.assert_allclose(jt.math.digamma([1.0, 2.0]), expected, rtol=1e-5)


def test_erfinv_undoes_erf():
    back = jt.math.erfinv(jt.math.erf(POINTS))
    np.testing.assert_allclose(back, POINTS, rtol=1e-5)


def test_questions_about_numbers():
    x = [1.0, math.nan, math.inf, -math.inf]
    assert jt.math.is_nan(x).tolist() == [False, True, False, False]
    assert jt.math.is_inf(x).tolist() == [False, False, True, True]
    assert jt.math.is_finite(x).tolist() == [True, False, False, False]


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, -1])
def test_cumulated_sums_and_products(exclusive, reverse, axis):
    x = np.array([[2.0, 3.0, 5.0], [7.0, 11.0, 13.0]], np.float32)
    for ours, numpy_s, empty in (
        (jt.math.cumsum, np.cumsum, 0),
        (jt.math.cumprod, np.cumprod, 1),
    ):
        given = np.flip(x, axis) if reverse else x
        if exclusive:
            given = np.insert(given, 0, empty, axis).take(range(x.shape[axis]), axis)
        expected = numpy_s(given, axis)
        expected = np.flip(expected, axis) if reverse else expected
        np.testing.assert_array_equal(ours(x, axis, exclusive, reverse), expected)


def test_aliases_are_the_common_ops():
    names = ("reduce_mean", "maximum", "square", "add_n", "argmax", "pow", "abs")
    assert all(getattr(jt.math, name) is getattr(jt, name) for name in names)


def test_every_function_is_documented():
    public = [
        f
        for name, f in vars(jt.math).items()
        if isinstance(f, types.FunctionType) and not name.startswith("_")
    ]
    assert [f.__name__ for f in public if not f.__doc__] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        *(jt.math.log1p, jt.math.erf, jt.math.tanh, jt.math.log_sigmoid),
        *(jt.math.rsqrt, jt.math.lgamma, jt.math.cumprod, jt.math.l2_normalize),
        *(jt.math.reduce_std, jt.math.reduce_logsumexp),
        lambda x: jt.math.atan2(x, 2.0),
        lambda x: jt.math.xlogy(x, x),
        lambda x: jt.math.squared_difference(x, 2.0),
        lambda x: jt.pow(x, 1.5),
        lambda x: jt.maximum(x, 1.0),
        lambda x: jt.clip_by_value(x, 0.5, 3.0),
    ],
)
def test_gradients_match_differences(function):
    with jax.enable_x64(True):
        x = jnp.array([0.3, 1.7, 2.9], "float64")
        lifted = jt.op(function)
        check_grads(lambda x: lifted(x)._array(), (x,), order=2, modes=("rev",))


# TensorFlow 2.21 on the same inputs.
@pytest.mark.parametrize(
    ("values", "reverse", "expected"),
    [
        ([1e8, 1.0, 2.0], True, [3.0, 2.0, 0.0]),
        ([np.inf, 1.0], False, [0.0, np.inf]),
        ([1.0, np.nan, 2.0], False, [0.0, 1.0, np.nan]),
        ([], False, []),
    ],
)
def test_an_exclusive_sum_does_not_cancel(values, reverse, expected):
    found = jt.math.cumsum(jt.constant(values), exclusive=True, reverse=reverse)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_a_sum_along_an_axis_that_is_not_there_raises():
    with pytest.raises(IndexError, match=r"axis.*4.*\(2,\)"):
        jt.math.cumsum(jt.ones(2), axis=4)


def test_segment_ids_may_have_several_axes():
    found = jt.math.unsorted_segment_sum(
        jt.constant([[1.0, 2.0], [3.0, 4.0]]), [[0, 1], [1, 2]], 3
    )
    assert found.tolist() == [1.0, 5.0, 4.0]


@pytest.mark.parametrize(
    ("function", "slope_at_4"),
    [(jt.sqrt, 0.25), (jt.math.rsqrt, -1 / 16), (jt.math.reciprocal, -1 / 16)],
)
def test_no_gradient_passes_where_none_arrives(function, slope_at_4):
    """TensorFlow's kernels give 0 where the choice is for the other branch."""
    x = jt.constant([0.0, 4.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.where(x > 0, function(x), 0.0)
    assert tape.gradient(y, x).tolist() == [0.0, slope_at_4]


def test_the_second_derivative_by_what_arrives_is_there_at_zero():
    """d2(w sqrt(x)) / dx dw = 1 / (2 sqrt(x)), also where w is 0."""
    x, w = jt.Variable(4.0), jt.Variable(0.0)
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = w * jt.sqrt(x)
        slope = inner.gradient(y, x)
    assert float(outer.gradient(slope, w)) == 0.25
