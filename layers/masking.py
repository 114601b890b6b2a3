"""Masking: steps of sequences that hold one value do not count."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import registry
from ..framework.checked import number
from ..framework.errors import ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, convert


def _counts(x: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.any(x != value, -1)


def _emptied(x: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.where(_counts(x, value)[..., None], x, 0)


COUNTS = Op("masking", _counts, is_differentiable=False)
EMPTY = Op("masking", _emptied)


@registry.register("layer", "Masking")
class Masking(Layer):
    """A mask for sequences: a step of which all features are `mask_value` is padding.

    The outputs have the mask, which layers after this one heed or pass on, and zeros
    where it is false.

    Args:
        mask_value: What padding is made of. Default 0.

    Shapes:
        input (batch, steps, features) -> output the same; mask (batch, steps)

    Raises:
        ShapeError: for inputs of fewer than two axes.

    Example:
        >>> x = jt.constant([[[1.0, 0.0], [0.0, 0.0]]])
        >>> jt.layers.Masking().compute_mask(x).tolist()
        [[True, False]]
    """

    takes_one_input = True

    def __init__(self, mask_value: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.mask_value = number(self, "mask_value", mask_value)

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs with zeros in the steps that do not count."""
        if inputs.ndim < 2:
            raise ShapeError(
                f"Masking('{self.name}') takes sequences, inputs of shape (batch, "
                f"steps, features); got shape {inputs.shape}. Add axes by Reshape."
            )
        return call(EMPTY, (inputs, self._value(inputs)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor:
        """True where a feature of the step is another value."""
        given = convert(inputs)
        return call(COUNTS, (given, self._value(given)))

    def _value(self, inputs: Tensor) -> Any:
        return convert(np.asarray(self.mask_value, inputs.dtype))
