"""ELU: an exponential below 0, as a layer."""

import numbers
from typing import Any

from ..framework import activations, registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.recording.tensor import Tensor


@registry.register("layer", "ELU")
class ELU(Layer):
    """y = x where x > 0, alpha * (exp(x) - 1) elsewhere.

    Args:
        alpha: -alpha is the limit on the left. Default 1.

    Shapes:
        input (...) -> output (...)

    Raises:
        ArgumentError: if `alpha` is no number.

    Example:
        >>> jt.layers.ELU()([-100.0, 2.0]).numpy().tolist()
        [-1.0, 2.0]

    References:
        Clevert et al., 2016, eq. 15.
    """

    takes_one_input = True
    supports_masking = True

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(alpha, numbers.Real):
            raise ArgumentError(
                f"`alpha` of ELU must be a number; got {alpha!r}. Leave it out for 1."
            )
        self.alpha = alpha

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, with an exponential below 0."""
        return activations.elu(inputs, self.alpha)
