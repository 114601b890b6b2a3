"""Sequences of different lengths as one array."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError, ArgumentTypeError, ShapeError
from .nesting import unwrapped

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """One array (sequences, steps, ...) of sequences of different lengths.

    Args:
        sequences: Each a list or array of steps.
        maxlen: Steps of the result. Default those of the longest sequence.
        dtype: Of the result. Default int32, Keras's.
        padding: `"pre"` fills before short sequences, `"post"` after them. Default
            `"pre"`, Keras's.
        truncating: `"pre"` cuts the beginning of long sequences, `"post"` their end.
            Default `"pre"`, Keras's.
        value: What is filled in.

    Raises:
        ArgumentError: for another word, or a `maxlen` that is not positive.
        ArgumentTypeError: for what is no sequence.
        ShapeError: if steps differ in shape.

    Example:
        >>> jt.utils.pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
        [[0, 1], [2, 3], [5, 6]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in _SIDES:
            raise ArgumentError(f"`{name}` must be 'pre' or 'post'; got {side!r}.")
    if maxlen is not None and maxlen < 1:
        raise ArgumentError(f"`maxlen` must be positive; got {maxlen!r}.")
    rows = [_steps(row, number) for number, row in enumerate(sequences)]
    length = maxlen or max((len(row) for row in rows), default=0)
    inner = next((row.shape[1:] for row in rows if len(row)), ())
    result = np.full((len(rows), length, *inner), value, dtype)
    for number, row in enumerate(rows):
        kept = row[-length:] if truncating == "pre" else row[:length]
        if len(row) == 0:
            continue
        if row.shape[1:] != inner:
            raise ShapeError(
                f"`sequences[{number}]` has steps of shape {row.shape[1:]}; those "
                f"before had {inner}. Give steps of one shape."
            )
        where = slice(length - len(kept), None) if padding == "pre" else len(kept)
        result[number, where if padding == "pre" else slice(where)] = kept
    return result


def _steps(row: Any, number: int) -> np.ndarray:
    steps = np.asarray(unwrapped(row))
    if steps.ndim == 0 or steps.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            f"`sequences[{number}]` must be a list or array of numbers; got {row!r}."
        )
    return steps
