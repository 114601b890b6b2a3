"""Limiting values, norms, and the norm of many Tensors together."""

from typing import Any

import jax
import jax.numpy as jnp

from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import beside, limit_of, several, sizes, tensors
from .norms import scales_of, square_sum, total_of, wide
from .reductions import safe_sqrt


def _clip_by_value(x: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Derivative 1 by x on both bounds, 0 outside and for NaN, as in TensorFlow."""
    is_inside = (x >= low) & (x <= high)
    constant = jax.lax.stop_gradient(x)
    outside = jnp.where(x < low, low, jnp.where(x > high, high, constant))
    return jnp.where(is_inside, x, outside)


def _clip_by_norm(x: jax.Array, limit: jax.Array, *, axes: Any) -> jax.Array:
    # Squares of scaled values neither overflow nor vanish. (Scaling only where it is
    # needed takes a `cond`, which costs a small training step half its time.)
    x32 = wide(x)
    down, up = scales_of([x32], axes)
    scaled = x32 * down
    total = square_sum(scaled, axes)
    return _shrunk(x32, scaled, total, up, limit.astype(x32.dtype)).astype(x.dtype)


def _shrunk(
    x: jax.Array, scaled: jax.Array, total: jax.Array, up: Any, limit: jax.Array
) -> jax.Array:
    """`x` brought to the limit; `total` is the sum of squares of `scaled` = x / up."""
    root = jnp.sqrt(jnp.where(total == 0, 1, total))
    is_inside = up * safe_sqrt(total) < limit
    return jnp.where(is_inside, x, scaled / root * limit)


def _clip_together(limit: jax.Array, *arrays: jax.Array) -> tuple[list, jax.Array]:
    widened = [wide(x) for x in arrays]
    down, up = (scale.reshape(()) for scale in scales_of(widened))
    scaled = [x * down for x in widened]
    total = total_of([square_sum(x) for x in scaled])
    root = jnp.sqrt(jnp.where(total == 0, 1, total))
    norm = up * safe_sqrt(total)
    factor = limit.astype(root.dtype) / root
    unspoilt = _one_or_nan(root)
    clipped = [
        (jnp.where(norm < limit, x, part * factor) * unspoilt).astype(given.dtype)
        for x, part, given in zip(widened, scaled, arrays, strict=True)
    ]
    return clipped, norm


def _clip_by_given_norm(
    limit: jax.Array, norm: jax.Array, *arrays: jax.Array
) -> list[jax.Array]:
    is_inside = norm < limit
    factor = jnp.where(is_inside, 1, limit / jnp.where(is_inside, 1, norm))
    factor = factor * _one_or_nan(norm)
    return [(wide(x) * factor).astype(x.dtype) for x in arrays]


def _one_or_nan(x: jax.Array) -> jax.Array:
    """NaN if x is not finite, so that clipping never hides it."""
    return jnp.where(jnp.isfinite(x), 1.0, jnp.nan).astype(x.dtype)


_BOUNDS = "The bounds must broadcast to the shape of what is clipped."
CLIP_BY_VALUE = Op("clip_by_value", _clip_by_value, hint=_BOUNDS)
CLIP_BY_NORM = Op(
    "clip_by_norm",
    _clip_by_norm,
    hint="`axes` must name axes, `clip_norm` be a number.",
)
_ALL_AXES = {"axes": None}
CLIP_TOGETHER = Op("clip_by_global_norm", _clip_together)
CLIP_BY_GIVEN_NORM = Op("clip_by_global_norm", _clip_by_given_norm)


def clip_by_value(
    t: TensorLike,
    clip_value_min: TensorLike,
    clip_value_max: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`t` with every element moved into the interval; the gradient at a bound is 1.

    Args:
        t: What to clip.
        clip_value_min: The least value; broadcasts to `t`.
        clip_value_max: The greatest value; broadcasts to `t`.
        name: No effect.
    """
    x = t if t.__class__ is Tensor else convert(t, name="t")
    low = beside(x, clip_value_min, "clip_value_min")
    return call(CLIP_BY_VALUE, (x, low, beside(x, clip_value_max, "clip_value_max")))


def clip_by_norm(
    t: TensorLike, clip_norm: TensorLike, axes: Any = None, name: str | None = None
) -> Tensor:
    """`t` scaled down to Euclidean norm `clip_norm` where it is larger.

    The norm is taken in float32 at least, of values scaled by the largest: 1e25 or a
    million float16 numbers neither overflow nor vanish, and the direction is kept.
    (TensorFlow gives 0 for 1e25.) Zeros stay zeros, with gradient 1.

    Args:
        t: What to clip.
        clip_norm: The greatest norm.
        axes: Axes that each norm is taken over. Default all.
        name: No effect.
    """
    x = t if t.__class__ is Tensor else convert(t, name="t")
    limit = limit_of(x, clip_norm, "clip_norm")
    if axes is None:
        return call(CLIP_BY_NORM, (x, limit), _ALL_AXES, (None,))
    over = sizes(axes, "axes")
    return call(CLIP_BY_NORM, (x, limit), {"axes": over}, over)


def clip_by_global_norm(
    t_list: Any,
    clip_norm: TensorLike,
    use_norm: TensorLike = None,
    name: str | None = None,
) -> tuple[list[Tensor | None], Tensor]:
    """Tensors scaled down together, so that the norm of all is at most `clip_norm`.

    Args:
        t_list: Tensors; a `None` stays a `None`.
        clip_norm: The greatest norm.
        use_norm: The norm of all, if it is known. Default `global_norm(t_list)`.
        name: No effect.

    Returns:
        The clipped Tensors, and the norm before. Both are NaN if a value is.
    """
    given = several(t_list, "t_list")
    arrays = tensors([t for t in given if t is not None], "t_list")
    if not arrays:
        return given, convert(0.0 if use_norm is None else use_norm, "float32")
    limit = limit_of(arrays[0], clip_norm, "clip_norm")
    if use_norm is None:
        clipped, norm = call(CLIP_TOGETHER, (limit, *arrays))
    else:
        norm = limit_of(arrays[0], use_norm, "use_norm")
        clipped = call(CLIP_BY_GIVEN_NORM, (limit, norm, *arrays))
    left = iter(clipped)
    return [None if t is None else next(left) for t in given], norm
