"""Functions of statistics and physics: beta, gamma, zeta, Bessel, normal quantiles."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy import special

from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import operands, stop_gradient, tensors
from .elementwise import of_two, unary
from .norms import wide


def _ndtri(x: jax.Array) -> jax.Array:
    """In float32 at least, since JAX's takes no bfloat16."""
    return special.ndtri(wide(x)).astype(x.dtype)


def _erfcinv(x: jax.Array) -> jax.Array:
    return (-special.ndtri(wide(x) / 2) * 0.5**0.5).astype(x.dtype)


def _lbeta(x: jax.Array) -> jax.Array:
    log_gammas = special.gammaln(x)
    return jnp.sum(log_gammas, -1) - special.gammaln(jnp.sum(x, -1))


def _polygamma(order: jax.Array, x: jax.Array) -> jax.Array:
    """NaN for an order that is no whole number; JAX takes integers only."""
    whole = jnp.floor(order)
    found = special.polygamma(whole.astype(jnp.int32), x)
    return jnp.where(whole == order, found, jnp.nan).astype(x.dtype)


def _polyval(x: jax.Array, *coefficients: jax.Array) -> jax.Array:
    """Horner's scheme, the highest power first."""
    total = jnp.zeros_like(x)
    for coefficient in coefficients:
        total = total * x + coefficient
    return total


bessel_i0 = unary(Op("bessel_i0", special.i0), "The modified Bessel function I0.")
bessel_i0e = unary(Op("bessel_i0e", special.i0e), "exp(-|x|) I0(x).")
bessel_i1 = unary(Op("bessel_i1", special.i1), "The modified Bessel function I1.")
bessel_i1e = unary(Op("bessel_i1e", special.i1e), "exp(-|x|) I1(x).")
erfcinv = unary(Op("erfcinv", _erfcinv), "The inverse of erfc.")
lbeta = unary(
    Op("lbeta", _lbeta), "log(|beta(x)|), the last axis holding the arguments of beta."
)
ndtri = unary(
    Op("ndtri", _ndtri), "The number below which a normal one is with chance x."
)
IGAMMA = of_two("igamma", special.gammainc)
IGAMMAC = of_two("igammac", special.gammaincc)
POLYGAMMA = of_two("polygamma", _polygamma)
ZETA = of_two("zeta", special.zeta)
BETAINC = Op("betainc", special.betainc, hint="The three must broadcast to one shape.")
POLYVAL = Op("polyval", _polyval, hint="The coefficients must broadcast to x.")


def igamma(a: TensorLike, x: TensorLike, name: str | None = None) -> Tensor:
    """The regularised lower incomplete gamma function P(a, x)."""
    return call(IGAMMA, operands(a, x))


def igammac(a: TensorLike, x: TensorLike, name: str | None = None) -> Tensor:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""
    return call(IGAMMAC, operands(a, x))


def polygamma(a: TensorLike, x: TensorLike, name: str | None = None) -> Tensor:
    """The derivative of order a + 1 of log(gamma(x)); no gradient by `a`."""
    order, at = operands(a, x)
    return call(POLYGAMMA, (stop_gradient(order), at))


def zeta(x: TensorLike, q: TensorLike, name: str | None = None) -> Tensor:
    """The sum of (n + q) ** -x over n = 0, 1, 2, ...; no gradient by `x`."""
    power, start = operands(x, q)
    return call(ZETA, (stop_gradient(power), start))


def betainc(
    a: TensorLike, b: TensorLike, x: TensorLike, name: str | None = None
) -> Tensor:
    """The regularised incomplete beta function I_x(a, b); no gradient by `a`, `b`."""
    first, at = operands(a, x)
    second, _ = operands(b, x)
    return call(BETAINC, (stop_gradient(first), stop_gradient(second), at))


def polyval(
    coeffs: Sequence[TensorLike], x: TensorLike, name: str | None = None
) -> Tensor:
    """coeffs[0] * x ** n + ... + coeffs[n], by Horner's scheme.

    Args:
        coeffs: Coefficients, the highest power first; 0 where there are none.
        x: Where to evaluate.
        name: No effect.
    """
    return call(POLYVAL, (convert(x, name="x"), *tensors(coeffs, "coeffs")))
