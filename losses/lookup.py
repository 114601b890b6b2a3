"""Finding a loss by its name or config."""

from typing import Any

from ..framework import registry


def get(identifier: Any) -> Any:
    """A loss from a name, config, class, function or `Loss`; `None` stays `None`.

    As in Keras, the name of a function ("mse") gives the function, which returns a
    value per sample, and the name of a class gives a `Loss`, which reduces them.

    Raises:
        ArgumentError: for an unknown name.
    """
    return registry.get("loss", identifier)


def serialize(loss: Any) -> Any:
    """A loss as its `{"class_name", "config"}`, a function as its name."""
    return registry.serialize(loss)


def deserialize(config: Any) -> Any:
    """The loss that `serialize` wrote."""
    return registry.deserialize("loss", config)
