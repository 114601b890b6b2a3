"""Sequential: a model that is a plain list of layers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax

from . import configs, masking, registry
from .errors import ArgumentError, ArgumentTypeError, BodyError
from .functional import Graph, with_rank_of
from .input_layer import InputLayer, input_like
from .layer import Layer, is_shape
from .model import Model
from .module import names_in_container
from .recording.body import is_handle
from .recording.tensor import Tensor
from .symbolic import SymbolicTensor, known_shape


@registry.register("layer", "Sequential")
class Sequential(Model):
    """Layers called one after another: y = layer_n(... layer_1(x)).

    With an input shape (a first `Input`, or `input_shape=` of the first layer) the
    weights are made at once, otherwise in the first call or by `build`.

    Args:
        layers: The layers, in order; what `jt.Input` returned may come first. More
            come by `add`.
        trainable: Whether the weights are trained. Default true.
        name: Default "sequential" with a running number.

    Shapes:
        input (batch, ...) as the first layer takes it -> output of the last layer

    Raises:
        ArgumentTypeError: for what is no layer.
        ArgumentError: for a second layer of one name, or an `Input` after a layer.

    Example:
        >>> model = jt.Sequential([jt.Input((3,)), jt.layers.Dense(4)])
        >>> model.output_shape
        (None, 4)
        >>> model(jt.ones((2, 3))).shape
        (2, 4)
    """

    counts_builds = False
    is_plain_math = True
    _is_chain = True

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        self._entry: InputLayer | None = None
        self._taken_names: set[str] = set()
        self._results: list[Any] = []
        """Symbolic input, and output of each layer, once the input shape is known."""
        if not isinstance(layers, Iterable | None):
            raise ArgumentTypeError(
                f"Sequential takes a list of layers; got {type(layers).__name__}. "
                "Put them in brackets: Sequential([first, second])."
            )
        for layer in layers or ():
            self._append(layer)
        self._extend_results()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, and make its weights if the input shape is known.

        Args:
            layer: A layer, or what `jt.Input` returned if it is the first.
            rebuild: Whether to make the weights now; if not, `build` or the first call
                does.
        """
        self._append(layer)
        self.built = False
        if rebuild:
            try:
                self._extend_results()
            except Exception:
                self._remove_last()
                raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it; `rebuild` has no effect."""
        if not self._stack:
            raise ArgumentError(f"Sequential '{self.name}' has no layer to pop.")
        layer = self._remove_last()
        self.built = len(self._results) > len(self._stack) > 0
        return layer

    def _remove_last(self) -> Layer:
        layer = self._stack.pop()
        self._taken_names.discard(layer.name)
        if len(self._results) > len(self._stack) + 1:
            step = jax.tree.leaves(self._results.pop(), is_leaf=is_handle)[0]._step
            layer.__dict__["_steps"].remove(step)
        self._forget_graph()
        return layer

    def _append(self, layer: Any) -> None:
        if isinstance(layer, SymbolicTensor) and not layer._step.inputs:
            layer = layer._step.layer
        if not isinstance(layer, Layer):
            raise ArgumentTypeError(
                f"Sequential takes layers; got {type(layer).__name__} {layer!r}. "
                "Wrap a function in a layer: subclass jt.layers.Layer."
            )
        if isinstance(layer, InputLayer):
            self._begin(layer)
            return
        if layer.name in self._taken_names:
            raise ArgumentError(
                f"Sequential '{self.name}' has a layer named '{layer.name}' already. "
                "Give each layer a name of its own."
            )
        if not self._stack and self._entry is None and layer._input_shape is not None:
            self._begin(InputLayer(batch_shape=layer._input_shape, dtype=layer.dtype))
        if not self._stack and self._entry is None and isinstance(layer, Model):
            self._begin_as(layer)
        self._taken_names.add(layer.name)
        self._stack.append(layer)
        if not self.trainable:
            layer.trainable = False

    def _begin(self, entry: InputLayer) -> None:
        """Take note of the input shape, which comes first."""
        if self._entry is not None or self._stack:
            shape = "none" if self._entry is None else self._entry.batch_shape
            raise ArgumentError(
                f"Sequential '{self.name}' got an Input of shape {entry.batch_shape} "
                f"after {len(self._stack)} layers; its input shape is {shape}. Put one "
                "Input first: Sequential([jt.Input((3,)), ...])."
            )
        self._entry = entry
        self._results = [entry.output]

    def _begin_as(self, model: Model) -> None:
        """Take the input shape from a first layer that is a model and knows its own."""
        if model._graph is not None:
            entry = model._graph.inputs
            if isinstance(entry, SymbolicTensor):
                self._begin(input_like(entry, f"{self.name}_input"))

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without `Input`."""
        return list(self._stack)

    def _named_members(self) -> Iterator[tuple[str, Any]]:
        return names_in_container(self._stack)

    def _extend_results(self) -> None:
        """Call the layers that were not called yet on the symbolic result so far."""
        if self._entry is None:
            return
        if not self._results:
            self._results.append(self._entry.output)
        for layer in self._stack[len(self._results) - 1 :]:
            result = self._results[-1]
            is_one = isinstance(result, SymbolicTensor)
            if is_one and isinstance(layer, Sequential) and not layer.built:
                # Its call would build it five times deeper in the stack of Python.
                layer._build_for(known_shape(result._type.shape))
            self._results.append(layer(result))
        self.built = bool(self._stack)
        self._forget_graph()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: the layers, which it calls on symbolic inputs again."""
        rest = {n: v for n, v in self.__dict__.items() if n != "_made_graph"}
        return {**rest, "_results": []}

    def _forget_graph(self) -> None:
        self.__dict__.pop("_made_graph", None)

    @property
    def _graph(self) -> Graph | None:
        """The layers as steps; made when it is asked for."""
        if self._entry is None or not self._stack or not self.built:
            return None
        if len(self._results) <= len(self._stack):
            self._extend_results()  # a copy has none
        graph = self.__dict__.get("_made_graph")
        if graph is None:
            owner = f"Sequential('{self.name}')"
            graph = Graph(self._results[0], self._results[-1], owner)
            self.__dict__["_made_graph"] = graph
        return graph

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers by following the shapes through them."""
        if self._entry is None and input_shape is not None:
            dtype = self._stack[0].dtype if self._stack else None
            self._begin_with(input_shape, dtype)
        self._extend_results()

    def _begin_with(self, input_shape: Any, dtype: Any) -> None:
        stack, self._stack = self._stack, []
        try:
            self._begin(InputLayer(batch_shape=tuple(input_shape), dtype=dtype))
        finally:
            self._stack = stack

    def _build_for(self, shape: Any, **further: Any) -> None:
        """Make the weights for the inputs of a first call, of whatever batch."""
        if self._entry is None and is_shape(shape) and shape:
            try:
                self.build((None, *shape[1:]))
            except BodyError:  # a layer reads values: it is built when it is called
                self._entry, self._results = None, []
        elif self._entry is not None:
            self.build()
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """The layers, in order, after the `Input` if the input shape is known."""
        config = configs.config_of(self, Layer, ("layers",))
        entry = [] if self._entry is None else [self._entry]
        layers = [registry.serialize(layer) for layer in [*entry, *self._stack]]
        return {**config, "layers": layers}

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The output of the last layer; arguments as for `Model.call`."""
        if mask is not None:
            inputs = masking.masked(inputs, mask, f"Sequential('{self.name}')")
        entry = self._entry
        if entry is not None and inputs.__class__ is Tensor:
            shape = entry.batch_shape
            if len(inputs._type.shape) != len(shape):
                inputs = with_rank_of(shape, inputs)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs


masking.passed_on.add(Sequential.call)
