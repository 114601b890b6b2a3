"""Subtract: the difference of two Tensors."""

from collections.abc import Sequence
from typing import Any

import jax

from ..framework import registry
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from .merging import Merge, aligned


def _difference(*arrays: jax.Array) -> jax.Array:
    x, y = aligned(arrays)
    return x - y


@registry.register("layer", "Subtract")
class Subtract(Merge):
    """The difference of two Tensors in a list: y = x_1 - x_2.

    Shapes:
        inputs twice (batch, ...) -> output the same; lengths of 1 are broadcast, and
        a Tensor of fewer axes gets some of length 1 after the batch

    Raises:
        ArgumentTypeError: for one Tensor that is in no list.
        ArgumentError: for an empty list, or one that has not two.
        ShapeError: for shapes that do not fit together.

    Example:
        >>> jt.layers.Subtract()([jt.ones((1, 2)), jt.zeros((1, 2))]).numpy().tolist()
        [[1.0, 1.0]]
    """

    num_inputs = 2
    merge_op = Op("subtract", _difference)


def subtract(inputs: Sequence[TensorLike], **options: Any) -> Tensor:
    """The difference of two Tensors, by a `Subtract` layer with these options."""
    return Subtract(**options)(inputs)
