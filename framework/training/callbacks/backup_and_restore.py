"""BackupAndRestore: lets an interrupted training go on where it was."""

import contextlib
import os
import signal
import threading
from typing import Any

from ...errors import ArgumentError
from ...saving import checkpoint
from ...saving.disk import path_of
from .callback import Callback, Logs
from .console import say

_TERMINATED = 128 + 15
"""Exit status of a process that SIGTERM ended, as shells have it."""


class BackupAndRestore(Callback):
    """Keeps a checkpoint of the training, from which `fit` goes on after a crash.

    It holds weights, optimizer, metrics, random streams, the History, what other
    callbacks know, and the place in the shuffled data. Run the same script again, and
    `fit` goes on from there, in the middle of an epoch too; on the same machine it ends
    with the same bits as without the interruption. SIGTERM writes a checkpoint between
    two steps, about half a second later, and ends the process with status 143; a
    validation that it ends is made again.

    Args:
        backup_dir: The folder of the checkpoint, of this training alone.
        save_freq: `"epoch"`, after each epoch (default), or a number of steps, after
            each so many.
        double_checkpoint: Accepted for compatibility: a checkpoint replaces the one
            before only once it is whole.
        delete_checkpoint: Whether to remove it when the training has ended. Default
            true.
        verbose: Whether to print where the training goes on from. Default 1.

    Raises:
        ArgumentError: for another `save_freq`.
        ArgumentTypeError: for a `backup_dir` that is no path.
        FileContentError: when the training begins, if the folder holds something else,
            or a checkpoint of a model of another kind.

    Note:
        Not seen again are Python objects that callbacks of one's own change, unless
        their names are in `state_names`, and generators: what a generator has yielded
        before is passed over, by taking as many batches from it. Variables that a
        `test_step` of one's own assigns count a validation that SIGTERM ends twice.

    Example:
        >>> backup = BackupAndRestore("runs/digits", save_freq=100)
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike,
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
        verbose: int = 1,
    ) -> None:
        super().__init__()
        if save_freq != "epoch" and not _is_count(save_freq):
            raise ArgumentError(
                f"`save_freq` must be 'epoch' or a positive number of steps; got "
                f"{save_freq!r}."
            )
        self.backup_dir = path_of(backup_dir, "backup_dir")
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self.verbose = verbose
        self.step_interval = save_freq if isinstance(save_freq, int) else None
        self._is_due = self._is_terminated = False
        self._handler: Any = None
        self._has_handler = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Heed SIGTERM from now on, where the system has it."""
        self._is_due = self._is_terminated = False
        if threading.current_thread() is threading.main_thread():
            with contextlib.suppress(ValueError, OSError, AttributeError):
                self._handler = signal.signal(signal.SIGTERM, self._note_signal)
                self._has_handler = True

    def _note_signal(self, *_: Any) -> None:
        self._is_terminated = True

    def on_resume(self, position: Any) -> None:
        """Put the training where the checkpoint says it was, if there is one."""
        if not checkpoint.exists(self.backup_dir):
            return
        position.go_on_from(self.backup_dir)
        if self.verbose:
            step = f", step {position.step}" if position.step else ""
            say(f"Going on from epoch {position.epoch + 1}{step}: {self.backup_dir}")

    def on_train_steps_end(self, step: int, logs: Logs | None = None) -> None:
        """Remember to write a checkpoint, once all callbacks know of the step."""
        self._is_due = True

    def on_launch_end(self) -> None:
        """Write a checkpoint if it is time, or SIGTERM asks for it.

        Raises:
            SystemExit: with status 143, if SIGTERM does.
        """
        if self._is_due or self._is_terminated:
            self._is_due = False
            is_last = self._is_terminated  # it may come while this one is written
            self.model._position.save(self.backup_dir)
            if is_last:
                self._is_terminated = False
                raise SystemExit(_TERMINATED)

    def on_position(self) -> None:
        """Write a checkpoint: an epoch is over, its validation too."""
        self._is_due = True
        self.on_launch_end()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the checkpoint, and heed SIGTERM as before."""
        self.close()
        if self.delete_checkpoint:
            checkpoint.remove(self.backup_dir)

    def close(self) -> None:
        """Heed SIGTERM as before; `fit` calls it however it ends.

        One that nobody has heeded yet is sent again.
        """
        if self._has_handler:
            self._has_handler = False
            with contextlib.suppress(ValueError, OSError):
                signal.signal(signal.SIGTERM, self._handler or signal.SIG_DFL)
        if self._is_terminated:
            self._is_terminated = False
            signal.raise_signal(signal.SIGTERM)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
