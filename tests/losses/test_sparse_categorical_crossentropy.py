import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError, ShapeError
from tests.golden_values import float32, golden

LOGITS = np.array([[0.5, -1.0, 2.0], [0.0, 0.0, 0.0], [3.0, 1.0, -2.0]], "float32")
FROM_LOGITS = jt.losses.SparseCategoricalCrossentropy(from_logits=True)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def test_gradient_by_the_logits_is_softmax_minus_one_hot():
    logits = jt.Variable(LOGITS)
    with jt.GradientTape() as tape:
        loss = FROM_LOGITS([2, 0, 1], logits)
    expected = (softmax(LOGITS) - np.eye(3)[[2, 0, 1]]) / 3
    gradient = tape.gradient(loss, logits).numpy()
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


# Hazard F9n: each of the four samples has loss 2e38, their sum would be infinite.
def test_loss_of_a_batch_of_large_logits_is_finite():
    logits = np.array([[1e38, -1e38]] * 4, "float32")
    np.testing.assert_allclose(float(FROM_LOGITS([1] * 4, logits)), 2e38, rtol=1e-6)


# Hazard F10n.
@pytest.mark.parametrize(
    ("labels", "label", "row"),
    [
        (np.array([0, 3, 4]), "3", "1"),
        (np.array([0, 1, -1]), "-1", "2"),
        (np.array([[0], [1], [7]]), "7", r"\(2, 0\)"),
        (np.array([np.nan, 1.0, 2.0]), "nan", "0"),
        (np.array([0.0, 1.5, 2.0]), r"1\.5", "1"),
        ([0, 1, 5], "5", "2"),
    ],
)
@pytest.mark.parametrize(
    "loss", [FROM_LOGITS, jt.losses.sparse_categorical_crossentropy]
)
def test_a_label_that_is_no_class_is_told_with_its_row(loss, labels, label, row):
    with pytest.raises(ArgumentError, match=rf"label {label} in row {row}; .* 0 to 2"):
        loss(labels, np.full((3, 3), 1 / 3))


@pytest.mark.parametrize("labels", [[0, 1, 3], [0, 1, -1], [0.0, 1.0, 0.5]])
def test_a_label_that_is_no_class_is_nan_on_the_device(labels):
    logits = jt.Variable(LOGITS)
    with jt.GradientTape() as tape:
        loss = FROM_LOGITS(jt.constant(labels), logits)
    assert np.isnan(float(loss))
    gradient = np.isnan(tape.gradient(loss, logits).numpy())
    assert gradient.tolist() == [[False] * 3] * 2 + [[True] * 3]


# Keras truncates 1.9 to 1.
def test_keras_s_truncated_label_is_refused():
    (case,) = [c for c in golden("losses")["cases"] if "float_labels" in c["inputs"]]
    given = golden("losses")["inputs"][case["inputs"]]
    loss = jt.losses.SparseCategoricalCrossentropy(**case["arguments"])
    with pytest.raises(ArgumentError, match=r"label 1\.9"):
        loss(float32(given["y_true"]), float32(given["y_pred"]))
    whole = loss(np.floor(given["y_true"]), float32(given["y_pred"]))
    np.testing.assert_allclose(whole.numpy(), case["value"], rtol=1e-6)


# Keras 3.15.1 divides by the number of samples that count (`apply_mask`).
@pytest.mark.parametrize(
    ("reduction", "weights", "expected"),
    [
        ("sum_over_batch_size", None, "mean"),
        ("mean_with_sample_weight", None, "mean"),
        ("sum", None, "sum"),
        ("mean_with_sample_weight", [1.0, 5.0, 3.0], "weighted"),
    ],
)
def test_ignored_samples_do_not_count(reduction, weights, expected):
    losses = -np.log(softmax(LOGITS)[[0, 2], [2, 1]])  # of samples 0 and 2
    loss = jt.losses.SparseCategoricalCrossentropy(True, -1, reduction)
    value = float(loss([2, -1, 1], LOGITS, weights))
    average = {"mean": losses.mean(), "sum": losses.sum()}
    average["weighted"] = (losses * [1, 3]).sum() / 4
    np.testing.assert_allclose(value, average[expected], rtol=1e-5)


def test_a_batch_of_ignored_samples_has_loss_and_gradient_zero():
    logits = jt.Variable(LOGITS)
    with jt.GradientTape() as tape:
        loss = jt.losses.SparseCategoricalCrossentropy(True, -1)([-1, -1, -1], logits)
    assert float(loss) == 0.0
    assert not tape.gradient(loss, logits).numpy().any()


def test_one_hot_targets_are_refused_with_both_shapes():
    with pytest.raises(ShapeError, match=r"\(3, 3\).*\(3, 3\)"):
        FROM_LOGITS(np.eye(3), LOGITS)


def test_predictions_that_look_like_logits_are_told_at_the_user_s_line():
    with pytest.warns(UserWarning, match=r"from -2 to 3\. ") as seen:
        jt.losses.SparseCategoricalCrossentropy()([0, 1, 2], LOGITS)
    assert seen[0].filename == __file__


def test_segmentation_maps_have_classes_along_any_axis():
    logits = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    labels = np.random.default_rng(1).integers(0, 3, (2, 4, 5))
    last = float(FROM_LOGITS(labels, logits))
    first = jt.losses.SparseCategoricalCrossentropy(from_logits=True, axis=1)
    moved = np.moveaxis(logits, -1, 1)
    np.testing.assert_allclose(float(first(labels, moved)), last, rtol=1e-6)
