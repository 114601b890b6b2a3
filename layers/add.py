"""Add: the sum of several Tensors."""

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from ..framework import registry
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .merging import Merge, aligned


@registry.register("layer", "Add")
class Add(Merge):
    """The sum of a list of Tensors: y = x_1 + ... + x_n.

    What joins the two ways of a residual block.

    Shapes:
        inputs n times (batch, ...) -> output the same; lengths of 1 are broadcast, and
        a Tensor of fewer axes gets some of length 1 after the batch

    Raises:
        ArgumentTypeError: for one Tensor that is in no list.
        ArgumentError: for an empty list.
        ShapeError: for shapes that do not fit together.

    Example:
        >>> jt.layers.Add()([jt.ones((2, 3)), jt.ones((2, 3))]).numpy().max().item()
        2.0

    References:
        He et al., 2016, eq. 1 (residual blocks).
    """

    merge_op = Op("add", lambda *arrays: functools.reduce(jnp.add, aligned(arrays)))


def add(inputs: Sequence[Any], **options: Any) -> Tensor:
    """The sum of a list of Tensors, by a new `Add` layer.

    Shapes:
        inputs n times (batch, ...) -> output the same
    """
    return Add(**options)(inputs)
