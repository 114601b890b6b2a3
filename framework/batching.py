"""Batches of one size: padding the last one, so that no new program is needed."""

from typing import Any

import jax
import numpy as np

from .errors import ArgumentError, ShapeError


def pad_batch(arrays: Any, multiple_of: int) -> tuple[Any, np.ndarray]:
    """Append zero rows until the number of rows is a multiple of `multiple_of`.

    Args:
        arrays: NumPy arrays in any nesting, with the same number of rows.
        multiple_of: For example the batch size.

    Returns:
        The padded arrays in the same nesting, and a float32 mask that is 1 for real
        rows and 0 for padding: give it to losses as `sample_weight`.

    Raises:
        ArgumentError: if `multiple_of` is no positive integer.
        ShapeError: if the numbers of rows differ.

    Example:
        >>> (x, y), mask = jt.pad_batch((np.ones((3, 2)), np.ones(3)), multiple_of=4)
        >>> x.shape, mask.tolist()
        ((4, 2), [1.0, 1.0, 1.0, 0.0])
    """
    if not isinstance(multiple_of, int) or multiple_of <= 0:
        raise ArgumentError(
            f"`multiple_of` must be a positive integer; got {multiple_of!r}."
        )
    lengths = {np.shape(array)[0] for array in jax.tree.leaves(arrays)}
    if len(lengths) != 1:
        raise ShapeError(
            f"`arrays` must have the same number of rows; got {sorted(lengths)}."
        )
    (rows,) = lengths
    extra = -rows % multiple_of

    def padded(array: Any) -> np.ndarray:
        host = np.asarray(array)
        return np.pad(host, [(0, extra), *[(0, 0)] * (host.ndim - 1)])

    mask = (np.arange(rows + extra) < rows).astype(np.float32)
    return jax.tree.map(padded, arrays), mask
