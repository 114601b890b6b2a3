"""A PyDataset gives the same batches in the same order, however many make them."""

import threading
import time
import traceback

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.training.data import find_source
from tests.worker_datasets import Changing, Hanging, Misshapen, Numbered, Raising

ALONE = {"prefetched": {}, "in turn": {"workers": 0}}
TEAM = {"threads": {"workers": 3}, "few ahead": {"workers": 3, "max_queue_size": 1}}


def labels(source, epoch=0, first=0):
    return [int(batch[1][0]) for batch in source.batches(epoch, first)]


@pytest.mark.parametrize("options", (ALONE | TEAM).values(), ids=ALONE | TEAM)
def test_batches_come_in_order_with_the_same_bits(options):
    expected = list(Numbered())
    source = find_source(Numbered(delay=0.002, **options))
    for epoch in range(2):
        found = list(source.batches(epoch))
        assert len(found) == 8
        for (x, y), (other_x, other_y) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(x, other_x)
            np.testing.assert_array_equal(y, other_y)
    source.close()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_shuffling_orders_batches_by_philox_of_seed_and_epoch(workers):
    source = find_source(Numbered(workers=workers), shuffle=True, seed=11)
    for epoch in (0, 2):
        bits = np.random.Philox(key=[11, epoch])
        expected = np.random.Generator(bits).permutation(8).tolist()
        assert labels(source, epoch) == expected
        assert labels(source, epoch, first=5) == expected[5:]
    source.close()


def test_steps_go_on_where_the_last_epoch_ended():
    source = find_source(Numbered(), steps=3)
    assert source.num_batches == 3
    assert [labels(source, epoch) for epoch in range(4)] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7],
        [0, 1, 2],
    ]


class Endless(Numbered):
    num_batches = None


def test_an_endless_dataset_goes_on_from_epoch_to_epoch():
    source = find_source(Endless(workers=2), steps=3)
    assert [labels(source, epoch) for epoch in (0, 1)] == [[0, 1, 2], [3, 4, 5]]
    assert labels(source, epoch=2, first=1) == [7, 8]
    source.close()


def test_the_hooks_are_called_around_every_epoch():
    calls = []

    class Watched(Numbered):
        def on_epoch_begin(self):
            calls.append("begin")

        def on_epoch_end(self):
            calls.append("end")
            self.count += 1

    source = find_source(Watched(num_batches=2))
    assert len(labels(source)) == 2
    source.end_epoch()
    assert source.num_batches == 3
    assert len(labels(source, epoch=1)) == 3
    assert calls == ["begin", "end", "begin"]


def test_on_epoch_end_changes_the_batches_of_the_next_epoch():
    source = find_source(Changing(workers=2))
    for epoch in range(3):
        assert labels(source, epoch) == [epoch] * 8
        source.end_epoch()
    source.close()


def test_a_subclass_need_not_call_the_constructor_of_pydataset():
    class Plain(jt.utils.PyDataset):
        def __init__(self):
            pass

        def __len__(self):
            return 1

        def __getitem__(self, number):
            return np.ones((2, 2))

    ((x,),) = find_source(Plain()).batches(0)
    assert x.dtype == np.float32


def test_weights_of_classes_become_weights_of_samples():
    source = find_source(Numbered(num_batches=3), class_weight={1: 5.0})
    assert [batch[2].tolist() for batch in source.batches(0)] == [
        [1.0] * 4,
        [5.0] * 4,
        [1.0] * 4,
    ]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_keeps_its_traceback_and_names_the_batch(workers):
    source = find_source(Raising(workers=workers))
    with pytest.raises(LookupError, match=r"row 17 of a\.csv") as caught:
        list(source.batches(0))
    assert caught.match("batch 5 of the PyDataset Raising")
    frames = [frame.filename for frame in traceback.extract_tb(caught.tb)]
    assert any(name.endswith("worker_datasets.py") for name in frames)
    if workers > 1:
        assert caught.match(r"by jaxtape worker \d")


def test_a_batch_of_another_rank_is_an_error_that_names_the_worker():
    source = find_source(Misshapen(workers=2))
    message = r"batch 5 of the PyDataset Misshapen \(by jaxtape worker \d\)"
    with pytest.raises(ValueError, match=message):
        list(source.batches(0))


def test_a_thread_that_hangs_is_given_up_after_the_timeout():
    source = find_source(Hanging(workers=2, timeout=0.5))
    begun = time.monotonic()
    with pytest.raises(
        RuntimeError, match=r"jaxtape worker \d has been making batch 5"
    ):
        list(source.batches(0))
    assert time.monotonic() - begun < 10


def test_threads_end_with_the_source():
    before = set(threading.enumerate())
    source = find_source(Numbered(workers=2))
    next(source.batches(0))
    mine = set(threading.enumerate()) - before
    assert len(mine) == 2
    source.close()
    for thread in mine:
        thread.join(10)
        assert not thread.is_alive()


REFUSED = {
    "workers": ({"workers": -1}, r"`workers` .* at least 0; got -1"),
    "workers as text": ({"workers": "2"}, r"`workers` .* got '2'"),
    "queue": ({"max_queue_size": 0}, r"`max_queue_size` .* at least 1; got 0"),
    "timeout": ({"timeout": 0}, r"`timeout` .* got 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_cannot_be_used_are_refused(name):
    options, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        jt.utils.PyDataset(**options)


def test_missing_methods_are_named():
    with pytest.raises(NotImplementedError, match=r"PyDataset without `__len__`"):
        find_source(jt.utils.PyDataset())
    with pytest.raises(NotImplementedError, match=r"PyDataset without `__getitem__`"):
        jt.utils.PyDataset()[0]


def test_a_dataset_of_no_batches_is_refused():
    with pytest.raises(ValueError, match=r"PyDataset Numbered has 0 batches"):
        find_source(Numbered(num_batches=0))


def test_a_dataset_that_cannot_be_pickled_is_refused_before_anything_runs():
    dataset = Numbered(workers=2, use_multiprocessing=True)
    dataset.transform = lambda x: x
    message = r"PyDataset Numbered cannot be sent .* top level of a module"
    with pytest.raises(ValueError, match=message):
        find_source(dataset)


@pytest.mark.parametrize("name", ["y", "sample_weight", "batch_size"])
def test_what_the_dataset_holds_itself_is_refused_beside_it(name):
    with pytest.raises(ValueError, match=f"`{name}` .* PyDataset"):
        find_source(Numbered(), **{name: 3 if name == "batch_size" else np.ones(4)})
