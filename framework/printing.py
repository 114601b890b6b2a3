"""`jt.print`: values in the short form of `tf.print`."""

import sys
from typing import Any

import numpy as np

from .recording.tensor import ArrayLike


def print(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """Write inputs to the standard error stream, Tensors by their values.

    Args:
        inputs: Tensors, what has a `str`, or lists, tuples and dictionaries of these.
        output_stream: Open text file. Default `sys.stderr`, as in TensorFlow.
        summarize: First and last elements shown of each axis. Default 3; -1 for all.
        sep: Put between the inputs.
        end: Put after the last one.
        name: No effect.

    Raises:
        BodyError: in a function that is recorded, where values are not known.

    Note:
        In `tf.function` TensorFlow prints whenever the function runs. Here return the
        value and print it outside, or drop the decorator.

    Example:
        >>> import sys
        >>> jt.print("x:", jt.range(8), output_stream=sys.stdout)
        x: [0 1 2 ... 5 6 7]
    """
    shown = (x if isinstance(x, str) else _shown(x, summarize) for x in inputs)
    (output_stream or sys.stderr).write(sep.join(shown) + end)


def _shown(value: Any, most: int) -> str:
    """A value; in lists, tuples and dictionaries all but Tensors by their `repr`."""
    if isinstance(value, ArrayLike):
        return _shown_array(value.numpy(), most, 1)
    if value.__class__ is dict:
        items = [f"{key!r}: {_inner(item, most)}" for key, item in value.items()]
        return "{" + ", ".join(items) + "}"
    if value.__class__ is list:
        return "[" + ", ".join(_inner(item, most) for item in value) + "]"
    if value.__class__ is tuple:
        comma = "," if len(value) == 1 else ""
        return "(" + ", ".join(_inner(item, most) for item in value) + comma + ")"
    return str(value)


def _inner(value: Any, most: int) -> str:
    return repr(value) if isinstance(value, str) else _shown(value, most)


def _shown_array(array: np.ndarray, most: int, depth: int) -> str:
    """Rows one below the other, indented by their depth; blank lines between blocks."""
    if not array.ndim:
        return _number(array[()])
    between = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * depth
    is_long = most >= 0 and len(array) > 2 * most
    first, last = (array[:most], array[len(array) - most :]) if is_long else (array, ())
    rows = [_shown_array(row, most, depth + 1) for row in first]
    rest = [_shown_array(row, most, depth + 1) for row in last]
    return "[" + between.join([*rows, *["..."] * is_long, *rest]) + "]"


def _number(value: Any) -> str:
    """As few digits as C's shortest format needs; truth as 1 and 0."""
    if value.dtype.kind in "biu":
        return str(int(value))
    if value.dtype.kind == "c":
        return f"({_number(value.real)},{_number(value.imag)})"
    if value.dtype.itemsize > 4:
        short = f"{value:.15g}"
        return short if float(short) == value else f"{value:.17g}"
    number = float(value)
    short = f"{number:.6g}"
    same = np.float32(short) == np.float32(number)
    return short if same or number != number else f"{number:.9g}"
