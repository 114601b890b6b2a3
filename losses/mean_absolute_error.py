"""Mean absolute error: regression to the median."""

from typing import Any

from ..framework import registry
from ..framework.elementwise_losses import mean_absolute_error as _formula
from ..framework.recording.tensor import Tensor, TensorLike
from .formula_loss import FormulaLoss, loss_op, per_sample

_OP = loss_op("mean_absolute_error", _formula)


@registry.register("loss", "MeanAbsoluteError")
class MeanAbsoluteError(FormulaLoss):
    """mean(|y_true - y_pred|); its derivative is 0 where they are equal.

    All errors pull alike, so outliers do not dominate.

    Args:
        reduction, name, dtype: As in `Loss`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(_OP, name, reduction, dtype)


@registry.register("loss", ("mean_absolute_error", "mae", "MAE"))
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(|y_true - y_pred|) over the last axis: one value per sample.

    Shapes:
        y_true, y_pred (batch, ..., features) -> (batch, ...)
    """
    return per_sample(_OP, y_true, y_pred)


MAE = mae = mean_absolute_error
