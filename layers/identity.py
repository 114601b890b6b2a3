"""Identity: the inputs themselves."""

from typing import Any

from ..framework import registry
from ..framework.layer import Layer


@registry.register("layer", "Identity")
class Identity(Layer):
    """y = x: what stands where a layer may be left out.

    Shapes:
        input (...) -> output (...)

    Example:
        >>> jt.layers.Identity()([1.0, 2.0]).numpy().tolist()
        [1.0, 2.0]
    """

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs
