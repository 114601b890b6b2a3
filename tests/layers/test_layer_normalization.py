import re

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import LayerNormalization
from tests.derivative_check import check_derivatives

RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (2, 3, 4)).astype("float32")


def test_each_sample_has_mean_zero_and_variance_one():
    y = LayerNormalization(epsilon=0.0)(X).numpy()
    np.testing.assert_allclose(y.mean(-1), np.zeros((2, 3)), atol=1e-6)
    np.testing.assert_allclose(y.var(-1), np.ones((2, 3)), rtol=1e-5)


def test_a_sample_does_not_depend_on_the_batch():
    layer = LayerNormalization()
    np.testing.assert_allclose(layer(X[:1]).numpy(), layer(X).numpy()[:1], rtol=1e-6)
    assert layer(X[:0]).shape == (0, 3, 4)


def test_weights_are_in_the_order_of_the_input_s_axes():
    layer = LayerNormalization(axis=[-1, 1])
    layer(X)
    assert [w.shape for w in layer.weights] == [(3, 4), (3, 4)]
    assert layer.axis == [-1, 1]


# Hazard F15n.
@pytest.mark.parametrize(
    ("dtype", "x"), [("float16", np.full((1, 3), 1e4)), ("bfloat16", 1e4 * X[0])]
)
def test_half_precision_is_finite_and_keeps_its_dtype(dtype, x):
    y = LayerNormalization()(jt.cast(jt.constant(x), dtype))
    assert y.dtype == dtype
    assert np.isfinite(y.numpy().astype("float32")).all()


@pytest.mark.slow  # the contract tests do this every day
def test_gradients_are_those_of_the_formula():
    with jax.enable_x64(True):
        layer = LayerNormalization(dtype="float64")
        check_derivatives(layer, [RNG.normal(size=(2, 3))], [0], order=1)


@pytest.mark.parametrize("axis", [1.0, "last", [], [1, None], True])
def test_the_axis_must_be_integers(axis):
    with pytest.raises(TypeError, match=re.escape(f"got {axis!r}")):
        LayerNormalization(axis=axis)


def test_an_axis_may_be_named_once():
    with pytest.raises(ValueError, match=r"got \[1, -2\] for inputs of shape"):
        LayerNormalization(axis=[1, -2])(X)


def test_a_negative_epsilon_raises():
    with pytest.raises(ValueError, match=r"got -1\.0"):
        LayerNormalization(epsilon=-1.0)


def test_other_features_raise():
    layer = LayerNormalization(name="norm")
    layer(X)
    with pytest.raises(ValueError, match=r"lengths \(4,\) .* got shape \(2, 5\)"):
        layer(np.ones((2, 5), "float32"))


def test_an_axis_that_is_not_there_raises():
    with pytest.raises(ValueError, match=r"axis 4, .* got inputs of shape \(2, 3, 4\)"):
        LayerNormalization(axis=4)(X)
