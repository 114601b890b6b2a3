"""Permute: the axes of each sample in another order."""

from collections.abc import Sequence
from typing import Any

from ..framework import registry
from ..framework.checked import integers
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.ops import transpose
from ..framework.recording.tensor import Tensor


@registry.register("layer", "Permute")
class Permute(Layer):
    """The axes of each sample in another order; the batch stays first.

    Args:
        dims: The axes in their new order, counted from 1: `(2, 1)` turns a sequence of
            features into a feature of sequences.

    Shapes:
        input (batch, ...) -> output (batch, the other lengths in the order `dims`)

    Raises:
        ArgumentError: if `dims` are not all integers from 1 on.
        ShapeError: for inputs with another number of axes.

    Example:
        >>> jt.layers.Permute((2, 1))(jt.zeros((2, 3, 4))).shape
        (2, 4, 3)
    """

    takes_one_input = True

    def __init__(self, dims: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.dims = integers(self, "dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                "`dims` of Permute must hold each axis of a sample once, counted from "
                f"1; got {self.dims}. The batch, axis 0, is not among them."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs with their axes in the order `dims`."""
        if inputs.ndim != len(self.dims) + 1:
            raise ShapeError(
                f"Permute('{self.name}') orders the {len(self.dims)} axes {self.dims} "
                f"of each sample; got inputs of shape {inputs.shape}. Give one of "
                "`dims` for each axis but the batch."
            )
        return transpose(inputs, (0, *self.dims))
