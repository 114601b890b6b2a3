"""Activation: an elementwise function as a layer."""

from typing import Any

from ..framework import activations, registry
from ..framework.layer import Layer
from ..framework.recording.tensor import Tensor


@registry.register("layer", "Activation")
class Activation(Layer):
    """An activation function as a layer: y = activation(x).

    Args:
        activation: Name or function.

    Shapes:
        input (...) -> output (...)

    Example:
        >>> jt.layers.Activation("relu")(jt.constant([-1.0, 2.0])).numpy().tolist()
        [0.0, 2.0]
    """

    takes_one_input = True
    is_plain_math = True
    supports_masking = True

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        """Y = activation(x)."""
        return self.activation(inputs) if self.activation else inputs
