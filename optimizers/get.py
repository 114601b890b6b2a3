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


def serialize(optimizer: Any) -> Any:
    """An optimizer as `{"class_name", "config"}`, without slots."""
    return registry.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that `serialize` wrote, with no slots yet.

    Args:
        config: What `serialize` returned, also after a trip through JSON.
        custom_objects: Classes and functions of yours that it may name.
    """
    return registry.deserialize("optimizer", config, custom_objects)
