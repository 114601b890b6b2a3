"""TerminateOnNaN: ends a training whose loss is no number any more."""

import math

from ...errors import NonFiniteLossError
from .callback import Callback, Logs
from .console import say


class TerminateOnNaN(Callback):
    """Ends the training when the loss is NaN or infinite.

    Args:
        raise_error: Whether to raise instead of stopping in good order, so that
            `on_train_end` of no callback is called. Default false, as in Keras.

    Note:
        Keras looks at the loss after every step. Here `fit` runs many steps in one
        launch, and the loss is looked at when it comes back from the device: up to one
        launch late, and the weights are then those of a few more steps. The mean of an
        epoch's losses is NaN from the first one on, so none is missed. To stop at the
        very step, compile with `steps_per_execution=1`.

    Raises:
        NonFiniteLossError: if it was asked to.

    Example:
        >>> TerminateOnNaN().step_interval
        0
    """

    step_interval = 0

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_steps_end(self, step: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        self._look(f"Batch {step - 1}", logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the loss, unless that has ended the epoch already."""
        if not self.model.stop_training:
            self._look(f"Epoch {epoch + 1}", logs)

    def _look(self, when: str, logs: Logs | None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise NonFiniteLossError(
                f"{when}: the loss is {float(loss)}. Lower the learning rate, clip "
                "gradients (clipnorm=1.0), or find the call that makes it with "
                "jt.debug.enable()."
            )
        say(f"{when}: the loss is {float(loss)}, so the training ends")
        self.model.stop_training = True
