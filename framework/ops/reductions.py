"""Sums, means, extremes along axes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..recording import arithmetic
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert, reduce_with

_AXES = "`axis` must name axes that the input has."


def _reduction(
    op: Op, summary: str, of_nothing: Op | None = None, of_integers: Op | None = None
) -> Callable[..., Tensor]:
    """The public function of a reduction; the others are for these kinds of input."""

    def reduce(
        input_tensor: TensorLike,
        axis: Any = None,
        keepdims: bool = False,
        name: str | None = None,
    ) -> Tensor:
        x = input_tensor
        x = x if x.__class__ is Tensor else convert(x, name="input_tensor")
        used = op
        if of_nothing is not None and 0 in x._type.shape:
            used = of_nothing
        elif of_integers is not None and not x._type.is_inexact:
            used = of_integers
        if axis is None or axis.__class__ is int:
            keepdims = bool(keepdims)
            return call(
                used, (x,), {"axis": axis, "keepdims": keepdims}, (axis, keepdims)
            )
        return reduce_with(used, x, axis, keepdims)

    reduce.__name__ = reduce.__qualname__ = op.name
    reduce.__doc__ = f"{summary} over `axis`: one, a list, or by default all."
    return reduce


def _op(name: str, function: Callable, **traits: Any) -> Op:
    def reduce(x: jax.Array, *, axis: Any, keepdims: bool) -> jax.Array:
        return function(x, axis=axis, keepdims=keepdims)

    return Op(name, reduce, hint=_AXES, **traits)


def _limits(dtype: Any) -> tuple[Any, Any]:
    """The least and the greatest value that a dtype has."""
    if jnp.issubdtype(dtype, jnp.floating):
        return -jnp.inf, jnp.inf
    if jnp.issubdtype(dtype, jnp.bool_):
        return False, True
    return jnp.iinfo(dtype).min, jnp.iinfo(dtype).max


def _max_or_lowest(x: jax.Array, **options: Any) -> jax.Array:
    return jnp.max(x, initial=_limits(x.dtype)[0], **options)


def _min_or_highest(x: jax.Array, **options: Any) -> jax.Array:
    return jnp.min(x, initial=_limits(x.dtype)[1], **options)


def _mean(x: jax.Array, **options: Any) -> jax.Array:
    """The mean in the dtype of x: of integers it is cut, as in TensorFlow."""
    if not jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.mean(x, **options).astype(x.dtype)
    total = jnp.sum(x, **options)
    count = max(x.size // max(total.size, 1), 1)
    return jax.lax.div(total, jnp.asarray(count, total.dtype)).astype(x.dtype)


def _in_dtype(function: Callable) -> Callable:
    """A reduction whose result has the dtype of x, as in TensorFlow."""

    def reduce(x: jax.Array, **options: Any) -> jax.Array:
        kind = x.dtype if jnp.issubdtype(x.dtype, jnp.integer) else None
        return function(x, dtype=kind, **options)

    return reduce


def safe_sqrt(square: jax.Array) -> jax.Array:
    """The square root with derivative 0 at 0, where the exact one is infinite."""
    is_zero = square == 0
    root = jnp.sqrt(jnp.where(is_zero, 1, square))
    return jnp.where(is_zero, square, root)


def _deviation(x: jax.Array, **options: Any) -> jax.Array:
    return safe_sqrt(jnp.var(x, **options))


def _logsumexp(x: jax.Array, **options: Any) -> jax.Array:
    return jax.scipy.special.logsumexp(x, **options)


MEAN_IN_DTYPE = _op("reduce_mean", _mean)
LOGSUMEXP = _op("reduce_logsumexp", _logsumexp)
VARIANCE = _op("reduce_variance", jnp.var)
DEVIATION = _op("reduce_std", _deviation)

reduce_sum = _reduction(
    arithmetic.SUM, "The sum", of_integers=_op("reduce_sum", _in_dtype(jnp.sum))
)
reduce_prod = _reduction(
    arithmetic.PROD, "The product", of_integers=_op("reduce_prod", _in_dtype(jnp.prod))
)
reduce_max = _reduction(
    arithmetic.MAX,
    "The largest element; equal ones share the gradient,",
    of_nothing=_op("reduce_max", _max_or_lowest),
)
reduce_min = _reduction(
    arithmetic.MIN,
    "The smallest element; equal ones share the gradient,",
    of_nothing=_op("reduce_min", _min_or_highest),
)
reduce_any = _reduction(arithmetic.ANY, "Whether any element is true,")
reduce_all = _reduction(arithmetic.ALL, "Whether all elements are true,")
reduce_logsumexp = _reduction(LOGSUMEXP, "log(sum(exp(x))), without overflow,")
reduce_variance = _reduction(VARIANCE, "The mean squared distance from the mean,")
reduce_std = _reduction(
    DEVIATION, "The square root of the variance, its gradient 0 where that is 0,"
)
reduce_mean = _reduction(
    arithmetic.MEAN,
    "The mean, of integers cut to an integer,",
    of_integers=MEAN_IN_DTYPE,
)
