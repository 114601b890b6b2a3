"""`jt.debugging`: TensorFlow's assertions. They read the values that they compare.

Each returns `None`, or raises with the first element that does not hold. What looks at
a whole run is in `jt.debug`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import ArgumentError, ArgumentTypeError, ShapeError
from .ops.conversion import beside, identity, requested_dtype, sizes
from .recording.tensor import Tensor, TensorLike, convert


def _comparison(name: str, sign: str, holds: Callable) -> Callable[..., None]:
    """An assertion on two operands, which broadcast."""

    def check(
        x: TensorLike,
        y: TensorLike,
        message: str | None = None,
        summarize: int | None = None,
        name: str | None = None,
    ) -> None:
        first = convert(x, name="x")
        _check(check.__name__, sign, holds, first, beside(first, y, "y"), message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"""Raise unless x {sign} y everywhere; both are read.

    Args:
        x: Compared with y; they broadcast.
        y: What to compare with.
        message: Put in front of the error's text.
        summarize: No effect.
        name: No effect.

    Raises:
        ArgumentError: with the first elements for which it does not hold.
    """
    return check


def _condition(name: str, sign: str, holds: Callable) -> Callable[..., None]:
    """An assertion that compares with 0."""

    def check(
        x: TensorLike,
        message: str | None = None,
        summarize: int | None = None,
        name: str | None = None,
    ) -> None:
        given = convert(x, name="x")
        _check(check.__name__, sign, holds, given, beside(given, 0, "y"), message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"""Raise unless x {sign} 0 everywhere; arguments as `assert_equal`.

    Raises:
        ArgumentError: with the first element for which it does not hold.
    """
    return check


def _check(
    name: str, sign: str, holds: Callable, x: Any, y: Any, message: str | None
) -> None:
    first, second = np.broadcast_arrays(x.numpy(), y.numpy())
    wrong = ~np.asarray(holds(first, second))
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise ArgumentError(
            f"{_start(message)}{name}() expected x {sign} y; at {place} x is "
            f"{first[place]} and y is {second[place]}."
        )


def _start(message: str | None) -> str:
    return f"{message} " if message else ""


assert_equal = _comparison("assert_equal", "==", np.equal)
assert_none_equal = _comparison("assert_none_equal", "!=", np.not_equal)
assert_greater = _comparison("assert_greater", ">", np.greater)
assert_greater_equal = _comparison("assert_greater_equal", ">=", np.greater_equal)
assert_less = _comparison("assert_less", "<", np.less)
assert_less_equal = _comparison("assert_less_equal", "<=", np.less_equal)
assert_positive = _condition("assert_positive", ">", np.greater)
assert_negative = _condition("assert_negative", "<", np.less)
assert_non_negative = _condition("assert_non_negative", ">=", np.greater_equal)
assert_non_positive = _condition("assert_non_positive", "<=", np.less_equal)


def assert_near(
    x: TensorLike,
    y: TensorLike,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> None:
    """Raise unless |x - y| <= atol + rtol * |y| everywhere.

    Args:
        x: Compared with y; they broadcast.
        y: What to compare with.
        rtol: Relative tolerance. Default 10 times the dtype's epsilon.
        atol: Absolute tolerance. Default the same.
        message: Put in front of the error's text.
        summarize: No effect.
        name: No effect.

    Raises:
        ArgumentError: with the first elements that differ by more.
    """
    first = convert(x, name="x")
    unit = 10 * float(np.finfo(first.dtype).eps)
    near = unit if rtol is None else rtol
    least = unit if atol is None else atol

    def holds(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a - b) <= least + near * np.abs(b)

    _check("assert_near", "~", holds, first, beside(first, y, "y"), message)


def assert_all_finite(x: TensorLike, message: str, name: str | None = None) -> Tensor:
    """`x` itself; raises if any element is infinite or NaN.

    Raises:
        ArgumentError: with the first such element.
    """
    given = convert(x, name="x")
    host = given.numpy()
    wrong = ~np.isfinite(host)
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise ArgumentError(
            f"{_start(message)}x is {host[place]} at {place}; expected finite numbers."
        )
    return identity(given)


check_numerics = assert_all_finite


def assert_rank(
    x: TensorLike, rank: int, message: str | None = None, name: str | None = None
) -> None:
    """Raise unless `x` has `rank` axes.

    Raises:
        ShapeError: if it has more or fewer.
    """
    _check_rank(x, lambda ndim: ndim == sizes(rank, "rank")[0], f"{rank}", message)


def assert_rank_at_least(
    x: TensorLike, rank: int, message: str | None = None, name: str | None = None
) -> None:
    """Raise unless `x` has `rank` axes or more.

    Raises:
        ShapeError: if it has fewer.
    """
    least = f"at least {rank}"
    _check_rank(x, lambda ndim: ndim >= sizes(rank, "rank")[0], least, message)


def assert_rank_in(
    x: TensorLike, ranks: Any, message: str | None = None, name: str | None = None
) -> None:
    """Raise unless the number of axes of `x` is among `ranks`.

    Raises:
        ShapeError: if it is not.
    """
    known = sizes(ranks, "ranks")
    _check_rank(x, lambda ndim: ndim in known, f"{known}", message)


def assert_scalar(
    tensor: TensorLike, message: str | None = None, name: str | None = None
) -> None:
    """Raise unless `tensor` has no axes.

    Raises:
        ShapeError: if it has any.
    """
    _check_rank(tensor, lambda ndim: ndim == 0, "0", message)


def _check_rank(
    x: TensorLike, holds: Callable[[int], bool], expected: str, message: str | None
) -> None:
    given = convert(x, name="x")
    if not holds(given.ndim):
        raise ShapeError(
            f"{_start(message)}Expected {expected} axes; got {given.ndim}, "
            f"shape {given.shape}."
        )


def assert_type(
    tensor: TensorLike,
    tf_type: Any,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """Raise unless `tensor` has this dtype.

    Raises:
        ArgumentTypeError: if it has another one.
    """
    given, wanted = convert(tensor, name="tensor"), requested_dtype(tf_type)
    if given.dtype != wanted:
        raise ArgumentTypeError(
            f"{_start(message)}Expected dtype {wanted.name}; got {given.dtype.name}."
        )


def assert_integer(
    x: TensorLike, message: str | None = None, name: str | None = None
) -> None:
    """Raise unless `x` holds integers.

    Raises:
        ArgumentTypeError: if its dtype is another one.
    """
    given = convert(x, name="x")
    if given.dtype.kind not in "iu":
        raise ArgumentTypeError(
            f"{_start(message)}Expected integers; got dtype {given.dtype.name}."
        )
