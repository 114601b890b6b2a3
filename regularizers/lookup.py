"""Finding a regularizer by its name or config."""

from typing import Any

from ..framework import registry


def get(identifier: Any) -> Any:
    """A regularizer from a name, config, class or function; `None` stays `None`.

    Raises:
        ArgumentError: for an unknown name.
    """
    return registry.get("regularizer", identifier)


def serialize(regularizer: Any) -> Any:
    """A regularizer as its `{"class_name", "config"}`."""
    return registry.serialize(regularizer)


def deserialize(config: Any) -> Any:
    """The regularizer that `serialize` wrote."""
    return registry.deserialize("regularizer", config)
