"""Data that is wrong, ends early or is overwritten: rows A6, G1 and G3.

All of G1 is refused by `find_source`, before there is a program to compile.
"""

import itertools

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.training.data import find_source

X = np.ones((4, 3), np.float32)
Y = np.zeros(4, np.int32)


def test_a6_a_generator_may_reuse_one_buffer_for_every_batch():
    def reusing():
        buffer = np.empty((64, 32), np.float32)
        for number in range(50):
            buffer[:] = number
            yield buffer, buffer[:, :1]

    history = [x.sum() + y.sum() for x, y in find_source(reusing()).batches(0)]
    assert history == [number * 64 * 33 for number in range(50)]


def test_a6_fit_on_a_reused_buffer_has_the_history_of_copies():
    rows = np.random.default_rng(0).normal(size=(30, 8, 3)).astype(np.float32)

    def reusing():
        buffer = np.empty((8, 3), np.float32)
        for batch in rows:
            buffer[:] = batch
            yield buffer, buffer[:, :1]

    def history(batches):
        jt.random.set_seed(1)
        model = jt.Sequential([jt.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(batches, steps_per_epoch=10, epochs=3, verbose=0).history

    copies = [(batch, batch[:, :1]) for batch in rows]
    assert history(reusing()) == history(iter(copies))


def generator(batches):
    yield from batches


G1 = {
    "lengths": ((X, Y[:3]), {}, r"`x` has 4 samples .* `y` has 3 "),
    "lengths of inputs": (([X, X[:2]], Y), {}, r"`x\[0\]` has 4 .*`x\[1\]` has 2"),
    "lengths of a dictionary": (({"a": X}, Y[:1]), {}, r"`x\['a'\]` has 4 .*`y` has 1"),
    "length of weights": ((X, Y, Y[:2]), {}, r"`x` has 4 .*`sample_weight` has 2"),
    "x None": ((None, Y), {}, r"`x` is None"),
    "no arrays": (({},), {}, r"`x` holds no arrays: \{\}"),
    "zero samples": ((X[:0], Y[:0]), {}, r"`x` has 0 samples \(shape \(0, 3\)\)"),
    "empty list": (([],), {}, r"`x` has 0 samples"),
    "no axis": ((np.float32(3),), {}, r"`x` must have an axis .* shape \(\)"),
    "batch size 0": ((X, Y), {"batch_size": 0}, r"`batch_size` .* got 0"),
    "batch size -1": ((X, Y), {"batch_size": -1}, r"`batch_size` .* got -1"),
    "batch size 1.5": ((X, Y), {"batch_size": 1.5}, r"`batch_size` .* got 1\.5"),
    "batch size True": ((X, Y), {"batch_size": True}, r"`batch_size` .* got True"),
    "batch size text": ((X, Y), {"batch_size": "32"}, r"`batch_size` .* got '32'"),
    "no steps": ((X, Y), {"steps": 0}, r"`steps_per_epoch` .* got 0"),
    "shuffle": ((X, Y), {"shuffle": "batch"}, r"`shuffle` .* got 'batch'"),
    "labels beside a generator": ((generator([]), Y), {}, r"`y` .* generator"),
    "weights beside a generator": (
        (generator([]), None, Y),
        {},
        r"`sample_weight` .* generator.* shape \(4,\)",
    ),
    "size beside a generator": (
        (generator([]),),
        {"batch_size": 8},
        r"`batch_size` cannot .* generator.* got 8",
    ),
    "classes beside a generator": (
        (generator([]),),
        {"class_weight": {0: 2.0}},
        r"`class_weight` .* got \{0: 2\.0\}",
    ),
    "shuffle beside a generator": (
        (generator([]),),
        {"shuffle": True},
        r"`shuffle` .* got True",
    ),
    "ids": (
        (np.array([2**31]),),
        {},
        r"`x` has int64 values from 2147483648 .*int32.*enable_x64",
    ),
}


@pytest.mark.parametrize("name", G1)
def test_g1_bad_arguments_raise_value_errors_with_what_was_given(name):
    arguments, options, message = G1[name]
    with pytest.raises(ValueError, match=message):
        find_source(*arguments, **options)


TYPES = {
    "objects": (np.array([[1], [None]]), r"`x` has dtype object"),
    "text": (np.array(["a", "b"]), r"`x` has dtype <U1 .*astype"),
    "list of text": (["a", "b"], r"`x` has dtype <U1"),
    "ragged list": ([[1, 2], [3]], r"`x` is no array of numbers"),
    "dates": (np.array(["2020-01-01"], "datetime64[D]"), r"`x` has dtype datetime64"),
    "masked": (np.ma.array([1.0, 2.0], mask=[0, 1]), r"`x` is a masked array"),
    "one word": ("abc", r"`x` is .*str|`x` has dtype"),
    "a number": (3.0, r"`x` is a float; expected arrays"),
    "a function": (generator, r"`x` is a function; expected arrays"),
}


@pytest.mark.parametrize("name", TYPES)
def test_g1_data_that_are_no_numbers_raise_type_errors(name):
    value, message = TYPES[name]
    with pytest.raises(TypeError, match=message):
        find_source(value)


def test_a10_floats_beyond_float32_warn_with_the_range():
    with pytest.warns(UserWarning, match=r"`x` has float64 values up to 1e\+300"):
        find_source(np.array([1e300]))


G3 = {
    "four entries": ((X, Y, Y, Y), ValueError, r"4 entries"),
    "no entries": ((), ValueError, r"0 entries"),
    "no batch": (3.0, TypeError, r"float"),
    "None": (None, TypeError, r"NoneType"),
    "another structure": (
        ([X, X], Y),
        ValueError,
        r"`x\[0\]`, `x\[1\]`, `y`.*`x`, `y`",
    ),
    "no labels": ((X,), ValueError, r"holds `x`; the first one held `x`, `y`"),
    "another rank": ((X[:, 0], Y), ValueError, r"shape \(4,\).*\(4, 3\)"),
    "lengths": ((X, Y[:3]), ValueError, r"`x` has 4 samples.*`y` has 3"),
    "no samples": ((X[:0], Y[:0]), ValueError, r"`x` has 0 samples"),
    "objects": ((X.astype(object), Y), TypeError, r"`x` has dtype object"),
    "ids": ((X, Y + np.int64(2**31)), ValueError, r"`y` has int64 values .*int32"),
}


@pytest.mark.parametrize("name", G3)
def test_g3_a_wrong_batch_is_named_by_its_index(name):
    batch, error, message = G3[name]
    source = find_source(generator([(X, Y), (X, Y), batch]))
    with pytest.raises(error, match=message) as caught:
        list(source.batches(epoch=5))
    assert caught.match(r"[Bb]atch 2 of epoch 5 of the generator generator\(\)")


def test_g3_a_changed_length_of_an_axis_warns_once_with_the_index():
    source = find_source(
        generator([(X, Y), (X[:2], Y[:2]), (X[:, :2], Y), (X[:, :1], Y)])
    )
    with pytest.warns(
        UserWarning, match=r"`x` of batch 2 .*\(4, 2\).*\(4, 3\)"
    ) as all_:
        assert len(list(source.batches(0))) == 4
    assert len(all_) == 1


def test_g3_a_generator_that_ends_early_warns_and_the_epoch_ends():
    source = find_source(generator([(X, Y)] * 5), steps=3)
    assert len(list(source.batches(0))) == 3
    with pytest.warns(UserWarning, match=r"ended at batch 2 of epoch 1 .* 3 batches"):
        assert len(list(source.batches(1))) == 2
    with pytest.warns(UserWarning, match=r"ended at batch 0 of epoch 2"):
        assert not list(source.batches(2))


def test_g3_a_generator_without_steps_is_used_up_by_the_first_epoch():
    source = find_source(generator([(X, Y)] * 2))
    assert len(list(source.batches(0))) == 2
    with pytest.warns(
        UserWarning, match=r"ended at batch 0 of epoch 1 .* more batches"
    ):
        assert not list(source.batches(1))


def test_g3_a_generator_of_nothing_is_an_error():
    with pytest.raises(
        ValueError, match=r"at least one batch of the generator .* are 0"
    ):
        list(find_source(generator([])).batches(0))


def test_g3_an_endless_generator_with_steps_ends_its_epochs():
    source = find_source(itertools.repeat((X, Y)), steps=7)
    assert [len(list(source.batches(epoch))) for epoch in (0, 1)] == [7, 7]
