"""Sample weights and masks of a metric's update. Pure JAX: arrays in, arrays out."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from ...elementwise_losses import same_rank
from ...errors import ShapeError


def split_inputs(
    inputs: tuple[jax.Array, ...], is_weighted: bool, is_masked: bool, dtype: Any
) -> tuple[tuple[jax.Array, ...], jax.Array | None]:
    """The inputs of an update: the values, and one array of weights or none.

    Args:
        inputs: Values, then weights if `is_weighted`, then a mask if `is_masked`.
        is_weighted: Whether there are weights.
        is_masked: Whether there is a mask.
        dtype: Of the weights.
    """
    mask = inputs[-1].astype(dtype) if is_masked else None
    inputs = inputs[:-1] if is_masked else inputs
    if not is_weighted:
        return inputs, mask
    weight = inputs[-1].astype(dtype)
    if mask is not None:
        mask, weight = same_rank(mask, weight)
        weight = _fitted(weight, mask.shape) * mask
    return inputs[:-1], weight


def weighed(values: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Values times their weights, 0 where the weight is; and the weights that count.

    Args:
        values: One for each sample, or for each of its parts.
        weight: One for each sample, or for some of its axes.

    Returns:
        Terms of the values' shape, or (n, 1) next to such weights; the weights,
        broadcast along the axes that they have.

    Raises:
        ShapeError: for weights that are more than the values.
    """
    values, weight = same_rank(values, weight)
    factors = _fitted(weight, values.shape)
    terms = jnp.where(factors == 0, 0, values * factors)
    return terms, jnp.broadcast_to(weight, values.shape[: weight.ndim])


def weights_for(values: jax.Array, weight: jax.Array) -> jax.Array:
    """Weights in the shape of the values."""
    if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    return _fitted(weight, values.shape)


def per_sample(terms: jax.Array) -> jax.Array:
    """Terms whose sum is that of the means of the samples."""
    size = math.prod(terms.shape[1:])
    return terms / size if size > 1 else terms


def _fitted(weight: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Weights broadcast to a shape; axes that they lack are the last ones."""
    missing = (1,) * (len(shape) - weight.ndim)
    try:
        return jnp.broadcast_to(weight.reshape(*weight.shape, *missing), shape)
    except ValueError:
        raise ShapeError(
            f"`sample_weight` must broadcast to the values that it weighs, which have "
            f"shape {shape}; got shape {weight.shape}. Give one weight for each "
            f"sample: shape {shape[:1]}."
        ) from None


def columns_of(values: jax.Array, weight: jax.Array | None) -> jax.Array:
    """Weights of each entry of a matrix; 1 where there are none."""
    return jnp.ones_like(values) if weight is None else weights_for(values, weight)
