"""Optimizers by name."""

from typing import Any

from ..framework import registry
from .optimizer import Optimizer


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name, or the optimizer itself.

    Raises:
        ArgumentError: for an unknown name, with the closest known ones.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    return registry.get("optimizer", identifier)
