"""Model: a layer with the methods of training and inspection."""

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from . import configs, graph_config, masking, registry, saving
from .errors import ArgumentError, ArgumentTypeError, NotBuiltError
from .functional import Graph
from .layer import Derived, Layer
from .module import accepted_arguments, apart_from_weights, names_in_container
from .recording.body import is_handle
from .summary import summarize
from .symbolic import known_shape
from .training import Trainer


@registry.register("layer", ("Model", "Functional"))
class Model(Trainer, Layer):
    """A network: from inputs to outputs, or a subclass with a `call` of its own.

    `Model(inputs, outputs)` computes what leads from symbolic inputs to symbolic
    outputs. A subclass makes layers in `__init__` and connects them in `call`; layers
    that are attributes, also in lists and dictionaries, are found on their own.

    Args:
        inputs: What `jt.Input` returned, also in lists, tuples and dictionaries; or
            results of layers, to cut out a part of a model. Left out by subclasses.
        outputs: What layers and ops computed from the inputs.
        name: Default the class's name in snake_case with a running number.
        trainable: Whether the weights are trained. Default true.
        dtype: Element type of weights that the model makes itself. Default float32.

    Raises:
        ArgumentError: if the outputs need another input, or do not need a given one.
        ArgumentTypeError: for inputs or outputs that are not symbolic.

    Example:
        >>> inputs = jt.Input(shape=(3,))
        >>> hidden = jt.layers.Dense(8, activation="relu")(inputs)
        >>> model = jt.Model(inputs, jt.layers.Dense(1)(hidden))
        >>> model(jt.ones((2, 3))).shape
        (2, 1)
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
    is_plain_math = True
    counts_builds = False  # the layers make weights, and may do so in a first call
    _graph: Graph | None = None
    _is_chain = False

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name=name, **options)
        if inputs is None and outputs is None:
            return
        if inputs is None or outputs is None:
            missing = "inputs" if inputs is None else "outputs"
            raise ArgumentTypeError(
                f"{type(self).__name__}() got no `{missing}`. Give both, "
                "Model(inputs, outputs), or neither and define `call` in a subclass."
            )
        self._set_graph(Graph(inputs, outputs, f"{type(self).__name__}('{self.name}')"))
        if not self.trainable:
            self.trainable = False

    def _set_graph(self, graph: Graph) -> None:
        """Let the default `call` run these steps, whose layers are the model's."""
        self._graph = graph
        self._layers = graph.layers
        self._constants = graph.constants
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The outputs of a functional model; subclasses define their own.

        Args:
            inputs: Tensors, nested as the inputs that the model was made of.
            training: What its layers are told, if it is given.
            mask: Which steps of each input count, if its Tensors do not say so.
        """
        if self._graph is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no `call` method. Define "
                "`def call(self, inputs): ...` and return the outputs, or give "
                "`inputs` and `outputs` to the constructor."
            )
        if mask is not None:
            inputs = masking.masked(
                inputs, mask, f"{type(self).__name__}('{self.name}')"
            )
        return self._graph.run(inputs)

    def build(self, input_shape: Any) -> None:
        """Make the weights of all layers for inputs of a shape, computing nothing.

        Args:
            input_shape: With the batch as its first entry, `None` where a length may
                change; or shapes nested as the inputs of `call`.
        """
        if not self.built:
            self.compute_output_shape(input_shape)

    def _build_for(self, shape: Any, **further: Any) -> None:
        if type(self).build is not Model.build:
            super()._build_for(shape, **further)
        else:  # the layers are built as `call` comes to them
            self.built = True

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
    def output_names(self) -> list[str] | None:
        """Names of the outputs: those of their layers; `None` if not known."""
        if self._graph is None:
            return None
        outputs = self._graph.outputs
        if isinstance(outputs, dict):
            return list(outputs)
        flat = jax.tree.leaves(outputs, is_leaf=is_handle)
        return [tensor._step.name for tensor in flat]

    def _metrics_below(self) -> list[Any]:
        return apart_from_weights(self, "metric")

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in this model, in order."""
        if self._graph is not None:
            return list(self._graph.layers)
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

    def _named_members(self) -> Iterator[tuple[str, Any]]:
        if self._graph is not None:
            yield from names_in_container(self._graph.layers)
        yield from super()._named_members()

    def _known_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise NotBuiltError(
                f"{type(self).__name__}('{self.name}') has no defined {what}: it is "
                "no functional model, nor a Sequential with a known input shape."
            )
        return self._graph

    def _find_input(self) -> Any:
        """The symbolic inputs, nested as they were given."""
        return self._known_graph("input").inputs

    def _find_output(self) -> Any:
        """The symbolic outputs, nested as they were given."""
        return self._known_graph("output").outputs

    def _find_inputs(self) -> Any:
        """The symbolic inputs as a list; in a dictionary if they were given in one."""
        return _listed(self._known_graph("inputs").inputs)

    def _find_outputs(self) -> Any:
        """The symbolic outputs as a list; in a dictionary if they were given in one."""
        return _listed(self._known_graph("outputs").outputs)

    def _find_input_shape(self) -> Any:
        """Shapes of the inputs, nested as these."""
        return _shapes(self._known_graph("input shape").inputs)

    def _find_output_shape(self) -> Any:
        """Shapes of the outputs, nested as these."""
        return _shapes(self._known_graph("output shape").outputs)

    input = Derived(_find_input)
    output = Derived(_find_output)
    inputs = Derived(_find_inputs)
    outputs = Derived(_find_outputs)
    input_shape = Derived(_find_input_shape)
    output_shape = Derived(_find_output_shape)

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
        names = [layer.name for layer in layers]
        close = difflib.get_close_matches(str(name), names, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise ArgumentError(
            f"Model '{self.name}' has no layer named {name!r}. {hint}It has: "
            f"{', '.join(names)}."
        )

    @classmethod
    def takes_graph(cls) -> bool:
        """Whether the constructor takes `inputs` and `outputs`, or makes its own."""
        return "inputs" in accepted_arguments(cls)

    def get_config(self) -> dict[str, Any]:
        """What makes the model again: its steps, or the arguments of a subclass.

        Raises:
            ArgumentError: for a step that has no written form, with its line, and for
                an argument of a subclass that is no attribute.
        """
        config = configs.config_of(self, Layer, ("inputs", "outputs"))
        if self._graph is None or not self.takes_graph():
            return config
        return {**config, **graph_config.written(self._graph)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """A new model from what `get_config` returned, with weights of its own.

        Args:
            config: Also after a trip through JSON.
            custom_objects: Classes and functions of yours that it names.
        """
        with registry.custom_object_scope(custom_objects):
            if "steps" not in config:
                return configs.made_from(cls, config)
            rest, inputs, outputs = graph_config.read(config)
            return configs.made_from(cls, rest, {"inputs": inputs, "outputs": outputs})

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers with their output shapes and numbers of parameters.

        Args:
            line_length: Width that lines may have, in characters. Default that of the
                terminal.
            positions: Where the columns end, in characters or parts of the width.
                Default as the text needs.
            print_fn: Takes each line instead of `print`.
            expand_nested: Whether to show the layers in models that are layers.
            show_trainable: Whether to show which layers are trained.
            layer_range: Names (or patterns) of the first and last layer to show.
        """
        summarize(
            self,
            line_length,
            positions,
            print_fn,
            expand_nested,
            show_trainable,
            layer_range,
        )


masking.passed_on |= {Model.compute_mask, Model.call}


def _listed(structure: Any) -> Any:
    return [structure] if is_handle(structure) else structure


def _shapes(structure: Any) -> Any:
    return jax.tree.map(
        lambda x: known_shape(x._type.shape), structure, is_leaf=is_handle
    )
