import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError, ShapeError


def test_gradient_by_the_logits_is_softmax_minus_target():
    y = np.array([[0.0, 1.0, 0.0]])
    x = np.array([[0.5, -1.0, 2.0]])
    logits = jt.Variable(x.astype("float32"))
    with jt.GradientTape() as tape:
        loss = jt.losses.CategoricalCrossentropy(from_logits=True)(y, logits)
    expected = np.exp(x) / np.exp(x).sum() - y
    np.testing.assert_allclose(tape.gradient(loss, logits).numpy(), expected, rtol=1e-5)


# Hazard F9n: each of the four samples has loss 2e38, their sum would be infinite.
def test_loss_of_a_batch_of_large_logits_is_finite():
    logits = np.array([[1e38, -1e38]] * 4, "float32")
    y_true = np.array([[0.0, 1.0]] * 4)
    value = float(jt.losses.CategoricalCrossentropy(from_logits=True)(y_true, logits))
    np.testing.assert_allclose(value, 2e38, rtol=1e-6)


def test_predictions_that_look_like_logits_are_told_at_the_user_s_line():
    with pytest.warns(UserWarning, match=r"from -3 to 2\. ") as seen:
        jt.losses.categorical_crossentropy([[1.0, 0.0]], [[2.0, -3.0]])
    assert seen[0].filename == __file__


def test_label_smoothing_is_a_share():
    with pytest.raises(ArgumentError, match=r"got 2\.0"):
        jt.losses.CategoricalCrossentropy(label_smoothing=2.0)


def test_class_numbers_are_refused_with_both_shapes():
    with pytest.raises(ShapeError, match=r"got \(2,\) and \(2, 3\)"):
        jt.losses.CategoricalCrossentropy()(np.array([0, 1]), np.full((2, 3), 1 / 3))
