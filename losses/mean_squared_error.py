"""Mean squared error: the loss of regression."""

from typing import Any

from ..framework import registry
from ..framework.elementwise_losses import mean_squared_error as _formula
from ..framework.recording.tensor import Tensor, TensorLike
from .formula_loss import FormulaLoss, loss_op, per_sample

_OP = loss_op("mean_squared_error", _formula)


@registry.register("loss", "MeanSquaredError")
class MeanSquaredError(FormulaLoss):
    """mean((y_true - y_pred)**2).

    Large errors weigh most; for data with outliers take `Huber`.

    Args:
        reduction, name, dtype: As in `Loss`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(MeanSquaredError()([[0.0, 1.0]], [[2.0, 1.0]]))
        2.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(_OP, name, reduction, dtype)


@registry.register("loss", ("mean_squared_error", "mse", "MSE"))
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((y_true - y_pred)**2) over the last axis: one value per sample.

    Shapes:
        y_true, y_pred (batch, ..., features) -> (batch, ...)
    """
    return per_sample(_OP, y_true, y_pred)


MSE = mse = mean_squared_error
