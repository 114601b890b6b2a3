"""RepeatVector: a vector as a sequence of equal steps."""

from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.checked import positive
from ..framework.errors import ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


def _repeated(x: jax.Array, *, n: int) -> jax.Array:
    return jnp.broadcast_to(x[:, None, :], (x.shape[0], n, x.shape[1]))


REPEAT = Op("repeat_vector", _repeated)


@registry.register("layer", "RepeatVector")
class RepeatVector(Layer):
    """Each sample's vector n times, as the steps of a sequence.

    What leads from an encoder's last state to a decoder that goes step by step.

    Args:
        n: Number of steps. Positive.

    Shapes:
        input (batch, features) -> output (batch, n, features)

    Raises:
        ArgumentError: if `n` is no positive integer.
        ShapeError: for inputs that are no vectors.

    Example:
        >>> jt.layers.RepeatVector(3)(jt.zeros((2, 4))).shape
        (2, 3, 4)
    """

    takes_one_input = True

    def __init__(self, n: int, **options: Any) -> None:
        super().__init__(**options)
        self.n = positive(self, "n", n)

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs n times."""
        if inputs.ndim != 2:
            raise ShapeError(
                f"RepeatVector('{self.name}') takes vectors, inputs of shape (batch, "
                f"features); got shape {inputs.shape}. Flatten makes vectors."
            )
        return call(REPEAT, (inputs,), {"n": self.n}, (self.n,))
