"""Ops at the edges of what they take; the numbers are TensorFlow 2.21's."""

import numpy as np
import pytest

import jaxtape as jt


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2000000011], 2000000011),
        ([16777217, 16777217, 16777219], 16777217),
        ([-3, -4], -3),
    ],
)
def test_the_mean_of_integers_is_exact_and_cut(values, expected):
    assert int(jt.reduce_mean(jt.constant(values))) == expected


def test_the_sum_of_small_integers_keeps_its_dtype():
    total = jt.reduce_sum(jt.constant(np.array([200, 100], np.uint8)))
    assert (total.dtype, int(total)) == ("uint8", 44)


@pytest.mark.parametrize(
    ("labels", "depth", "places"),
    [
        (np.array([1], np.uint8), 260, [[0, 1]]),
        (np.array([-1, 5], np.int8), 300, [[1, 5]]),
    ],
)
def test_narrow_labels_are_hot_once(labels, depth, places):
    assert np.argwhere(jt.one_hot(labels, depth).numpy()).tolist() == places


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((1.0, 1.3, 0.1), [1.0, 1.1, 1.2]), ((0.0, 2.1, 0.7), [0.0, 0.7, 1.4])],
)
def test_a_range_of_floats_ends_below_its_limit(arguments, expected):
    np.testing.assert_allclose(jt.range(*arguments).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("order", ["euclidean", 3])
def test_a_norm_of_nan_has_no_finite_gradient(order):
    x = jt.constant([np.nan, 3.0, 4.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        size = jt.norm(x, order)
    gradient = tape.gradient(size, x).numpy()
    assert np.isnan(gradient).all()


def test_an_axis_that_is_not_there_names_the_op():
    with pytest.raises(ValueError, match="reduce_mean"):
        jt.reduce_mean(jt.ones((2, 3)), axis=4)


def test_a_mask_may_begin_at_an_axis_counted_from_the_end():
    x = jt.constant([[1.0, 2.0], [3.0, 4.0]])
    assert jt.boolean_mask(x, [True, False], axis=-1).tolist() == [[1.0], [3.0]]


@pytest.mark.parametrize(("begin", "size"), [([2], [5]), ([-2], [1]), ([4], [0])])
def test_a_slice_outside_of_its_axis_raises(begin, size):
    with pytest.raises(IndexError, match=r"axis 0.*\(3,\)"):
        jt.slice(jt.constant([1.0, 2.0, 3.0]), begin, size)


def test_integers_from_an_empty_range_are_refused():
    with pytest.raises(ValueError, match="got 5 and 2"):
        jt.random.uniform((3,), 5, 2, dtype="int32")


@pytest.mark.parametrize("read", [float, int, lambda x: x.item()])
def test_several_elements_are_no_number(read):
    with pytest.raises(ValueError, match=r"shape \(3,\).*x.mean"):
        read(jt.ones(3))


@pytest.mark.parametrize("layer", [jt.layers.Dense(2), jt.layers.Flatten()])
def test_a_layer_called_on_none_says_so(layer):
    with pytest.raises(TypeError, match=r"called on None.*return"):
        layer(None)
