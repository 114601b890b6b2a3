"""Finding a metric by its name or config."""

from typing import Any

from ... import registry


def get(identifier: Any) -> Any:
    """A metric from a name, config, class, function or `Metric`; `None` stays `None`.

    The name of a class ("MeanSquaredError", "mean_squared_error", "mse") gives a new
    metric. "accuracy" is `Accuracy` here; what it means in `compile` depends on shapes.

    Raises:
        ArgumentError: for an unknown name.
    """
    return registry.get("metric", identifier)


def serialize(metric: Any) -> Any:
    """A metric as its `{"class_name", "config"}`, a function as its name."""
    return registry.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that `serialize` wrote.

    Args:
        config: What it returned, also after a trip through JSON.
        custom_objects: Classes and functions of yours that it may name.
    """
    return registry.deserialize("metric", config, custom_objects)
