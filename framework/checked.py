"""Checked arguments: what constructors are given, or an error that names it.

The `owner` is the object whose constructor it is, for messages; `None` for functions.
"""

import math
import operator
from collections.abc import Collection
from numbers import Real
from typing import Any

from .errors import ArgumentError, ArgumentTypeError


def is_between(value: Any, low: float, high: float = math.inf) -> bool:
    """Whether a value is a number from `low` to `high`; NaN and texts are not."""
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return low <= number <= high


def integer(owner: object, name: str, value: Any) -> int:
    """A Python integer of 32 bits: an axis, a class, a size.

    Raises:
        ArgumentTypeError: for anything that does not count as an integer.
        ArgumentError: for one beyond 32 bits, which no array could hold.
    """
    whole = _whole(owner, name, value)
    if not -(2**31) <= whole < 2**31:
        raise ArgumentError(f"{_named(owner, name)} must fit 32 bits; got {value!r}.")
    return whole


def optional_integer(owner: object, name: str, value: Any) -> int | None:
    """A Python integer, or `None`."""
    return None if value is None else integer(owner, name, value)


def integers(owner: object, name: str, value: Any) -> tuple[int, ...]:
    """Integers from one, or from a list or tuple of them.

    Raises:
        ArgumentTypeError: for anything else.
    """
    if isinstance(value, list | tuple):
        return tuple(integer(owner, name, part) for part in value)
    return (integer(owner, name, value),)


def count(owner: object, name: str, value: Any) -> int:
    """A number of things, or a switch: an integer from 0 on.

    Raises:
        ArgumentTypeError: for what is no integer.
        ArgumentError: for a negative one.
    """
    whole = _whole(owner, name, value)
    if whole < 0:
        raise ArgumentError(
            f"{_named(owner, name)} must not be negative; got {value!r}."
        )
    return whole


def positive(owner: object, name: str, value: Any) -> int:
    """A size: an integer of 32 bits from 1 on.

    Raises:
        ArgumentError: for anything else.
    """
    try:
        whole = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = 0
    if not 0 < whole < 2**31:
        raise ArgumentError(
            f"{_named(owner, name)} must be a positive integer; got {value!r}."
        )
    return whole


def share(owner: object, name: str, value: Any) -> float:
    """A rate: a number from 0 to 1, as it was given.

    Raises:
        ArgumentError: for anything else.
    """
    if not is_between(value, 0, 1):
        raise ArgumentError(
            f"{_named(owner, name)} must be a number from 0 to 1; got {value!r}."
        )
    return value


def number(owner: object, name: str, value: Any) -> float:
    """A finite number.

    Raises:
        ArgumentTypeError: for what is no number.
        ArgumentError: for NaN and infinities.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ArgumentTypeError(
            f"{_named(owner, name)} must be a number; got {value!r}."
        )
    if not is_between(value, -math.inf) or math.isinf(value):
        raise ArgumentError(f"{_named(owner, name)} must be finite; got {value!r}.")
    return float(value)


def optional_number(owner: object, name: str, value: Any) -> float | None:
    """A finite number, or `None`."""
    return None if value is None else number(owner, name, value)


def text(owner: object, name: str, value: Any) -> str:
    """A text.

    Raises:
        ArgumentTypeError: for anything else.
    """
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{_named(owner, name)} must be a text; got {value!r}.")
    return value


def one_of(name: str, value: Any, known: Collection[str | None]) -> Any:
    """A value that is among those known.

    Raises:
        ArgumentError: for any other; lists those known.
    """
    if not isinstance(value, str | None) or value not in known:
        raise ArgumentError(
            f"`{name}` must be one of {', '.join(map(repr, known))}; got {value!r}."
        )
    return value


def _whole(owner: object, name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(
            f"{_named(owner, name)} must be an integer; got {value!r}."
        ) from None


def _named(owner: object, name: str) -> str:
    return f"`{name}`" if owner is None else f"`{name}` of {type(owner).__name__}"
