"""Model: a layer with the methods of training and inspection."""

from collections.abc import Callable
from typing import Any

from . import masking
from .errors import ArgumentError
from .layer import Layer


class Model(Layer):
    """A network: subclass it, make layers in `__init__`, connect them in `call`.

    Layers that are attributes, also in lists and dictionaries, are found on their own.

    Args:
        name: Default the class's name in snake_case with a running number.

    Example:
        >>> class Network(jt.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = jt.layers.Dense(8, activation="relu")
        ...         self.out = jt.layers.Dense(1)
        ...     def call(self, inputs):
        ...         return self.out(self.hidden(inputs))
        >>> Network()(jt.ones((2, 3))).shape
        (2, 1)
    """

    supports_masking = True

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in this model, in order."""
        nested = {
            id(inner) for module in self.submodules for inner in module.submodules
        }
        return [
            module
            for module in self.submodules
            if isinstance(module, Layer) and id(module) not in nested
        ]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None beside those that the layers in it gave the outputs."""

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or at that place.

        Raises:
            ArgumentError: if there is none.
        """
        layers = self.layers
        if index is not None:
            if -len(layers) <= index < len(layers):
                return layers[index]
            raise ArgumentError(
                f"Model '{self.name}' has {len(layers)} layers; got `index` {index}."
            )
        for layer in layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in layers)
        raise ArgumentError(
            f"Model '{self.name}' has no layer named {name!r}. It has: {known}."
        )

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the layers with their numbers of parameters.

        Args:
            print_fn: Takes each line instead of `print`.
        """
        show = print_fn or print
        rows = [
            (
                f"{layer.name} ({type(layer).__name__})",
                _shape_text(layer),
                _count(layer),
            )
            for layer in self.layers
        ]
        titles = ("Layer (type)", "Output shape", "Param #")
        widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(3)]
        show(f'Model: "{self.name}"')
        for row in (titles, tuple("-" * width for width in widths), *rows):
            show("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)))
        trained = sum(v.size for v in self.trainable_variables)
        total = self.count_params()
        show(f"Total params: {total:,}")
        show(f"Trainable params: {trained:,}")
        show(f"Non-trainable params: {total - trained:,}")


masking.passed_on.add(Model.compute_mask)


def _shape_text(layer: Layer) -> str:
    shape = layer.__dict__.get("_output_shape")
    return "?" if shape is None else str(("None", *shape[1:])).replace("'", "")


def _count(layer: Layer) -> str:
    return f"{layer.count_params():,}" if layer.built else "not built"
