"""Class numbers as one-hot rows."""

from typing import Any

import jax
import numpy as np

from ...errors import ArgumentError, ArgumentTypeError, OutOfRangeError
from .nesting import unwrapped


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows of class numbers: 1 at the class, 0 elsewhere, in float32.

    On the host, as a preparation of labels; `jt.one_hot` does it in a model.

    Args:
        x: Class numbers from 0; a last axis of length 1 is dropped, as in Keras.
        num_classes: Length of the rows. Default one more than the largest number.

    Raises:
        ArgumentTypeError: for what is no array of whole numbers.
        OutOfRangeError: for a class below 0 or beyond `num_classes`.
        ArgumentError: if `num_classes` is not positive.

    Example:
        >>> jt.utils.to_categorical([0, 2], num_classes=3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]

    Note:
        Keras counts negative classes from the end.
    """
    host = np.asarray(jax.device_get(unwrapped(x)))
    if host.dtype.kind not in "biuf" or (host != np.trunc(host)).any():
        raise ArgumentTypeError(
            f"`x` must be whole numbers; got {host.dtype} of shape {host.shape}. "
            "Map the names of classes to numbers first."
        )
    labels = host.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max(initial=-1)) + 1
    elif num_classes < 1:
        raise ArgumentError(f"`num_classes` must be positive; got {num_classes}.")
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise OutOfRangeError(
            f"`x` has classes from {labels.min()} to {labels.max()}; with "
            f"`num_classes` {num_classes} they must be from 0 to {num_classes - 1}."
        )
    return (labels[..., None] == np.arange(num_classes)).astype(np.float32)
