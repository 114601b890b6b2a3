"""Cosine similarity of targets and predictions."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import registry
from ...checked import integer
from ...elementwise_losses import paired
from ...recording.op import Op
from .formula_mean import FormulaMean, option
from .mean import mean_op


def _cosine(y_true: jax.Array, y_pred: jax.Array, *, axis: int) -> jax.Array:
    y_true, y_pred = paired(y_true, y_pred, "cosine_similarity")
    return jnp.sum(_normalized(y_true, axis) * _normalized(y_pred, axis), axis)


def _normalized(x: jax.Array, axis: int) -> jax.Array:
    """Vectors of length 1; zeros stay zeros. Squares of large numbers stay finite."""
    largest = jnp.max(jnp.abs(x), axis, keepdims=True, initial=0)
    x = x / jnp.where(largest == 0, 1, largest)
    length = jnp.linalg.norm(x, axis=axis, keepdims=True)
    return x / jnp.where(length == 0, 1, length)


@registry.register_class("metric")
class CosineSimilarity(FormulaMean):
    """Mean of the cosine of the angle between targets and predictions.

    1 where they point in the same direction, 0 where they are orthogonal or one of
    them is zero, -1 where they are opposite.

    Args:
        name: Default "cosine_similarity".
        dtype: As in `Metric`.
        axis: The axis of the vectors. Default the last.

    Shapes:
        y_true, y_pred (batch, ..., features) -> ()

    Example:
        >>> metric = CosineSimilarity()
        >>> float(metric([[0.0, 1.0], [1.0, 0.0]], [[0.0, 3.0], [0.0, 1.0]]))
        0.5
    """

    _update: ClassVar[Op] = mean_op("cosine_similarity", _cosine)
    _direction = "up"

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, axis=integer(self, "axis", axis))

    axis = option("axis", "The axis of the vectors.")
