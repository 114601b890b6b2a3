"""Bad arguments are refused: what was given, what was expected, how to mend it."""

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

REFUSALS = [
    (lambda: jt.as_dtype("float33"), ArgumentTypeError, "'float33' names no dtype"),
    (lambda: jt.cast(X, "float64"), ArgumentError, "float64.*enable_x64"),
    (lambda: jt.zeros(2, "int64"), ArgumentError, "int64.*enable_x64"),
    (lambda: jt.constant([1.5], "int32"), ArgumentTypeError, r"cut them: \[1.5\]"),
    (lambda: jt.constant([1, 2], shape=3), ShapeError, r"shape \(2,\), 2 elements"),
    (lambda: jt.constant(["a"]), ArgumentTypeError, "dtype <U1"),
    (lambda: jt.add(X, None), ArgumentTypeError, "`y` must be a Tensor"),
    (lambda: jt.add("a", X), ArgumentTypeError, "`x` has dtype <U1"),
    (lambda: jt.add(X, np.ones(3, "f")), ShapeError, r"float32\[2,2\], float32\[3\]"),
    (lambda: jt.matmul(X, np.ones((3, 2), "f")), ShapeError, r"float32\[3,2\]"),
    (
        lambda: jt.matmul(X, np.ones((2, 3)), False, True),
        ShapeError,
        "transpose_a",
    ),
    (lambda: jt.add_n([]), ArgumentError, "empty list"),
    (lambda: jt.add_n([X, X[0]]), ShapeError, r"float32\[2,2\], float32\[2\]"),
    (lambda: jt.reshape(X, (3, -1)), ShapeError, r"float32\[2,2\]"),
    (lambda: jt.reshape(X, (1.5,)), ArgumentTypeError, r"integers; got \(1.5,\)"),
    (lambda: jt.reduce_sum(X, 2), ShapeError, "`axis` must name axes"),
    (lambda: jt.stack([]), ArgumentError, "empty list"),
    (lambda: jt.unstack(X, num=3), ArgumentError, "`num` is 3"),
    (lambda: jt.split(X, 3), ShapeError, "3 parts of axis 0, length 2"),
    (lambda: jt.split(X, 0), ShapeError, "0 parts of axis 0, length 2"),
    (lambda: jt.split(X, -1), ShapeError, "-1 parts of axis 0, length 2"),
    (lambda: jt.split(X, 10**30), ArgumentError, "must fit 32 bits"),
    (lambda: jt.split(X, 2, axis=5), ShapeError, "axis 5 for shape"),
    (lambda: jt.tile(X, [2]), ShapeError, r"1 multiples \(2,\)"),
    (lambda: jt.pad(X, [[1, 1]]), ShapeError, r"shape \(2, 2\) for a Tensor"),
    (lambda: jt.pad(X, [[0, 0]] * 2, "WRAP"), ArgumentError, "got 'WRAP'"),
    (lambda: jt.pad(X, [[2, 0]] * 2, "REFLECT"), ShapeError, "at most 1"),
    (lambda: jt.gather(X, [0, 2]), OutOfRangeError, "index 2, outside axis 0"),
    (lambda: jt.gather(X, -1), OutOfRangeError, "index -1, outside axis 0"),
    (lambda: jt.gather(X, [0.5]), ArgumentTypeError, "got dtype float32"),
    (lambda: jt.where(True, X), ArgumentError, "both `x` and `y`"),
    (lambda: jt.range(5, 2), ArgumentError, "from 5 to 2 in steps of 1"),
    (lambda: jt.sort(X, direction="UP"), ArgumentError, "got 'UP'"),
    (lambda: jt.norm(X, "nuclear"), ArgumentError, "got 'nuclear'"),
    (lambda: jt.norm(X, -1), ArgumentError, "got -1"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS)
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_bad_arguments_are_refused_with_what_was_given(call, error, message, covered):
    around = jt.GradientTape() if covered else jt.device("cpu")
    with around, pytest.raises(error, match=message):
        call()


def test_indices_on_the_device_give_nan_outside_the_axis():
    found = jt.gather(X[0], jt.constant([1, 2, -1])).numpy()
    assert found[0] == -4
    assert np.isnan(found[1:]).all()
