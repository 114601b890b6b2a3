"""Arrays as batches: cut, ordered, narrowed, and weighed as NumPy says."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.training.data import find_source, take_rows

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


def mapped(path, values):
    file = np.memmap(path, values.dtype, "w+", shape=values.shape)
    file[:] = values
    file.flush()
    return np.memmap(path, values.dtype, "r", shape=values.shape)


def test_a_mapped_file_is_not_copied_but_batch_by_batch(tmp_path):
    values = np.arange(300_000, dtype=np.float32).reshape(-1, 3)
    x = mapped(tmp_path / "x", values)
    tracemalloc.start()
    source = find_source(x, batch_size=100, shuffle=True, seed=0)
    found = [batch[0] for batch in source.batches(0, first=990)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(found[0], values[source.order(0)[99_000:99_100]])
    assert np.shares_memory(source.arrays[0], x)
    assert type(source.arrays[0]) is np.ndarray
    assert peak < values.nbytes * 1.2  # the order, in 64 and in 32 bits


def test_a_mapped_file_of_another_dtype_is_narrowed_batch_by_batch(tmp_path):
    values = np.arange(12, dtype=np.float64).reshape(-1, 3)
    source = find_source(mapped(tmp_path / "x", values), batch_size=3)
    assert source.arrays is None
    batches = [batch[0] for batch in source.batches(0)]
    assert {batch.dtype.name for batch in batches} == {"float32"}
    np.testing.assert_array_equal(np.concatenate(batches), values)


class Frame:
    """What jaxtape looks at in pandas: `to_numpy`, and that it is an array."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("to_numpy is there")

    def to_numpy(self):
        return self.values


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_some_samples_are_taken_without_a_copy_of_all(layout):
    array = layout(np.arange(1_000_000.0).reshape(100_000, 10))
    numbers = np.array([99_999, 0, 7])
    tracemalloc.start()
    taken = take_rows(array, numbers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken[:, 0].tolist() == [999_990, 0, 70]
    assert peak < 100_000  # of 8 million bytes


def test_frames_are_arrays_and_a_series_is_one_column_as_in_keras():
    x, y = find_source({"a": Frame(Y), "b": Frame(X)}, Frame(Y)).arrays
    np.testing.assert_array_equal(x["a"], Y[:, None])
    np.testing.assert_array_equal(x["b"], X)
    np.testing.assert_array_equal(y, Y[:, None])


def test_random_keys_are_no_data():
    with pytest.raises(TypeError, match=r"`x` has dtype key<"):
        find_source(jax.random.split(jax.random.key(0), 3))


def test_64_bits_stay_where_they_are_enabled():
    with jax.enable_x64(True):
        assert find_source(np.ones((2, 1))).arrays[0].dtype == np.float64
        ((x,),) = find_source(iter([np.ones((2, 1))])).batches(0)
    assert x.dtype == np.float64
