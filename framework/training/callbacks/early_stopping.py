"""EarlyStopping: ends a training that no longer becomes better."""

from typing import Any

from ... import checked
from .callback import Logs
from .console import say
from .monitoring import Monitor


class EarlyStopping(Monitor):
    """Ends the training once a quantity has not become better for some epochs.

    Args:
        monitor: Name of the quantity. Default `"val_loss"`.
        min_delta: Smallest change that counts as better. Default 0.
        patience: Epochs without one after which the training ends. Default 0, as in
            Keras: the first such epoch is the last.
        verbose: 1 prints a line when it stops. Default 0.
        mode: Which way is better: `"min"`, `"max"`, or by the metric and its name.
            Default `"auto"`.
        baseline: Value that must be reached for the patience to begin anew. Default
            none.
        restore_best_weights: Whether to put back, at the end, the weights of the best
            epoch, whether or not the training was stopped. Default false, as in Keras.
        start_from_epoch: Epochs at the beginning that do not count. Default 0.

    Attributes:
        best: The best value so far.
        best_epoch, stopped_epoch: When that was, and when it stopped, from 0.

    Note:
        A NaN is never better, also in the first epoch, where Keras keeps it as the
        best value of all.

    Raises:
        ArgumentTypeError: for an argument of another type.
        ArgumentError: for an unknown mode, or a quantity of unknown direction.

    Example:
        >>> stopping = EarlyStopping(patience=3, restore_best_weights=True)
    """

    state_names = ("wait", "best", "best_epoch", "stopped_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = checked.count(self, "patience", patience)
        self.verbose = checked.count(self, "verbose", verbose)
        self.baseline = checked.optional_number(self, "baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = checked.count(
            self, "start_from_epoch", start_from_epoch
        )
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the training before."""
        super().on_train_begin(logs)
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best, self.best_weights = None, None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best one."""
        value = self._read(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        is_better = self._is_better(value, self.best)
        if self.restore_best_weights and (is_better or self.best_weights is None):
            self.best_weights = self.model.get_weights()
        self.wait += 1
        if is_better:
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self._is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back, if asked."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is None:
            return
        if self.verbose > 0:
            say(f"Weights are those of epoch {self.best_epoch + 1} again, the best one")
        self.model.set_weights(self.best_weights)
