import warnings

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError


def value_and_gradient(loss, y_true, y_pred):
    y_pred = jt.Variable(y_pred)
    with jt.GradientTape() as tape:
        value = loss(y_true, y_pred)
    return float(value), tape.gradient(value, y_pred).numpy()


def test_gradient_by_the_logits_is_sigmoid_minus_target():
    y, x = np.array([[1.0, 0.0, 1.0, 0.5]]), np.array([[2.0, -1.0, -4.0, 0.0]])
    loss = jt.losses.BinaryCrossentropy(from_logits=True)
    _, gradient = value_and_gradient(loss, y, x.astype("float32"))
    np.testing.assert_allclose(gradient, (1 / (1 + np.exp(-x)) - y) / 4, rtol=1e-5)


# Hazard F9n.
@pytest.mark.parametrize("size", [1e4, 1e38])
def test_loss_of_a_batch_of_large_logits_is_finite(size):
    y_true = np.array([[1.0, 0.0]] * 4)
    logits = np.array([[-size, size]] * 4, "float32")
    loss = jt.losses.BinaryCrossentropy(from_logits=True)
    value, gradient = value_and_gradient(loss, y_true, logits)
    np.testing.assert_allclose(value, np.float32(size), rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-0.125, 0.125]] * 4, rtol=1e-6)


def test_probability_zero_of_a_true_label_has_a_finite_gradient():
    loss = jt.losses.BinaryCrossentropy()
    value, gradient = value_and_gradient(loss, [[1.0]], [[0.0]])
    np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    "loss", [jt.losses.BinaryCrossentropy(), jt.losses.binary_crossentropy]
)
def test_predictions_that_look_like_logits_are_told_at_the_user_s_line(loss):
    with pytest.warns(UserWarning, match=r"from -3 to 2\. .*from_logits=True") as seen:
        loss([[1.0, 0.0]], [[2.0, -3.0]])
    assert seen[0].filename == __file__


def test_logits_and_rounded_probabilities_are_not_told():
    with warnings.catch_warnings(action="error"):
        jt.losses.BinaryCrossentropy(from_logits=True)([[1.0]], [[5.0]])
        jt.losses.BinaryCrossentropy()([[1.0]], [[1.0 + 1e-7]])


@pytest.mark.parametrize("smoothing", [-0.1, 1.5])
def test_label_smoothing_is_a_share(smoothing):
    with pytest.raises(ArgumentError, match=f"got {smoothing}"):
        jt.losses.BinaryCrossentropy(label_smoothing=smoothing)


def test_bool_targets_are_ones_and_zeros():
    y_pred = np.array([[0.25], [0.5]], "float32")
    loss = jt.losses.BinaryCrossentropy()
    expected = -np.log([0.25, 0.5]).mean()
    y_true = np.array([[True], [True]])
    np.testing.assert_allclose(float(loss(y_true, y_pred)), expected, rtol=1e-6)
