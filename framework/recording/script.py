"""Scripts: what a turn of a loop called, when two turns were alike.

The next turns are compared with it call by call, as a `Rehearsal`.
"""

import itertools
import operator
import weakref
from asyncio import _get_running_loop  # in asyncio.__all__: None without a loop
from collections.abc import Sequence
from types import FrameType
from typing import Any

from .. import config
from .backlog import Pace
from .derivative import GRADIENT
from .form import COTANGENTS
from .home import Home
from .node import Node, Recording, Segment, getter, nobody, writes
from .program import Program
from .signature import settings
from .site import Entry, callers
from .slots import Slot

_MOST_LOOPS = 256
MOST_MISSES = 4
"""How many turns in a row may unfold before no more of them are rehearsed."""
_switches, _bounds = config.switches, config.bounds
_type_of_handle = operator.attrgetter("_type")
value_of_handle = operator.attrgetter("_value")


class Step:
    """One call of the turn before.

    Attributes:
        node: What it was recorded as.
        op, frozen: What was called, and its options.
        inputs: For each input the variable or home itself, the number of a value, or
            the type of data that the call brings in.
        arity: How many inputs it has.
        first: The number of its first result.
        kind: The type of its result, if that is a single one.
        results: If not, the type and number of each.
        tree: How these nest; `None` for a list.
        next: The call after it; after the last one a step that nothing takes.
        stretch: The steps from here on that one call of a layer makes, if known.
    """

    __slots__ = (
        "arity",
        "first",
        "frozen",
        "inputs",
        "kind",
        "next",
        "node",
        "op",
        "results",
        "stretch",
        "tree",
    )

    def __init__(
        self, node: Node, owners: dict[int, Any], numbers: Sequence[int]
    ) -> None:
        self.node = node
        self.op = node.op
        self.frozen = node.key[1]
        fresh = dict(node.leaves)
        self.inputs = tuple(
            owners[n] if n in owners else fresh.pop(n, numbers[n]) for n in node.inputs
        )
        self.arity = len(self.inputs)
        self.first = numbers[node.first]
        self.kind = node.outputs[0] if node.tree is None and node.outputs else None
        self.results = [*zip(node.outputs, numbers[node.first :], strict=False)]
        self.tree = None if node.op is GRADIENT else node.tree
        self.next = END
        self.stretch: Stretch | None = None


class Stretch(Step):
    """Steps that follow one another, made by one call of a layer, as a single one.

    Args:
        first, last: The steps; only the last one's result is seen outside.
        layer: What stands for the layer that was called, which this does not hold.
        how: With what else, and whatever else decides what calls it makes.
        argument: Its argument, as in `Step.inputs`.
        others: How many results it has besides the last one.

    Attributes:
        hidden: What stands for the references to these, which nobody holds.
    """

    __slots__ = ("hidden",)

    def __init__(
        self,
        first: Step,
        last: Step,
        layer: Any,
        how: tuple,
        argument: Any,
        others: int,
    ) -> None:
        self.node = first.node
        self.op = layer
        self.frozen = how
        self.inputs = (argument,)
        self.arity = 1
        self.first, self.kind = last.first, last.kind
        self.next = last.next
        self.stretch = None
        self.hidden = [nobody] * others


class _End:
    """What comes after the last call."""

    op = next = stretch = None


END: Any = _End()


class Script:
    """What a turn of a loop called.

    Attributes:
        loop: The loop.
        settings: The settings of JAX.
        first: The first step.
        node: The last call.
        slot: What is known of the structure.
        owners: The variables and homes that it stands on, by number.
        data: Numbers of what else the calls bring in, in order.
        numbers_given: The number of the n-th of these, at place n.
        stop: How many results the tape covers.
        covered: How many values it covers.
        cut: The call before which a value was read, so that all calls before it ran.
        cut_slot: What is known of the structure up to there.
        goal: The number of the gradient's target.
        sources: The `id`s of what the gradient is taken by.
        gradient: The gradient.
        places: The homes and variables that hold the values of `owners`, once `holds`
            was asked.
        misses: How many turns have unfolded since one did not.
        pace: How many turns are launched together.
    """

    def __init__(
        self,
        recording: Recording,
        loop: "_Loop",
        path: Sequence[Node],
        stop: int,
        segment: Segment | None,
    ) -> None:
        self.loop = loop
        self.settings = recording.settings
        self.node = path[-1]
        self.slot: Slot = self.node.slot
        self.misses = 0
        self.pace = Pace()
        leaves = [number for node in path for number, _ in node.leaves]
        self.owners: dict[int, Any] = {
            n: recording.owners[n] for n in leaves if recording.owners[n]._may_change
        }
        # The same objects everywhere, so that numbers are equal where they are one.
        numbers = self.numbers = list(range(self.node.end + 1))
        self.data = [numbers[n] for n in leaves if n not in self.owners]
        self.numbers_given = [-1, *self.data]
        self._kinds = [owner._type for owner in self.owners.values()]
        steps = [Step(node, self.owners, numbers) for node in path]
        for step, after in itertools.pairwise(steps):
            step.next = after
        self.first = steps[0]
        gradient = next(step.node for step in steps if step.op is GRADIENT)
        self.gradient = gradient
        _, _, _, _, goals, _, sources, _ = gradient.key
        self.goal = numbers[goals[0]]
        self.sources = [id(self.owners[number]) for (number,) in sources]
        self.covered = stop
        self.stop = sum(len(step.node.outputs) for step in steps if step.first < stop)
        self.cut: Any = None
        if segment is not None:
            self.cut = steps[segment.node.length]
            self.cut_slot: Slot = segment.node.slot
        self._moves = self._retypings = -1
        self._is_as_before = True
        self.places: list[Any] = []
        self._part: Part | None = None
        self._cut_part: Part | None = None

    def is_of(self, owners: dict[int, Any]) -> bool:
        """Whether it stands on these variables."""
        return all(owners.get(n) is owner for n, owner in self.owners.items())

    def holds(self) -> bool:
        """Whether a turn may go as this one, as things stand."""
        if self._retypings != writes.retypings:
            self._retypings = writes.retypings
            kinds = [*map(_type_of_handle, self.owners.values())]
            self._is_as_before = kinds == self._kinds
        if self._moves != Home.moves:
            self._moves = Home.moves
            homes = [owner._home for owner in self.owners.values()]
            pairs = zip(self.owners.values(), homes, strict=True)
            found = [owner if home is None else home for owner, home in pairs]
            self.places = list({id(place): place for place in found}.values())
        return (
            self.misses <= MOST_MISSES
            and self.node.length < _bounds.pending_nodes
            and _switches.execution != "op_by_op"
            and not _switches.safe_steps
            and not _switches.checks
            and not self.slot.is_dropped
            and self._is_as_before
            and self.settings == settings()
        )

    def part(self) -> "Part | None":
        """What the turn runs, if it is there."""
        part, programs = self._part, self.slot.programs
        if (
            part is None
            or not programs
            or part.program is not programs[0]
            or part.moves != Home.moves
        ):
            self._part = part = _renewed(part, self, self.slot)
        return part if part is not None and part.fits else None

    def cut_part(self) -> "Part | None":
        """What runs where a value is read, if it is there."""
        self._cut_part = part = _renewed(self._cut_part, self, self.cut_slot)
        return part if part is not None and part.fits and not part.writes else None


class Part:
    """Where the arguments of a program are in a turn, and where its results go.

    Attributes:
        program: The program.
        data: Numbers of what the calls up to its end bring in, besides variables.
        moves: How often variables had moved into homes when it was made.
        fits: Whether the variables are where the program expects them.
        homes, read: The homes that it overwrites, and those that it reads only.
        donated: The variables of their own that it overwrites.
        take: Takes what it reads from the data of a turn and the values of `variables`.
        has_numbers: Whether Python numbers are among the data.
        take_made, places: Takes the results that it gives; where it gives them.
        take_others: Takes the results that it does not give.
        may_wait: Whether a turn of it may wait to be launched with the next ones.
    """

    def __init__(self, script: Script, slot: Slot, program: Program) -> None:
        owners = script.owners
        end = slot.path[-1].end
        self.data = [number for number in script.data if number < end]
        self.program = program
        self.moves = Home.moves
        self.fits = program.demand is None and all(
            group.fits(owners) and _share_a_home(group.take(owners))
            for group in program.groups
        )
        if not self.fits:
            return
        homes: list[Home] = [owners[number]._home for number in program.members]
        self.homes = homes[: program.num_overwritten]
        self.read = homes[program.num_overwritten :]
        self.donated: list[Any] = [owners[number] for number in program.donated]
        self.writes = bool(self.homes or self.donated)
        fixed = [number for number in program.kept if number in owners]
        self.variables: list[Any] = [owners[number] for number in fixed]
        own = [*self.variables, *self.donated]
        self.fits = all(variable._home is None for variable in own)
        self.has_numbers = not program.numbers.is_empty
        given = [*self.data, *fixed]
        self.take = getter([given.index(number) for number in program.kept])
        results = slot.results
        places = program.places
        self.take_made = getter([i for i, n in enumerate(results) if n in places])
        self.places = [places[number] for number in results if number in places]
        self.take_others = getter([i for i, n in enumerate(results) if n not in places])
        self.may_wait = program.several is not None and not self.read


def _share_a_home(variables: Sequence[Any]) -> bool:
    home = variables[0]._home
    return home is not None and all(variable._home is home for variable in variables)


def _renewed(part: Part | None, script: Script, slot: Slot) -> Part | None:
    """The part of the program that a slot has now."""
    programs = slot.programs
    if not programs:
        return None
    if part is None or part.program is not programs[0] or part.moves != Home.moves:
        return Part(script, slot, programs[0])
    return part


class _Loop:
    """What is known of the turns of one loop.

    Attributes:
        entry: Where it enters its tape.
        node: The last call of the last turn that was recorded.
        script: What a turn calls, if two were alike.
        scripts_in_vain: How many scripts were made since a turn went as one of them.
        other: A loop that enters its tape at the same line, but was called elsewhere.
    """

    __slots__ = ("entry", "node", "other", "script", "scripts_in_vain")

    def __init__(self, entry: Entry, other: "_Loop | None") -> None:
        self.entry = entry
        self.node: Node | None = None
        self.script: Any = lambda: None
        self.scripts_in_vain = 0
        self.other = other


class _Loops:
    """The loops that were met, by where they enter their tapes."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, int], _Loop] = {}
        self._count = 0

    def find(self, frame: FrameType) -> Script | None:
        """The script of the loop that enters its tape here, if its turns are alike.

        Where just one loop is known and its turns go by its script, nobody looks at
        who called it: to see that takes as long as some calls.
        """
        loop = self._by_place.get((id(frame.f_code), frame.f_lasti))
        if loop is None:
            return None
        script = loop.script()
        if loop.other is not None or (script is not None and script.misses):
            entry = callers(frame)
            while loop is not None and loop.entry != entry:
                loop = loop.other
            script = None if loop is None else loop.script()
        if script is None or _get_running_loop() is not None or not script.holds():
            return None
        return script

    def note(self, recording: Recording, node: Node) -> Script | None:
        """A turn ends with this update; its script, when it was as the one before.

        Only the optimizer holds it, for it holds the variables.
        """
        tape = recording.tapes[0]() if len(recording.tapes) == 1 else None
        if tape is None or not tape._entry or recording.outer is not None:
            return None
        if not tape._is_flat:
            return None
        loop = self._at(tape._entry)
        if loop.node is not node:
            loop.node = node
            return None
        known = loop.script()
        if known is not None and known.node is node and known.is_of(recording.owners):
            if known.misses > MOST_MISSES and loop.scripts_in_vain <= MOST_MISSES:
                known.misses = 0  # two turns were as it once more
                loop.scripts_in_vain += 1
            return None
        # To make a script takes as long as some turns, and where models take turns
        # each meets the script of another.
        script = None
        if loop.scripts_in_vain <= MOST_MISSES:
            script = _script_of(recording, loop, node)
        if script is not None:
            loop.scripts_in_vain += 1
            loop.script = weakref.ref(script)
        return script

    def _at(self, entry: Entry) -> _Loop:
        code, offset = entry[0]
        first = loop = self._by_place.get((id(code), offset))
        while loop is not None and loop.entry != entry:
            loop = loop.other
        if loop is None:
            self._count += 1
            if self._count > _MOST_LOOPS:
                self._by_place.clear()
                self._count, first = 1, None
            loop = self._by_place[id(code), offset] = _Loop(entry, first)
        return loop


loops = _Loops()


def _script_of(recording: Recording, loop: _Loop, node: Node) -> Script | None:
    """The script of a recording, if turns that are like it can be followed."""
    if (
        recording.taps
        or recording.writes
        or recording.origins
        or recording.pulls
        or recording.results
        or recording.is_traced
        or recording.has_settled
        or recording.task is not None
        or len(recording.absorbed) > 1
    ):
        return None
    segment = None
    for segment, numbers in recording.absorbed.items():
        is_first = numbers == [*range(segment.node.end)] and segment.entry == loop.entry
        if not is_first or segment.pulls or segment.absorbed or segment.origins:
            return None
    slot: Slot | None = node.slot
    path = node.path()
    gradients = [step for step in path if step.op is GRADIENT]
    if slot is None or slot.is_dropped or len(gradients) != 1:
        return None
    if any(step.op is None or step.op.reads for step in path[:-1]):
        return None
    gradient = gradients[0]
    _, spans, watched, watches_variables, goals, seeds, sources, form = gradient.key
    owners = recording.owners
    stop = max([stop for _, stop in spans], default=0)
    covered = [step for step in path if step.first < stop]
    if (
        not all(any(a <= step.first < b for a, b in spans) for step in covered)
        or watched
        or not watches_variables
        or len(goals) != 1
        or seeds != (None,)
        or form is not COTANGENTS
        or not all(gradient.options["slice_"].is_connected)
        or any(len(numbers) != 1 for numbers in sources)
        or not all(n in owners and owners[n]._may_change for (n,) in sources)
        or (segment is not None and segment.node.length >= len(path) - 1)
    ):
        return None
    return Script(recording, loop, path, stop, segment)
