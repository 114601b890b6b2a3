"""Running sums and products along an axis."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import OutOfRangeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import one_integer


def _running(function: Callable, neutral: Any) -> Callable[..., jax.Array]:
    """A running reduction with TensorFlow's `exclusive` and `reverse`."""

    def run(x: jax.Array, *, axis: int, exclusive: bool, reverse: bool) -> jax.Array:
        if exclusive:
            x = _without_own(x, neutral, axis, reverse)
        return function(x, axis % x.ndim, reverse)

    return run


def _without_own(x: jax.Array, neutral: Any, axis: int, reverse: bool) -> jax.Array:
    """`x` moved on by one place, so that no cumulated value holds its own element."""
    if not x.shape[axis]:
        return x
    first, last = (1, None) if reverse else (0, -1)
    start = jnp.full_like(jax.lax.slice_in_dim(x, 0, 1, axis=axis), neutral)
    kept = jax.lax.slice_in_dim(x, first, last, axis=axis)
    return jnp.concatenate([kept, start] if reverse else [start, kept], axis)


_HINT = "`axis` must name an axis of x."
CUMSUM = Op("cumsum", _running(jax.lax.cumsum, 0), hint=_HINT)
CUMPROD = Op("cumprod", _running(jax.lax.cumprod, 1), hint=_HINT)
CUMULATIVE_LOGSUMEXP = Op(
    "cumulative_logsumexp", _running(jax.lax.cumlogsumexp, -jnp.inf), hint=_HINT
)


def cumsum(
    x: TensorLike,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Sums of the elements up to each one along `axis`.

    Args:
        x: What to sum.
        axis: Along which axis. Default 0.
        exclusive: Whether each sum leaves its own element out.
        reverse: Whether to sum from the end.
        name: No effect.

    Raises:
        OutOfRangeError: for an axis that is not there.
    """
    return _cumulated(CUMSUM, x, axis, exclusive, reverse)


def cumprod(
    x: TensorLike,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Products of the elements up to each one along `axis`; arguments as `cumsum`."""
    return _cumulated(CUMPROD, x, axis, exclusive, reverse)


def cumulative_logsumexp(
    x: TensorLike,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Tensor:
    """log(cumsum(exp(x))) without overflow; arguments as `cumsum`."""
    return _cumulated(CUMULATIVE_LOGSUMEXP, x, axis, exclusive, reverse)


def _cumulated(
    op: Op, x: TensorLike, axis: int, exclusive: bool, reverse: bool
) -> Tensor:
    axis = one_integer(axis, "axis")
    flags = {"exclusive": bool(exclusive), "reverse": bool(reverse)}
    frozen = (axis, *flags.values())
    array = convert(x, name="x")
    if not -array.ndim <= axis < array.ndim:
        raise OutOfRangeError(
            f"`axis` is {axis}, but the input has {array.ndim} axes (shape "
            f"{array.shape}). Give one from {-array.ndim} to {array.ndim - 1}."
        )
    return call(op, (array,), {"axis": axis, **flags}, frozen)
