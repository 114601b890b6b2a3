"""Reshape: the same elements of each sample in another shape."""

import math
from collections.abc import Sequence
from typing import Any

import jax

from ..framework import registry
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor

RESHAPE = Op("reshape", lambda x, *, shape: jax.numpy.reshape(x, (x.shape[0], *shape)))


@registry.register("layer", "Reshape")
class Reshape(Layer):
    """The elements of each sample in another shape; the batch stays.

    Args:
        target_shape: Shape of one sample. One axis may be -1, for what is left.

    Shapes:
        input (batch, ...) -> output (batch, *target_shape)

    Raises:
        ArgumentError: for lengths that are no positive integers or -1, or two of -1.
        ShapeError: if a sample has another number of elements.

    Example:
        >>> jt.layers.Reshape((3, -1))(jt.zeros((2, 12))).shape
        (2, 3, 4)
    """

    takes_one_input = True

    def __init__(self, target_shape: int | Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        shape: Any = target_shape
        self.target_shape = tuple(shape if isinstance(shape, list | tuple) else [shape])
        sizes = [isinstance(n, int) and n >= -1 for n in self.target_shape]
        if not all(sizes) or self.target_shape.count(-1) > 1:
            raise ArgumentError(
                "`target_shape` must be made of lengths, of which one may be -1; got "
                f"{self.target_shape}. It is the shape of one sample, without batch."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs in another shape."""
        shape = self._resolved(inputs.shape)
        return call(RESHAPE, (inputs,), {"shape": shape}, shape)

    def _resolved(self, given: Sequence[Any]) -> tuple[int, ...]:
        """The target with -1 as the length that is left."""
        if not given:
            raise self._misfit(given)
        size, known = (
            math.prod(given[1:]),
            math.prod(n for n in self.target_shape if n != -1),
        )
        if -1 not in self.target_shape:
            fits, rest = size == known, 0
        else:
            fits = known != 0 and size % known == 0
            rest = size // known if fits else 0
        if not fits:
            raise self._misfit(given)
        return tuple(rest if n == -1 else n for n in self.target_shape)

    def _misfit(self, given: Sequence[Any]) -> ShapeError:
        return ShapeError(
            f"Reshape('{self.name}') makes samples of shape {self.target_shape}; got "
            f"inputs of shape {tuple(given)}, whose samples (without the first axis, "
            "the batch) have another number of elements. Change `target_shape`; one "
            "length may be -1."
        )
