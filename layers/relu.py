"""ReLU: what is below 0 becomes 0, as a layer."""

import numbers
from typing import Any

from ..framework import activations, registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.recording.tensor import Tensor


@registry.register("layer", "ReLU")
class ReLU(Layer):
    """y = max(x, 0), or with a slope below, another threshold and a largest value.

    y = max_value where x >= max_value, x where threshold <= x < max_value, and
    negative_slope * (x - threshold) below.

    Args:
        max_value: Largest value. Default none.
        negative_slope: Slope below the threshold. Default 0.
        threshold: From here on y = x. Default 0.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentError: for an argument that is negative or no number.

    Example:
        >>> jt.layers.ReLU(max_value=6)([-1.0, 2.0, 8.0]).numpy().tolist()
        [0.0, 2.0, 6.0]

    References:
        Nair and Hinton, 2010, section 2.
    """

    takes_one_input = True
    supports_masking = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        for name, number in (
            ("max_value", 0 if max_value is None else max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if not isinstance(number, numbers.Real) or number < 0:
                raise ArgumentError(
                    f"`{name}` of ReLU must be a number from 0 on; got {number!r}. "
                    "For another function use Activation or Lambda."
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, without what is too small or too large."""
        return activations.relu(
            inputs, self.negative_slope, self.max_value, self.threshold
        )
