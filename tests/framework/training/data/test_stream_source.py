"""Batches from generators, iterables and other libraries' loaders."""

import threading
import time
import traceback

import numpy as np
import pytest

from jaxtape.framework.training.data import find_source

X = np.arange(8, dtype=np.float32).reshape(4, 2)
Y = np.arange(4, dtype=np.int32)


def numbered(count, start=0):
    """Batches that are told apart by their label."""
    for number in range(start, start + count):
        yield X, np.full(4, number)


def labels(batches):
    return [int(batch[1][0]) for batch in batches]


class Numbered:
    """Batches that can be iterated again."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return numbered(self.count)


def failing():
    yield X, Y
    raise KeyError("row 17")


def test_a_generator_is_consumed_once_across_epochs():
    source = find_source(numbered(6), steps=3)
    assert [labels(source.batches(epoch)) for epoch in (0, 1)] == [[0, 1, 2], [3, 4, 5]]


def test_no_batch_is_taken_beyond_those_of_the_epochs():
    generator = numbered(6)
    assert labels(find_source(generator, steps=2).batches(0)) == [0, 1]
    assert labels(find_source(generator, steps=2).batches(0)) == [2, 3]


def test_an_iterable_is_iterated_anew_at_every_epoch():
    source = find_source(Numbered(3))
    assert source.num_batches is None
    assert [labels(source.batches(epoch)) for epoch in (0, 1)] == [[0, 1, 2]] * 2
    assert source.num_batches == 3


def test_with_steps_an_iterable_goes_on_and_begins_anew_at_its_end():
    source = find_source(Numbered(3), steps=2)
    assert labels(source.batches(0)) == [0, 1]
    with pytest.warns(UserWarning, match="ended at batch 1 of epoch 1"):
        assert labels(source.batches(1)) == [2]
    assert labels(source.batches(2)) == [0, 1]


def test_a_resumed_run_sees_the_batches_that_are_left():
    for data in (numbered(9), Numbered(9)):
        source = find_source(data, steps=3)
        source.skip_epochs(2)
        assert labels(source.batches(2, first=1)) == [7, 8]


def test_batches_have_the_dtypes_of_the_device():
    source = find_source(iter([(np.ones((4, 2)), Y.astype(np.int64), [1, 1, 1, 2])]))
    ((x, y, sample_weight),) = source.batches(0)
    assert [part.dtype for part in (x, y, sample_weight)] == ["float32"] + ["int32"] * 2


def test_an_array_or_a_dictionary_is_a_batch_of_inputs():
    for given in (X, {"a": X, "b": Y}, (X,), [X], (X, None)):
        ((x,),) = find_source(iter([given])).batches(0)
        assert len(x) == len(given if isinstance(given, dict) else X)


def test_the_thread_ends_with_the_epoch_and_when_nobody_takes_batches():
    def threads():
        return [t for t in threading.enumerate() if t.name == "jaxtape prefetch"]

    batches = find_source(numbered(100)).batches(0)
    next(batches)
    assert len(threads()) == 1
    batches.close()
    assert not threads()
    list(find_source(numbered(2)).batches(0))
    assert not threads()


def test_batches_are_prepared_while_others_are_used():
    taken = []

    def watched():
        for number in range(20):
            taken.append(number)
            yield X, Y

    batches = find_source(watched()).batches(0)
    next(batches)
    deadline = time.monotonic() + 10
    while len(taken) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 5 <= len(taken) <= 7  # one used, four ready, one or two in the thread
    batches.close()


def test_an_error_keeps_its_type_and_traceback_and_names_the_batch():
    source = find_source(failing())
    with pytest.raises(KeyError, match="row 17") as caught:
        list(source.batches(3))
    assert caught.match("batch 1 of epoch 3 of the generator failing")
    frames = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert "failing" in frames


class Loader:
    """What jaxtape looks at in a PyTorch DataLoader; tensors are `Row`s."""

    def __init__(self, num_workers=0, multiprocessing_context=None):
        self.dataset, self.batch_size = object(), 4
        self.num_workers = num_workers
        self.multiprocessing_context = multiprocessing_context

    def __len__(self):
        return 2

    def __iter__(self):
        return iter([[Row(X), Row(Y)]] * 2)


class Row:
    """A tensor as PyTorch has it: no protocol of NumPy's before `detach` and `cpu`."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values


class TFDataset:
    """What jaxtape looks at in a `tf.data.Dataset`."""

    def __init__(self, cardinality):
        self.size = cardinality

    def __iter__(self):
        raise AssertionError("would yield tensors of TensorFlow")

    def as_numpy_iterator(self):
        return numbered(3)

    def cardinality(self):
        return np.int64(self.size)


def test_a_data_loader_tells_its_length_and_batch_size():
    source = find_source(Loader())
    assert (source.num_batches, source.batch_size) == (2, 4)
    for x, y in source.batches(0):
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y, Y)
        assert not np.shares_memory(x, X)


@pytest.mark.parametrize(("cardinality", "known"), [(3, 3), (-1, None), (-2, None)])
def test_a_tf_dataset_is_read_as_numpy(cardinality, known):
    source = find_source(TFDataset(cardinality))
    assert source.num_batches == known
    assert labels(source.batches(0)) == labels(source.batches(1)) == [0, 1, 2]


def test_a_tf_dataset_takes_weights_of_classes_as_in_keras():
    source = find_source(TFDataset(3), class_weight={1: 3.0})
    assert [batch[2][0] for batch in source.batches(0)] == [1.0, 3.0, 1.0]
