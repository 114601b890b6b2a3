"""Weights of classes and samples, as one array of weights for each output."""

import numpy as np
import pytest

from jaxtape.framework.training.data import find_source

X = np.zeros((4, 1), np.float32)
LABELS = np.array([0, 1, 2, 1])
CLASSES = {0: 0.5, 1: 3}
EXPECTED = [0.5, 3.0, 1.0, 3.0]  # a class without a weight counts 1, as in Keras
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


def weights(y, sample_weight=None, **options):
    return find_source(X, y, sample_weight, **options).arrays[2]


@pytest.mark.parametrize(
    "y", [LABELS, LABELS[:, None], ONE_HOT, LABELS.astype(np.float32), LABELS == 1]
)
def test_labels_in_any_form_get_the_weight_of_their_class(y):
    expected = [3.0 if one else 0.5 for one in y] if y.dtype == bool else EXPECTED
    found = weights(y, class_weight=CLASSES)
    assert found.tolist() == expected
    assert found.dtype == np.float32


def test_keys_may_be_numpy_numbers_as_scikit_learn_gives_them():
    classes = dict(zip(np.unique(LABELS), np.array([0.5, 3.0, 1.0]), strict=True))
    assert weights(LABELS, class_weight=classes).tolist() == EXPECTED


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 2)])
def test_weights_of_classes_and_samples_are_multiplied(shape):
    samples = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = weights(LABELS, samples, class_weight=CLASSES)
    column = np.reshape(EXPECTED, [4] + [1] * (len(shape) - 1))
    np.testing.assert_array_equal(found, samples * column)


def test_several_outputs_have_class_weights_by_name_or_in_order():
    y = {"a": LABELS, "b": ONE_HOT}
    by_name = weights(y, class_weight={"b": CLASSES})
    assert by_name["a"].tolist() == [1.0] * 4
    assert by_name["b"].tolist() == EXPECTED
    for given in ([None, CLASSES], {"b": CLASSES}):
        first, second = weights(
            [LABELS, ONE_HOT], class_weight=given, output_names=["a", "b"]
        )
        assert first.tolist() == [1.0] * 4
        assert second.tolist() == EXPECTED


def test_the_only_output_may_be_named():
    options = {"class_weight": {"out": CLASSES}, "output_names": ["out"]}
    assert weights(LABELS, **options).tolist() == EXPECTED


def test_one_array_of_sample_weights_is_for_all_outputs():
    samples = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    first, second = weights((LABELS, ONE_HOT), samples, class_weight=[None, CLASSES])
    np.testing.assert_array_equal(first, samples)
    np.testing.assert_array_equal(second, samples * EXPECTED)


def test_sample_weights_may_leave_out_outputs():
    samples = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    found = weights({"a": LABELS, "b": LABELS}, {"b": samples})
    assert found["a"].tolist() == [1.0] * 4
    np.testing.assert_array_equal(found["b"], samples)


REFUSED = {
    "no labels": (None, None, CLASSES, ValueError, r"`class_weight` .* `y` is None"),
    "weights alone": (
        None,
        X[:, 0],
        None,
        ValueError,
        r"`sample_weight`.*`y` is None",
    ),
    "images": (
        np.zeros((4, 2, 2), int),
        None,
        CLASSES,
        ValueError,
        r"`class_weight` .* \(4, 2, 2\)",
    ),
    "a list": (
        LABELS,
        None,
        [1.0, 2.0],
        TypeError,
        r"`class_weight` .* \[1\.0, 2\.0\]",
    ),
    "a weight": (LABELS, None, {0: "x"}, TypeError, r"`class_weight\[0\]` .* 'x'"),
    "a class": (LABELS, None, {0.5: 1.0}, TypeError, r"the class 0\.5"),
    "a class of text": (LABELS, None, {"cat": 1.0}, TypeError, r"the class 'cat'"),
    "one mapping for two": (
        {"a": LABELS, "b": LABELS},
        None,
        CLASSES,
        ValueError,
        r"for 2 outputs.*by name: \{'a'",
    ),
    "unknown output": (
        {"a": LABELS, "b": LABELS},
        None,
        {"c": CLASSES},
        ValueError,
        r"`class_weight` names the output 'c'; there are \['a', 'b'\]",
    ),
    "too many": (
        (LABELS, LABELS),
        [X[:, 0]] * 3,
        None,
        ValueError,
        r"`sample_weight` has 3 entries for 2 outputs",
    ),
    "nested labels": (
        [[X, X], X],
        X[:, 0],
        None,
        ValueError,
        r"`y\[0\]` is a list",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_weights_that_do_not_fit_are_refused(name):
    y, sample_weight, class_weight, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        find_source(X, y, sample_weight, class_weight=class_weight)
