"""Learning rates: reading and setting that of the model's optimizer."""

from typing import Any

from ...errors import ArgumentTypeError
from .callback import Callback


def read(callback: Callback) -> float:
    """The learning rate of the moment.

    Raises:
        ArgumentTypeError: if the model has no optimizer with one.
    """
    return float(_optimizer(callback).learning_rate)


def set_to(callback: Callback, rate: float) -> None:
    """Set it; the next step has it."""
    _optimizer(callback).learning_rate = rate


def _optimizer(callback: Callback) -> Any:
    optimizer = getattr(callback.model, "optimizer", None)
    if not hasattr(optimizer, "learning_rate"):
        raise ArgumentTypeError(
            f"{type(callback).__name__} needs a model whose optimizer has a "
            f"`learning_rate`; model.optimizer is {optimizer!r}. Compile the model "
            "with one, or change the rates of several in a callback of your own."
        )
    return optimizer
