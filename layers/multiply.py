"""Multiply: the product of several Tensors."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from .merging import Merge, aligned, with_masks


def _masked_product(*arrays: jax.Array, has_mask: tuple[bool, ...]) -> jax.Array:
    """The product of what counts; 0 where every mask is false."""
    pairs = with_masks(arrays, has_mask)
    factors = [x if mask is None else jnp.where(mask, x, 1) for x, mask in pairs]
    product = functools.reduce(jnp.multiply, factors)
    if not all(has_mask):
        return product
    masks = [mask for _, mask in pairs if mask is not None]
    return jnp.where(functools.reduce(jnp.logical_or, masks), product, 0)


@registry.register("layer", "Multiply")
class Multiply(Merge):
    """The product of a list of Tensors: y = x_1 * ... * x_n.

    What gates one branch of a network by another. A step that a mask leaves out counts
    as 1, and is 0 where it is left out of all inputs, as in Keras.

    Shapes:
        inputs n times (batch, ...) -> output the same; lengths of 1 are broadcast, and
        a Tensor of fewer axes gets some of length 1 after the batch

    Raises:
        ArgumentTypeError: for one Tensor that is in no list.
        ArgumentError: for an empty list.
        ShapeError: for shapes that do not fit together.

    Example:
        >>> x = 3 * jt.ones((2, 3))
        >>> jt.layers.Multiply()([x, x]).numpy().max().item()
        9.0
    """

    merge_op = Op(
        "multiply", lambda *arrays: functools.reduce(jnp.multiply, aligned(arrays))
    )
    masked_op = Op("multiply", _masked_product)


def multiply(inputs: Sequence[TensorLike], **options: Any) -> Tensor:
    """The product of a list of Tensors, by a `Multiply` layer with these options."""
    return Multiply(**options)(inputs)
