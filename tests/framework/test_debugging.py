"""`jt.debugging`: what holds passes, what does not names the first element."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError, ShapeError

assertions = jt.debugging
X = [[1.0, 2.0], [3.0, 4.0]]
NAN = float("nan")

PASSING = [
    lambda: assertions.assert_equal(X, X),
    lambda: assertions.assert_none_equal(X, 5.0),
    lambda: assertions.assert_greater(X, 0),
    lambda: assertions.assert_greater_equal(X, [1.0, 2.0]),
    lambda: assertions.assert_less(X, 4.5),
    lambda: assertions.assert_less_equal(X, 4),
    lambda: assertions.assert_positive(X),
    lambda: assertions.assert_negative([-1.0]),
    lambda: assertions.assert_non_negative([0, 1]),
    lambda: assertions.assert_non_positive([0, -1]),
    lambda: assertions.assert_near(X, np.array(X) + 1e-7),
    lambda: assertions.assert_rank(X, 2),
    lambda: assertions.assert_rank_at_least(X, 1),
    lambda: assertions.assert_rank_in(X, (1, 2)),
    lambda: assertions.assert_scalar(1.0),
    lambda: assertions.assert_type(X, "float32"),
    lambda: assertions.assert_integer([1]),
]
FAILING = [
    (
        lambda: assertions.assert_equal(X, [1.0, 4.0], "Look:"),
        ArgumentError,
        r"Look: assert_equal.*x == y; at \(0, 1\) x is 2.0 and y is 4.0",
    ),
    (lambda: assertions.assert_equal(NAN, NAN), ArgumentError, "x is nan"),
    (lambda: assertions.assert_none_equal(X, 3.0), ArgumentError, r"at \(1, 0\)"),
    (lambda: assertions.assert_greater(X, 1.0), ArgumentError, "x > y.*x is 1.0"),
    (lambda: assertions.assert_greater_equal(X, 2), ArgumentError, "x is 1.0"),
    (lambda: assertions.assert_less(X, 4.0), ArgumentError, r"at \(1, 1\)"),
    (lambda: assertions.assert_less_equal(X, 3.0), ArgumentError, "x is 4.0"),
    (lambda: assertions.assert_positive([0.0]), ArgumentError, "x is 0.0"),
    (lambda: assertions.assert_negative([0]), ArgumentError, "x is 0"),
    (lambda: assertions.assert_non_negative([-1]), ArgumentError, "x is -1"),
    (lambda: assertions.assert_non_positive([1]), ArgumentError, "x is 1"),
    (lambda: assertions.assert_near([1.0], [1.1]), ArgumentError, r"y is 1\.1"),
    (lambda: assertions.assert_all_finite([NAN], "Oh."), ArgumentError, "Oh. x is nan"),
    (lambda: assertions.assert_rank(X, 1), ShapeError, r"1 axes; got 2, shape \(2, 2"),
    (lambda: assertions.assert_rank_at_least(X, 3), ShapeError, "at least 3.*got 2"),
    (lambda: assertions.assert_rank_in(X, (0, 1)), ShapeError, r"\(0, 1\) axes; got 2"),
    (lambda: assertions.assert_scalar(X), ShapeError, "0 axes; got 2"),
    (lambda: assertions.assert_type(X, "int32"), ArgumentTypeError, "got float32"),
    (lambda: assertions.assert_integer(X), ArgumentTypeError, "got dtype float32"),
]


@pytest.mark.parametrize("call", PASSING)
def test_what_holds_passes(call):
    assert call() is None


@pytest.mark.parametrize(("call", "error", "message"), FAILING)
def test_what_does_not_hold_raises(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_check_numerics_passes_the_value_and_its_gradient_on():
    x = jt.constant([1.0, 2.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = assertions.check_numerics(x, "bad") * 3
    assert tape.gradient(y, x).tolist() == [3, 3]


def test_the_common_ones_are_at_the_top_as_in_tensorflow():
    for name in ("assert_equal", "assert_greater", "assert_less", "assert_rank"):
        assert getattr(jt, name) is getattr(assertions, name)
