"""Rows of products, and of `jt.linalg`."""

import numpy as np
import scipy.linalg

import jaxtape as jt
from tests.op_rows.row import Edge, given, real, refused, row

X = real(2, 3)
# Far from singular, singular values 3.3, 2.0 and 1.2.
SQUARE = given(np.array([[2.0, 0.3, 0.1], [0.7, 1.5, -1.4], [0.2, 0.5, 2.9]]))
SYMMETRIC = given(np.array([[2.0, 0.3, 0.1], [0.3, 1.1, -0.4], [0.1, -0.4, 3.2]]))
TALL = given(np.array([[1.1, 0.3], [-0.7, 1.9], [0.5, 0.8]]))
NO_HALF = {"half": "LAPACK and cuSOLVER have no half precision"}
MISFIT = "got inputs that do not fit"


def of_symmetric(op, x):
    """Of the symmetric part, so that every element of x has its own derivative."""
    if not x.ndim:
        return op(x)
    return op((x + jt.linalg.matrix_transpose(x)) / 2)


def symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


PRODUCTS = [
    row(
        "matmul",
        np.matmul,
        X,
        real(3, 2),
        empty=[(0, 3), (3, 2)],
        scalar=refused(f"matmul {MISFIT}", (), ()),
        rounds=3,
    ),
    row(
        "matmul",
        lambda x, y: x.T @ y.T,
        X,
        real(3, 2),
        call=lambda op, x, y: op(x, y, transpose_a=True, adjoint_b=True),
        empty=Edge([(2, 0), (3, 2)], shape=(0, 3)),
        scalar=refused(f"matmul {MISFIT}", (), ()),
        rounds=3,
        way="transposed",
    ),
    row(
        "matvec",
        lambda x, y: x @ y,
        X,
        real(3),
        empty=[(0, 3), (3,)],
        scalar=refused(f"matvec {MISFIT}", (), ()),
        rounds=3,
    ),
    row(
        "tensordot",
        lambda x, y: np.tensordot(x, y, ([0, 1], [1, 0])),
        X,
        real(3, 2, 2),
        call=lambda op, x, y: op(x, y, [[0, 1], [1, 0]]),
        empty=[(0, 3), (3, 0, 2)],
        scalar=Edge([(), ()], call=lambda op, x, y: op(x, y, 0), shape=()),
        rounds=4,
    ),
    row(
        "einsum",
        lambda x, y: np.einsum("ij,kj->ki", x, y),
        X,
        real(2, 3),
        call=lambda op, x, y: op("ij,kj->ki", x, y),
        empty=[(0, 3), (2, 3)],
        scalar=Edge([(), ()], call=lambda op, x, y: op(",->", x, y), shape=()),
        rounds=3,
    ),
]


def matrices(name, reference, x=SQUARE, **more):
    """A row of a function of square matrices."""
    edges = {
        "empty": [(0, 3, 3)],
        "scalar": refused(f"{name.split('.')[-1]}", ()),
    }
    return row(name, reference, x, **{**edges, "rounds": 8, **more})


LINALG = [
    matrices("linalg.adjoint", lambda x: np.swapaxes(x, -1, -2), rounds=1),
    matrices("linalg.matrix_transpose", lambda x: np.swapaxes(x, -1, -2), rounds=1),
    row(
        "linalg.diag",
        lambda x: x[..., None] * np.eye(x.shape[-1]),
        X,
        empty=[(0, 3)],
        scalar=refused("diag", ()),
    ),
    matrices(
        "linalg.diag_part", lambda x: np.diagonal(x, axis1=-2, axis2=-1), rounds=1
    ),
    matrices("linalg.diagonal", lambda x: np.diagonal(x, 0, -2, -1), rounds=1),
    matrices("linalg.trace", lambda x: np.trace(x, 0, -2, -1), rounds=2),
    matrices("linalg.det", np.linalg.det, exceptions=NO_HALF),
    matrices("linalg.inv", np.linalg.inv, exceptions=NO_HALF),
    matrices(
        "linalg.slogdet", lambda x: list(np.linalg.slogdet(x)), exceptions=NO_HALF
    ),
    matrices(
        "linalg.logdet",
        lambda x: np.log(np.linalg.det(x)),
        SYMMETRIC,
        exceptions=NO_HALF,
    ),
    matrices(
        "linalg.cholesky",
        lambda x: np.linalg.cholesky(symmetric(x)),
        SYMMETRIC,
        call=of_symmetric,
        exceptions=NO_HALF,
    ),
    matrices(
        "linalg.eigvalsh",
        lambda x: np.linalg.eigvalsh(symmetric(x)),
        SYMMETRIC,
        call=of_symmetric,
        exceptions=NO_HALF,
    ),
    matrices(
        "linalg.eigh",
        lambda x: [
            np.linalg.eigh(symmetric(x))[0],
            np.linalg.eigh(symmetric(x))[1] ** 2,
        ],
        SYMMETRIC,
        call=lambda op, x: [(lambda w, v: [w, v * v])(*of_symmetric(op, x))],
        exceptions=NO_HALF,
    ),
    matrices(
        "linalg.svdvals",
        lambda x: np.linalg.svd(x, compute_uv=False),
        exceptions=NO_HALF,
    ),
    matrices(
        "linalg.svd",
        lambda x: (lambda u, s, v: [s, u * u, (v * v).T])(*np.linalg.svd(x)),
        call=lambda op, x: (lambda s, u, v: [s, u * u, v * v])(*op(x)),
        empty=Edge([(0, 3, 3)], shape=[(0, 3), (0, 3, 3), (0, 3, 3)]),
        exceptions=NO_HALF,
        is_slow=True,
    ),
    matrices("linalg.pinv", np.linalg.pinv, exceptions=NO_HALF, is_slow=True),
    matrices(
        "linalg.matrix_power",
        lambda x: np.linalg.matrix_power(x, 3),
        call=lambda op, x: op(x, 3),
    ),
    matrices(
        "linalg.matrix_norm",
        lambda x: np.sqrt(np.sum(x * x, (-1, -2))),
        rounds=4,
    ),
    matrices("linalg.cond", np.linalg.cond, exceptions=NO_HALF, is_slow=True),
    matrices(
        "linalg.matrix_rank",
        np.linalg.matrix_rank,
        dtype="int32",
        by=(),
        exceptions=NO_HALF,
    ),
    row(
        "linalg.qr",
        lambda x: [part * part for part in np.linalg.qr(x)],
        TALL,
        call=lambda op, x: [part * part for part in op(x)],
        empty=[(3, 0)],
        scalar=refused("qr", ()),
        rounds=8,
        exceptions=NO_HALF,
        is_slow=True,
    ),
    row(
        "linalg.lstsq",
        lambda a, b: np.linalg.lstsq(a, b)[0],
        TALL,
        real(3, 2),
        empty=[(3, 0), (3, 2)],
        scalar=refused("lstsq", (), ()),
        rounds=8,
        exceptions=NO_HALF,
        is_slow=True,
    ),
    row(
        "linalg.solve",
        np.linalg.solve,
        SQUARE,
        real(3, 2),
        empty=[(3, 3), (3, 0)],
        scalar=refused("solve", (), ()),
        rounds=8,
        exceptions=NO_HALF,
    ),
    row(
        "linalg.multi_dot",
        lambda x, y, z: y @ x @ z,
        X,
        real(3, 2),
        SQUARE,
        call=lambda op, x, y, z: op([y, x, z]),
        empty=[(2, 3), (0, 2), (3, 3)],
        scalar=refused("multi_dot", (), (), ()),
        rounds=8,
    ),
    row(
        "linalg.cross",
        np.cross,
        X,
        real(2, 3),
        empty=[(0, 3), (0, 3)],
        scalar=refused("cross", (), ()),
        rounds=3,
    ),
    row(
        "linalg.outer",
        np.outer,
        real(3),
        real(2),
        empty=[(0,), (2,)],
        scalar=refused("outer", (), ()),
    ),
    row(
        "linalg.vecdot",
        lambda x, y: np.sum(x * y, -1),
        X,
        real(2, 3),
        empty=[(0, 3), (0, 3)],
        scalar=refused("vecdot", (), ()),
        rounds=3,
    ),
    row(
        "linalg.vector_norm",
        lambda x: np.sqrt(np.sum(x * x)),
        X,
        empty=[(0, 3)],
        scalar=[()],
        rounds=4,
    ),
    row(
        "linalg.tensorinv",
        lambda x: np.linalg.tensorinv(x.reshape(3, 3, 1), 1),
        SQUARE,
        call=lambda op, x: op(jt.reshape(x, (3, 3, 1)), 1),
        empty="a shape with a product of 0 has no inverse in NumPy either",
        scalar=refused("reshape", ()),
        rounds=8,
        exceptions=NO_HALF,
        is_slow=True,
    ),
    row(
        "linalg.tensorsolve",
        np.linalg.tensorsolve,
        SQUARE,
        real(3),
        empty="a shape with a product of 0 has no solution in NumPy either",
        scalar=[(), ()],
        rounds=8,
        exceptions=NO_HALF,
        is_slow=True,
    ),
    matrices(
        "linalg.eigvals",
        lambda x: np.linalg.eigvals(x).astype(complex),
        given(np.array([[2.0, 0.3, 0.1], [0.7, 5.5, 0.4], [0.2, 0.5, 9.9]])),
        dtype="complex64",
        exceptions={
            **NO_HALF,
            "second order": "JAX differentiates no eigenvectors of such matrices",
        },
        is_slow=True,
    ),
]

LOWER = given(np.array([[2.0, 0.0, 0.0], [0.7, 1.5, 0.0], [0.2, -0.5, 1.9]]))
BAND = given(np.array([[0.4, -0.7, 0.0], [2.1, 1.7, -1.9], [0.0, 0.5, 0.3]]))


def tridiagonal(diagonals):
    above, middle, below = diagonals
    return np.diag(middle) + np.diag(above[:-1], 1) + np.diag(below[1:], -1)


def from_lu(factors, order):
    product = (np.tril(factors, -1) + np.eye(3)) @ np.triu(factors)
    return product[np.argsort(order)]


def with_diagonal(x, diagonal):
    return x * (1 - np.eye(3)) + diagonal[:, None] * np.eye(3)


SOLVING = [
    matrices(
        "linalg.band_part",
        lambda x: np.triu(np.tril(x), -1),
        call=lambda op, x: op(x, 1, 0),
        rounds=1,
    ),
    row(
        "linalg.set_diag",
        with_diagonal,
        SQUARE,
        real(3),
        empty=Edge([(0, 3, 3), (0, 3)], shape=(0, 3, 3)),
        scalar=refused(r"set_diag.. needs matrices; got shape \(\)", (), ()),
    ),
    row(
        "linalg.tensor_diag",
        lambda x: np.diag(x.ravel()).reshape(x.shape + x.shape),
        X,
        empty=Edge([(0, 3)], shape=(0, 3, 0, 3)),
        scalar=[()],
    ),
    row(
        "linalg.tensor_diag_part",
        np.diagonal,
        SQUARE,
        empty=[(0, 0)],
        scalar=Edge([()], shape=()),
    ),
    matrices("linalg.expm", scipy.linalg.expm, exceptions=NO_HALF, is_slow=True),
    matrices(
        "linalg.lu",
        lambda x: [scipy.linalg.lu_factor(x)[0], np.arange(3)],
        dtype=lambda dtype: (dtype.name, "int32"),
        empty=Edge([(0, 3, 3)], shape=[(0, 3, 3), (0, 3)]),
        exceptions=NO_HALF,
    ),
    row(
        "linalg.lu_reconstruct",
        from_lu,
        SQUARE,
        given([1, 2, 0]),
        empty=Edge([(0, 3, 3), (0, 3)], shape=(0, 3, 3)),
        scalar=refused("lu_reconstruct", (), ()),
        rounds=3,
    ),
    row(
        "linalg.lu_solve",
        lambda x, order, b: np.linalg.solve(from_lu(x, order), b),
        SQUARE,
        given([1, 2, 0]),
        real(3, 2),
        empty=Edge([(0, 3, 3), (0, 3), (0, 3, 2)], shape=(0, 3, 2)),
        scalar=refused("lu_solve", (), (), ()),
        rounds=8,
        exceptions=NO_HALF,
    ),
    row(
        "linalg.lu_matrix_inverse",
        lambda x, order: np.linalg.inv(from_lu(x, order)),
        SQUARE,
        given([1, 2, 0]),
        empty=Edge([(0, 3, 3), (0, 3)], shape=(0, 3, 3)),
        scalar=refused(r"lu_matrix_inverse.. needs matrices; got shape \(\)", (), ()),
        rounds=8,
        exceptions=NO_HALF,
    ),
    row(
        "linalg.cholesky_solve",
        lambda x, b: np.linalg.solve(np.tril(x) @ np.tril(x).T, b),
        LOWER,
        real(3, 2),
        empty=[(3, 3), (3, 0)],
        scalar=refused("cholesky_solve", (), ()),
        rounds=8,
        exceptions=NO_HALF,
    ),
    row(
        "linalg.triangular_solve",
        lambda x, b: np.linalg.solve(np.tril(x), b),
        LOWER,
        real(3, 2),
        empty=[(3, 3), (3, 0)],
        scalar=refused("triangular_solve", (), ()),
        rounds=8,
        exceptions=NO_HALF,
    ),
    row(
        "linalg.tridiagonal_matmul",
        lambda x, b: tridiagonal(x) @ b,
        BAND,
        real(3, 2),
        empty=[(3, 3), (3, 0)],
        scalar=refused("tridiagonal", (), ()),
        rounds=3,
    ),
    row(
        "linalg.tridiagonal_solve",
        lambda x, b: np.linalg.solve(tridiagonal(x), b),
        BAND,
        real(3, 2),
        empty=[(3, 3), (3, 0)],
        scalar=refused("tridiagonal", (), ()),
        rounds=8,
        exceptions=NO_HALF,
    ),
]

ROWS = [*PRODUCTS, *LINALG, *SOLVING]
