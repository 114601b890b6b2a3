"""Cloning: the same model with weights of its own."""

from collections.abc import Callable
from typing import Any

from .configs import config_of, made_from
from .errors import ArgumentTypeError
from .functional import repeated
from .input_layer import InputLayer, input_like
from .layer import Layer
from .model import Model
from .sequential import Sequential
from .symbolic import Step, SymbolicTensor, call_again


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Any:
    """A model of the same layers, whose weights are drawn anew.

    A layer that is called several times, also in models that are layers, is one layer
    in the clone as well.

    Args:
        model: What to clone. A subclass is made from its config.
        input_tensors: Symbolic tensors to begin with, one for each input, in a list if
            there are several. Default inputs like the model's.
        clone_function: Makes the clone of each layer that is no `InputLayer`, nor a
            model. Default `type(layer).from_config(layer.get_config())`.

    Raises:
        ArgumentTypeError: for what is no model.

    Example:
        >>> model = jt.Sequential([jt.Input((3,)), jt.layers.Dense(2)])
        >>> jt.clone_model(model).output_shape
        (None, 2)
    """
    if not isinstance(model, Model):
        raise ArgumentTypeError(
            f"clone_model() takes a model; got {type(model).__name__} {model!r}. A "
            "layer is cloned by type(layer).from_config(layer.get_config())."
        )
    return _Cloner(clone_function).model(model, input_tensors)


class _Cloner:
    """Clones each layer once."""

    def __init__(self, clone_function: Callable[[Layer], Layer] | None) -> None:
        self._clone = clone_function or _from_config
        self._known: dict[int, Any] = {}

    def layer(self, layer: Any) -> Any:
        """The clone of a layer."""
        made = self._known.get(id(layer))
        if made is None:
            if isinstance(layer, Sequential) or _is_functional(layer):
                made = self.model(layer, None)
            elif isinstance(layer, InputLayer | Model):
                made = _from_config(layer)
            else:
                made = self._clone(layer)
            self._known[id(layer)] = made
        return made

    def model(self, model: Model, input_tensors: Any) -> Any:
        """The clone of a model."""
        if isinstance(model, Sequential):
            return self._sequential(model, input_tensors)
        if not _is_functional(model):
            return _from_config(model)
        return self._functional(model, input_tensors)

    def _sequential(self, model: Sequential, input_tensors: Any) -> Any:
        config = model.get_config()
        made = type(model).from_config({**config, "layers": []})
        first = model._entry if input_tensors is None else input_tensors
        if first is not None:
            made.add(self.layer(first) if first is model._entry else first)
        for layer in model.layers:
            made.add(self.layer(layer))
        return made

    def _functional(self, model: Model, input_tensors: Any) -> Any:
        graph = model._graph
        assert graph is not None
        given = None
        if input_tensors is not None:
            listed = isinstance(input_tensors, list | tuple)
            given = iter(input_tensors if listed else [input_tensors])

        def make_input(source: SymbolicTensor) -> SymbolicTensor:
            return next(given) if given else self._input(source)

        def call_step(step: Step, args: tuple, options: dict) -> Any:
            if step.layer is not None:
                return self.layer(step.layer)(*args, **options)
            return call_again(step, args, options)

        inputs, outputs = repeated(graph, make_input, call_step)
        config = config_of(model, Layer, ("inputs", "outputs"))
        return made_from(type(model), config, {"inputs": inputs, "outputs": outputs})

    def _input(self, source: SymbolicTensor) -> SymbolicTensor:
        step = source._step
        if isinstance(step.layer, InputLayer):
            return self.layer(step.layer).output
        return input_like(source, source.name).output


def _is_functional(layer: Any) -> bool:
    """Whether a model is made of inputs and outputs, and not by its constructor."""
    return isinstance(layer, Model) and layer._graph is not None and layer.takes_graph()


def _from_config(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())
