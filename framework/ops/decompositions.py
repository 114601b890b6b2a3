"""Decompositions of matrices, with TensorFlow's order of results."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import requested_dtype
from .elementwise import unary


class Qr(NamedTuple):
    """Orthogonal and upper triangular factor."""

    q: Tensor
    r: Tensor


class Lu(NamedTuple):
    """Both triangular factors in one matrix, and the order of the rows."""

    lu: Tensor
    p: Tensor


def adjoint(x: jax.Array) -> jax.Array:
    """The conjugate of the transposed matrices."""
    return jnp.conj(jnp.swapaxes(x, -1, -2))


def _from_lower(x: jax.Array) -> jax.Array:
    """The Hermitian matrix whose lower triangle this is; the upper one is not read."""
    if x.shape[-1] != x.shape[-2]:
        raise ValueError("the matrix is not square")
    below = jnp.tril(x, -1)
    return below + adjoint(below) + _real_diagonal(x)


def _real_diagonal(x: jax.Array) -> jax.Array:
    middle = jnp.diagonal(x, axis1=-2, axis2=-1)
    middle = jnp.real(middle).astype(x.dtype)
    return middle[..., None] * jnp.eye(x.shape[-1], dtype=x.dtype)


@jax.custom_jvp
def _cholesky(x: jax.Array) -> jax.Array:
    """From the lower triangle; its gradient is symmetric, as in TensorFlow."""
    return jax.lax.linalg.cholesky(_from_lower(x), symmetrize_input=False)


@_cholesky.defjvp
def _cholesky_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x,), (tangent,) = primals, tangents
    factor = _cholesky(x)
    even = (tangent + adjoint(tangent)) / 2
    half = _solve_lower(factor, adjoint(_solve_lower(factor, even)))
    low = jnp.tril(half, -1)
    middle = jnp.diagonal(half, axis1=-2, axis2=-1)[..., None] / 2
    inner = low + middle * jnp.eye(x.shape[-1], dtype=x.dtype)
    return factor, factor @ inner


def _solve_lower(factor: jax.Array, x: jax.Array) -> jax.Array:
    return jax.lax.linalg.triangular_solve(factor, x, left_side=True, lower=True)


def _eigh(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    vectors, values = jax.lax.linalg.eigh(_from_lower(x), symmetrize_input=False)
    return values.astype(x.dtype), vectors  # TensorFlow's are complex, too


@jax.custom_jvp
def _eig(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    values, vectors = jnp.linalg.eig(x)
    return values, vectors


@_eig.defjvp
def _eig_jvp(primals: tuple, tangents: tuple) -> tuple:
    """With vectors of length 1, as in TensorFlow; JAX asks to opt in to these.

    Their phase is free: only what does not depend on it has a derivative.
    """
    (x,), (tangent,) = primals, tangents
    values, vectors = _eig(x)
    mixed = jnp.linalg.solve(vectors, tangent.astype(vectors.dtype) @ vectors)
    slopes = jnp.diagonal(mixed, axis1=-2, axis2=-1)
    gaps = values[..., None, :] - values[..., None]
    turn = jnp.where(gaps == 0, 0, mixed / jnp.where(gaps == 0, 1, gaps))
    change = vectors @ turn
    along = jnp.sum(jnp.real(jnp.conj(vectors) * change), -2, keepdims=True)
    return (values, vectors), (slopes, change - vectors * along)


def _svd(x: jax.Array, *, full: bool) -> tuple[jax.Array, ...]:
    left, sizes, right = jnp.linalg.svd(x, full_matrices=full)
    return sizes, left, adjoint(right)


def _qr(x: jax.Array, *, full: bool) -> Any:
    return tuple(jnp.linalg.qr(x, "complete" if full else "reduced"))


def _lu(x: jax.Array, *, dtype: Any) -> tuple[jax.Array, jax.Array]:
    factors, _, order = jax.lax.linalg.lu(x)
    return factors, order.astype(dtype)


def _lu_reconstruct(factors: jax.Array, order: jax.Array) -> jax.Array:
    lower = jnp.tril(factors, -1) + jnp.eye(factors.shape[-1], dtype=factors.dtype)
    product = lower @ jnp.triu(factors)
    back = jnp.argsort(order, -1)
    return jnp.take_along_axis(product, back[..., None], -2)


_MATRIX = "The input needs at least two axes, the last two its rows and columns."
_SQUARE = "The last two axes must have equal lengths."
EIGH = Op("eigh", _eigh, hint=_SQUARE)
EIGVALSH = Op("eigvalsh", lambda x: _eigh(x)[0], hint=_SQUARE)
EIG = Op("eig", _eig, hint=_SQUARE)
EIGVALS = Op("eigvals", jnp.linalg.eigvals, hint=_SQUARE)
SVD = Op("svd", _svd, hint=_MATRIX)
SINGULAR_VALUES = Op(
    "svd", lambda x: jnp.linalg.svd(x, full_matrices=False)[1], hint=_MATRIX
)
QR = Op("qr", _qr, hint=_MATRIX)
LU = Op("lu", _lu, hint=_SQUARE)
LU_RECONSTRUCT = Op("lu_reconstruct", _lu_reconstruct, hint=_SQUARE)

cholesky = unary(
    Op("cholesky", _cholesky, hint=_SQUARE),
    "The lower triangular L with L @ adjoint(L) = input, NaN if there is none; only "
    "the lower triangle of the input is read.",
    "input",
)


def eigh(tensor: TensorLike, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues, rising, and eigenvectors of Hermitian matrices.

    Only the lower triangles are read, so only they have gradients.

    Shapes:
        (..., n, n) -> values (..., n), vectors (..., n, n), one in each column
    """
    return call(EIGH, (convert(tensor, name="tensor"),))


def eigvalsh(tensor: TensorLike, name: str | None = None) -> Tensor:
    """The eigenvalues of Hermitian matrices, rising; see `eigh`."""
    return call(EIGVALSH, (convert(tensor, name="tensor"),))


def eig(tensor: TensorLike, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Complex eigenvalues and eigenvectors of any square matrices, in no fixed order.

    Shapes:
        (..., n, n) -> values (..., n), vectors (..., n, n), one in each column
    """
    return call(EIG, (convert(tensor, name="tensor"),))


def eigvals(tensor: TensorLike, name: str | None = None) -> Tensor:
    """The complex eigenvalues of any square matrices, in no fixed order."""
    return call(EIGVALS, (convert(tensor, name="tensor"),))


def svd(
    tensor: TensorLike,
    full_matrices: bool = False,
    compute_uv: bool = True,
    name: str | None = None,
) -> Any:
    """Singular values s, falling, and the u, v with tensor = u @ diag(s) @ adjoint(v).

    Args:
        tensor: Matrices.
        full_matrices: Whether u and v are square. Default false; where true and the
            matrix is not square, there is no gradient formula.
        compute_uv: Whether to give u and v too. Default true.
        name: No effect.

    Shapes:
        (..., m, n), with p the smaller -> s (..., p), u (..., m, p), v (..., n, p)
    """
    given, full = convert(tensor, name="tensor"), bool(full_matrices)
    if not compute_uv:
        return call(SINGULAR_VALUES, (given,))
    return call(SVD, (given,), {"full": full}, (full,))


def qr(input: TensorLike, full_matrices: bool = False, name: str | None = None) -> Qr:
    """Matrices with orthonormal columns q and upper triangular r, input = q @ r.

    Args:
        input: Matrices.
        full_matrices: Whether q is square. Default false.
        name: No effect.
    """
    full = bool(full_matrices)
    return Qr(*call(QR, (convert(input, name="input"),), {"full": full}, (full,)))


def lu(
    input: TensorLike, output_idx_type: Any = "int32", name: str | None = None
) -> Lu:
    """Triangular factors of the rows of `input` in an order p: L @ U = input[p].

    Args:
        input: Square matrices.
        output_idx_type: Dtype of p. Default int32.
        name: No effect.

    Shapes:
        (..., n, n) -> lu (..., n, n), with U in the upper triangle and L, whose
        diagonal is 1, below; p (..., n)
    """
    dtype = requested_dtype(output_idx_type, "output_idx_type")
    return Lu(*call(LU, (convert(input, name="input"),), {"dtype": dtype}, (dtype,)))


def lu_reconstruct(
    lower_upper: TensorLike,
    perm: TensorLike,
    validate_args: bool = False,
    name: str | None = None,
) -> Tensor:
    """The matrices that `lu` took apart; `validate_args` has no effect."""
    inputs = (convert(lower_upper, name="lower_upper"), convert(perm, name="perm"))
    return call(LU_RECONSTRUCT, inputs)
