"""Part of a variable: read, assigned, differentiated.

The docstrings name the tests of TensorFlow's `resource_variable_ops_test.py` that
demand the same.
"""

import numpy as np
import pytest

import jaxtape as jt

MATRIX = np.float32([[1, 2, 3], [4, 5, 6]])


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, [7.0, 8.0, 9.0]),
        (-1, 7.0),
        ((1, 2), 7.0),
        ((slice(None), 1), [7.0, 8.0]),
        ((slice(0, 1), slice(None, None, 2)), [[7.0, 8.0]]),
        ((Ellipsis, 0), 7.0),
        ((slice(None), slice(None, None, -1)), MATRIX),
        (([0, 1], [2, 0]), [7.0, 8.0]),
        (MATRIX > 3, 7.0),
        (slice(2, 2), 7.0),
    ],
)
def test_part_of_a_variable_can_be_assigned(index, value):
    """testStridedSliceAssign"""
    v, expected = jt.Variable(MATRIX), MATRIX.copy()
    expected[index] = value
    v[index].assign(value)
    np.testing.assert_array_equal(v, expected)


@pytest.mark.parametrize("update", ["assign", "assign_add", "assign_sub"])
def test_part_of_a_variable_can_be_assigned_under_a_tape(update):
    v, expected = jt.Variable(MATRIX), MATRIX.copy()
    expected[1] = {"assign": 10, "assign_add": MATRIX[1] + 10}.get(
        update, MATRIX[1] - 10
    )
    with jt.GradientTape():
        getattr(v[1], update)(np.full(3, 10.0))
        after = v * 1
    np.testing.assert_array_equal(after, expected)


def test_assigning_a_part_returns_the_whole_new_value():
    v = jt.Variable([1.0, 2.0])
    np.testing.assert_array_equal(v[0].assign(5.0), [5.0, 2.0])


def test_assigning_to_a_part_changes_no_earlier_read():
    v = jt.Variable([1.0, 2.0])
    with jt.GradientTape():
        before = v[0]
        v[0].assign(5.0)
        after = v[0]
    assert (float(before), float(after)) == (1.0, 5.0)


def test_a_part_of_the_wrong_shape_is_refused_with_both_shapes():
    v = jt.Variable(MATRIX, name="w")
    with pytest.raises(ValueError, match=r"'w'.*\(3,\).*\(2,\).*incompatible"):
        v[0].assign([1.0, 2.0])
    np.testing.assert_array_equal(v, MATRIX)


def test_a_part_out_of_range_is_refused():
    v = jt.Variable(MATRIX)
    with pytest.raises(IndexError, match=r"Index 2 .*\(2, 3\)"):
        v[2].assign(0.0)


def test_a_part_has_its_gradient():
    v = jt.Variable(MATRIX)
    with jt.GradientTape() as tape:
        y = v[1] * v[0, 2]
    expected = [[0, 0, 4 + 5 + 6], [3, 3, 3]]
    np.testing.assert_allclose(tape.gradient(y, v), expected)


def test_a_gathered_variable_has_its_gradient():
    """testGatherGradient"""
    v = jt.Variable(MATRIX)
    with jt.GradientTape() as tape:
        y = jt.gather(v, [1, 1, 0]) * np.float32([[1], [10], [100]])
    np.testing.assert_allclose(tape.gradient(y, v), [[100] * 3, [11] * 3])


def test_a_variable_gathered_by_coordinates_has_its_gradient():
    """testGatherNdGradient"""
    v = jt.Variable(MATRIX)
    with jt.GradientTape() as tape:
        y = jt.gather_nd(v, [[0, 1], [1, 2], [0, 1]])
    np.testing.assert_allclose(tape.gradient(y, v), [[0, 2, 0], [0, 0, 1]])
