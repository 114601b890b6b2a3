"""ModelCheckpoint: the model or its weights on disk, every epoch or every few steps."""

import math
import os
import warnings
from typing import Any

from ... import checked
from ...errors import ArgumentError
from ...recording.site import user_level
from ...saving import disk, saved_model, weights
from .callback import Logs
from .console import say
from .monitoring import Monitor


class ModelCheckpoint(Monitor):
    """Saves the model while it is trained.

    A file or folder has the old content or the new one, whole, also if the process is
    killed. To go on with a training where it was, see `BackupAndRestore`.

    Args:
        filepath: Where to; `{epoch}` (from 1), `{batch}` and names of losses and
            metrics are filled in: `"runs/{epoch:02d}-{val_loss:.2f}"`. A folder for a
            model; for weights a file, `name.weights.safetensors` by convention.
        monitor: Name of the quantity that says what is best. Default `"val_loss"`.
        verbose: 1 prints a line when it saves. Default 0.
        save_best_only: Whether to save only what is better than all before. Default
            false.
        save_weights_only: `model.save_weights` instead of `model.save`. Default false.
        mode: Which way is better: `"min"`, `"max"`, or by the metric and its name.
            Default `"auto"`.
        save_freq: `"epoch"` (default), or a number of steps, counted over the whole
            training.
        initial_value_threshold: What the first value must be better than. Default
            none.

    Note:
        Nothing is saved while the loss is NaN or infinite, with one warning: what was
        good on disk would be lost. Keras saves it.

    Raises:
        ArgumentTypeError: for an argument of another type.
        ArgumentError: for an unknown mode or `save_freq`, an HDF5 name, and at the
            first saving for a name in `filepath` that the logs do not have.
        FileAccessError: if the system refuses; the old content is there still.

    Example:
        >>> best = ModelCheckpoint("runs/best", save_best_only=True)
        >>> often = ModelCheckpoint("runs/{epoch}-{batch}", save_freq=1000)
    """

    state_names = ("best",)

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        kind = weights if save_weights_only else saved_model
        self.filepath = kind.checked_path(filepath)
        self.verbose = checked.count(self, "verbose", verbose)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.best = checked.optional_number(
            self, "initial_value_threshold", initial_value_threshold
        )
        self.save_freq = save_freq
        self.step_interval = _steps(save_freq)
        self._epoch = 0
        self._has_told = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Find out which direction is better; what was best stays, as in Keras."""
        self._has_told = False
        if self.save_best_only:
            super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the epoch, for the path."""
        self._epoch = epoch

    def on_train_steps_end(self, step: int, logs: Logs | None = None) -> None:
        """Save, if the frequency is one of steps."""
        self._save(self._epoch, {"batch": step, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, if the frequency is one of epochs."""
        if self.step_interval is None:
            self._save(epoch, logs or {})

    def _save(self, epoch: int, logs: Logs) -> None:
        path = self._path(epoch, logs)
        reason = self._reason(logs) if self._is_sound(path, logs) else None
        if reason is None:
            return
        folder = os.path.dirname(path)
        if folder:
            with disk.telling(f"Making the folder {folder}", "Nothing was saved."):
                os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose > 0:
            say(f"Epoch {epoch + 1}: saved {path}{reason}")

    def _is_sound(self, path: str, logs: Logs) -> bool:
        """Whether the loss is a number, as far as it is known."""
        loss = logs.get("loss", 0.0)
        is_sound = math.isfinite(loss)
        if not is_sound and not self._has_told:
            self._has_told = True
            warnings.warn(
                f"ModelCheckpoint does not save {path}: the loss is {float(loss)}. "
                "What was saved before is unchanged.",
                stacklevel=user_level(),
            )
        return is_sound

    def _reason(self, logs: Logs) -> str | None:
        """Why to save, as a part of a sentence; `None` if there is no reason to."""
        if not self.save_best_only:
            return ""
        value, before = self._read(logs, "saves every time"), self.best
        if value is None:
            return ""
        if not self._is_better(value, before):
            return None
        self.best = value
        since = "" if before is None else f", after {before:.5g}"
        return f", since {self.monitor} is {value:.5g}{since}"

    def _path(self, epoch: int, logs: Logs) -> str:
        try:
            return self.filepath.format(**{"epoch": epoch + 1, **logs})
        except (KeyError, IndexError, ValueError, TypeError) as error:
            known = ", ".join(["epoch", *logs])
            raise ArgumentError(
                f"`filepath` {self.filepath!r} cannot be filled in: "
                f"{type(error).__name__} {error}. Names in braces may be: {known}."
            ) from error


def _steps(save_freq: Any) -> int | None:
    if save_freq == "epoch":
        return None
    if isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0:
        return save_freq
    raise ArgumentError(
        f"`save_freq` must be 'epoch' or a positive number of steps; got {save_freq!r}."
    )
