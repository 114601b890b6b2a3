"""L1L2: both penalties at once, the elastic net."""

from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.recording.execution import call
from ..framework.recording.node import Handle
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike, convert, partner
from .l1 import L1_PENALTY, absolute_sum
from .l2 import L2_PENALTY, square_sum
from .regularizer import Regularizer, factor


def _penalty(x: jax.Array, l1: jax.Array, l2: jax.Array) -> jax.Array:
    penalty = l1 * absolute_sum(x) + l2 * square_sum(x)
    return penalty.astype(jnp.result_type(x, l1))


_L1_L2 = Op("l1_l2", _penalty)


@registry.register("regularizer", ("L1L2", "l1l2"))
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x**2); a part whose factor is 0 is left out.

    Args:
        l1, l2: Factors; may be assigned later. Default 0, as in Keras, where the
            function `l1_l2` has 0.01.

    Shapes:
        any shape -> ()

    Raises:
        ArgumentError: unless both are finite numbers of at least 0.

    References:
        Zou and Hastie, 2005, eq. 3.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = factor(0.0 if l1 is None else l1, "l1")
        self.l2 = factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty of a weight."""
        x = x if isinstance(x, Handle) else convert(x, name="x")
        if self.l1 and self.l2:
            return call(_L1_L2, (x, partner(x, self.l1), partner(x, self.l2)))
        if self.l1:
            return call(L1_PENALTY, (x, partner(x, self.l1)))
        if self.l2:
            return call(L2_PENALTY, (x, partner(x, self.l2)))
        return Tensor(0.0, x.dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"l1": self.l1, "l2": self.l2}


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """An `L1L2` regularizer, with TF-Keras's defaults."""
    return L1L2(l1, l2)
