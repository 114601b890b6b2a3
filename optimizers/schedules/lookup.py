"""Schedules by name."""

from typing import Any

from ...framework import registry


def serialize(learning_rate_schedule: Any) -> Any:
    """A schedule as `{"class_name", "config"}`, or a function's name."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The schedule that `serialize` wrote.

    Args:
        config: What `serialize` returned, also after a trip through JSON.
        custom_objects: Classes and functions of yours that it may name.
    """
    return registry.deserialize("schedule", config, custom_objects)
