"""Merging: what layers share that make one Tensor of a list of them."""

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.masking import as_mask
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


class Merge(Layer):
    """Base of layers that merge a list of Tensors element by element.

    Subclasses say by which op, `merge_op`. Where ranks differ, axes of length 1 are put
    after the batch, as in Keras; lengths of 1 are broadcast, but not the batch.
    """

    makes_masks = False
    supports_masking = True
    merge_op: Op

    def build(self, input_shape: Any) -> None:
        """Check that there is a list of inputs that fit together."""
        check_shapes(self, checked_list(self, input_shape))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The inputs merged."""
        check_shapes(self, [x.shape for x in checked_list(self, inputs)])
        return call(self.merge_op, tuple(inputs))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        """True where any input counts; none if an input has no mask, as in Keras."""
        if mask is None or any(part is None for part in mask):
            return None
        return functools.reduce(operator.or_, map(as_mask, mask))


def aligned(arrays: Sequence[jax.Array]) -> list[jax.Array]:
    """Arrays of one rank: axes of length 1 are put after the first one."""
    ndim = max(x.ndim for x in arrays)
    return [jnp.expand_dims(x, tuple(range(1, 1 + ndim - x.ndim))) for x in arrays]


def checked_list(layer: Layer, inputs: Any) -> Any:
    """A list of inputs, or of their shapes.

    Raises:
        ArgumentTypeError: for one input that is in no list.
        ArgumentError: for an empty list.
    """
    name = f"{type(layer).__name__}('{layer.name}')"
    is_list = isinstance(inputs, list | tuple)
    if not is_list or (inputs and isinstance(inputs[0], int)):
        shape = tuple(inputs if is_list else getattr(inputs, "shape", ()))
        raise ArgumentTypeError(
            f"{name} takes a list of Tensors; got one of shape {shape}. Put them in "
            "brackets: layer([x, y])."
        )
    if not inputs:
        raise ArgumentError(
            f"{name} takes a list of at least one Tensor; got an empty one. Give them "
            "as layer([x, y])."
        )
    return inputs


def check_shapes(layer: Layer, shapes: Sequence[tuple]) -> None:
    """Refuse shapes that cannot be merged element by element.

    Raises:
        ShapeError: if batches differ, or lengths of which none is 1.
    """
    if all(shape == shapes[0] for shape in shapes):
        return
    batches = {shape[0] for shape in shapes if shape} - {None}
    aligned_lengths = itertools.zip_longest(
        *(reversed(shape[1:]) for shape in shapes), fillvalue=1
    )
    if len(batches) > 1 or any(
        len({*lengths} - {1, None}) > 1 for lengths in aligned_lengths
    ):
        given = ", ".join(map(str, shapes))
        raise ShapeError(
            f"{type(layer).__name__}('{layer.name}') takes Tensors of one shape; got "
            f"{given}. Lengths must be equal or 1, that of the batch equal; bring them "
            "to one shape first, for example by a Dense or Reshape layer."
        )
