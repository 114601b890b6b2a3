"""Dropout as a function."""

from typing import Any

import jax
import jax.numpy as jnp

from .. import random
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..ops.conversion import beside, sizes
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert


def _drop(x: jax.Array, draw: jax.Array, rate: jax.Array) -> jax.Array:
    """Zeros where the uniform draw is under the rate, the rest scaled up."""
    kept = jnp.where(rate < 1, 1 - rate, 1).astype(x.dtype)  # at 1 all are dropped
    return jnp.where(draw >= rate, x / kept, jnp.zeros_like(x))


DROPOUT = Op("dropout", _drop)


def dropout(
    x: TensorLike,
    rate: TensorLike,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`x` with each element 0 with probability `rate`, the rest / (1 - rate).

    Args:
        x: Floats.
        rate: Probability, from 0 to below 1; a Python number is data, not structure.
        noise_shape: Shape of the draw, broadcast to `x`; `None` entries take the
            length of `x`. Default the shape of `x`.
        seed: Draws from a stream of its own, which `jt.random.set_seed` starts anew.
        name: No effect.

    Raises:
        ArgumentError: for a rate outside [0, 1).
        ArgumentTypeError: if `x` holds no floats.
        ShapeError: if `noise_shape` has another number of axes than `x`.

    References:
        Srivastava et al., 2014, section 10 (inverted scaling).
    """
    given = convert(x, name="x")
    if not jnp.issubdtype(given.dtype, jnp.floating):
        raise ArgumentTypeError(
            f"`x` of dropout() must hold floats; got dtype {given.dtype.name}. "
            "Cast it: jt.cast(x, 'float32')."
        )
    if isinstance(rate, int | float):
        if not 0 <= rate < 1:
            raise ArgumentError(
                f"`rate` of dropout() must be at least 0 and below 1; got {rate}."
            )
        if rate == 0:
            return given
    wanted = (None,) * given.ndim if noise_shape is None else tuple(noise_shape)
    if len(wanted) != given.ndim:
        raise ShapeError(
            f"`noise_shape` is {wanted}, and `x` has shape {given.shape}. "
            "Give one entry for each axis; 1 shares the draw."
        )
    shape = tuple(
        length if share is None else sizes(share, "noise_shape")[0]
        for share, length in zip(wanted, given.shape, strict=True)
    )
    draw = random.uniform(shape, seed=seed)
    return call(DROPOUT, (given, draw, beside(draw, rate, "rate")))
