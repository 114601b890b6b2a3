"""Samples in two parts."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.training.data import find_source, split_validation
from tests.worker_datasets import Numbered

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10, dtype=np.int32)


@pytest.mark.parametrize(("share", "place"), [(0.2, 8), (0.25, 7), (0.99, 0), (0.5, 5)])
def test_validation_split_takes_the_last_samples_as_keras_does(share, place):
    if place == 0:
        message = rf"`validation_split` {share} of 10 samples leaves 0 to train"
        with pytest.raises(ValueError, match=message):
            split_validation(X, Y, None, share)
        return
    (x, y, none), (other, other_y, _) = split_validation([X, {"a": X}], Y, None, share)
    assert none is None
    np.testing.assert_array_equal(x[1]["a"], X[:place])
    np.testing.assert_array_equal(other[0], X[place:])
    assert (y.tolist(), other_y.tolist()) == ([*range(place)], [*range(place, 10)])


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, "0.2", None, float("nan")])
def test_a_share_outside_of_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match=r"`validation_split` must .* got"):
        split_validation(X, Y, None, share)


def test_validation_split_of_a_dataset_is_refused():
    with pytest.raises(ValueError, match=r"`validation_split` .* `x` is a Numbered"):
        split_validation(Numbered(), None, None, 0.2)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"left_size": 0.8}, (8, 2)),
        ({"left_size": 3}, (3, 7)),
        ({"right_size": 0.25}, (8, 2)),
        ({"left_size": 0.5, "right_size": 2}, (5, 2)),
    ],
)
def test_split_dataset_gives_what_fit_takes(sizes, expected):
    parts = jt.utils.split_dataset((X, Y), **sizes)
    assert tuple(part.num_samples for part in parts) == expected
    for part, start in zip(parts, (0, expected[0]), strict=True):
        x, y = find_source(part, shuffle=True).arrays
        np.testing.assert_array_equal(y, Y[start : start + part.num_samples])
        np.testing.assert_array_equal(x, X[y])


def test_a_part_is_a_dataset_of_batches():
    left, _ = jt.utils.split_dataset((X, Y), 0.5)
    assert [y.tolist() for _, y in left.batch(2)] == [[0, 1], [2, 3], [4]]
    assert find_source(left.batch(2)).batch_size == 2


def test_samples_are_drawn_at_random_by_a_seed():
    left, right = jt.utils.split_dataset(Y, 0.5, shuffle=True, seed=3)
    order = np.random.Generator(np.random.Philox(key=[3, 0])).permutation(10)
    np.testing.assert_array_equal(left.parts[0], order[:5])
    np.testing.assert_array_equal(right.parts[0], order[5:])


def test_batches_of_a_py_dataset_are_split():
    left, right = jt.utils.split_dataset(Numbered(), left_size=0.75)
    assert [int(y[0]) for _, y in left] == [0, 1, 2, 3, 4, 5]
    assert [int(y[0]) for _, y in right] == [6, 7]


REFUSED = {
    "no size": ((X, Y), {}, r"Both `left_size` and `right_size` are None"),
    "share": ((X, Y), {"left_size": 1.5}, r"`left_size` .* got 1\.5"),
    "number": ((X, Y), {"right_size": 10}, r"`right_size` .* below 10; got 10"),
    "both": ((X, Y), {"left_size": 6, "right_size": 5}, r"of 10 are parts of 6 and 5"),
    "nothing": ((X, Y), {"left_size": 0.01}, r"of 10 are parts of 0 and 10"),
    "lengths": ((X, Y[:3]), {"left_size": 1}, r"`x` has 10 .* `y` has 3"),
    "kind": (iter([X]), {"left_size": 1}, r"`dataset` must .* got list_iterator"),
    "entries": ((X, Y, Y, Y), {"left_size": 1}, r"`dataset` must .* got tuple"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sizes_and_data_that_do_not_fit_are_refused(name):
    data, sizes, message = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=message):
        jt.utils.split_dataset(data, **sizes)


def test_an_endless_dataset_has_no_parts():
    class Endless(Numbered):
        num_batches = None

    with pytest.raises(ValueError, match="Endless has no end"):
        jt.utils.split_dataset(Endless(), 0.5)
