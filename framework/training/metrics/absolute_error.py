"""Mean absolute errors of predictions, also in percent."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import registry
from ...elementwise_losses import mean, mean_absolute_error, paired
from ...recording.op import Op
from .formula_mean import FormulaMean
from .mean import mean_op

_SMALLEST = 1e-7
"""Targets nearer to 0 count as this much, as in Keras."""


def _percentage_error(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    y_true, y_pred = paired(y_true, y_pred, "mean_absolute_percentage_error")
    size = jnp.maximum(jnp.abs(y_true), jnp.asarray(_SMALLEST, y_true.dtype))
    return 100 * mean(jnp.abs((y_true - y_pred) / size), -1)


@registry.register_class("metric", "mae", "MAE")
class MeanAbsoluteError(FormulaMean):
    """Mean of |y_true - y_pred|.

    Args:
        name: Default "mean_absolute_error".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[2.0, 2.0]]))
        1.5
    """

    _update: ClassVar[Op] = mean_op("mean_absolute_error", mean_absolute_error)
    _direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register_class("metric", "mape", "MAPE")
class MeanAbsolutePercentageError(FormulaMean):
    """Mean of 100 |y_true - y_pred| / |y_true|, in percent of the targets.

    Args:
        name: Default "mean_absolute_percentage_error".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Note:
        The divisor is at least 1e-7, as in Keras.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
        25.0
    """

    _update: ClassVar[Op] = mean_op("mean_absolute_percentage_error", _percentage_error)
    _direction = "down"

    def __init__(
        self,
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
