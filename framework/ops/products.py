"""Matrix products and contractions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..checked import text
from ..recording.arithmetic import MATMUL
from ..recording.execution import call
from ..recording.op import Op
from ..recording.signature import freeze
from ..recording.tensor import Tensor, TensorLike
from .conversion import one_integer, operands, requested_dtype, sizes, tensors


def _turned(x: jax.Array, turn: str | None) -> jax.Array:
    if turn is None:
        return x
    x = jnp.swapaxes(x, -1, -2)
    return jnp.conj(x) if turn == "adjoint" else x


def _matmul(a: jax.Array, b: jax.Array, *, turns: tuple, dtype: Any) -> jax.Array:
    a, b = _turned(a, turns[0]), _turned(b, turns[1])
    return jnp.matmul(a, b, preferred_element_type=dtype)


TURNED_MATMUL = Op(
    "matmul",
    _matmul,
    hint=(
        "After `transpose_a` and `transpose_b`, the last axis of the first must equal "
        "the second-to-last of the second."
    ),
)
TENSORDOT = Op(
    "tensordot",
    lambda a, b, *, axes: jnp.tensordot(a, b, axes),
    hint="The axes that are summed must have equal lengths in both.",
)
EINSUM = Op(
    "einsum",
    lambda *arrays, equation: jnp.einsum(equation, *arrays),
    hint="The equation needs one letter for each axis, 'ij,jk->ik' for matrices.",
)
MATVEC = Op(
    "matvec",
    lambda a, b, *, turn: jnp.einsum("...ij,...j->...i", _turned(a, turn), b),
    hint="The last axis of the matrix must equal the last of the vector.",
)


def matmul(
    a: TensorLike,
    b: TensorLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    name: str | None = None,
) -> Tensor:
    """The matrix product a @ b of the last two axes; earlier axes are batches.

    Args:
        a: First factor.
        b: Second factor.
        transpose_a: Whether to swap the last two axes of `a` first.
        transpose_b: The same for `b`.
        adjoint_a: As `transpose_a`, complex conjugated.
        adjoint_b: As `transpose_b`, complex conjugated.
        a_is_sparse: No effect.
        b_is_sparse: No effect.
        output_type: Dtype in which to sum. Default that of the operands.
        name: No effect.

    Shapes:
        (..., n, k), (..., k, m) -> (..., n, m)
    """
    if a.__class__ is not Tensor or b.__class__ is not Tensor:
        a, b = operands(a, b)
    if not (transpose_a or transpose_b or adjoint_a or adjoint_b or output_type):
        return call(MATMUL, (a, b))
    turns = (_turn(transpose_a, adjoint_a), _turn(transpose_b, adjoint_b))
    dtype = None if output_type is None else requested_dtype(output_type, "output_type")
    options = {"turns": turns, "dtype": dtype}
    return call(TURNED_MATMUL, (a, b), options, (turns, dtype))


def _turn(transpose: bool, adjoint: bool) -> str | None:
    if adjoint:
        return "adjoint"
    return "transpose" if transpose else None


def matvec(
    a: TensorLike,
    b: TensorLike,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of a matrix and a vector; earlier axes are batches.

    Shapes:
        (..., n, k), (..., k) -> (..., n)
    """
    turn = _turn(transpose_a, adjoint_a)
    return call(MATVEC, operands(a, b), {"turn": turn}, (turn,))


def tensordot(
    a: TensorLike, b: TensorLike, axes: Any, name: str | None = None
) -> Tensor:
    """Sums over pairs of axes of `a` and `b`.

    Args:
        a: First factor.
        b: Second factor.
        axes: A number n (the last n axes of `a`, the first n of `b`), or two lists of
            axes, one for each.
        name: No effect.
    """
    pairs = _axis_pairs(axes)
    return call(TENSORDOT, operands(a, b), {"axes": pairs}, (freeze(pairs),))


def _axis_pairs(axes: Any) -> int | tuple:
    if not isinstance(axes, list | tuple) and np.ndim(axes) == 0:
        return one_integer(axes, "axes")
    return tuple(sizes(part, "axes") for part in axes)


def einsum(equation: str, *inputs: TensorLike, **kwargs: Any) -> Tensor:
    """Sums of products by Einstein's convention.

    Args:
        equation: Axes by letter, inputs left of the arrow: "ij,jk->ik".
        *inputs: The factors.
        **kwargs: `optimize` and `name` have no effect here.
    """
    equation = text(None, "equation", equation).replace(" ", "")
    given = tensors(inputs, "inputs")
    return call(EINSUM, given, {"equation": equation}, (equation,))
