"""Bodies: what a function calls on placeholders, as a pure function to be called later.

Rules for gradients, branches and loops are written with Tensors and Variables. Such a
function is called once on placeholders, and what it calls goes into a recording of its
own: its outer Tensors and Variables become operands, what it assigns becomes further
results, and the node that it ends on is its structure.
"""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from ..errors import BodyError
from . import execution
from .arithmetic import ASSIGN
from .derivative import GRADIENT
from .home import Home, cut_in_trace, put_in_trace
from .merging import ADMIT
from .node import NOWHERE, Handle, Node, Recording, current, nobody, record, resume
from .op import ArrayClass, Op
from .replay import as_typed, needed, replay, replay_op_by_op
from .signature import TensorType, plain_type
from .tensor import convert


class Body(Recording):
    """A recording of what a function calls; see the module's docstring.

    Attributes:
        what: What messages call the function: `The function given to scan()`.
        otherwise: What they propose to somebody who needs to read values.
        outer: The recording around it.
        known_values: The handles whose values placeholders stand for, by number. Those
            of a loop's body stand for none, or for many.
        is_kept: Whether it, or a body around it, is run again later, when variables
            have other values: they cannot be read then.
        kept_by: Where values of its Tensors were stored, by number, once it has ended.
    """

    __slots__ = (
        "_before",
        "_stand_ins",
        "is_kept",
        "kept_by",
        "known_values",
        "otherwise",
        "outer",
        "what",
    )

    def __init__(self, outer: Recording, name: str) -> None:
        super().__init__(depth=1)
        self.what = f"The function given to {name}()"
        self.otherwise = "or write the loop in Python"
        self.outer = outer
        self.task = outer.task
        self.is_kept = outer.is_kept
        self.kept_by: dict[int, str] = {}
        self.known_values: dict[int, Handle] = {}
        self._before: dict[int, tuple[Handle, Any]] = {}
        self._stand_ins: set[int] = set()

    def admit(self, handle: Handle) -> int | TensorType:
        """Take in an argument without asking for its value, nor stamping it."""
        number = self._number_of(handle)
        if number is not None:
            return number
        number = len(self.values)
        self.values.append(nobody)
        self.owners[number] = handle
        self.known[id(handle)] = number
        self._before[number] = (handle, handle._at)
        return handle._type

    def placeholders(
        self, kinds: Sequence[TensorType], sources: Sequence[Handle] | None = None
    ) -> list[Any]:
        """Tensors that stand for the function's arguments.

        Args:
            kinds: Their types.
            sources: The arguments themselves, if they may be read inside.
        """
        made = [execution.make_pending(plain_type(kind), NOWHERE) for kind in kinds]
        if made:
            start = len(self.values)
            record(self, ADMIT, made, {}, ())
            for number, placeholder in enumerate(made, start):
                placeholder._at = (self, number)
                self._stand_ins.add(number)
                del self._before[number]  # it stands nowhere else
            if sources is not None:
                self.known_values.update(enumerate(sources, start))
        return made

    def number(self, handle: Handle) -> int:
        """The number of a value, which is brought in if the body has none."""
        numbers = self.numbers_of(handle)
        if not numbers:
            record(self, ADMIT, (handle,), {}, ())
            numbers = self.numbers_of(handle)
        return numbers[-1]

    def captured(self) -> dict[int, Handle]:
        """What the function takes from around it, by number."""
        return {n: h for n, h in self.owners.items() if n not in self._stand_ins}

    def assigned(self) -> dict[int, int]:
        """The last value of each variable that is assigned, by its first number.

        Of a home that is assigned, the members are too.
        """
        first = {id(handle): number for number, handle in self.owners.items()}
        final = {name: number for name, (_, number) in self.writes.items()}
        final.update((name, self.known[name]) for name in self._followers())
        return {first[name]: number for name, number in final.items() if name in first}

    def following(self) -> set[int]:
        """The first numbers of variables that are assigned by way of their homes."""
        names = set(self._followers())
        return {n for n, handle in self.owners.items() if id(handle) in names}

    def _followers(self) -> list[int]:
        """In the homes' order: the same program in every process."""
        homes = [h for h, _ in self.writes.values() if isinstance(h, Home)]
        members = [id(member) for home in homes for member in home.members]
        return [name for name in members if name not in self.writes]

    def cut(self, home: Home) -> None:
        """Let the members of a home that was assigned whole stand for its parts."""
        layout = (home.starts, home.shapes)
        inputs = (home, *home.members)
        node = record(self, _cut(len(home.members)), inputs, {"layout": layout}, layout)
        for number, member in enumerate(home.members, node.first):
            self.values.append(nobody)
            self.taps[id(member)] = [*self.numbers_of(member), number]
            self.known[id(member)] = number
            member._at = (self, number)

    def join(self, home: Home) -> None:
        """Let a home hold what was assigned to its members one by one."""
        layout = (home.starts, home.shapes)
        inputs = (home, *home.members)
        node = record(self, _JOIN, inputs, {"layout": layout}, layout)
        self.values.append(nobody)
        execution.note_writes(self, node, inputs)
        for member in home.members:
            self.writes.pop(id(member), None)
        self.cut(home)

    def close(self) -> None:
        """Let variables that were assigned here stand again where they stood."""
        for handle, at in self._before.values():
            if handle._at[0] is self:
                handle._at = at

    def read(self, number: int) -> Any:
        """The value of a Tensor while the function runs, if its arguments have one.

        Raises:
            BodyError: where one value stands for many, as in a loop's body.
        """
        assert self.node is not None
        if self.is_done:
            self._refuse_escaped(number)
        path = self.node.path()
        nodes = needed(path, [number])
        wanted = {number, *(n for node in nodes for n in node.inputs)}
        values = {}
        for node in path:
            for leaf, kind in node.leaves:
                if leaf in wanted:
                    source = self.known_values.get(leaf, self.owners[leaf])
                    if self.is_kept and source._may_change:
                        self.refuse()
                    values[leaf] = as_typed(self._outer_value(leaf, source), kind)
        replay_op_by_op(nodes, values)
        return values[number]

    def _outer_value(self, number: int, source: Handle) -> Any:
        """The value around the body of what it takes, also if it assigns it."""
        at = source._at
        if at[0] is not self:
            return source._array()
        if number not in self._before:
            self.refuse()
        source._at = self._before[number][1]
        try:
            return source._array()
        finally:
            source._at = at

    def refuse(self) -> None:
        """Raise for a value that is needed while the function is recorded."""
        raise BodyError(
            f"{self.what} needs the value of a Tensor or Variable that it computes, "
            "but it is recorded as one call, in which there are no values yet. Compute "
            f"with it instead (jt.where, jt.cond), {self.otherwise}."
        )

    def _refuse_escaped(self, number: int) -> None:
        """Raise for a Tensor that outlived the recording of the function."""
        place = self.kept_by.get(number, "a place outside of it")
        raise BodyError(
            f"{self.what} was recorded when it stored this Tensor in {place}; what it "
            "computes has a value only in the results of a call. Return the Tensor "
            "from the function, or keep it in a jt.Variable by assign()."
        )


def _joined(array: Any, *members: Any, layout: tuple) -> Any:
    starts, _ = layout
    for start, member in zip(starts, members, strict=True):
        array = put_in_trace(array, start, member)
    return array


_JOIN = Op("join", _joined, writes=((0, 0),))


@functools.cache
def _cut(count: int) -> Op:
    """The parts of a home of so many variables, which stand for these from then on."""

    def function(array: Any, *members: Any, layout: tuple) -> list[Any]:
        starts, shapes = layout
        return [cut_in_trace(array, *at) for at in zip(starts, shapes, strict=True)]

    renews = tuple((n, 1 + n) for n in range(count))
    return Op("part", function, renews=renews, is_differentiable=False)


@contextlib.contextmanager
def body_of(name: str) -> Iterator[Body]:
    """Record what is called in the block as a body of its own."""
    body = Body(current(), name)
    try:
        resume(body)
        yield body
    finally:
        assert body.outer is not None
        leave_bodies(body.outer)


def leave_bodies(outer: Recording) -> None:
    """Go back to where bodies were begun, from those that an interrupt left open."""
    while isinstance(body := current(), Body) and body is not outer:
        body.close()
        assert body.outer is not None
        resume(body.outer)


def traced(
    name: str,
    function: Callable,
    kinds: Sequence[TensorType] = (),
    sources: Sequence[Handle] | None = None,
) -> "tuple[Computation, Any]":
    """Call a function on placeholders: what it computes, and how its results nest.

    Args:
        name: What messages call the function's caller.
        function: Takes one placeholder for each of `kinds`.
        kinds: Types of its arguments.
        sources: The arguments themselves, if they may be read inside.
    """
    with body_of(name) as body:
        result = function(*body.placeholders(kinds, sources))
        flat, tree = jax.tree.flatten(result, is_leaf=is_handle)
        results = [body.number(convert(leaf, name="result")) for leaf in flat]
        settle_homes([*body.owners.values()])  # a loop goes on from them
        return Computation(body, len(kinds), results), tree


def is_handle(value: Any) -> bool:
    """Whether a value is a Tensor or Variable: a leaf, whatever it holds."""
    return isinstance(value, Handle)


def has_tracer(structure: Any) -> bool:
    """Whether something in it belongs to a user's own `jax.grad` or `jax.jit`."""
    for leaf in jax.tree.leaves(structure, is_leaf=is_handle):
        value = leaf._value if isinstance(leaf, Handle) else leaf
        if isinstance(value, jax.Array) and value.__class__ is not ArrayClass:
            return True
    return False


def settle_homes(handles: Sequence[Handle]) -> None:
    """Before a call that takes homes: let them hold what their members hold now."""
    for handle in handles:
        recording = current()
        if isinstance(handle, Home) and any(
            id(member) in recording.writes for member in handle.members
        ):
            if recording.outer is None:
                execution.run(recording)
            else:
                recording.join(handle)


def assign(handles: Sequence[Handle], values: Sequence[Handle]) -> None:
    """Give variables and homes new values, as recorded calls."""
    homes = [handle for handle in handles if isinstance(handle, Home)]
    # First: a member that is assigned besides has another value than its home.
    pairs = sorted(
        zip(handles, values, strict=True),
        key=lambda pair: not isinstance(pair[0], Home),
    )
    for handle, value in pairs:
        execution.call(ASSIGN, (handle, value))
        if isinstance(handle, Home) and current().outer is not None:
            current().cut(handle)
    if homes and current().outer is None:
        execution.run(current())  # their members are read from them then


class Computation:
    """What a body computes, as a function of arrays.

    Attributes:
        key: Its structure, hashable: equal ones are one program.
        types: Types of the results.
        carried: Positions of the inputs that a derivative of a result can reach.
        captured: What the function takes from around it, which are the last inputs.
        assigned: Positions in `captured` of the variables that it assigns, whose new
            values are the last outputs.
        following: Those of them that are assigned by way of the home they live in.
        num_arguments, num_results: How many inputs come before those captured, and how
            many outputs before the new values.
    """

    def __init__(self, body: Body, num_arguments: int, results: Sequence[int]) -> None:
        captured, written = body.captured(), body.assigned()
        node = body.node
        numbers = list(captured)
        self._inputs = (*range(num_arguments), *numbers)
        self._outputs = (*results, *written.values())
        self._nodes = needed(node.path() if node else [], self._outputs)
        types = node.types() if node else []
        self.types = [plain_type(types[number]) for number in results]
        self.captured = list(captured.values())
        self.assigned = [numbers.index(number) for number in written]
        following = body.following()
        self.following = {numbers.index(n) for n in written if n in following}
        self.num_arguments = num_arguments
        self.num_results = len(results)
        reached = _reached(self._nodes, results, types)
        self.carried = frozenset(
            position
            for position, number in enumerate(self._inputs)
            if number in reached
        )
        self.key = (node, self._inputs, self._outputs, num_arguments)

    def compute(self, *arrays: Any) -> list[Any]:
        """The values that go out, from those that come in."""
        values = dict(zip(self._inputs, arrays, strict=True))
        replay(self._nodes, values, is_body=True)
        return [values[number] for number in self._outputs]

    @property
    def op_names(self) -> set[str]:
        """The names of the ops that are called."""
        return {node.op.name for node in self._nodes if node.op is not None}

    def formula(self) -> "Computation":
        """The same without what it captured: for programs, which outlive that."""
        bare = copy.copy(self)
        bare.captured = []
        return bare

    def assign(self, values: Sequence[Handle]) -> None:
        """Give the variables that it assigns their new values, as recorded calls."""
        pairs = [
            (self.captured[position], value)
            for position, value in zip(self.assigned, values, strict=True)
            if position not in self.following
        ]
        assign([handle for handle, _ in pairs], [value for _, value in pairs])


def _reached(
    nodes: Sequence[Node], results: Sequence[int], types: Sequence[TensorType]
) -> set[int]:
    """Numbers of the values that a derivative of the results reaches."""
    found = set(results)
    for node in reversed(nodes):
        op = node.op
        assert op is not None
        outputs = {
            number
            for number in range(node.first, node.end)
            if number in found and types[number].is_inexact
        }
        if not outputs:
            continue
        if op is GRADIENT:
            found.update(node.options["slice_"].dependent)
        elif op.is_differentiable:
            found.update(
                number
                for position, number in enumerate(node.inputs)
                if op.carried is None or position in op.carried
            )
        for output, position in op.reads:  # a read of the variable, as for a tape
            if node.first + output in outputs:
                found.add(node.inputs[position])
    return found
