"""Huber loss: squared near 0, absolute beyond."""

from typing import Any

from ..framework import registry
from ..framework.checked import is_between
from ..framework.elementwise_losses import huber as _formula
from ..framework.errors import ArgumentError
from ..framework.recording.tensor import Tensor, TensorLike
from .formula_loss import FormulaLoss, loss_op, option, per_sample

_OP = loss_op("huber", _formula)


@registry.register("loss", "Huber")
class Huber(FormulaLoss):
    """mean(e**2 / 2 where |e| <= delta, else delta |e| - delta**2 / 2), e the error.

    Regression that is robust to outliers and smooth at 0.

    Args:
        delta: Where the parabola turns into a line; positive, in the targets' unit.
            Default 1, as in Keras.
        reduction, name, dtype: As in `Loss`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Raises:
        ArgumentError: unless `delta` is positive.

    References:
        Huber, 1964, section 8.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(_OP, name, reduction, dtype, _width(delta))

    delta = option("delta", "Where the parabola turns into a line.")


@registry.register("loss", "huber")
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """The Huber loss, mean over the last axis: one value per sample.

    Shapes:
        y_true, y_pred (batch, ..., features) -> (batch, ...)
    """
    return per_sample(_OP, y_true, y_pred, _width(delta))


def _width(delta: float) -> dict[str, float]:
    """`delta` as the number of the formula, if it is one."""
    if not is_between(delta, 0) or delta == 0:
        raise ArgumentError(
            f"`delta` must be positive; got {delta!r}. It is the size of error from "
            "which on the loss is a line."
        )
    return {"delta": delta}
