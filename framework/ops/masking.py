"""Masks: choosing by one, and making one from lengths."""

import builtins
from typing import Any

import jax
import jax.numpy as jnp

from ..checked import integer
from ..errors import ShapeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import one_integer, requested_dtype
from .indexing import indices_of


def _sequence_mask(lengths: jax.Array, *, length: int, dtype: Any) -> jax.Array:
    return (jnp.arange(length) < lengths[..., None]).astype(dtype)


SEQUENCE_MASK = Op("sequence_mask", _sequence_mask, is_differentiable=False)


def boolean_mask(
    tensor: TensorLike, mask: TensorLike, axis: int | None = None, name: str = ""
) -> Tensor:
    """The slices of `tensor` where `mask` is true; the mask is read.

    Args:
        tensor: What to choose from.
        mask: Booleans, of the shape of the axes from `axis` on.
        axis: Where the mask begins. Default 0.
        name: No effect.

    Raises:
        OutOfRangeError: if the shape of the mask is not that of these axes.
        ShapeError: for a mask without axes.
    """
    x, where = convert(tensor, name="tensor"), convert(mask, "bool", "mask")
    if not where.ndim:
        raise ShapeError("`mask` must have at least one axis; got a single value.")
    place = integer(None, "axis", axis or 0)
    before = (builtins.slice(None),) * (place % x.ndim if place < 0 else place)
    return x[(*before, where)]


def sequence_mask(
    lengths: TensorLike,
    maxlen: int | None = None,
    dtype: Any = "bool",
    name: str | None = None,
) -> Tensor:
    """For each length a row that is true up to there and false behind it.

    Args:
        lengths: Integers.
        maxlen: Length of the rows. Default the largest of `lengths`, which is read.
        dtype: Element type. Default bool.
        name: No effect.

    Shapes:
        (...) -> (..., maxlen)
    """
    given = indices_of(lengths, "lengths")
    if maxlen is None:
        length = int(given.numpy().max(initial=0))
    else:
        length = one_integer(maxlen, "maxlen")
    options = {"length": length, "dtype": requested_dtype(dtype)}
    return call(SEQUENCE_MASK, (given,), options, tuple(options.values()))
