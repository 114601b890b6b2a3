"""`jt.math`: elementary functions, and TensorFlow's aliases of the common ops."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .errors import OutOfRangeError
from .ops import abs as abs
from .ops import add as add
from .ops import add_n as add_n
from .ops import argmax as argmax
from .ops import argmin as argmin
from .ops import divide as divide
from .ops import equal as equal
from .ops import exp as exp
from .ops import floor as floor
from .ops import greater as greater
from .ops import greater_equal as greater_equal
from .ops import less as less
from .ops import less_equal as less_equal
from .ops import logical_and as logical_and
from .ops import logical_not as logical_not
from .ops import logical_or as logical_or
from .ops import logical_xor as logical_xor
from .ops import maximum as maximum
from .ops import minimum as minimum
from .ops import multiply as multiply
from .ops import negative as negative
from .ops import not_equal as not_equal
from .ops import pow as pow
from .ops import reduce_all as reduce_all
from .ops import reduce_any as reduce_any
from .ops import reduce_logsumexp as reduce_logsumexp
from .ops import reduce_max as reduce_max
from .ops import reduce_mean as reduce_mean
from .ops import reduce_min as reduce_min
from .ops import reduce_prod as reduce_prod
from .ops import reduce_std as reduce_std
from .ops import reduce_sum as reduce_sum
from .ops import reduce_variance as reduce_variance
from .ops import round as round
from .ops import sign as sign
from .ops import sqrt as sqrt
from .ops import square as square
from .ops import subtract as subtract
from .ops import top_k as top_k
from .ops.elementwise import binary, of_two, stepwise, unary
from .ops.norms import l2_normalize as l2_normalize
from .ops.norms import norm
from .recording import arithmetic
from .recording.checking import outside
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert


def _divide_no_nan(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def _xlogy(x: jax.Array, y: jax.Array) -> jax.Array:
    """Derivatives 0 where x is 0, as in TensorFlow."""
    return jnp.where(x == 0, 0, x * jnp.log(jnp.where(x == 0, 1, y)))


def _squared_difference(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.square(x - y)


acos = unary(Op("acos", jnp.arccos), "The angle in [0, pi] with this cosine.")
acosh = unary(Op("acosh", jnp.arccosh), "The inverse of cosh.")
asin = unary(Op("asin", jnp.arcsin), "The angle in [-pi/2, pi/2] with this sine.")
asinh = unary(Op("asinh", jnp.arcsinh), "The inverse of sinh.")
atan = unary(Op("atan", jnp.arctan), "The angle in [-pi/2, pi/2] with this tangent.")
atanh = unary(Op("atanh", jnp.arctanh), "The inverse of tanh.")
cos = unary(Op("cos", jnp.cos), "The cosine of an angle in radians.")
cosh = unary(Op("cosh", jnp.cosh), "The hyperbolic cosine.")
digamma = unary(
    Op("digamma", jax.scipy.special.digamma), "The derivative of log(|gamma(x)|)."
)
erf = unary(Op("erf", jax.scipy.special.erf), "The error function.")
erfc = unary(Op("erfc", jax.scipy.special.erfc), "1 - erf(x), exact for large x.")
erfinv = unary(Op("erfinv", jax.scipy.special.erfinv), "The inverse of erf.")
expm1 = unary(Op("expm1", jnp.expm1), "exp(x) - 1, exact near 0.")
lgamma = unary(Op("lgamma", jax.scipy.special.gammaln), "log(|gamma(x)|).")
log = unary(Op("log", jnp.log), "The natural logarithm.")
log1p = unary(Op("log1p", jnp.log1p), "log(1 + x), exact near 0.")
log_sigmoid = unary(Op("log_sigmoid", jax.nn.log_sigmoid), "log(1 / (1 + exp(-x))).")
reciprocal = unary(Op("reciprocal", jnp.reciprocal, masks_zeros=True), "1 / x.")
rsqrt = unary(Op("rsqrt", jax.lax.rsqrt, masks_zeros=True), "1 / sqrt(x).")
sigmoid = unary(Op("sigmoid", jax.nn.sigmoid), "1 / (1 + exp(-x)).")
sin = unary(Op("sin", jnp.sin), "The sine of an angle in radians.")
sinh = unary(Op("sinh", jnp.sinh), "The hyperbolic sine.")
softplus = unary(Op("softplus", jax.nn.softplus), "log(1 + exp(x)).")
tan = unary(Op("tan", jnp.tan), "The tangent of an angle in radians.")
tanh = unary(Op("tanh", jnp.tanh), "The hyperbolic tangent.")

ceil = unary(stepwise("ceil", jnp.ceil), "The smallest integer >= x; no gradient.")
rint = unary(stepwise("rint", jnp.rint), "The nearest integer, halves to even.")
is_finite = unary(stepwise("is_finite", jnp.isfinite), "Whether x is a number.")
is_inf = unary(stepwise("is_inf", jnp.isinf), "Whether x is infinite.")
is_nan = unary(stepwise("is_nan", jnp.isnan), "Whether x is NaN.")

complex = binary(of_two("complex", jax.lax.complex), "x + iy of two floats.")
angle = unary(Op("angle", jnp.angle), "The angle of a complex number in radians.")
conj = unary(Op("conj", jnp.conj), "The complex conjugate.")
imag = unary(Op("imag", jnp.imag), "The imaginary part.")
real = unary(Op("real", jnp.real), "The real part.")

atan2 = binary(
    of_two("atan2", jnp.arctan2), "The angle of the point (y, x): x is first."
)
divide_no_nan = binary(
    of_two("divide_no_nan", _divide_no_nan), "x / y, and 0 where y is 0."
)
floordiv = binary(arithmetic.FLOOR_DIVIDE, "x / y rounded down; no gradient.")
floormod = binary(arithmetic.MOD, "x - y * floor(x / y): the sign is that of y.")
squared_difference = binary(
    of_two("squared_difference", _squared_difference), "(x - y) ** 2."
)
truediv = divide
xlogy = binary(of_two("xlogy", _xlogy), "x * log(y), and 0 where x is 0.")


def _cumsum(x: jax.Array, *, axis: int, exclusive: bool, reverse: bool) -> jax.Array:
    if exclusive:
        x = _without_own(x, jnp.zeros_like, axis, reverse)
    return jax.lax.cumsum(x, axis % x.ndim, reverse)


def _cumprod(x: jax.Array, *, axis: int, exclusive: bool, reverse: bool) -> jax.Array:
    if exclusive:
        x = _without_own(x, jnp.ones_like, axis, reverse)
    return jax.lax.cumprod(x, axis % x.ndim, reverse)


def _without_own(
    x: jax.Array, neutral: Callable[..., jax.Array], axis: int, reverse: bool
) -> jax.Array:
    """`x` moved on by one place, so that no cumulated value holds its own element."""
    if not x.shape[axis]:
        return x
    first, last = (1, None) if reverse else (0, -1)
    start = neutral(jax.lax.slice_in_dim(x, 0, 1, axis=axis))
    kept = jax.lax.slice_in_dim(x, first, last, axis=axis)
    return jnp.concatenate([kept, start] if reverse else [start, kept], axis)


CUMSUM = Op("cumsum", _cumsum, hint="`axis` must name an axis of x.")
CUMPROD = Op("cumprod", _cumprod, hint="`axis` must name an axis of x.")


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


def _cumulated(
    op: Op, x: TensorLike, axis: int, exclusive: bool, reverse: bool
) -> Tensor:
    flags = {"exclusive": bool(exclusive), "reverse": bool(reverse)}
    frozen = (axis, *flags.values())
    array = convert(x, name="x")
    if not -array.ndim <= axis < array.ndim:
        raise OutOfRangeError(
            f"`axis` is {axis}, but the input has {array.ndim} axes (shape "
            f"{array.shape}). Give one from {-array.ndim} to {array.ndim - 1}."
        )
    return call(op, (array,), {"axis": axis, **flags}, frozen)


def reduce_euclidean_norm(
    input_tensor: TensorLike,
    axis: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> Tensor:
    """The root of the sum of squares over `axis`, its gradient 0 at 0."""
    if axis is None or isinstance(axis, int) or len(axis) == 1:
        return norm(input_tensor, "euclidean", axis, keepdims)
    return sqrt(reduce_sum(square(input_tensor), axis, keepdims))


def unsorted_segment_sum(
    data: TensorLike,
    segment_ids: TensorLike,
    num_segments: int,
    name: str | None = None,
) -> Tensor:
    """The sums of the rows of `data` that have the same segment id.

    Shapes:
        (n, ...), (n,) -> (num_segments, ...); ids of several axes stand for as many
        axes of the data
    """
    inputs = (convert(data, name="data"), convert(segment_ids, name="segment_ids"))
    return call(SEGMENT_SUM, inputs, {"count": num_segments}, (num_segments,))


def _bad_segment(inputs: Sequence[Any], options: dict) -> str | None:
    """Rows with a negative id count for no segment, as in TensorFlow."""
    count = options["count"]
    return outside(inputs[1], count, f"{count} segments", lowest=None)


SEGMENT_SUM = Op(
    "unsorted_segment_sum",
    lambda data, ids, *, count: jax.ops.segment_sum(
        data.reshape(ids.size, *data.shape[ids.ndim :]), ids.ravel(), count
    ),
    bad_index=_bad_segment,
)
