"""`jt.linalg`: TensorFlow's names for norms and products, the rest of `jnp.linalg`.

`norm` is TensorFlow's; what only NumPy has (`svd`, `qr`, `solve`, …) has NumPy's
conventions, and is lifted on first use.
"""

import jax
import jax.numpy as jnp

from .mirror import mirror
from .ops import einsum as einsum
from .ops import eye as eye
from .ops import global_norm as global_norm
from .ops import matmul as matmul
from .ops import matvec as matvec
from .ops import norm as norm
from .ops import tensordot as tensordot
from .ops.elementwise import unary
from .ops.norms import l2_normalize as l2_normalize
from .recording.op import Op

__getattr__, __dir__ = mirror(globals(), jnp.linalg)


def _diag(x: jax.Array) -> jax.Array:
    return x[..., None] * jnp.eye(x.shape[-1], dtype=x.dtype)


def _adjoint(x: jax.Array) -> jax.Array:
    return jnp.conj(jnp.swapaxes(x, -1, -2))


adjoint = unary(Op("adjoint", _adjoint), "The conjugate of the transposed matrices.")
diag = unary(Op("diag", _diag), "Matrices with these vectors on the diagonal.")
diag_part = unary(
    Op("diag_part", lambda x: jnp.diagonal(x, axis1=-2, axis2=-1)),
    "The diagonals of matrices.",
)
logdet = unary(
    Op("logdet", lambda x: jnp.linalg.slogdet(x)[1]),
    "The logarithm of the determinants of positive definite matrices.",
)
