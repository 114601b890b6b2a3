"""Norms, finite where their squares overflow, with gradient 0 at 0.

They are taken in float32 at least, of values scaled by the largest one first. That
scale cancels from the result, so no derivative is taken of it.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError
from ..recording.arithmetic import ABS
from ..recording.execution import call
from ..recording.op import Op
from ..recording.signature import freeze
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import beside, several, sizes, tensors
from .reductions import safe_sqrt

_EUCLIDEAN = ("euclidean", "fro")
_MARGIN = 7  # how far exponents stay from the ends, so that inverses are normal too


def wide(x: jax.Array) -> jax.Array:
    """`x` in a dtype that is fit for squares and sums."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def scales_of(
    arrays: Sequence[jax.Array], axis: Any = None
) -> tuple[jax.Array, jax.Array]:
    """What to multiply by before squaring, and after the root; axes are kept.

    Powers of two, so that nothing is rounded, which bring the largest |x| to between
    1 and 2 (or leave it, where it is not finite). Multiplied, since XLA divides by
    multiplying with the inverse, and that of 1e38 is flushed to 0. Made from the bits
    of the exponent: `frexp` and `ldexp` take a small training step 10 microseconds.
    """
    keep = axis is not None or len(arrays) == 1
    most = functools.reduce(jnp.maximum, [_largest(x, axis, keep) for x in arrays])
    layout = jnp.finfo(most.dtype)
    shift, bias = layout.nmant, layout.maxexp - 1
    bits = jax.lax.bitcast_convert_type(most, f"int{layout.bits}")
    exponent = jax.lax.shift_right_logical(bits, bits.dtype.type(shift))
    usable = jnp.clip(exponent, _MARGIN, 2 * bias - _MARGIN)
    exponent = jnp.where(exponent > 2 * bias, bias, usable).astype(bits.dtype)

    def power(biased: jax.Array) -> jax.Array:
        moved = jax.lax.shift_left(biased, biased.dtype.type(shift))
        return jax.lax.bitcast_convert_type(moved, most.dtype)

    return power(2 * bias - exponent), power(exponent)


def _largest(x: jax.Array, axis: Any, keepdims: bool) -> jax.Array:
    size = jnp.abs(jax.lax.stop_gradient(x))
    return jnp.max(size, axis=axis, keepdims=keepdims, initial=0)


def square_sum(x: jax.Array, axis: Any = None) -> jax.Array:
    """The sum of |x| ** 2; axes are kept."""
    square = jnp.real(x * jnp.conj(x)) if jnp.iscomplexobj(x) else x * x
    return jnp.sum(square, axis=axis, keepdims=True)


def total_of(parts: Sequence[jax.Array]) -> jax.Array:
    """The sum of all elements of all arrays."""
    return functools.reduce(jnp.add, [jnp.sum(part) for part in parts])


def _euclidean(x: jax.Array, axis: Any, keepdims: bool) -> jax.Array:
    x32 = wide(x)
    down, up = scales_of([x32], axis)
    norm = up * safe_sqrt(square_sum(x32 * down, axis))
    real = jnp.finfo(x.dtype).dtype
    return (norm if keepdims else jnp.squeeze(norm, axis)).astype(real)


def _power_sum(x: jax.Array, order: Any, axis: Any, keepdims: bool) -> jax.Array:
    size = ABS.function(x)
    if order == 1:
        return jnp.sum(size, axis=axis, keepdims=keepdims)
    if order == np.inf:
        return jnp.max(size, axis=axis, keepdims=keepdims)
    total = jnp.sum(size**order, axis=axis, keepdims=keepdims)
    is_zero = total == 0
    return jnp.where(is_zero, total, jnp.where(is_zero, 1, total) ** (1 / order))


def _norm(x: jax.Array, *, order: Any, axis: Any, keepdims: bool) -> jax.Array:
    is_matrix = isinstance(axis, tuple) and len(axis) == 2
    if order in _EUCLIDEAN or (order == 2 and not is_matrix):
        return _euclidean(x, axis, keepdims)
    if is_matrix:
        return jnp.linalg.norm(x, order, axis, keepdims)
    return _power_sum(x, order, axis, keepdims)


def _global_norm(*arrays: jax.Array) -> jax.Array:
    widened = [wide(x) for x in arrays]
    down, up = (scale.reshape(()) for scale in scales_of(widened))
    return up * safe_sqrt(total_of([square_sum(x * down) for x in widened]))


def _l2_normalize(x: jax.Array, epsilon: jax.Array, *, axis: Any) -> jax.Array:
    total = square_sum(x, axis)
    return x * jax.lax.rsqrt(jnp.where(total < epsilon, epsilon, total))


NORM = Op("norm", _norm, hint="`axis` must name one axis, or two for a matrix norm.")
GLOBAL_NORM = Op("global_norm", _global_norm)
L2_NORMALIZE = Op("l2_normalize", _l2_normalize, hint="`axis` must name axes of x.")


def norm(
    tensor: TensorLike,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """The norm of a vector or matrix.

    Args:
        tensor: What to measure; flattened if `axis` is not given.
        ord: `"euclidean"`, 1, 2, `np.inf` or another positive number; of a matrix
            `"euclidean"` (or `"fro"`: the root of all squares), 1, 2 or `np.inf`.
        axis: One axis for vectors, two for matrices. Default all.
        keepdims: Whether these axes stay, with length 1. Default false.
        name: No effect.

    Raises:
        ArgumentError: for an unknown `ord`.

    Note:
        The gradient of the Euclidean norm at 0 is 0; TensorFlow has NaN.
    """
    is_number = isinstance(ord, int | float | np.number) and not isinstance(ord, bool)
    if not (ord in _EUCLIDEAN if isinstance(ord, str) else is_number and ord > 0):
        raise ArgumentError(
            f"`ord` must be 'euclidean', 'fro' or a positive number; got {ord!r}."
        )
    x = tensor if tensor.__class__ is Tensor else convert(tensor, name="tensor")
    order = ord if isinstance(ord, str) else float(ord)
    over = None if axis is None else sizes(axis, "axis")
    keep = bool(keepdims)
    options = {"order": order, "axis": over, "keepdims": keep}
    return call(NORM, (x,), options, (freeze(order), over, keep))


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The Euclidean norm of all elements of several Tensors, in float32 at least.

    Args:
        t_list: Tensors; a `None` counts as nothing.
        name: No effect.

    Note:
        The gradient at 0 is 0; TensorFlow has NaN.
    """
    given = tensors([t for t in several(t_list, "t_list") if t is not None], "t_list")
    return call(GLOBAL_NORM, given) if given else convert(0.0, "float32")


def l2_normalize(
    x: TensorLike,
    axis: Any = None,
    epsilon: TensorLike = 1e-12,
    name: str | None = None,
) -> Tensor:
    """X / sqrt(max(sum(x ** 2), epsilon)), the sum over `axis`, by default all."""
    given = convert(x, name="x")
    over = None if axis is None else sizes(axis, "axis")
    small = beside(given, epsilon, "epsilon")
    return call(L2_NORMALIZE, (given, small), {"axis": over}, (over,))
