import numpy as np
import pytest

import jaxtape as jt
from jaxtape import metrics
from jaxtape.metrics import resolve_accuracy, resolve_crossentropy

pytestmark = pytest.mark.usefixtures("quick_programs")
SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [9, 0, 1.0]])
LABELS = np.array([1, 2, 2, 0])  # three of four are right


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("int32", (4, 1)), ("int64", (4,)), ("uint8", (4,)), ("float32", (4, 1))],
)
def test_class_numbers_of_any_type_and_either_shape(dtype, shape):
    metric = metrics.SparseCategoricalAccuracy()
    assert float(metric(LABELS.astype(dtype).reshape(shape), SCORES)) == 0.75


@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_one_hot_targets(dtype):
    targets = np.eye(3)[LABELS].astype(dtype)
    assert float(metrics.CategoricalAccuracy()(targets, SCORES)) == 0.75


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
@pytest.mark.parametrize("shapes", [((4,), (4, 1)), ((4, 1), (4,)), ((4, 1), (4, 1))])
def test_binary_targets(dtype, shapes):
    targets = np.array([1, 0, 1, 0], dtype).reshape(shapes[0])
    predictions = np.array([0.9, 0.5, 0.4, 0.1]).reshape(shapes[1])
    metric = metrics.BinaryAccuracy()
    assert float(metric(targets, predictions)) == 0.75  # 0.5 itself is no 1


def test_a_threshold_is_compared_in_float32():
    predictions = jt.cast([0.3], "bfloat16")  # 0.30078125
    assert float(metrics.BinaryAccuracy(threshold=0.3)([1], predictions)) == 1.0


@pytest.mark.parametrize("threshold", [0.0, 1.0, -2])
def test_logits_have_thresholds_of_any_size(threshold):
    """Keras 3.15.1 takes them too; its text tutorials have 0.0."""
    logits, targets = np.array([-3.0, -0.5, 0.5, 1.5]), np.array([1, 0, 1, 0])
    found = metrics.BinaryAccuracy(threshold=threshold)(targets, logits)
    assert float(found) == np.mean((logits > threshold) == targets)


def test_equal_class_numbers():
    assert float(metrics.Accuracy()([1, 2, 3, 4], [[0.0], [2], [3], [4]])) == 0.75


@pytest.mark.parametrize(
    ("kind", "y_true", "y_pred"),
    [
        (metrics.Accuracy, (4,), (4, 3)),
        (metrics.BinaryAccuracy, (4, 2), (4, 1)),
        (metrics.CategoricalAccuracy, (4,), (4, 3)),
        (metrics.SparseCategoricalAccuracy, (4, 3), (4, 3)),
        (metrics.SparseCategoricalAccuracy, (5,), (4, 3)),
    ],
)
def test_targets_of_a_wrong_shape_are_refused_with_both_shapes(kind, y_true, y_pred):
    shapes = rf"{y_true} and .*{y_pred}".replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(jt.errors.ShapeError, match=shapes):
        kind().update_state(np.zeros(y_true), np.zeros(y_pred))


def test_functions_give_a_value_for_each_sample():
    sparse = metrics.sparse_categorical_accuracy(LABELS, SCORES)
    assert sparse.numpy().tolist() == [1, 0, 1, 1]
    one_hot = metrics.categorical_accuracy(np.eye(3)[LABELS], SCORES)
    assert one_hot.numpy().tolist() == [1, 0, 1, 1]
    binary = metrics.binary_accuracy([[1, 0]], [[0.3, 0.3]], threshold=0.2)
    assert binary.numpy().tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("y_true", "y_pred", "kind"),
    [
        ((8,), (8, 1), "Binary"),
        ((8, 1), (8, 1), "Binary"),
        ((8,), (8,), "Binary"),
        ((8,), (8, 10), "SparseCategorical"),
        ((8, 1), (8, 10), "SparseCategorical"),
        ((None, 5), (None, 5, 10), "SparseCategorical"),
        ((8, 10), (8, 10), "Categorical"),
        ((None, 5, 10), (None, 5, 10), "Categorical"),
    ],
)
def test_the_kind_is_found_by_shapes(y_true, y_pred, kind):
    assert resolve_accuracy(y_true, y_pred) is getattr(metrics, f"{kind}Accuracy")
    entropy = getattr(metrics, f"{kind}Crossentropy")
    assert resolve_crossentropy(y_true, y_pred) is entropy
