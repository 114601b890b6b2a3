"""LeakyReLU: a smaller slope below 0, as a layer."""

import numbers
from typing import Any

from ..framework import activations, registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.recording.tensor import Tensor


@registry.register("layer", "LeakyReLU")
class LeakyReLU(Layer):
    """y = x where x > 0, negative_slope * x elsewhere.

    Args:
        negative_slope: Slope below 0. Default 0.3, as in Keras; `alpha`, its name in
            earlier versions, is taken by keyword.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentError: for a slope that is negative or no number.

    Example:
        >>> jt.layers.LeakyReLU(0.5)([-1.0, 2.0]).numpy().tolist()
        [-0.5, 2.0]

    References:
        Maas et al., 2013, eq. 2.
    """

    takes_one_input = True
    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **options: Any) -> None:
        negative_slope = options.pop("alpha", negative_slope)
        super().__init__(**options)
        if not isinstance(negative_slope, numbers.Real) or negative_slope < 0:
            raise ArgumentError(
                "`negative_slope` of LeakyReLU must be a number from 0 on; got "
                f"{negative_slope!r}. Leave it out for 0.3."
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, with another slope below 0."""
        return activations.leaky_relu(inputs, self.negative_slope)
