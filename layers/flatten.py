"""Flatten: all axes but the batch as one."""

import math
from typing import Any

from ..framework import registry
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.ops import transpose
from ..framework.recording.tensor import Tensor


@registry.register("layer", "Flatten")
class Flatten(Layer):
    """All axes but the first as one, as in Keras.

    Args:
        data_format: `"channels_first"` puts axis 1 last before flattening, so that the
            order is that of channels-last data. Default `"channels_last"`.

    Shapes:
        input (batch, ...) -> output (batch, product of the rest);
        (batch,) -> (batch, 1)

    Raises:
        ArgumentError: for another `data_format`.
        ShapeError: if the inputs have no batch axis.

    Example:
        >>> jt.layers.Flatten()(jt.zeros((2, 3, 4))).shape
        (2, 12)
    """

    takes_one_input = True
    is_plain_math = True

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ArgumentError(
                "`data_format` must be 'channels_last' or 'channels_first'; got "
                f"{data_format!r}."
            )
        self.data_format = data_format or "channels_last"

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs as a matrix with one row for each sample."""
        if not inputs.ndim:
            raise ShapeError(
                f"Flatten('{self.name}') needs inputs with a batch axis; got shape (). "
                "Add one with x[None]."
            )
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))
