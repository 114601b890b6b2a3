"""CSVLogger: what each epoch came to, as a row of a file."""

import contextlib
import csv
import io
import os
import warnings
from collections.abc import Iterable
from typing import Any

from ...errors import ArgumentError
from ...recording.site import user_level
from ...saving import disk
from .callback import Callback, Logs


class CSVLogger(Callback):
    """Writes losses and metrics of each epoch into a file, as Keras's.

    Columns are those of the first epoch, in the order of the alphabet; without
    validation in it, their `val_` forms too. What an epoch does not have is `NA`.

    Args:
        filename: Of the file.
        separator: Between columns. Default a comma.
        append: Whether to add to a file that is there. Default false: it is replaced.

    Note:
        If the disk is full or the file cannot be written, the training goes on, with
        one warning. Rows that could not be written are kept and tried again after each
        epoch.

    Raises:
        ArgumentTypeError: for a `filename` that is no path.
        ArgumentError: for a `separator` that is not one letter.

    Example:
        >>> logger = CSVLogger("training.csv")
    """

    state_names = ("keys", "_size")

    def __init__(
        self, filename: str | os.PathLike, separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = disk.path_of(filename, "filename")
        if not isinstance(separator, str) or len(separator) != 1:
            raise ArgumentError(
                f"`separator` of CSVLogger must be one letter; got {separator!r}."
            )
        self.sep, self.append = separator, append
        self._begin()

    def _begin(self) -> None:
        self.keys: list[str] | None = None
        self._waiting = ""
        self._size = 0
        if self.append:
            with contextlib.suppress(OSError):
                self._size = os.path.getsize(self.filename)
        self._has_warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin the file anew, or go on with it: when there is a row."""
        self._begin()  # a training that goes on keeps the rows of before

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add a row."""
        logs = logs or {}
        text = io.StringIO(newline="")
        table = csv.writer(text, delimiter=self.sep)
        if self.keys is None:
            self.keys = _columns(logs)
            if not self._size and not self._waiting:
                table.writerow(["epoch", *self.keys])
        table.writerow([epoch, *[_cell(logs.get(key, "NA")) for key in self.keys]])
        self._waiting += text.getvalue()
        self._write()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Try once more what could not be written."""
        if self._waiting:
            self._write()

    def _write(self) -> None:
        """Write what waits after what is known to be written."""
        data = self._waiting.encode()
        try:
            with open(self.filename, "ab") as file:
                file.truncate(self._size)  # a part of a row that did not fit
                file.write(data)
            self._size, self._waiting = self._size + len(data), ""
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                warnings.warn(
                    f"CSVLogger cannot write {self.filename}: {error.strerror}. The "
                    "training goes on; rows are kept and tried again after each epoch.",
                    stacklevel=user_level(),
                )


def _columns(logs: Logs) -> list[str]:
    keys = sorted(logs)
    has_validation = any(key.startswith("val_") for key in keys)
    return keys if has_validation else [*keys, *[f"val_{key}" for key in keys]]


def _cell(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str) and _rank(value):
        return f'"[{", ".join(map(str, value))}]"'
    return value


def _rank(value: Any) -> int:
    """Number of axes; plain lists have one."""
    return getattr(value, "ndim", 1)
