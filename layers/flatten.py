"""Flatten: all axes but the batch as one."""

import math
from typing import Any

from ..framework.layer import Layer
from ..framework.recording.tensor import Tensor


class Flatten(Layer):
    """All axes but the first as one, as in Keras.

    Shapes:
        input (batch, ...) -> output (batch, product of the rest); (batch,) -> (batch, 1)

    Example:
        >>> jt.layers.Flatten()(jt.zeros((2, 3, 4))).shape
        (2, 12)
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs as a matrix with one row for each sample."""
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))
