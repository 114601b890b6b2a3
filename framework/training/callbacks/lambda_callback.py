"""LambdaCallback: functions as a callback."""

from collections.abc import Callable
from typing import Any

from ...errors import ArgumentTypeError
from .callback import Callback


class LambdaCallback(Callback):
    """Calls functions at the moments of a training.

    Args:
        on_epoch_begin: Called with the epoch's number and logs.
        on_epoch_end: The same.
        on_train_begin: Called with logs.
        on_train_end: The same.
        on_train_batch_begin: Called with the batch's number and logs; with it or the
            next one `fit` runs each step on its own.
        on_train_batch_end: The same.
        **further: Functions for other hooks of `Callback`, by their names, and
            `step_interval` for `on_train_steps_end`.

    Raises:
        ArgumentTypeError: for a name that is no hook, or what is no function.

    Example:
        >>> losses = []
        >>> keeping = LambdaCallback(
        ...     on_epoch_end=lambda epoch, logs: losses.append(logs["loss"])
        ... )
        >>> keeping.on_epoch_end(0, {"loss": 0.5})
        >>> losses
        [0.5]
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        **further: Any,
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **further,
        }
        hooks = [name for name in vars(Callback) if name.startswith("on_")]
        for name, value in given.items():
            if name not in (*hooks, "step_interval", "shows_progress"):
                raise ArgumentTypeError(
                    f"LambdaCallback() got {name!r}, which is no hook of Callback. "
                    f"Hooks: {', '.join(hooks)}."
                )
            if name in hooks and not (value is None or callable(value)):
                raise ArgumentTypeError(
                    f"`{name}` of LambdaCallback must be a function; got {value!r}."
                )
            if value is not None:
                setattr(self, name, value)
