"""Monitoring: which of two values of a quantity is better, for callbacks that ask."""

import difflib
import math
import warnings
from typing import Any

from ... import checked
from ...errors import ArgumentError
from ...recording.site import user_level
from .callback import Callback, Logs

_RISING = ("acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "cosine")
_FALLING = (
    *("loss", "error", "mse", "mae", "rmse", "msle", "mape", "crossentropy"),
    *("divergence", "hinge", "perplexity", "poisson"),
)
"""Parts of names that say which way a quantity goes when a model becomes better."""


class Monitor(Callback):
    """Base of callbacks that watch whether a quantity becomes better.

    Args:
        monitor: Name of the quantity, as in the History's keys.
        mode: `"min"`, `"max"`, or `"auto"`: as the metric of that name says of itself,
            or else the name (`"loss"` falls, `"accuracy"` rises).
        min_delta: Smallest change that counts as better.

    Raises:
        ArgumentTypeError: for a `monitor` that is no text.
        ArgumentError: for another mode; when the training begins, if the mode is
            `"auto"` and neither the metrics nor the name tell the direction.
    """

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(
                f"`mode` of {type(self).__name__} must be 'auto', 'min' or 'max'; got "
                f"{mode!r}."
            )
        self.monitor, self.mode = checked.text(self, "monitor", monitor), mode
        self.min_delta = abs(checked.number(self, "min_delta", min_delta))
        self.best: float | None = None
        self._rises: bool | None = None if mode == "auto" else mode == "max"
        self._has_warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Find out which direction is better, before anything is trained."""
        self._has_warned = False
        self._find_direction()

    def _find_direction(self) -> bool:
        if self._rises is None:
            self._rises = _rises(self.monitor, self.model)
        if self._rises is None:
            raise ArgumentError(
                f"{type(self).__name__} cannot tell whether {self.monitor!r} is better "
                f"high or low. Say it: {type(self).__name__}(monitor="
                f"{self.monitor!r}, mode='max'), or 'min'."
            )
        return self._rises

    def _read(self, logs: Logs | None, otherwise: str = "does nothing") -> float | None:
        """The quantity as a float; where it is missing, `None` and a warning once."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is not None:
            return float(value)
        if not self._has_warned:
            self._has_warned = True
            known = list(logs)
            close = difflib.get_close_matches(str(self.monitor), known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            warnings.warn(
                f"{type(self).__name__} monitors {self.monitor!r}, which is not "
                f"available, so it {otherwise}. Available: {', '.join(known)}.{hint}",
                stacklevel=user_level(),
            )
        return None

    def _is_better(self, value: float, than: float | None) -> bool:
        """Whether a value is better by more than `min_delta`; a NaN never is."""
        if math.isnan(value):
            return False
        if than is None:
            return True
        if self._find_direction():
            return value - self.min_delta > than
        return value + self.min_delta < than


def _rises(quantity: str, model: Any) -> bool | None:
    """Whether a quantity is better when it is larger; `None` where nothing says it."""
    name = quantity.removeprefix("val_")
    for metric in getattr(model, "metrics", None) or ():
        direction = getattr(metric, "_direction", None)
        if getattr(metric, "name", None) == name and direction in ("up", "down"):
            return direction == "up"
    if any(part in name.lower() for part in _FALLING):
        return False
    return True if any(part in name.lower() for part in _RISING) else None
