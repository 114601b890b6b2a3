"""Mean and root mean squared errors of predictions."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import registry
from ...elementwise_losses import mean_squared_error, paired
from ...recording.op import Op
from .formula_mean import FormulaMean
from .mean import mean_op, mean_result


def _squared_error(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    y_true, y_pred = paired(y_true, y_pred, "root_mean_squared_error")
    return jnp.square(y_pred - y_true)


@registry.register_class("metric", "mse", "MSE")
class MeanSquaredError(FormulaMean):
    """Mean of (y_true - y_pred)**2.

    Args:
        name: Default "mean_squared_error".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(MeanSquaredError()([[0.0, 1.0]], [[2.0, 1.0]]))
        2.0
    """

    _update: ClassVar[Op] = mean_op("mean_squared_error", mean_squared_error)
    _direction = "down"

    def __init__(
        self, name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register_class("metric")
class RootMeanSquaredError(FormulaMean):
    """sqrt(mean((y_true - y_pred)**2)), in the units of the targets.

    Args:
        name: Default "root_mean_squared_error".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(RootMeanSquaredError()([0.0, 1.0], [3.0, 5.0]))
        3.535...
    """

    _update: ClassVar[Op] = mean_op("root_mean_squared_error", _squared_error)
    _result: ClassVar[Op] = mean_result("root_mean_result", jnp.sqrt)
    _direction = "down"

    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
