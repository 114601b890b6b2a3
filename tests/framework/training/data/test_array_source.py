"""Arrays as batches: cut, ordered, narrowed, and weighed as NumPy says."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.training.data import find_source

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10, dtype=np.int32)


def rows(source, epoch=0, first=0):
    """The labels of an epoch, batch by batch."""
    return [batch[1].tolist() for batch in source.batches(epoch, first)]


def test_batches_are_cut_in_order_and_the_last_is_smaller():
    source = find_source(X, Y, batch_size=4)
    assert (source.num_batches, source.batch_size, source.num_samples) == (3, 4, 10)
    assert rows(source) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert rows(source, first=2) == [[8, 9]]
    assert source.order(0) is None


def test_a_batch_holds_the_same_samples_of_all_arrays():
    source = find_source(
        {"a": X, "b": [X[:, 0], X[:, 1:]]}, (Y, -Y), batch_size=3, shuffle=True
    )
    for x, (y, minus) in source.batches(0):
        np.testing.assert_array_equal(x["a"], X[y])
        np.testing.assert_array_equal(x["b"][1][:, 0], X[y, 1])
        np.testing.assert_array_equal(minus, -y)


def test_the_order_is_philox_of_seed_and_epoch():
    source = find_source(X, Y, batch_size=4, shuffle=True, seed=7)
    for epoch in (0, 1, 5):
        bits = np.random.Philox(key=[7, epoch])
        expected = np.random.Generator(bits).permutation(10)
        np.testing.assert_array_equal(source.order(epoch), expected)
        assert source.order(epoch).dtype == np.int32
        labels = [label for batch in rows(source, epoch) for label in batch]
        assert labels == expected.tolist()


def test_the_seed_of_an_order_follows_from_set_seed_and_is_new_for_each_fit():
    def seeds():
        jt.random.set_seed(3)
        return [find_source(X, Y, shuffle=True).seed for _ in range(2)]

    first, second = seeds()
    assert [first, second] == seeds()
    assert first != second


def test_orders_do_not_change_the_first_weights_of_layers():
    jt.random.set_seed(3)
    expected = jt.initializers.GlorotUniform()((2, 2)).numpy()
    jt.random.set_seed(3)
    find_source(X, Y, shuffle=True)
    found = jt.initializers.GlorotUniform()((2, 2)).numpy()
    np.testing.assert_array_equal(found, expected)


def test_steps_go_on_where_the_last_epoch_ended_as_in_keras():
    source = find_source(X, Y, batch_size=2, steps=2)
    assert source.num_batches == 2
    assert [rows(source, epoch) for epoch in range(4)] == [
        [[0, 1], [2, 3]],
        [[4, 5], [6, 7]],
        [[8, 9]],
        [[0, 1], [2, 3]],
    ]


def test_steps_without_a_batch_size_make_the_batches_as_keras_does():
    assert find_source(X, Y, steps=3).batch_size == 4


def test_a_batch_size_above_the_samples_is_one_smaller_batch():
    assert rows(find_source(X, Y, batch_size=100)) == [Y.tolist()]


def test_arrays_are_those_given_where_nothing_needs_narrowing():
    ours = jt.constant(X)
    source = find_source([X, jnp.asarray(X), ours], Y)
    (first, second, third), labels = source.arrays
    assert first is X
    assert labels is Y
    np.testing.assert_array_equal(second, X)
    np.testing.assert_array_equal(third, X)


def test_batches_are_private_copies():
    x, y = X.copy(), Y.copy()
    for shuffle in (False, True):
        batches = list(find_source(x, y, batch_size=4, shuffle=shuffle).batches(0))
        assert not any(np.shares_memory(batch[0], x) for batch in batches)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("float64", "float32"),
        ("int64", "int32"),
        ("uint8", "uint8"),
        ("bool", "bool"),
        ("float16", "float16"),
        ("int8", "int8"),
        (">f4", "float32"),
    ],
)
def test_dtypes_become_those_of_the_device(given, expected):
    x = np.array([[0], [1]], given)
    source = find_source(x)
    assert source.arrays[0].dtype == expected
    (batch,) = source.batches(0)
    assert batch[0].dtype == expected
    assert batch[0].tolist() == x.tolist()


def test_lists_of_numbers_are_one_array_and_lists_of_arrays_several():
    source = find_source([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    np.testing.assert_array_equal(source.arrays[0], np.array([[1, 2], [3, 4]]))
    assert source.arrays[1].tolist() == [0, 1]
    assert len(find_source([X, X], Y).arrays[0]) == 2
