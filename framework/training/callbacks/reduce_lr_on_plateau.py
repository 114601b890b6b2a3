"""ReduceLROnPlateau: smaller steps once a training no longer becomes better."""

import numpy as np

from ... import checked
from ...errors import ArgumentError
from . import learning_rates
from .callback import Logs
from .console import say
from .monitoring import Monitor


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by a factor when a quantity stays as it is.

    Args:
        monitor: Name of the quantity. Default `"val_loss"`.
        factor: What the learning rate is multiplied by, below 1. Default 0.1.
        patience: Epochs without improvement before that. Default 10.
        verbose: 1 prints a line. Default 0.
        mode: Which way is better: `"min"`, `"max"`, or by the metric and its name.
            Default `"auto"`.
        min_delta: Smallest change that counts as better. Default 1e-4.
        cooldown: Epochs after a reduction that do not count. Default 0.
        min_lr: The learning rate gets no smaller. Default 0.

    Raises:
        ArgumentTypeError: for an argument of another type.
        ArgumentError: for a factor that is not below 1, an unknown mode, or a quantity
            of unknown direction.

    Note:
        A learning rate that is a schedule becomes a plain number at the first
        reduction.

    Example:
        >>> halving = ReduceLROnPlateau("loss", factor=0.5, patience=2)
    """

    state_names = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = checked.number(self, "factor", factor)
        if not 0 <= self.factor < 1:
            raise ArgumentError(
                f"`factor` must be at least 0 and less than 1; got {factor}."
            )
        self.patience = checked.count(self, "patience", patience)
        self.verbose = checked.count(self, "verbose", verbose)
        self.cooldown = checked.count(self, "cooldown", cooldown)
        self.min_lr = checked.number(self, "min_lr", min_lr)
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the training before."""
        super().on_train_begin(logs)
        self.best = None
        self.cooldown_counter = self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best one; the logs get `"learning_rate"`."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = learning_rates.read(self)
        value = self._read(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch, logs["learning_rate"])

    def _reduce(self, epoch: int, rate: float) -> None:
        # The rate is a float32, so the limit is compared as one.
        if rate <= float(np.float32(self.min_lr)):
            return
        smaller = max(rate * self.factor, self.min_lr)
        learning_rates.set_to(self, smaller)
        if self.verbose > 0:
            say(f"Epoch {epoch + 1}: learning rate reduced to {smaller:.6g}")
        self.cooldown_counter, self.wait = self.cooldown, 0

    def in_cooldown(self) -> bool:
        """Whether epochs do not count, after a reduction."""
        return self.cooldown_counter > 0
