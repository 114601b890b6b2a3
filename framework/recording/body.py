"""Bodies: what a function calls on placeholders, as a pure function to be called later.

Rules for gradients, branches and loops are written with Tensors and Variables. Such a
function is called once on placeholders, and what it calls goes into a recording of its
own: its outer Tensors and Variables become operands, what it assigns becomes further
results, and the node that it ends on is its structure.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import BodyError
from . import execution
from .merging import ADMIT
from .node import NOWHERE, Handle, Node, Recording, current, nobody, record, resume
from .replay import as_typed, needed, replay, replay_op_by_op
from .signature import TensorType, plain_type


class Body(Recording):
    """A recording of what a function calls; see the module's docstring.

    Attributes:
        name: What messages call the function's caller: `custom_gradient`, `scan`.
        outer: The recording around it.
        known_values: The handles whose values placeholders stand for, by number. Those
            of a loop's body stand for none, or for many.
    """

    __slots__ = ("_before", "known_values", "name", "outer")

    def __init__(self, outer: Recording, name: str) -> None:
        super().__init__(depth=1)
        self.name = name
        self.outer = outer
        self.task = outer.task
        self.known_values: dict[int, Handle] = {}
        self._before: dict[int, tuple[Handle, Any]] = {}

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
        assigned = self.assigned()
        return {
            number: handle
            for number, handle in self.owners.items()
            if handle._at[0] is not self or number in assigned
        }

    def assigned(self) -> dict[int, int]:
        """The last value of each variable that is assigned, by its first number."""
        first = {id(handle): number for number, handle in self.owners.items()}
        return {
            first[name]: final
            for name, (_, final) in self.writes.items()
            if name in first
        }

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
        path = self.node.path()
        nodes = needed(path, [number])
        wanted = {number, *(n for node in nodes for n in node.inputs)}
        values = {}
        for node in path:
            for leaf, kind in node.leaves:
                if leaf in wanted:
                    source = self.known_values.get(leaf, self.owners[leaf])
                    if source._at[0] is self:
                        self.refuse()
                    values[leaf] = as_typed(source._array(), kind)
        replay_op_by_op(nodes, values)
        return values[number]

    def refuse(self) -> None:
        """Raise for a value that is needed while the function is recorded."""
        raise BodyError(
            f"The function given to {self.name}() needs the value of a Tensor or "
            "Variable that it computes, but it is recorded as one call, in which there "
            "are no values yet. Compute with it instead (jt.where, jt.cond), or write "
            "the loop in Python."
        )


@contextlib.contextmanager
def body_of(name: str) -> Iterator[Body]:
    """Record what is called in the block as a body of its own."""
    body = Body(current(), name)
    resume(body)
    try:
        yield body
    finally:
        body.close()
        assert body.outer is not None
        resume(body.outer)


class Computation:
    """What a body computes, as a function of arrays.

    Args:
        node: The last call of the body.
        inputs: Numbers of the values that come in.
        outputs: Numbers of the values that go out.
    """

    def __init__(
        self, node: Node | None, inputs: Sequence[int], outputs: Sequence[int]
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.nodes = needed(node.path() if node else [], self.outputs)

    def compute(self, *arrays: Any) -> list[Any]:
        """The values that go out, from those that come in."""
        values = dict(zip(self.inputs, arrays, strict=True))
        replay(self.nodes, values)
        return [values[number] for number in self.outputs]
