"""Model: a layer with the methods of training and inspection."""

import os
from collections.abc import Callable
from typing import Any

from . import saving
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

    @property
    def optimizer(self) -> Any:
        """What trains the model, once it was assigned; it is saved with the model."""
        return self.__dict__.get("_optimizer")

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        self.__dict__["_optimizer"] = value

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        optimizer: Any = None,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model, and where its training is, into a folder.

        The folder has the old content or the new one, whole, also if the process is
        killed. `jt.load_model` reads it.

        Args:
            filepath: The folder, made if need be.
            overwrite: Whether to replace a model that is saved there. Default true.
            optimizer: Saved too, with its slots. Default `model.optimizer`.
            include_optimizer: False leaves the optimizer out. Default true.

        Raises:
            ArgumentError: for a part that cannot be written, such as a lambda.
            FileAccessError: if the system refuses; the old content is there still.
        """
        saving.save_model(self, filepath, overwrite, optimizer, include_optimizer)

    def save_weights(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Write all variables into one safetensors file, whole or not at all.

        Args:
            filepath: Of the file; `name.weights.safetensors` by convention.
            overwrite: Whether to replace a file that is there. Default true.

        Raises:
            ArgumentError: if there are no weights yet, or the name says HDF5.
            FileAccessError: if the system refuses; the old file is there still.
        """
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: str | os.PathLike, skip_mismatch: bool = False
    ) -> None:
        """Assign the variables that `save_weights` or `save` wrote, or none.

        Args:
            filepath: The file, or the folder of a saved model.
            skip_mismatch: Whether to leave variables alone that have no array of their
                shape in the file, with a warning. Default false, as in Keras.

        Raises:
            FileContentError: if the file is damaged, or names and shapes are not those
                of the model; lists all of them.
            MissingFileError: if there is no such file.
        """
        saving.load_weights(self, filepath, skip_mismatch)

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


def _shape_text(layer: Layer) -> str:
    shape = layer.__dict__.get("_output_shape")
    return "?" if shape is None else str(("None", *shape[1:])).replace("'", "")


def _count(layer: Layer) -> str:
    return f"{layer.count_params():,}" if layer.built else "not built"
