"""LearningRateScheduler: the learning rate of each epoch, by a function."""

import inspect
from collections.abc import Callable
from typing import Any

from ... import checked
from ...errors import ArgumentTypeError
from . import learning_rates
from .callback import Callback, Logs
from .console import say


class LearningRateScheduler(Callback):
    """Sets the learning rate when an epoch begins.

    Args:
        schedule: Called with the epoch's number, from 0, and, if it takes two
            arguments, the learning rate of the moment; returns the new one.
        verbose: 1 prints a line. Default 0.

    Raises:
        ArgumentTypeError: if `schedule` is no function, or returns no number.

    Example:
        >>> decay = LearningRateScheduler(lambda epoch, rate: rate * 0.95)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise ArgumentTypeError(
                "`schedule` must be a function of the epoch's number, such as "
                f"lambda epoch: 0.1 / (epoch + 1); got {schedule!r}."
            )
        self.schedule = schedule
        self.verbose = checked.count(self, "verbose", verbose)
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate."""
        rate = learning_rates.read(self)
        given = (epoch, rate) if self._takes_rate else (epoch,)
        new = _as_number(self.schedule(*given))
        learning_rates.set_to(self, new)
        if self.verbose > 0:
            say(f"Epoch {epoch + 1}: learning rate set to {new:.6g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put it into the logs, as `"learning_rate"`."""
        if logs is not None:
            logs["learning_rate"] = learning_rates.read(self)


def _takes_two(schedule: Callable) -> bool:
    try:
        inspect.signature(schedule).bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # a builtin that does not tell
        return True
    return True


def _as_number(rate: Any) -> float:
    try:
        if isinstance(rate, str | bool):
            raise TypeError
        return float(rate)
    except TypeError:
        raise ArgumentTypeError(
            "`schedule` must return the learning rate as a number; got "
            f"{rate!r}. Did it forget to return something?"
        ) from None
