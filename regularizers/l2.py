"""L2: the sum of squares, which keeps weights small."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import registry
from ..framework.recording.execution import call
from ..framework.recording.node import Handle
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike, convert, partner
from .regularizer import Regularizer, factor


def square_sum(x: jax.Array) -> jax.Array:
    """sum(x**2) in at least float32."""
    return jnp.sum(jnp.square(x.astype(jnp.promote_types(x.dtype, np.float32))))


def _penalty(x: jax.Array, l2: jax.Array) -> jax.Array:
    return (l2 * square_sum(x)).astype(jnp.result_type(x, l2))


L2_PENALTY = Op("l2", _penalty)


@registry.register("regularizer", ("L2", "l2"))
class L2(Regularizer):
    """l2 * sum(x**2), with gradient 2 l2 x.

    Args:
        l2: Factor; may be assigned later without compiling again. Default 0.01, as in
            Keras.

    Shapes:
        any shape -> ()

    Raises:
        ArgumentError: unless `l2` is a finite number of at least 0.

    Example:
        >>> float(L2(0.5)([1.0, -3.0]))
        5.0
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty of a weight."""
        x = x if isinstance(x, Handle) else convert(x, name="x")
        return call(L2_PENALTY, (x, partner(x, self.l2)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"l2": self.l2}


def l2(l2: float = 0.01) -> L2:
    """An `L2` regularizer."""
    return L2(l2)
