"""Softmax: exponentials that sum to 1, as a layer."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.masking import as_mask
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike


def _softmax(x: jax.Array, *masks: jax.Array, axis: Any) -> jax.Array:
    """Where a mask is false it is 0, also where the mask is false all along."""
    if not masks:
        return jax.nn.softmax(x, axis)
    counts = jnp.broadcast_to(masks[0], x.shape)
    lowest = -3e4 if x.dtype == jnp.float16 else -1e9  # Keras's
    y = jax.nn.softmax(jnp.where(counts, x, jnp.asarray(lowest, x.dtype)), axis)
    return jnp.where(counts, y, 0)


SOFTMAX = Op(
    "softmax",
    _softmax,
    hint="`axis` must name an axis of the inputs, and a mask must have their shape; "
    "its lengths of 1 are broadcast.",
)


@registry.register("layer", "Softmax")
class Softmax(Layer):
    """y = exp(x) / sum(exp(x)) along an axis, or of what a mask leaves.

    Args:
        axis: The axis, or several over which there is one sum. Default the last.

    Shapes:
        input (...), mask (...) -> output (...)

    Raises:
        ArgumentError: for an axis that is no integer.
        ShapeError: for an axis that the inputs do not have, or a mask of another shape.

    Example:
        >>> jt.layers.Softmax()([[0.0, 0.0]]).numpy().tolist()
        [[0.5, 0.5]]
        >>> jt.layers.Softmax()([[0.0, 0.0]], mask=[[True, False]]).numpy().tolist()
        [[1.0, 0.0]]
    """

    takes_one_input = True
    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **options: Any) -> None:
        super().__init__(**options)
        axes = axis if isinstance(axis, list | tuple) else (axis,)
        if not axes or any(not isinstance(place, int) for place in axes):
            raise ArgumentError(
                "`axis` of Softmax must be an integer or several in a list; got "
                f"{axis!r}. For example: -1, the last one."
            )
        self.axis = axis
        self._places = tuple(axes)
        self.is_samplewise = 0 not in axes

    def call(self, inputs: Tensor, mask: TensorLike | None = None) -> Tensor:
        """The shares of each entry; 0 where the mask is false."""
        masks = () if mask is None else (as_mask(mask),)
        places = self._places
        return call(SOFTMAX, (inputs, *masks), {"axis": places}, (places,))
