"""Bad arguments of the less common ops: what was given, and how to mend it."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import (
    ArgumentError,
    ArgumentTypeError,
    OutOfRangeError,
    ShapeError,
)

X = np.array([[3.0, -4.0], [1.0, 2.0]], np.float32)
IMAGE = np.ones((1, 4, 4, 2), "f")
FILTERS = np.ones((3, 3, 2, 5), "f")
math, linalg, nn = jt.math, jt.linalg, jt.nn

REFUSALS = [
    (lambda: jt.gather_nd(X, [[0, 2]]), OutOfRangeError, r"place \[0, 2\]"),
    (lambda: jt.gather_nd(X, [[0, 1, 1]]), ShapeError, r"indices of shape \(1, 3\)"),
    (lambda: jt.scatter_nd([[3]], [1.0], [3]), OutOfRangeError, r"place \[3\]"),
    (lambda: jt.scatter_nd([[-1]], [1.0], [3]), OutOfRangeError, r"place \[-1\]"),
    (lambda: jt.scatter_nd([[1]], [1.0, 2.0], [3]), ShapeError, r"shape \(2,\) for"),
    (
        lambda: jt.tensor_scatter_nd_max(X, [[2]], X[:1]),
        OutOfRangeError,
        r"tensor_scatter_nd_max\(\) got the place \[2\]",
    ),
    (lambda: math.segment_sum(X, [1, 0]), ArgumentError, r"got \[1, 0\] among"),
    (lambda: math.segment_sum(X, [-1, 0]), ArgumentError, r"got \[-1\] among"),
    (lambda: math.segment_mean(X, [0]), ShapeError, r"ids of shape \(1,\)"),
    (lambda: math.segment_max(X, X.astype(int)), ShapeError, r"got shape \(2, 2\)"),
    (
        lambda: math.unsorted_segment_prod(X, [0, 7], 3),
        OutOfRangeError,
        "id 7 for 3 segments",
    ),
    (lambda: math.cumulative_logsumexp(X, 2), OutOfRangeError, "`axis` is 2"),
    (lambda: math.bincount([-3]), OutOfRangeError, "got -3"),
    (lambda: math.bincount([3], axis=1), ArgumentError, "got 1"),
    (lambda: math.bincount([1.5]), ArgumentTypeError, "got dtype float32"),
    (lambda: math.confusion_matrix([4], [0], 3), OutOfRangeError, "class 4, outside"),
    (lambda: math.confusion_matrix([1, 0], [0]), ShapeError, r"labels of shape \(2,\)"),
    (lambda: math.scalar_mul(X, X), ShapeError, r"got shape \(2, 2\)"),
    (lambda: math.invert_permutation([0, 2]), OutOfRangeError, r"got \[0, 2\]"),
    (lambda: math.invert_permutation([[0]]), ShapeError, r"got \(1, 1\)"),
    (
        lambda: jt.unique(X),
        ShapeError,
        r"unique.*shape \(2, 2\)",
    ),
    (lambda: jt.searchsorted(X[0], X, "middle"), ArgumentError, "got 'middle'"),
    (lambda: jt.searchsorted(X, X[0]), ShapeError, r"values of shape \(2,\)"),
    (lambda: jt.meshgrid(X[0], indexing="yx"), ArgumentError, "got 'yx'"),
    (lambda: jt.ensure_shape(X, (2, 3)), ShapeError, r"\(2, 3\); got \(2, 2\)"),
    (lambda: jt.ensure_shape(X, (2,)), ShapeError, r"expected shape \(2,\)"),
    (lambda: jt.broadcast_static_shape((2,), (3,)), ShapeError, r"\(2,\) and \(3,\)"),
    (lambda: jt.reverse_sequence(X, [1, 1]), ArgumentError, "got None"),
    (lambda: jt.reverse_sequence(X, [1, 1], 0, 0), ArgumentError, "`batch_axis` 0"),
    (lambda: jt.reverse_sequence(X, [1, 3], 1), OutOfRangeError, "got index 3"),
    (lambda: jt.unravel_index([6], (2, 3)), OutOfRangeError, "got index 6"),
    (lambda: jt.dynamic_partition(X, [0, 2], 2), OutOfRangeError, "number 2 for 2"),
    (lambda: jt.dynamic_partition(X, [0], 2), ShapeError, r"shape \(1,\)"),
    (lambda: jt.dynamic_stitch([[0]], []), ArgumentError, "1 indices and 0 data"),
    (lambda: jt.dynamic_stitch([[-1]], [X[:1]]), OutOfRangeError, "place -1"),
    (lambda: nn.space_to_depth(IMAGE, 3), ShapeError, r"float32\[1,4,4,2\]"),
    (lambda: nn.space_to_depth(IMAGE, 2, "HW"), ArgumentError, "got 'HW'"),
    (lambda: linalg.diag(X, k=(0, 1), align="UP"), ArgumentError, "got 'UP'"),
    (lambda: linalg.diag(X[0], k=(0, 1)), ShapeError, r"shape \(2,\) for k=\(0, 1\)"),
    (lambda: linalg.diag(X[0], num_rows=5, num_cols=5), ShapeError, "1 of length 5"),
    (lambda: linalg.diag_part(X, k=(1, 0)), ArgumentError, r"got \(1, 0\)"),
    (lambda: linalg.set_diag(X, X[0][:1]), ShapeError, r"shape \(1,\) for matrices"),
    (
        lambda: linalg.tridiagonal_solve(X, X, "matrix"),
        ArgumentError,
        "got 'matrix'",
    ),
    (lambda: linalg.cholesky(X[:1]), ShapeError, r"float32\[1,2\]"),
    (lambda: linalg.solve(X, np.ones((3, 1))), ShapeError, r"float32\[3,1\]"),
    (lambda: nn.conv2d(X, FILTERS, 1, "SAME"), ShapeError, r"got shape \(2, 2\)"),
    (
        lambda: nn.conv2d(IMAGE, FILTERS[:, :, :0], 1, "SAME"),
        ShapeError,
        r"filters of shape \(3, 3, 0, 5\)",
    ),
    (lambda: nn.conv2d(IMAGE, FILTERS, 0, "SAME"), ArgumentError, "got 0"),
    (lambda: nn.conv2d(IMAGE, FILTERS, [2, 1, 1, 1], "SAME"), ArgumentError, "2, 1, 1"),
    (lambda: nn.conv2d(IMAGE, FILTERS, 1, "FULL"), ArgumentError, "got 'FULL'"),
    (lambda: nn.conv2d(IMAGE, FILTERS, 1, "SAME", "HW"), ArgumentError, "got 'HW'"),
    (lambda: nn.convolution(IMAGE, X), ShapeError, "got 2"),
    (
        lambda: nn.depthwise_conv2d(IMAGE, FILTERS[:, :, :1], 1, "SAME"),
        ShapeError,
        r"filters of shape \(3, 3, 1, 5\)",
    ),
    (
        lambda: nn.conv2d_transpose(IMAGE, FILTERS, [1, 20, 8, 2], 2),
        ShapeError,
        r"to \(20, 8\)",
    ),
    (
        lambda: nn.conv2d_transpose(IMAGE, FILTERS, [1, 8, 8], 2),
        ArgumentError,
        r"got \(1, 8, 8\)",
    ),
    (
        lambda: nn.conv2d_transpose(IMAGE, X, [1, 8, 8, 2], 2),
        ShapeError,
        r"filters of shape \(2, 2\)",
    ),
    (lambda: nn.max_pool2d(X, 2, 2, "SAME"), ShapeError, r"got shape \(2, 2\)"),
    (lambda: nn.max_pool(X, 2, 2, "SAME"), ShapeError, r"got shape \(2, 2\)"),
    (lambda: nn.pool(X, 2, "MAX"), ShapeError, r"got shape \(2, 2\)"),
    (lambda: nn.pool(IMAGE, 2, "MIN"), ArgumentError, "got 'MIN'"),
    (lambda: nn.bias_add(X, [1.0]), ShapeError, r"bias of shape \(1,\)"),
    (lambda: nn.bias_add(X, [1.0, 2.0], "CHW"), ArgumentError, "got 'CHW'"),
    (lambda: nn.dropout(X, 1.0), ArgumentError, r"got 1\.0"),
    (lambda: nn.dropout([1, 2], 0.5), ArgumentTypeError, "got dtype int32"),
    (lambda: nn.dropout(X, 0.5, (2,)), ShapeError, r"`noise_shape` is \(2,\)"),
    (lambda: nn.compute_average_loss(1.0), ShapeError, r"got shape \(\)"),
    (lambda: jt.random.stateless_normal((2,), [1]), ShapeError, r"got shape \(1,\)"),
    (lambda: jt.random.split([0.5, 1.0]), ArgumentTypeError, "got dtype float32"),
    (
        lambda: jt.random.stateless_normal((2,), [1, 2], dtype="int32"),
        ArgumentError,
        "Cannot draw int32",
    ),
    (
        lambda: jt.random.stateless_uniform((2,), [1, 2], 3, dtype="int32"),
        ArgumentError,
        "got 3 and None",
    ),
    (lambda: jt.random.set_global_generator(3), ArgumentTypeError, "got 3"),
    (lambda: jt.random.Generator.from_state([1]), ShapeError, r"got shape \(1,\)"),
    (
        lambda: jt.random.Generator(0).uniform_full_int((2,), "float32"),
        ArgumentError,
        "got dtype float32",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS)
def test_bad_arguments_are_refused_with_what_was_given(call, error, message):
    with jt.GradientTape(), pytest.raises(error, match=message):
        call()


def test_places_on_the_device_that_are_outside():
    at = jt.constant([[5], [-1], [1]])
    found = jt.gather_nd(X[0], at).numpy()
    assert np.isnan(found[:2]).all()
    assert found[2] == -4
    assert jt.scatter_nd(at, [1.0, 2.0, 3.0], [2]).tolist() == [0, 3]


def test_segment_ids_on_the_device_that_are_outside_belong_nowhere():
    ids = jt.constant([0, 9, -1])
    found = jt.math.unsorted_segment_sum([1.0, 2.0, 4.0], ids, 2)
    assert found.tolist() == [1, 0]
