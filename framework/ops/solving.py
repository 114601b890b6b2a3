"""Linear equations, inverses, determinants and functions of matrices."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ShapeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import beside, operands
from .decompositions import adjoint as _adjoint
from .elementwise import unary
from .indexing import indices_of


class LogDeterminant(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Tensor
    log_abs_determinant: Tensor


def _batched(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Both with the same batches in front."""
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return (
        jnp.broadcast_to(a, (*batch, *a.shape[-2:])),
        jnp.broadcast_to(b, (*batch, *b.shape[-2:])),
    )


def _triangular(a: jax.Array, b: jax.Array, *, lower: bool, adjoint: bool) -> jax.Array:
    a, b = _batched(a, b)
    return jax.lax.linalg.triangular_solve(
        a, b, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint
    )


def _cholesky_solve(factor: jax.Array, b: jax.Array) -> jax.Array:
    inner = _triangular(factor, b, lower=True, adjoint=False)
    return _triangular(factor, inner, lower=True, adjoint=True)


def _solve(a: jax.Array, b: jax.Array, *, adjoint: bool) -> jax.Array:
    return jnp.linalg.solve(*_batched(_adjoint(a) if adjoint else a, b))


def _lu_solve(factors: jax.Array, order: jax.Array, b: jax.Array) -> jax.Array:
    batch = jnp.broadcast_shapes(factors.shape[:-2], b.shape[:-2])
    rows = jnp.broadcast_to(order, (*batch, order.shape[-1]))
    b = jnp.broadcast_to(b, (*batch, *b.shape[-2:]))
    b = jnp.take_along_axis(b, rows[..., None], -2)
    factors = jnp.broadcast_to(factors, (*batch, *factors.shape[-2:]))
    inner = jax.lax.linalg.triangular_solve(
        factors, b, left_side=True, lower=True, unit_diagonal=True
    )
    return _triangular(factors, inner, lower=False, adjoint=False)


def _inverse(x: jax.Array, *, adjoint: bool) -> jax.Array:
    return jnp.linalg.inv(_adjoint(x) if adjoint else x)


def _lstsq(a: jax.Array, b: jax.Array, penalty: jax.Array) -> jax.Array:
    """By the normal equations: of the rows, or of the columns if there are more."""
    wide = a.shape[-2] < a.shape[-1]
    flipped = _adjoint(a)
    gram = a @ flipped if wide else flipped @ a
    gram = gram + penalty.astype(a.dtype) * jnp.eye(gram.shape[-1], dtype=a.dtype)
    factor = jnp.linalg.cholesky(gram)
    if wide:
        return flipped @ _cholesky_solve(factor, b)
    return _cholesky_solve(factor, flipped @ b)


def _pinv(x: jax.Array, *cutoff: jax.Array) -> jax.Array:
    return jnp.linalg.pinv(x, rtol=cutoff[0] if cutoff else None)


def _rank(x: jax.Array, *tolerance: jax.Array) -> jax.Array:
    sizes = jnp.linalg.svd(x, compute_uv=False)
    if tolerance:
        least = tolerance[0][..., None]
    else:
        steps = max(x.shape[-2:]) * jnp.finfo(x.dtype).eps
        least = steps * jnp.max(sizes, -1, keepdims=True)
    return jnp.sum(sizes > least, -1, dtype=jnp.int32)


def _tridiagonal(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The diagonals above, in and below the middle, what is outside set to 0."""
    places = np.arange(x.shape[-1])
    above = jnp.where(places < x.shape[-1] - 1, x[..., 0, :], 0)
    return above, x[..., 1, :], jnp.where(places > 0, x[..., 2, :], 0)


def _tridiagonal_matmul(diagonals: jax.Array, b: jax.Array) -> jax.Array:
    above, middle, below = (d[..., None] for d in _tridiagonal(diagonals))
    after = jnp.roll(b, -1, -2)
    return above * after + middle * b + below * jnp.roll(b, 1, -2)


def _tridiagonal_solve(diagonals: jax.Array, b: jax.Array) -> jax.Array:
    batch = jnp.broadcast_shapes(diagonals.shape[:-2], b.shape[:-2])
    diagonals = jnp.broadcast_to(diagonals, (*batch, *diagonals.shape[-2:]))
    b = jnp.broadcast_to(b, (*batch, *b.shape[-2:]))
    above, middle, below = _tridiagonal(diagonals)
    return jax.lax.linalg.tridiagonal_solve(below, middle, above, b)


_SQUARE = "The matrices must be square."
_ROWS = "Matrix and right side must have equally many rows, each at least two axes."
TRIANGULAR_SOLVE = Op("triangular_solve", _triangular, hint=_ROWS)
CHOLESKY_SOLVE = Op("cholesky_solve", _cholesky_solve, hint=_ROWS)
SOLVE = Op("solve", _solve, hint=_ROWS)
LU_SOLVE = Op("lu_solve", _lu_solve, hint=_ROWS)
LSTSQ = Op("lstsq", _lstsq, hint=_ROWS)
LEAST_NORM = Op("lstsq", lambda a, b: jnp.linalg.pinv(a) @ b, hint=_ROWS)
INVERSE = Op("inv", _inverse, hint=_SQUARE)
PSEUDOINVERSE = Op("pinv", _pinv)
RANK = Op("matrix_rank", _rank, is_differentiable=False)
SLOGDET = Op("slogdet", lambda x: tuple(jnp.linalg.slogdet(x)), hint=_SQUARE)
CROSS = Op("cross", jnp.cross, hint="The last axis of both must have length 3.")
TRIDIAGONAL_MATMUL = Op("tridiagonal_matmul", _tridiagonal_matmul, hint=_ROWS)
TRIDIAGONAL_SOLVE = Op("tridiagonal_solve", _tridiagonal_solve, hint=_ROWS)

adjoint = unary(
    Op("adjoint", _adjoint), "The conjugate of the transposed matrices.", "matrix"
)
det = unary(
    Op("det", jnp.linalg.det, hint=_SQUARE), "The determinants of matrices.", "input"
)
expm = unary(
    Op("expm", jax.scipy.linalg.expm, hint=_SQUARE),
    "The exponentials of matrices.",
    "input",
)
logdet = unary(
    Op("logdet", lambda x: jnp.linalg.slogdet(x)[1], hint=_SQUARE),
    "The logarithm of the determinants of positive definite matrices.",
    "matrix",
)


def slogdet(input: TensorLike, name: str | None = None) -> LogDeterminant:
    """Sign and logarithm of the size of determinants."""
    return LogDeterminant(*call(SLOGDET, (convert(input, name="input"),)))


def solve(
    matrix: TensorLike, rhs: TensorLike, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """The x with matrix @ x = rhs.

    Args:
        matrix: Square matrices.
        rhs: Right sides, each column one.
        adjoint: Whether to solve with the conjugate of the transposed matrix.
        name: No effect.

    Shapes:
        (..., n, n), (..., n, k) -> (..., n, k)
    """
    flag = bool(adjoint)
    return call(SOLVE, operands(matrix, rhs), {"adjoint": flag}, (flag,))


def triangular_solve(
    matrix: TensorLike,
    rhs: TensorLike,
    lower: bool = True,
    adjoint: bool = False,
    name: str | None = None,
) -> Tensor:
    """The x with matrix @ x = rhs for triangular matrices.

    Args:
        matrix: Matrices, of which only one triangle is read.
        rhs: Right sides, each column one.
        lower: Whether that is the lower one. Default true.
        adjoint: Whether to solve with the conjugate of the transposed matrix.
        name: No effect.

    Shapes:
        (..., n, n), (..., n, k) -> (..., n, k)
    """
    options = {"lower": bool(lower), "adjoint": bool(adjoint)}
    inputs = operands(matrix, rhs)
    return call(TRIANGULAR_SOLVE, inputs, options, tuple(options.values()))


def cholesky_solve(
    chol: TensorLike, rhs: TensorLike, name: str | None = None
) -> Tensor:
    """The x with A @ x = rhs, given `chol`, the Cholesky factor of A."""
    return call(CHOLESKY_SOLVE, operands(chol, rhs))


def lu_solve(
    lower_upper: TensorLike,
    perm: TensorLike,
    rhs: TensorLike,
    validate_args: bool = False,
    name: str | None = None,
) -> Tensor:
    """The x with A @ x = rhs, given `lu(A)`; `validate_args` has no effect."""
    factors, right = operands(lower_upper, rhs)
    return call(LU_SOLVE, (factors, indices_of(perm, "perm"), right))


def lu_matrix_inverse(
    lower_upper: TensorLike,
    perm: TensorLike,
    validate_args: bool = False,
    name: str | None = None,
) -> Tensor:
    """The inverse of A, given `lu(A)`; `validate_args` has no effect.

    Raises:
        ShapeError: for what is no matrix.
    """
    factors = convert(lower_upper, name="lower_upper")
    if factors.ndim < 2:
        raise ShapeError(
            f"lu_matrix_inverse() needs matrices; got shape {factors.shape}. "
            "Give the factors that jt.linalg.lu() returns."
        )
    one = np.eye(factors.shape[-1], dtype=factors.dtype)
    return lu_solve(factors, perm, one)


def lstsq(
    matrix: TensorLike,
    rhs: TensorLike,
    l2_regularizer: TensorLike = 0.0,
    fast: bool = True,
    name: str | None = None,
) -> Tensor:
    """The x that makes |matrix @ x - rhs| ** 2 + l2_regularizer * |x| ** 2 least.

    Args:
        matrix: Matrices of full rank.
        rhs: Right sides, each column one.
        l2_regularizer: Weight of the penalty. Default 0.
        fast: Whether to solve the normal equations (default); if not, matrices of any
            rank are solved with least |x|, without the penalty.
        name: No effect.

    Shapes:
        (..., m, n), (..., m, k) -> (..., n, k)
    """
    a, b = operands(matrix, rhs)
    if not fast:
        return call(LEAST_NORM, (a, b))
    return call(LSTSQ, (a, b, beside(a, l2_regularizer, "l2_regularizer")))


def inv(input: TensorLike, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverses of matrices, with `adjoint` conjugated and transposed."""
    flag = bool(adjoint)
    return call(INVERSE, (convert(input, name="input"),), {"adjoint": flag}, (flag,))


def pinv(
    a: TensorLike,
    rcond: TensorLike = None,
    validate_args: bool = False,
    name: str | None = None,
) -> Tensor:
    """The pseudoinverses of matrices.

    Args:
        a: Matrices.
        rcond: Singular values up to this part of the largest one count as 0. Default
            10 * max(rows, columns) times the dtype's epsilon.
        validate_args: No effect.
        name: No effect.
    """
    x = convert(a, name="a")
    cutoff = () if rcond is None else (beside(x, rcond, "rcond"),)
    return call(PSEUDOINVERSE, (x, *cutoff))


def matrix_rank(
    a: TensorLike,
    tol: TensorLike = None,
    validate_args: bool = False,
    name: str | None = None,
) -> Tensor:
    """How many singular values are above `tol`, as int32.

    Args:
        a: Matrices.
        tol: Default the largest singular value times max(rows, columns) times the
            dtype's epsilon.
        validate_args: No effect.
        name: No effect.
    """
    x = convert(a, name="a")
    tolerance = () if tol is None else (beside(x, tol, "tol"),)
    return call(RANK, (x, *tolerance))


def matrix_transpose(
    a: TensorLike, name: str = "matrix_transpose", conjugate: bool = False
) -> Tensor:
    """The matrices with rows and columns swapped, with `conjugate` conjugated."""
    x = convert(a, name="a")
    return adjoint(x) if conjugate else call(MATRIX_TRANSPOSE, (x,))


MATRIX_TRANSPOSE = Op("matrix_transpose", lambda x: jnp.swapaxes(x, -1, -2))


def cross(a: TensorLike, b: TensorLike, name: str | None = None) -> Tensor:
    """The cross products of vectors of length 3 in the last axis."""
    return call(CROSS, operands(a, b))


def tridiagonal_matmul(
    diagonals: TensorLike,
    rhs: TensorLike,
    diagonals_format: str = "compact",
    name: str | None = None,
) -> Tensor:
    """The products of tridiagonal matrices and `rhs`.

    Args:
        diagonals: In the `"compact"` format: the diagonals above, in and below the
            middle as three rows, the last element above and the first below unused.
        rhs: What to multiply.
        diagonals_format: `"compact"` or `"sequence"`, where `diagonals` is a list of
            the three.
        name: No effect.

    Shapes:
        (..., 3, n), (..., n, k) -> (..., n, k)
    """
    packed = _packed(diagonals, diagonals_format)
    return call(TRIDIAGONAL_MATMUL, operands(packed, rhs))


def tridiagonal_solve(
    diagonals: TensorLike,
    rhs: TensorLike,
    diagonals_format: str = "compact",
    transpose_rhs: bool = False,
    conjugate_rhs: bool = False,
    name: str | None = None,
    partial_pivoting: bool = True,
    perturb_singular: bool = False,
) -> Tensor:
    """The x with A @ x = rhs for tridiagonal matrices A; see `tridiagonal_matmul`.

    Args:
        diagonals: The diagonals of A.
        rhs: Right sides, each column one; or one vector.
        diagonals_format: `"compact"` or `"sequence"`.
        transpose_rhs: Whether to swap the last two axes of `rhs` first.
        conjugate_rhs: Whether to conjugate it.
        name: No effect.
        partial_pivoting: No effect: rows are always pivoted.
        perturb_singular: No effect: a singular matrix gives numbers that are not
            finite.

    Shapes:
        (..., 3, n), (..., n, k) -> (..., n, k); (..., 3, n), (..., n) -> (..., n)
    """
    a, b = operands(_packed(diagonals, diagonals_format), rhs)
    is_vector = b.ndim == a.ndim - 1
    if is_vector:
        b = b[..., None]
    elif transpose_rhs:
        b = matrix_transpose(b)
    if conjugate_rhs:
        b = call(CONJUGATE, (b,))
    found = call(TRIDIAGONAL_SOLVE, (a, b))
    return found[..., 0] if is_vector else found


CONJUGATE = Op("conj", jnp.conj)


def _packed(diagonals: Any, form: str) -> Any:
    if form == "compact":
        return convert(diagonals, name="diagonals")
    if form != "sequence":
        raise ArgumentError(
            f"`diagonals_format` must be 'compact' or 'sequence'; got {form!r}."
        )
    above, middle, below = diagonals
    middle = convert(middle, name="diagonals")
    size = middle.shape[-1]
    return call(
        PACK,
        (beside(middle, above, "a"), middle, beside(middle, below, "b")),
        {"size": size},
        (size,),
    )


def _pack(
    above: jax.Array, middle: jax.Array, below: jax.Array, *, size: int
) -> jax.Array:
    """Diagonals of length n or n - 1 as rows of length n."""
    after = [(0, 0)] * (above.ndim - 1) + [(0, size - above.shape[-1])]
    before = [(0, 0)] * (below.ndim - 1) + [(size - below.shape[-1], 0)]
    return jnp.stack([jnp.pad(above, after), middle, jnp.pad(below, before)], -2)


PACK = Op("tridiagonal", _pack)
