"""Checked arguments: numbers of constructors, whatever was given for them."""

import math
import operator
from typing import Any

from .errors import ArgumentTypeError


def is_between(value: Any, low: float, high: float = math.inf) -> bool:
    """Whether a value is a number from `low` to `high`; NaN and texts are not."""
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return low <= number <= high


def integer(name: str, value: Any) -> int:
    """A Python integer.

    Raises:
        ArgumentTypeError: for anything that does not count as one.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(
            f"`{name}` must be an integer; got {value!r}."
        ) from None


def integers(name: str, value: Any) -> tuple[int, ...]:
    """Integers from one, or from a list or tuple of them.

    Raises:
        ArgumentTypeError: for anything else.
    """
    if isinstance(value, list | tuple):
        return tuple(integer(name, part) for part in value)
    return (integer(name, value),)
