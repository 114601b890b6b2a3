"""Vectors of length 1."""

from typing import Any

import numpy as np

from ...errors import ArgumentError
from .nesting import as_array


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Divides by the norm along an axis: x / (sum |x|^order)^(1/order), on the host.

    Args:
        x: Array of at least one axis; vectors of zeros stay zeros.
        axis: Default the last, Keras's.
        order: Of the norm. Default 2, Keras's.

    Raises:
        ArgumentError: if `order` is not positive.

    Example:
        >>> jt.utils.normalize([[3.0, 4.0]]).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    if not order > 0:
        raise ArgumentError(f"`order` must be positive; got {order!r}.")
    host = np.asarray(as_array(x, "x"))
    host = host if host.dtype.kind == "f" else host.astype(np.float32)
    norm = np.linalg.norm(host, order, axis, keepdims=True)
    return host / np.where(norm == 0, 1, norm).astype(host.dtype)
