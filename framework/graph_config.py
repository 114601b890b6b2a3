"""Configs of functional models: their layers, and the steps that call these."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import registry
from .errors import ArgumentError
from .functional import Graph
from .input_layer import InputLayer, input_like
from .op_names import function_of, name_of_function, name_of_op, op_of
from .plan import Plan
from .recording.execution import call
from .recording.node import Handle
from .recording.signature import SCALAR, freeze, tensor_type
from .recording.tensor import Tensor
from .symbolic import OpCall, Step, SymbolicTensor, get_item
from .variable import Variable

_TENSOR, _NUMBER = "__tensor__", "__number__"
_SLICE, _ELLIPSIS = "__slice__", "__ellipsis__"


def written(graph: Graph) -> dict[str, Any]:
    """The layers and steps of a graph, as values that JSON can hold.

    Raises:
        ArgumentError: for a step that has no written form: a function lifted by
            `jt.op`, or an op that takes a Variable. Names its line.
    """
    layers = list(graph.layers)
    places: dict[int, tuple[int, int]] = {}
    steps: list[dict[str, Any]] = []
    for source in graph.sources:
        if source._step.inputs:  # a result of another model's layer begins this one
            layers.append(_input_for(source, [layer.name for layer in layers]))
            places[id(source)] = len(steps), 0
            steps.append({"layer": len(layers) - 1, "args": [], "options": {}})
    numbers = {id(layer): number for number, layer in enumerate(layers)}
    for step in graph.steps:
        for index, tensor in enumerate(step.outputs):
            places.setdefault(id(tensor), (len(steps), index))
        steps.append(_Writer(step, places, numbers).written())
    structure = _Writer(None, places, numbers)
    return {
        "layers": [registry.serialize(layer) for layer in layers],
        "steps": steps,
        "inputs": structure.value(graph.inputs),
        "outputs": structure.value(graph.outputs),
    }


def _input_for(source: SymbolicTensor, taken: Sequence[str]) -> InputLayer:
    name, number = source.name, 0
    while name in taken:
        number += 1
        name = f"{source.name}_{number}"
    return input_like(source, name)


class _Writer:
    """Writes the arguments of one step."""

    def __init__(
        self,
        step: Step | None,
        places: dict[int, tuple[int, int]],
        numbers: dict[int, int],
    ) -> None:
        self.step = step
        self.places = places
        self.numbers = numbers

    def written(self) -> dict[str, Any]:
        """What is called, and on what."""
        step = self.step
        assert step is not None
        args, options = step.arguments
        if step.layer is not None:
            target: dict[str, Any] = {"layer": self.numbers[id(step.layer)]}
        elif isinstance(step.function, OpCall):
            target, args, options = self._op(step.function, args)
        else:
            target = {"function": "get_item"}
        return {
            **target,
            "args": [self.value(arg) for arg in args],
            "options": {name: self.value(value) for name, value in options.items()},
        }

    def _op(self, target: OpCall, args: tuple) -> tuple[dict[str, Any], tuple, dict]:
        """An op by its name, or the function that it is lifted from."""
        plan = target.options.get("plan")
        if isinstance(plan, Plan):
            name = name_of_function(plan.function)
            if name is not None and not plan.around:
                args, options = plan.arguments(args)
                return {"function": name}, args, options
        else:
            name = name_of_op(target.op)
            if name is not None and not target.is_dynamic:
                return {"op": name}, args, target.options
        raise self._refusal(
            "It is a function of your own, lifted by jt.op, or computes with lengths "
            "that are not known"
        )

    def value(self, value: Any) -> Any:
        """An argument, with tensors as the places where they are made."""
        if isinstance(value, SymbolicTensor):
            step, output = self.places[id(value)]
            return {"class_name": _TENSOR, "step": step, "output": output}
        if isinstance(value, Variable):
            raise self._refusal(f"It takes the Variable '{value.name}'")
        if isinstance(value, Handle) and value._type.role == SCALAR:
            kind = value._type
            return {
                "class_name": _NUMBER,
                "value": value._array(),
                "dtype": kind.dtype.name,
                "weak_type": kind.weak_type,
            }
        if isinstance(value, slice):
            parts = [self.value(p) for p in (value.start, value.stop, value.step)]
            return {"class_name": _SLICE, "parts": parts}
        if value is Ellipsis:
            return {"class_name": _ELLIPSIS}
        if isinstance(value, tuple):
            return {"class_name": registry.TUPLE, "items": [*map(self.value, value)]}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, dict):
            return {registry.key(k): self.value(part) for k, part in value.items()}
        try:
            return registry.serialize(value)
        except ArgumentError as error:
            raise self._refusal(f"{str(error).split('.')[0]}") from None

    def _refusal(self, reason: str) -> ArgumentError:
        step = self.step
        assert step is not None
        return ArgumentError(
            f"The call of {step.name} at {step.site} has no written form. {reason}. "
            "Put it in the `call` of a layer of your own, which is found by its name."
        )


def read(config: dict[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """What else a config of a model says, and symbolic inputs and outputs made anew.

    Raises:
        ArgumentError: for a class or op that is not known, or a step that takes the
            result of a later one.
    """
    rest = dict(config)
    layers = [registry.deserialize("layer", layer) for layer in rest.pop("layers")]
    reader = _Reader(layers)
    for step in rest.pop("steps"):
        reader.run(step)
    return rest, reader.value(rest.pop("inputs")), reader.value(rest.pop("outputs"))


class _Reader:
    """Makes the calls that were written, one after another."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers
        self.steps: list[Sequence[SymbolicTensor]] = []

    def run(self, step: dict[str, Any]) -> None:
        """Make one call, on what the ones before made."""
        args = [self.value(arg) for arg in step["args"]]
        options = {name: self.value(value) for name, value in step["options"].items()}
        if "op" in step:
            op, frozen = op_of(step["op"]), ("config", freeze(options))
            result = call(op, args, options, frozen)
        elif "function" in step:
            is_index = step["function"] == "get_item"
            function = get_item if is_index else function_of(step["function"])
            result = function(*args, **options)
        else:
            layer = self._layer(step["layer"])
            is_input = isinstance(layer, InputLayer) and not args
            result = layer.output if is_input else layer(*args, **options)
        self.steps.append(first_tensor(result)._step.outputs)

    def _layer(self, number: Any) -> Any:
        if number.__class__ is not int or not 0 <= number < len(self.layers):
            raise ArgumentError(
                f"A step in a config calls layer {number!r}; there are "
                f"{len(self.layers)}. The config was changed, or cut."
            )
        return self.layers[number]

    def value(self, value: Any) -> Any:
        """An argument as it was."""
        if isinstance(value, list | tuple):  # tuples come out of `registry` as such
            return registry.type_of_sequence(value)(map(self.value, value))
        if not isinstance(value, dict):
            return value
        name = value.get("class_name")
        if name == _TENSOR:
            return self._tensor(value["step"], value["output"])
        if name == _NUMBER:
            return _number(value)
        if name == _SLICE:
            return slice(*map(self.value, value["parts"]))
        if name == _ELLIPSIS:
            return Ellipsis
        if name == registry.TUPLE:
            return tuple(map(self.value, value["items"]))
        if name is not None:
            found = registry.restored(value)
            return Tensor(found) if isinstance(found, np.ndarray) else found
        return {key: self.value(part) for key, part in value.items()}

    def _tensor(self, step: int, output: int) -> SymbolicTensor:
        if not 0 <= step < len(self.steps) or not 0 <= output < len(self.steps[step]):
            raise ArgumentError(
                f"A step in a config takes result {output} of step {step}, which was "
                f"not made before it ({len(self.steps)} steps were). The config was "
                "changed, or cut."
            )
        return self.steps[step][output]


def first_tensor(structure: Any) -> Any:
    """The first tensor in nested results."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, list | tuple):
        found = (first_tensor(part) for part in structure)
        return next((tensor for tensor in found if tensor is not None), None)
    return structure


def _number(value: dict[str, Any]) -> Tensor:
    made = Tensor(0)
    made._type = tensor_type((), np.dtype(value["dtype"]), value["weak_type"], SCALAR)
    made._value = value["value"]
    return made
