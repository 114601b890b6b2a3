"""Functional models: the steps between symbolic inputs and outputs, as one function."""

import difflib
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from . import nesting
from .errors import ArgumentError, ArgumentTypeError, ShapeError
from .known_data import converted
from .recording.body import is_handle
from .recording.execution import call
from .recording.node import Handle, getter
from .recording.signature import TensorType
from .recording.tensor import Tensor, cast
from .symbolic import (
    OpCall,
    Step,
    SymbolicTensor,
    known_shape,
    read_type,
    written_type,
)
from .variable import Variable

_KNOWN_TYPES = 256  # types of inputs that were checked, kept for each input


def with_rank_of(shape: Sequence[Any], value: Any) -> Any:
    """A model's input with a last axis of length 1 added or left out, as in Keras.

    Args:
        shape: What the model was made for; `None` or a symbol where not known.
        value: Returned as it is where that does not give it the right rank.
    """
    given = value._type.shape
    if len(given) + 1 == len(shape) and shape[-1] == 1:
        return converted(value, value.reshape((*given, 1)))
    if len(given) == len(shape) + 1 and given[-1] == 1:
        return converted(value, value.reshape(given[:-1]))
    return value


class Graph:
    """What leads from inputs to outputs, in an order in which it can be run.

    Args:
        inputs: Symbolic tensors, also nested in lists, tuples and dictionaries.
        outputs: The same, computed from the inputs.
        owner: What messages call the model.

    Attributes:
        inputs, outputs: As given; dictionaries of inputs in the order of `sources`.
        sources, results: The same, flat.
        steps: The calls in between, and those that make the inputs, in order.
        calls: The same for each layer and op, those furthest from the outputs first.
        layers: The layers in that order, which is Keras's.

    Raises:
        ArgumentTypeError: for what is no symbolic tensor.
        ArgumentError: where outputs need another input, an input is not used, or two
            layers have one name.
    """

    def __init__(self, inputs: Any, outputs: Any, owner: str) -> None:
        self.owner = owner
        # As JAX orders keys, and so the tensors: what a call gives is paired by place.
        self.inputs = jax.tree.map(lambda tensor: tensor, inputs, is_leaf=is_handle)
        self.outputs = outputs
        self.sources = _symbolic_leaves(inputs, "inputs", owner)
        self.results = _symbolic_leaves(outputs, "outputs", owner)
        self._refuse_repeated_inputs()
        self.steps = self._find_steps()
        self.calls = _in_keras_order(self)
        self.layers = [steps[0].layer for steps in self.calls if steps[0].layer]
        self._refuse_repeated_names()
        self._is_single = len(self.sources) == 1
        self._known: list[set[TensorType]] = [set() for _ in self.sources]
        self._plan, self._blank, self._collect = _plan(self)
        self._chain = _chain(self)

    def __reduce__(self) -> tuple:
        return _graph_of, (self.owner, *_flat_form(self))

    @property
    def constants(self) -> list[Variable]:
        """The variables that ops between the inputs and outputs take."""
        found = {
            id(leaf): leaf
            for step in self.steps
            for leaf in step.leaves
            if isinstance(leaf, Variable)
        }
        return list(found.values())

    @property
    def names(self) -> list[str]:
        """Names of the inputs."""
        return [source.name for source in self.sources]

    def run(self, inputs: Any) -> Any:
        """The outputs for real inputs, nested as the inputs that it was made of.

        Raises:
            ArgumentError: for another number or other names of inputs.
            ShapeError: for an input of another shape.
        """
        if self._chain is not None and isinstance(inputs, Handle):
            if inputs._type not in self._known[0]:
                inputs = self._checked(0, inputs)
            for function in self._chain:
                inputs = function(inputs)
            return inputs
        values = self._taken_in(inputs)
        values += self._blank
        for function, number, bind, outputs, done in self._plan:
            if bind is None:
                result = function(values[number])
            else:
                result = bind(function, values)
            if outputs.__class__ is int:
                values[outputs] = result
            else:
                leaves = jax.tree.leaves(result, is_leaf=is_handle)
                for place, leaf in zip(outputs, leaves, strict=True):
                    values[place] = leaf
            if done:
                for place in done:
                    values[place] = None
        return self._collect(values)

    def _taken_in(self, inputs: Any) -> list[Any]:
        """The inputs, flat, each checked once for each of its types."""
        if self._is_single and isinstance(inputs, Handle):
            flat = [inputs]
        else:
            flat = list(self._flattened(self.inputs, inputs, ""))
        for place, value in enumerate(flat):
            if value._type not in self._known[place]:
                flat[place] = self._checked(place, value)
        return flat

    def _checked(self, place: int, value: Handle) -> Handle:
        """An input of the right shape, cast to the dtype that was asked for."""
        source = self.sources[place]
        expected = source._type.shape
        value = with_rank_of(expected, value)
        kind = value._type
        fits = len(expected) == len(kind.shape) and all(
            wanted == length or {wanted.__class__, length.__class__} != {int}
            for wanted, length in zip(expected, kind.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"Input '{source.name}' of {self.owner} expected shape "
                f"{known_shape(expected)}; found {known_shape(kind.shape)}. Give one "
                "entry for each axis, the batch first."
            )
        if kind.dtype != source.dtype:
            return converted(value, cast(value, source.dtype))
        known = self._known[place]
        if len(known) >= _KNOWN_TYPES:
            known.clear()
        known.add(kind)
        return value

    def _flattened(self, expected: Any, given: Any, path: str) -> Iterator[Handle]:
        """The tensors of `given`, which nests as `expected`."""
        if isinstance(expected, SymbolicTensor):
            if not isinstance(given, Handle):
                given = self._only(given)
            yield given
            return
        if isinstance(given, dict) and not isinstance(expected, dict) and not path:
            expected = dict(zip(self.names, self.sources, strict=True))
        is_dict = isinstance(expected, dict)
        if is_dict != isinstance(given, dict) or isinstance(given, Handle):
            raise self._misfit(given)
        if is_dict:
            self._refuse_other_keys(expected, given, path)
            for key in expected:
                yield from self._flattened(expected[key], given[key], f"{path}/{key}")
            return
        if not isinstance(given, list | tuple) or len(expected) != len(given):
            raise self._misfit(given)
        for place, (wanted, part) in enumerate(zip(expected, given, strict=True)):
            yield from self._flattened(wanted, part, f"{path}/{place}")

    def _only(self, given: Any) -> Handle:
        """The one tensor in a list or dictionary of one."""
        leaves = jax.tree.leaves(given, is_leaf=is_handle)
        if len(leaves) != 1 or not isinstance(leaves[0], Handle):
            raise self._misfit(given)
        return leaves[0]

    def _misfit(self, given: Any) -> ArgumentError:
        return ArgumentError(
            f"{self.owner} expected inputs {_structure(self.inputs)}; found "
            f"{_structure(given)}. Nest them as the inputs that the model was made of."
        )

    def _refuse_other_keys(self, expected: dict, given: dict, path: str) -> None:
        missing = [key for key in expected if key not in given]
        unknown = [key for key in given if key not in expected]
        if not missing and not unknown:
            return
        close = [
            f"{key!r} for {found[0]!r}"
            for key in unknown
            if (found := difflib.get_close_matches(str(key), map(str, missing), n=1))
        ]
        where = f" at {path[1:]}" if path else ""
        hint = f" Was {', '.join(close)} meant?" if close else ""
        raise ArgumentError(
            f"{self.owner} expected inputs of the names {sorted(expected)}{where}; "
            f"found {sorted(given)}: missing {missing}, unexpected {unknown}.{hint} "
            "Give each under its name."
        )

    def _refuse_repeated_inputs(self) -> None:
        if len({id(source) for source in self.sources}) < len(self.sources):
            raise ArgumentError(
                f"{self.owner} got an input twice; its inputs are "
                f"{_structure(self.inputs)}. Give each once."
            )

    def _refuse_repeated_names(self) -> None:
        seen: set[str] = set()
        for layer in self.layers:
            if layer.name in seen:
                raise ArgumentError(
                    f"{self.owner} has two layers named '{layer.name}'. Give each a "
                    "name of its own: name='...'."
                )
            seen.add(layer.name)

    def _find_steps(self) -> list[Step]:
        """The steps that outputs depend on, up to the inputs."""
        sources = {id(source): source for source in self.sources}
        found = {id(source._step): source._step for source in self.sources}
        used: set[int] = set()
        stack = list(self.results)
        walked: set[int] = set()
        while stack:  # without recursion, for deep models
            tensor = stack.pop()
            if id(tensor) in sources:
                used.add(id(tensor))
                continue
            step = tensor._step
            if id(step) in walked:
                continue
            walked.add(id(step))
            if not step.inputs:
                raise ArgumentError(
                    f"The outputs of {self.owner} depend on {tensor!r}, which is not "
                    f"among its inputs {_structure(self.inputs)}. Add it to `inputs`."
                )
            found[id(step)] = step
            stack.extend(step.inputs)
        for source in self.sources:
            if id(source) not in used:
                raise ArgumentError(
                    f"No output of {self.owner} depends on its input {source!r}. Leave "
                    "it out of `inputs`, or connect it to an output."
                )
        kept = [
            step
            for step in found.values()
            if id(step) in walked or not step.inputs  # not what leads to an input
        ]
        return sorted(kept, key=lambda step: step.serial)


def _symbolic_leaves(structure: Any, what: str, owner: str) -> list[SymbolicTensor]:
    leaves = jax.tree.leaves(structure, is_leaf=is_handle)
    for leaf in leaves:
        if not isinstance(leaf, SymbolicTensor):
            raise ArgumentTypeError(
                f"`{what}` of {owner} must be symbolic tensors, made by jt.Input and "
                f"by layers called on it; got {type(leaf).__name__} {leaf!r}."
            )
    if not leaves:
        raise ArgumentError(
            f"`{what}` of {owner} must hold at least one symbolic tensor; got "
            f"{structure!r}. Make one with jt.Input(shape=...)."
        )
    return leaves


def _structure(value: Any) -> Any:
    """What messages show of inputs: their shapes, nested as they are."""
    if isinstance(value, SymbolicTensor):
        return f"'{value.name}' {known_shape(value._type.shape)}"
    if isinstance(value, Handle):
        return known_shape(value._type.shape)
    if isinstance(value, dict):
        return {key: _structure(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_structure(part) for part in value]
    return value


def _in_keras_order(graph: Graph) -> list[list[Step]]:
    """The steps of each layer or op, those furthest from the outputs first.

    Of equally distant ones the one goes first that is met first on the way back from
    the outputs. That is Keras's order, so that `get_weights` has the same one.
    """
    met = _met(graph)
    of_step: dict[int, int] = {}
    groups: dict[int, list[Step]] = {}
    depths: dict[int, int] = {}
    for step in reversed(graph.steps):
        name = id(step.layer or step)
        depth = max(of_step.get(id(step), 0), depths.get(name, 0))
        depths[name] = depth
        groups.setdefault(name, []).insert(0, step)
        for tensor in step.inputs:
            source = id(tensor._step)
            of_step[source] = max(of_step.get(source, 0), depth + 1)
    order = sorted(groups, key=lambda name: (-depths[name], met[name]))
    return [groups[name] for name in order]


def _met(graph: Graph) -> dict[int, int]:
    """In which order layers and ops are met on the way back from the outputs."""
    inner = {id(step) for step in graph.steps}
    order: dict[int, int] = {}
    seen: set[int] = set()
    stack = [tensor._step for tensor in reversed(graph.results)]
    while stack:
        step = stack.pop()
        if id(step) in seen or id(step) not in inner:
            continue
        seen.add(id(step))
        order.setdefault(id(step.layer or step), len(order))
        stack.extend(tensor._step for tensor in reversed(step.inputs))
    return order


def _chain(graph: Graph) -> list[Callable] | None:
    """The functions to call one after another, if there are no branches."""
    value, functions = graph.inputs, []
    for step in graph.steps:
        if step.inputs:
            args, options = step.arguments
            if len(args) != 1 or options or args[0] is not value:
                return None
            functions.append(step.function)
            value = step.result
    return functions if value is graph.outputs else None


Row = tuple[Callable, int, Callable | None, Any, tuple[int, ...]]
"""A step of a plan: what is called, the number of its one input (or how its inputs are
put together), the numbers of its outputs, and of the values that nobody needs then."""


def _plan(graph: Graph) -> tuple[list[Row], list[None], Callable]:
    """How to run the steps: rows, room for their values, and what takes the outputs."""
    numbers = {id(source): n for n, source in enumerate(graph.sources)}
    calls = [step for step in graph.steps if step.inputs]
    last: dict[int, int] = {}
    for place, step in enumerate(calls):
        for tensor in step.outputs:
            numbers.setdefault(id(tensor), len(numbers))
        for tensor in (*step.inputs, *step.outputs):
            last[numbers[id(tensor)]] = place
    for tensor in graph.results:
        last.pop(numbers[id(tensor)], None)
    done: list[list[int]] = [[] for _ in calls]
    for number, place in last.items():
        done[place].append(number)
    sources = {id(source) for source in graph.sources}
    rows = [
        _row(step, numbers, sources, tuple(rest))
        for step, rest in zip(calls, done, strict=True)
    ]
    blank = [None] * (len(numbers) + 1 - len(sources))
    return rows, blank, _collector(graph, numbers)


def _row(
    step: Step, numbers: dict[int, int], sources: set[int], done: tuple[int, ...]
) -> Row:
    outputs: Any = tuple(
        # What is an input of the model stays what was given; the last place is spare.
        len(numbers) if id(tensor) in sources else numbers[id(tensor)]
        for tensor in step.outputs
    )
    if step.output_tree == _LEAF:
        (outputs,) = outputs
    args, options = step.arguments
    if len(args) == 1 and not options and isinstance(args[0], SymbolicTensor):
        return step.function, numbers[id(args[0])], None, outputs, done
    return step.function, 0, _binding(step, numbers), outputs, done


_LEAF = jax.tree.structure(0)


def _binding(step: Step, numbers: dict[int, int]) -> Callable:
    """What calls a step's function with the values of its arguments."""
    template = list(step.leaves)
    places = [
        (place, numbers[id(leaf)])
        for place, leaf in enumerate(template)
        if isinstance(leaf, SymbolicTensor)
    ]
    for place, _ in places:
        template[place] = None
    args, options = step.arguments

    def filled(values: Sequence[Any]) -> list[Any]:
        leaves = template.copy()
        for place, number in places:
            leaves[place] = values[number]
        return leaves

    # The usual forms, without putting the arguments together one by one.
    take = getter([number for _, number in places])
    has_constants = len(places) < len(template)
    if isinstance(step.function, OpCall) and not step.function.is_dynamic:
        op, given, frozen = step.function.parts
        if has_constants:
            return lambda _, values: call(op, filled(values), given, frozen)
        return lambda _, values: call(op, take(values), given, frozen)
    if not options and not has_constants and all(map(is_handle, args)):
        return lambda function, values: function(*take(values))
    if not options and not has_constants and len(args) == 1 and _is_flat(args[0]):
        return lambda function, values: function([*take(values)])
    tree = step.tree

    def general(function: Callable, values: Sequence[Any]) -> Any:
        given, named = jax.tree.unflatten(tree, filled(values))
        return function(*given, **named)

    return general


def _is_flat(value: Any) -> bool:
    return value.__class__ is list and all(map(is_handle, value))


def _collector(graph: Graph, numbers: dict[int, int]) -> Callable:
    """What takes the outputs out of the values."""
    wanted = [numbers[id(tensor)] for tensor in graph.results]
    if isinstance(graph.outputs, SymbolicTensor):
        return operator.itemgetter(wanted[0])
    _, tree = nesting.flatten(graph.outputs, is_handle)
    return lambda values: jax.tree.unflatten(tree, [values[n] for n in wanted])


def repeated(
    graph: Graph,
    make_input: Callable[[SymbolicTensor], SymbolicTensor],
    call_step: Callable[[Step, tuple, dict], Any],
) -> tuple[Any, Any]:
    """Inputs and outputs of the same steps made anew.

    Args:
        graph: Whose steps.
        make_input: Makes an input from the old one.
        call_step: Makes a step from the old one and its new arguments; returns the
            result, nested as the old one's.
    """
    known = {id(source): make_input(source) for source in graph.sources}

    def renewed(value: Any) -> Any:
        return known[id(value)] if isinstance(value, SymbolicTensor) else value

    for step in graph.steps:
        if step.inputs:
            leaves = [renewed(leaf) for leaf in step.leaves]
            result = call_step(step, *jax.tree.unflatten(step.tree, leaves))
            made = jax.tree.leaves(result, is_leaf=is_handle)
            for old, new in zip(step.outputs, made, strict=True):
                known.setdefault(id(old), new)
    inputs, outputs = (
        nesting.map_leaves(renewed, structure, is_handle)
        for structure in (graph.inputs, graph.outputs)
    )
    return inputs, outputs


_NO_ARGUMENTS = jax.tree.structure(((), {}))


class _Place:
    """Stands for a symbolic tensor: the step that makes it, and which result it is."""

    def __init__(self, step: int, index: int) -> None:
        self.step = step
        self.index = index


class _Constant:
    """A Tensor that a step takes, which copies share."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __deepcopy__(self, memo: dict) -> "_Constant":
        return self


def _flat_form(graph: Graph) -> tuple[list[tuple], Any, Any]:
    """The steps as a list, without references from one to the other.

    What copies and pickles a graph would go through these by recursion.
    """
    begins = [source._step for source in graph.sources]
    steps = [*begins, *[step for step in graph.steps if step.inputs]]
    places = {
        id(tensor): _Place(number, index)
        for number, step in enumerate(steps)
        for index, tensor in enumerate(step.outputs)
    }
    for number, source in enumerate(graph.sources):
        places[id(source)] = _Place(number, source._index)

    def flat(value: Any) -> Any:
        if isinstance(value, SymbolicTensor):
            return places[id(value)]
        return _Constant(value) if isinstance(value, Tensor) else value

    rows = []
    for number, step in enumerate(steps):
        begins_here = number < len(begins)
        rows.append(
            (
                step.function,
                step.layer,
                step.name,
                [] if begins_here else [flat(leaf) for leaf in step.leaves],
                _NO_ARGUMENTS if begins_here else step.tree,
                [written_type(tensor._type) for tensor in step.outputs],
                step.output_tree,
            )
        )
    inputs, outputs = (
        nesting.map_leaves(flat, structure, is_handle)
        for structure in (graph.inputs, graph.outputs)
    )
    return rows, inputs, outputs


def _graph_of(owner: str, rows: list[tuple], inputs: Any, outputs: Any) -> Graph:
    """The graph of a flat form, with steps of its own."""
    steps: list[Step] = []

    def tensor(value: Any) -> Any:
        if isinstance(value, _Constant):
            return value.tensor
        if not isinstance(value, _Place):
            return value
        return steps[value.step].outputs[value.index]

    for function, layer, name, leaves, tree, types, output_tree in rows:
        taken = [tensor(leaf) for leaf in leaves]
        kinds = [read_type(*kind) for kind in types]
        step = Step(function, name, taken, tree, kinds, output_tree, layer)
        steps.append(step)
        if layer is not None:
            layer._note_steps([step])
    inputs, outputs = (nesting.map_leaves(tensor, part) for part in (inputs, outputs))
    return Graph(inputs, outputs, owner)
