"""History: losses and metrics of each epoch, as `fit` returns them."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

from . import curves
from .callback import Callback, Logs


class History(Callback):
    """What each epoch came to, as plain Python floats; `fit` returns one.

    It is also `model.history` from the beginning of the training on, so that it is
    there after an interruption too.

    Attributes:
        history: A list for each quantity, in the order of the epochs.
        epoch: The numbers of the epochs, from 0.

    Example:
        >>> history = History()
        >>> history.on_train_begin()
        >>> history.on_epoch_end(0, {"loss": np.float32(0.5), "val_loss": 0.75})
        >>> history.history
        {'loss': [0.5], 'val_loss': [0.75]}
    """

    state_names = ("history", "epoch", "_places")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self._places: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Become the model's history; quantities are added to what is there.

        Epochs are listed anew, as in Keras.
        """
        self.epoch = []
        if self.model is not None:
            self.model.history = self

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add what the epoch came to; all of it or, interrupted, nothing."""
        rows = {name: _plain(value) for name, value in (logs or {}).items()}
        tables = {"epoch": self.epoch}, self.history, self._places
        lengths = [{n: len(values) for n, values in table.items()} for table in tables]
        try:
            for name, value in rows.items():
                self.history.setdefault(name, []).append(value)
                self._places.setdefault(name, []).append(epoch + 1)
            self.epoch.append(epoch)
        except BaseException:
            for table, before in zip(tables, lengths, strict=True):
                _cut(table, before)
            raise

    def plot(
        self,
        names: Sequence[str] | None = None,
        to_file: str | os.PathLike | None = None,
    ) -> list[Any]:
        """Draw the curves: a panel for each quantity, its validation in the same.

        Needs `pip install "jaxtape[plot]"`. In a script, `matplotlib.pyplot.show()`
        opens the window.

        Args:
            names: Quantities to draw. Default all.
            to_file: Where to save the picture; its ending says the format.

        Returns:
            The axes of matplotlib; the figure is `axes[0].figure`.

        Raises:
            ArgumentError: for an unknown quantity, or if there is nothing to draw.
            MissingPackageError: without matplotlib.
        """
        return curves.plot(
            {
                name: (self._epochs_of(name), values)
                for name, values in self.history.items()
                if all(isinstance(value, int | float) for value in values)
            },
            names,
            to_file,
        )

    def _epochs_of(self, name: str) -> Sequence[int]:
        """The epochs of a quantity's values, from 1 as they are printed."""
        places = self._places.get(name, [])
        count = len(self.history[name])
        is_rising = all(a < b for a, b in itertools.pairwise(places))
        # Of several trainings, or of a training that was resumed, values are counted.
        return places if is_rising and len(places) == count else range(1, count + 1)

    def __repr__(self) -> str:
        last = ", ".join(
            f"{name}: {values[-1]:.4g}" if isinstance(values[-1], float) else name
            for name, values in self.history.items()
        )
        count = len(self.epoch)
        return f"<History of {count} epoch{'s' * (count != 1)}; {last or 'empty'}>"


def _cut(table: dict[str, list[Any]], lengths: dict[str, int]) -> None:
    """Shorten lists to what they were."""
    for name in [*table]:
        del table[name][lengths.get(name, 0) :]
        if name not in lengths:
            del table[name]


def _plain(value: Any) -> Any:
    """A number as a float, an array as a list, anything else as it is."""
    if isinstance(value, str):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        as_list = getattr(value, "numpy", lambda: value)()
        return as_list.tolist() if hasattr(as_list, "tolist") else value
