"""`jt.linalg`: TensorFlow's linear algebra, and the rest of `jnp.linalg`.

What TensorFlow has under a name has its conventions: `svd` gives s, u, v. What only
NumPy has (`cond`, `matrix_power`, `outer`, …) has NumPy's, and is lifted on first use;
NumPy's `svd` is `jt.numpy.linalg.svd`.
"""

from typing import Any

import jax.numpy as jnp

from .mirror import mirror
from .ops import divide
from .ops import einsum as einsum
from .ops import eye as eye
from .ops import global_norm as global_norm
from .ops import matmul as matmul
from .ops import matvec as matvec
from .ops import norm as norm
from .ops import tensordot as tensordot
from .ops.decompositions import cholesky as cholesky
from .ops.decompositions import eig as eig
from .ops.decompositions import eigh as eigh
from .ops.decompositions import eigvals as eigvals
from .ops.decompositions import eigvalsh as eigvalsh
from .ops.decompositions import lu as lu
from .ops.decompositions import lu_reconstruct as lu_reconstruct
from .ops.decompositions import qr as qr
from .ops.decompositions import svd as svd
from .ops.diagonals import band_part as band_part
from .ops.diagonals import diag as diag
from .ops.diagonals import diag_part as diag_part
from .ops.diagonals import set_diag as set_diag
from .ops.diagonals import tensor_diag as tensor_diag
from .ops.diagonals import tensor_diag_part as tensor_diag_part
from .ops.diagonals import trace as trace
from .ops.norms import l2_normalize as l2_normalize
from .ops.solving import adjoint as adjoint
from .ops.solving import cholesky_solve as cholesky_solve
from .ops.solving import cross as cross
from .ops.solving import det as det
from .ops.solving import expm as expm
from .ops.solving import inv as inv
from .ops.solving import logdet as logdet
from .ops.solving import lstsq as lstsq
from .ops.solving import lu_matrix_inverse as lu_matrix_inverse
from .ops.solving import lu_solve as lu_solve
from .ops.solving import matrix_rank as matrix_rank
from .ops.solving import matrix_transpose as matrix_transpose
from .ops.solving import pinv as pinv
from .ops.solving import slogdet as slogdet
from .ops.solving import solve as solve
from .ops.solving import triangular_solve as triangular_solve
from .ops.solving import tridiagonal_matmul as tridiagonal_matmul
from .ops.solving import tridiagonal_solve as tridiagonal_solve
from .recording.tensor import Tensor, TensorLike, convert

__getattr__, __dir__ = mirror(globals(), jnp.linalg)


def normalize(
    tensor: TensorLike,
    ord: Any = "euclidean",
    axis: Any = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """`tensor` divided by its norm, and the norm, whose axes stay; see `norm`."""
    x = convert(tensor, name="tensor")
    size = norm(x, ord, axis, keepdims=True)
    return divide(x, size), size
