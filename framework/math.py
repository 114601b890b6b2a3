"""`jt.math`: elementary functions, and TensorFlow's aliases of the common ops."""

from typing import Any

import jax
import jax.numpy as jnp

from .neural.activations import log_softmax as log_softmax
from .neural.activations import softmax as softmax
from .neural.activations import softsign as softsign
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
from .ops import scalar_mul as scalar_mul
from .ops import sign as sign
from .ops import sqrt as sqrt
from .ops import square as square
from .ops import subtract as subtract
from .ops import top_k as top_k
from .ops import truncatediv as truncatediv
from .ops import truncatemod as truncatemod
from .ops.counting import bincount as bincount
from .ops.counting import confusion_matrix as confusion_matrix
from .ops.counting import count_nonzero as count_nonzero
from .ops.counting import zero_fraction as zero_fraction
from .ops.cumulation import cumprod as cumprod
from .ops.cumulation import cumsum as cumsum
from .ops.cumulation import cumulative_logsumexp as cumulative_logsumexp
from .ops.elementwise import binary, of_two, stepwise, unary
from .ops.norms import l2_normalize as l2_normalize
from .ops.norms import norm
from .ops.searching import in_top_k as in_top_k
from .ops.searching import invert_permutation as invert_permutation
from .ops.searching import is_non_decreasing as is_non_decreasing
from .ops.searching import is_strictly_increasing as is_strictly_increasing
from .ops.segments import segment_max as segment_max
from .ops.segments import segment_mean as segment_mean
from .ops.segments import segment_min as segment_min
from .ops.segments import segment_prod as segment_prod
from .ops.segments import segment_sum as segment_sum
from .ops.segments import unsorted_segment_max as unsorted_segment_max
from .ops.segments import unsorted_segment_mean as unsorted_segment_mean
from .ops.segments import unsorted_segment_min as unsorted_segment_min
from .ops.segments import unsorted_segment_prod as unsorted_segment_prod
from .ops.segments import unsorted_segment_sqrt_n as unsorted_segment_sqrt_n
from .ops.segments import unsorted_segment_sum as unsorted_segment_sum
from .ops.special import bessel_i0 as bessel_i0
from .ops.special import bessel_i0e as bessel_i0e
from .ops.special import bessel_i1 as bessel_i1
from .ops.special import bessel_i1e as bessel_i1e
from .ops.special import betainc as betainc
from .ops.special import erfcinv as erfcinv
from .ops.special import igamma as igamma
from .ops.special import igammac as igammac
from .ops.special import lbeta as lbeta
from .ops.special import ndtri as ndtri
from .ops.special import polygamma as polygamma
from .ops.special import polyval as polyval
from .ops.special import zeta as zeta
from .recording import arithmetic
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike


def _divide_no_nan(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def _xlogy(x: jax.Array, y: jax.Array) -> jax.Array:
    """Derivatives 0 where x is 0, as in TensorFlow."""
    return jnp.where(x == 0, 0, x * jnp.log(jnp.where(x == 0, 1, y)))


def _multiply_no_nan(x: jax.Array, y: jax.Array) -> jax.Array:
    dtype = jnp.result_type(x, y)
    return _multiply_or_zero(x.astype(dtype), y.astype(dtype))


@jax.custom_jvp
def _multiply_or_zero(x: jax.Array, y: jax.Array) -> jax.Array:
    """Its derivative by y is x, also where x is infinite and y is 0."""
    return jnp.where(y == 0, 0, x * y)


@_multiply_or_zero.defjvp
def _multiply_or_zero_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x, y), (dx, dy) = primals, tangents
    return _multiply_or_zero(x, y), _multiply_or_zero(dx, y) + x * dy


def _xdivy(x: jax.Array, y: jax.Array) -> jax.Array:
    """Derivatives 0 where x is 0, as in TensorFlow."""
    return jnp.where(x == 0, 0, x / jnp.where(x == 0, 1, y))


def _xlog1py(x: jax.Array, y: jax.Array) -> jax.Array:
    """Derivatives 0 where x is 0, as in TensorFlow."""
    return jnp.where(x == 0, 0, x * jnp.log1p(jnp.where(x == 0, 0, y)))


@jax.custom_jvp
def _next_after(x: jax.Array, y: jax.Array) -> jax.Array:
    """Derivative 1 by x, as in TensorFlow; JAX has 0."""
    return jnp.nextafter(x, y)


@_next_after.defjvp
def _next_after_jvp(primals: tuple, tangents: tuple) -> tuple:
    out = _next_after(*primals)
    return out, jnp.broadcast_to(tangents[0], out.shape)


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
softplus = unary(Op("softplus", jax.nn.softplus), "log(1 + exp(features)).", "features")
tan = unary(Op("tan", jnp.tan), "The tangent of an angle in radians.")
tanh = unary(Op("tanh", jnp.tanh), "The hyperbolic tangent.")

ceil = unary(stepwise("ceil", jnp.ceil), "The smallest integer >= x; no gradient.")
rint = unary(stepwise("rint", jnp.rint), "The nearest integer, halves to even.")
is_finite = unary(stepwise("is_finite", jnp.isfinite), "Whether x is a number.")
is_inf = unary(stepwise("is_inf", jnp.isinf), "Whether x is infinite.")
is_nan = unary(stepwise("is_nan", jnp.isnan), "Whether x is NaN.")

complex = binary(
    of_two("complex", jax.lax.complex), "real + i imag of two floats.", ("real", "imag")
)
angle = unary(
    Op("angle", jnp.angle), "The angle of a complex number in radians.", "input"
)
conj = unary(Op("conj", jnp.conj), "The complex conjugate.")
imag = unary(Op("imag", jnp.imag), "The imaginary part.", "input")
real = unary(Op("real", jnp.real), "The real part.", "input")

atan2 = binary(
    of_two("atan2", jnp.arctan2),
    "The angle of the point (x, y): y is first.",
    ("y", "x"),
)
divide_no_nan = binary(
    of_two("divide_no_nan", _divide_no_nan), "x / y, and 0 where y is 0."
)
multiply_no_nan = binary(
    of_two("multiply_no_nan", _multiply_no_nan),
    "x * y, and 0 where y is 0, even if x is infinite or NaN.",
)
nextafter = binary(
    of_two("nextafter", _next_after),
    "The number after x1 on the way to x2.",
    ("x1", "x2"),
)
reciprocal_no_nan = unary(
    Op("reciprocal_no_nan", lambda x: _divide_no_nan(jnp.ones_like(x), x)),
    "1 / x, and 0 where x is 0.",
)
xdivy = binary(of_two("xdivy", _xdivy), "x / y, and 0 where x is 0.")
xlog1py = binary(of_two("xlog1py", _xlog1py), "x * log(1 + y), and 0 where x is 0.")
floordiv = binary(arithmetic.FLOOR_DIVIDE, "x / y rounded down; no gradient.")
floormod = binary(arithmetic.MOD, "x - y * floor(x / y): the sign is that of y.")
squared_difference = binary(
    of_two("squared_difference", _squared_difference), "(x - y) ** 2."
)
accumulate_n = add_n
mod = floormod
truediv = divide
xlogy = binary(of_two("xlogy", _xlogy), "x * log(y), and 0 where x is 0.")


def reduce_euclidean_norm(
    input_tensor: TensorLike,
    axis: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> Tensor:
    """The root of the sum of squares over `axis`, its gradient 0 at 0."""
    if not isinstance(axis, list | tuple) or len(axis) == 1:
        return norm(input_tensor, "euclidean", axis, keepdims)
    return sqrt(reduce_sum(square(input_tensor), axis, keepdims))
