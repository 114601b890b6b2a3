"""Settings: the arguments of callbacks, checked when they are given."""

import math
from numbers import Real
from typing import Any

from ...errors import ArgumentError, ArgumentTypeError


def count(owner: object, name: str, value: Any) -> int:
    """A number of epochs, or a switch: an integer from 0 on.

    Raises:
        ArgumentTypeError: for what is no integer.
        ArgumentError: for a negative one.
    """
    if not hasattr(value, "__index__"):
        raise ArgumentTypeError(
            f"`{name}` of {type(owner).__name__} must be an integer; got {value!r}."
        )
    whole = int(value)
    if whole < 0:
        raise ArgumentError(
            f"`{name}` of {type(owner).__name__} must not be negative; got {value!r}."
        )
    return whole


def number(owner: object, name: str, value: Any) -> float:
    """A finite number.

    Raises:
        ArgumentTypeError: for what is no number.
        ArgumentError: for NaN and infinities.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ArgumentTypeError(
            f"`{name}` of {type(owner).__name__} must be a number; got {value!r}."
        )
    if not math.isfinite(value):
        raise ArgumentError(
            f"`{name}` of {type(owner).__name__} must be finite; got {value!r}."
        )
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
        raise ArgumentTypeError(
            f"`{name}` of {type(owner).__name__} must be a text; got {value!r}."
        )
    return value
