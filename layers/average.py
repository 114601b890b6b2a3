"""Average: the mean of several Tensors."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from .merging import Merge, aligned


def _mean(*arrays: jax.Array) -> jax.Array:
    return functools.reduce(jnp.add, aligned(arrays)) / len(arrays)


@registry.register("layer", "Average")
class Average(Merge):
    """The mean of a list of Tensors: y = (x_1 + ... + x_n) / n.

    Shapes:
        inputs n times (batch, ...) -> output the same; lengths of 1 are broadcast, and
        a Tensor of fewer axes gets some of length 1 after the batch

    Raises:
        ArgumentTypeError: for one Tensor that is in no list.
        ArgumentError: for an empty list.
        ShapeError: for shapes that do not fit together.

    Example:
        >>> jt.layers.Average()([jt.zeros((1, 2)), jt.ones((1, 2))]).numpy().tolist()
        [[0.5, 0.5]]
    """

    merge_op = Op("average", _mean)


def average(inputs: Sequence[TensorLike], **options: Any) -> Tensor:
    """The mean of a list of Tensors, by an `Average` layer with these options."""
    return Average(**options)(inputs)
