"""Labels, vectors and sequences prepared on the host; one seed for all generators."""

import random

import numpy as np
import pytest

import jaxtape as jt


@pytest.mark.parametrize(
    ("x", "num_classes", "expected"),
    [
        ([0, 2, 1], None, [0, 2, 1]),
        ([[0], [2]], 4, [0, 2]),
        (np.array([[0, 1], [2, 0]]), 3, [[0, 1], [2, 0]]),
        ([1.0, 0.0], None, [1, 0]),
    ],
)
def test_to_categorical_is_rows_of_the_unit_matrix(x, num_classes, expected):
    found = jt.utils.to_categorical(x, num_classes)
    size = num_classes or max(expected) + 1
    np.testing.assert_array_equal(found, np.eye(size, dtype=np.float32)[expected])
    assert found.dtype == np.float32


def test_to_categorical_takes_tensors():
    np.testing.assert_array_equal(jt.utils.to_categorical(jt.constant([1])), [[0, 1]])


@pytest.mark.parametrize(
    ("x", "num_classes", "message"),
    [
        ([0, 3], 3, r"classes from 0 to 3; with `num_classes` 3"),
        ([-1, 0], None, r"classes from -1 to 0"),
        ([0.5], None, r"whole numbers; got float64 of shape \(1,\)"),
        (["cat"], None, r"whole numbers; got <U3"),
        ([0], 0, r"`num_classes` must be positive; got 0"),
    ],
)
def test_to_categorical_refuses_what_is_no_class(x, num_classes, message):
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        jt.utils.to_categorical(x, num_classes)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_normalized_vectors_have_length_one(order):
    x = np.random.default_rng(0).normal(size=(3, 4))
    found = jt.utils.normalize(x, axis=0, order=order)
    length = (np.abs(found) ** order).sum(0) ** (1 / order)
    np.testing.assert_allclose(length, np.ones(4), rtol=1e-6)
    np.testing.assert_array_equal(np.sign(found), np.sign(x))
    assert not jt.utils.normalize([0.0, 0.0]).any()


def test_normalize_refuses_an_order_that_is_not_positive():
    with pytest.raises(ValueError, match="`order` must be positive; got 0"):
        jt.utils.normalize([1.0], order=0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [  # computed by hand from Keras's documentation
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]]),
        ({"value": -1}, [[-1, -1, 1], [-1, 2, 3], [4, 5, 6]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5]]),
        ({"maxlen": 4, "padding": "post"}, [[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 0]]),
    ],
)
def test_sequences_are_padded_and_cut_on_the_side_asked_for(options, expected):
    found = jt.utils.pad_sequences([[1], [2, 3], [4, 5, 6]], **options)
    assert found.tolist() == expected
    assert found.dtype == np.int32


def test_steps_of_sequences_may_be_vectors_and_sequences_empty():
    found = jt.utils.pad_sequences([np.ones((1, 2)), np.ones((0, 2))], dtype="float32")
    np.testing.assert_array_equal(found, [[[1, 1]], [[0, 0]]])


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([[1]], {"padding": "left"}, r"`padding` .* got 'left'"),
        ([[1]], {"truncating": "end"}, r"`truncating` .* got 'end'"),
        ([[1]], {"maxlen": 0}, r"`maxlen` must be positive; got 0"),
        ([[1], 2], {}, r"`sequences\[1\]` must be a list .* got 2"),
        ([[1], ["a"]], {}, r"`sequences\[1\]` must be a list .* got \['a'\]"),
        ([np.ones((1, 2)), np.ones((1, 3))], {}, r"`sequences\[1\]` .* \(3,\)"),
    ],
)
def test_pad_sequences_refuses_what_cannot_be_padded(sequences, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        jt.utils.pad_sequences(sequences, **options)


def test_one_seed_is_for_python_numpy_and_jaxtape():
    def draws():
        jt.utils.set_random_seed(5)
        legacy = np.random.rand()  # noqa: NPY002 (what users' code draws from)
        return random.random(), legacy, float(jt.random.normal(()))

    first = draws()
    assert first == draws()
    assert first[0] == random.Random(5).random()


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (2**32, ValueError)])
def test_a_seed_that_numpy_does_not_take_is_refused(seed, error):
    with pytest.raises(error, match=rf"`seed` must be from 0 .* got {seed}"):
        jt.utils.set_random_seed(seed)


def test_a_seed_that_is_no_integer_is_refused():
    with pytest.raises(TypeError, match=r"`seed` must be an integer; got 'a'"):
        jt.utils.set_random_seed("a")


def test_utils_are_found_under_the_names_of_keras():
    from jaxtape.keras.utils import PyDataset, Sequence  # noqa: PLC0415

    assert PyDataset is Sequence is jt.utils.PyDataset
    assert jt.keras.utils.to_categorical is jt.utils.to_categorical


def test_unpacking_a_batch_fills_in_none():
    unpack = jt.utils.unpack_x_y_sample_weight
    assert unpack((1,)) == (1, None, None)
    assert unpack((1, 2, 3)) == (1, 2, 3)
    assert unpack(1) == (1, None, None)
    with pytest.raises(ValueError, match="got 4 entries"):
        unpack((1, 2, 3, 4))
