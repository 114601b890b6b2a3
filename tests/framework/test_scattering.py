"""Updates of rows and places of a variable, against NumPy's `ufunc.at`.

testScatterAdd, testScatterNdAddStateOps and the like in TensorFlow's
`resource_variable_ops_test.py`.
"""

import numpy as np
import pytest

import jaxtape as jt

START = np.float32([[8.0, 6.0], [4.0, 2.0], [1.0, 3.0]])
ROWS = np.float32([[2.0, 4.0], [5.0, 1.0], [2.0, 2.0]])


def _set(x, at, values):
    x[at] = values


METHODS = {
    "add": np.add.at,
    "sub": np.subtract.at,
    "mul": np.multiply.at,
    "div": np.divide.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
    "update": _set,
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("is_taped", [True, False])
@pytest.mark.parametrize("name", METHODS)
def test_rows_are_updated(name, is_taped):
    """The first row is named twice, except where it would be replaced"""
    indices = [0, 2, 1] if name == "update" else [0, 2, 0]
    v, expected = jt.Variable(START), START.copy()
    for _ in range(3):
        METHODS[name](expected, np.array(indices), ROWS)
        tape = jt.GradientTape()
        if is_taped:
            with tape:
                new = getattr(v, f"scatter_{name}")(jt.IndexedSlices(ROWS, indices))
        else:
            new = getattr(v, f"scatter_{name}")(jt.IndexedSlices(ROWS, indices))
        np.testing.assert_allclose(new, expected, rtol=1e-6)
        np.testing.assert_allclose(v, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["add", "sub", "min", "max", "update"])
def test_places_are_updated(name):
    places = np.array([[0, 1], [2, 0]])
    v, expected = jt.Variable(START), START.copy()
    METHODS[name](expected, tuple(places.T), np.float32([2.5, 7.5]))
    getattr(v, f"scatter_nd_{name}")(places, [2.5, 7.5])
    np.testing.assert_array_equal(v, expected)


def test_a_number_is_given_to_all_places():
    v = jt.Variable(START)
    v.scatter_nd_update([[0], [1]], 0.0)
    np.testing.assert_array_equal(v, [[0, 0], [0, 0], [1, 3]])


def test_earlier_reads_keep_their_value():
    v = jt.Variable([1.0, 2.0])
    with jt.GradientTape() as tape:
        before = v * 2
        v.scatter_add(jt.IndexedSlices([10.0], [1]))
        total = jt.reduce_sum(before) + jt.reduce_sum(v)
    assert float(total) == 6.0 + 13.0
    np.testing.assert_array_equal(tape.gradient(total, v), [3.0, 3.0])


def test_anything_but_slices_is_refused_with_its_type():
    with pytest.raises(TypeError, match=r"IndexedSlices; got ndarray"):
        jt.Variable(START).scatter_add(ROWS)


def test_fractional_indices_are_refused_with_their_dtype():
    with pytest.raises(TypeError, match=r"must be integers; got dtype float32"):
        jt.Variable(START).scatter_nd_add([[0.5]], 1.0)


@pytest.mark.parametrize(
    ("places", "updates", "given"),
    [
        (
            [[0], [1]],
            [1.0, 2.0, 3.0],
            r"updates of shape \(3,\).*places of shape \(2, 1\)",
        ),
        ([[0, 0, 0]], [1.0], r"places of shape \(1, 3\).*at most 2 numbers"),
        (0, 1.0, r"places of shape \(\)"),
    ],
)
def test_updates_that_do_not_fit_are_refused_with_all_shapes(places, updates, given):
    with pytest.raises(jt.errors.ShapeError, match=rf"of shape \(3, 2\) got.*{given}"):
        jt.Variable(START).scatter_nd_add(places, updates)


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_outside_is_refused_with_its_number(row):
    v = jt.Variable(START, name="table")
    with pytest.raises(IndexError, match=rf"'table' has no place \[{row}\].*\(3, 2\)"):
        v.scatter_add(jt.IndexedSlices(ROWS[:1], np.array([row])))
    np.testing.assert_array_equal(v, START)


def test_a_debugging_run_finds_a_row_outside_on_the_device():
    v, row = jt.Variable(START), jt.constant([2]) + 1
    jt.debug.enable()
    try:
        with pytest.raises(IndexError, match="3"):
            v.scatter_add(jt.IndexedSlices(ROWS[:1], row)).numpy()
    finally:
        jt.debug.disable()


def test_a_value_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="int32 and cannot take a value of dtype float"):
        jt.Variable([1, 2]).scatter_nd_add([[0]], [0.5])


def test_counting_ends_at_the_limit():
    """testCountUpTo"""
    v = jt.Variable(0, trainable=False)
    assert [int(v.count_up_to(2)) for _ in range(2)] == [0, 1]
    with pytest.raises(jt.errors.OutOfRangeError, match="limit of 2; its value is 2"):
        v.count_up_to(2)
    assert int(v) == 2
