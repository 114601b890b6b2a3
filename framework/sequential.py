"""Sequential: a model that is a plain list of layers."""

from collections.abc import Sequence
from typing import Any

import jax

from . import registry
from .errors import ArgumentError, ArgumentTypeError
from .layer import Layer
from .model import Model


@registry.register("layer", "Sequential")
class Sequential(Model):
    """Layers called one after another: y = layer_n(... layer_1(x)).

    With an input shape (a first `Input`, or `input_shape=` of the first layer) the
    weights are made at once, otherwise in the first call.

    Args:
        layers: The layers, in order. More come by `add`.
        trainable: Whether the weights are trained. Default true.
        name: Default "sequential" with a running number.

    Shapes:
        input (batch, ...) as the first layer takes it -> output of the last layer

    Example:
        >>> model = jt.Sequential([jt.layers.Dense(4, input_shape=(3,))])
        >>> model(jt.ones((2, 3))).shape
        (2, 4)
    """

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        if isinstance(layers, Layer):
            raise ArgumentTypeError(
                f"Sequential takes a list of layers; got {type(layers).__name__}. "
                "Put them in brackets: Sequential([first, second])."
            )
        for layer in layers or ():
            self._append(layer)
        if not trainable:
            self.trainable = False
        self._build_if_known()

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        self._append(layer)
        self.built = False
        self._build_if_known()

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._stack:
            raise ArgumentError(f"Sequential '{self.name}' has no layer to pop.")
        return self._stack.pop()

    def _append(self, layer: Layer) -> None:
        if not isinstance(layer, Layer):
            raise ArgumentTypeError(
                f"Sequential takes layers; got {type(layer).__name__} {layer!r}. "
                "Wrap a function in a layer: subclass jt.layers.Layer."
            )
        if layer.name in {other.name for other in self._stack}:
            raise ArgumentError(
                f"Sequential '{self.name}' has a layer named '{layer.name}' already. "
                "Give each layer a name of its own."
            )
        self._stack.append(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without `Input`."""
        return [layer for layer in self._stack if not _is_input_layer(layer)]

    def _build_if_known(self) -> None:
        """Make the weights now if the first layer says what shape comes in."""
        shape = self._stack[0]._input_shape if self._stack else None
        if shape is not None and None not in shape[1:]:
            self._build_for(shape)

    def build(self, input_shape: Any) -> None:
        """Make the weights of all layers by following the shapes through them."""
        shape = tuple(input_shape)
        for layer in self._stack:
            shape = _output_shape(layer, shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The output of the last layer."""
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs


def _is_input_layer(layer: Layer) -> bool:
    return bool(layer.__dict__.get("_is_input_layer"))


def _output_shape(layer: Layer, shape: tuple) -> tuple:
    """What a layer makes of a shape; builds it on the way, computing nothing."""
    if not layer.built:
        layer._build_for(shape)
    one = tuple(1 if length is None else length for length in shape)

    def trace(inputs: jax.Array) -> Any:
        return layer(inputs)._array()

    out = jax.eval_shape(trace, jax.ShapeDtypeStruct(one, "float32")).shape
    layer.__dict__["_output_shape"] = (shape[0], *out[1:])
    return (shape[0], *out[1:])
