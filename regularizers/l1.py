"""L1: the sum of absolute values, which drives weights to exactly 0."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import registry
from ..framework.recording.arithmetic import ABS
from ..framework.recording.execution import call
from ..framework.recording.node import Handle
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike, convert, partner
from .regularizer import Regularizer, factor


def absolute_sum(x: jax.Array) -> jax.Array:
    """sum(|x|) in at least float32; derivative 0 where x is 0."""
    return jnp.sum(ABS.function(x.astype(jnp.promote_types(x.dtype, np.float32))))


def _penalty(x: jax.Array, l1: jax.Array) -> jax.Array:
    return (l1 * absolute_sum(x)).astype(jnp.result_type(x, l1))


L1_PENALTY = Op("l1", _penalty)


@registry.register("regularizer", ("L1", "l1"))
class L1(Regularizer):
    """l1 * sum(|x|), with gradient 0 at weights that are 0.

    Args:
        l1: Factor; may be assigned later without compiling again. Default 0.01, as in
            Keras.

    Shapes:
        any shape -> ()

    Raises:
        ArgumentError: unless `l1` is a finite number of at least 0.

    Example:
        >>> float(L1(0.5)([1.0, -3.0]))
        2.0
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = factor(0.01 if l1 is None else l1, "l1")

    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty of a weight."""
        x = x if isinstance(x, Handle) else convert(x, name="x")
        return call(L1_PENALTY, (x, partner(x, self.l1)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"l1": self.l1}


def l1(l1: float = 0.01) -> L1:
    """An `L1` regularizer."""
    return L1(l1)
