"""Regularizer: the base of the penalties on weights."""

import math
import numbers
from typing import Any

from ..framework.errors import ArgumentError
from ..framework.recording.tensor import TensorLike


class Regularizer:
    """Base of all regularizers: subclass it and define `__call__` and `get_config`."""

    def __call__(self, x: TensorLike) -> Any:
        """The penalty of a weight, a scalar."""
        raise NotImplementedError(
            f"{type(self).__name__} must define __call__(self, x)."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        raise NotImplementedError(
            f"{type(self).__name__} must define get_config(self), so that it can be "
            "saved: return the constructor's arguments as a dictionary."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Regularizer":
        """A regularizer made from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {vars(self)}>"


def factor(value: Any, name: str) -> float:
    """A regularizer's factor as a Python float.

    Raises:
        ArgumentError: unless it is a finite number of at least 0.
    """
    is_number = isinstance(value, numbers.Real)
    if not is_number or not math.isfinite(value) or value < 0:
        raise ArgumentError(
            f"`{name}` must be a finite number of at least 0; got {value!r}. "
            "For example: 0.01."
        )
    return float(value)
