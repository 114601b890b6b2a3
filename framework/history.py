"""History: what a tape recorded, without values and without handles.

A tape that has given its gradient lets go of its values. What stays is the recorded
calls, how they are wired and where they were made; explanations and drawings are made
from that, for a live tape as for a spent one.
"""

import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

from .recording.derivative import GRADIENT
from .recording.node import Handle, Node, Recording, Segment
from .recording.signature import TRAINABLE, TensorType, trainable_type
from .recording.site import Site

_Place = tuple[int, int]
"""A recording, by its serial number, and a number in it."""


class Part(NamedTuple):
    """One recording, or the segment it became, as far as a tape covers it.

    Attributes:
        serial: Number of the recording.
        node: Its last call; `None` if there is none.
        spans: Ranges of numbers that the tape covers.
        pauses: For each span the line of the `stop_recording` that ended it.
        watched: `(number, since)` of what was watched.
        owners: Weak references to the handles of arguments, by number.
        links: Arguments that an earlier recording computed, and where.
        absorbed: Recordings whose calls were recorded here once more, by their serial
            number, with the numbers that their values have here.
    """

    serial: int
    node: Node | None
    spans: tuple[tuple[int, int], ...]
    pauses: tuple[Site | None, ...]
    watched: tuple[tuple[int, int], ...]
    owners: dict[int, weakref.ref]
    links: dict[int, _Place]
    absorbed: dict[int, list[int]]


def remember(
    place: Recording | Segment,
    spans: tuple[tuple[int, int], ...],
    pauses: tuple[Site | None, ...],
    watched: tuple[tuple[int, int], ...],
    is_spent: bool,
) -> Part:
    """What stays of a recording.

    Called at every gradient with `is_spent`: only handles that were watched are noted
    then; the tape itself holds the variables that were read.
    """
    origins, absorbed, owners = place.origins, place.absorbed, place.owners
    if is_spent:
        owners = {n: owners[n] for n, _ in watched if n in owners} if watched else {}
    return Part(
        place.serial,
        place.node,
        spans,
        pauses,
        watched,
        {n: weakref.ref(owner) for n, owner in owners.items()} if owners else {},
        {n: (at[0].serial, at[1]) for n, at in origins.items()} if origins else {},
        {segment.serial: n for segment, n in absorbed.items()} if absorbed else {},
    )


class Mention(NamedTuple):
    """A handle, held weakly, where it was recorded, and the line that mentions it."""

    handle: weakref.ref
    place: _Place | None
    site: Site | None


def mention(handle: Handle, site: Site | None = None) -> Mention:
    """A handle as it is now."""
    origin = handle._origin
    segment = None if origin is None else origin[0]()
    if origin is not None and segment is not None:
        return Mention(weakref.ref(handle), (segment.serial, origin[1]), site)
    recording, number = handle._at
    place = None if recording is None else (recording.serial, number)
    return Mention(weakref.ref(handle), place, site)


class Notes(NamedTuple):
    """What a tape noted besides the calls.

    Attributes:
        watches_variables: Whether trainable variables are watched on their own.
        is_spent: Whether it has let go of its values.
        reset: The line of the last `reset`, if any.
        reads: Values that were read while it was active, where they left it.
        asked: Targets of its last derivative.
    """

    watches_variables: bool
    is_spent: bool
    reset: Site | None
    reads: tuple[Mention, ...]
    asked: tuple[Mention, ...]


class Remains(NamedTuple):
    """What a tape recorded, in parts, and what it noted besides the calls."""

    parts: list[Part]
    notes: Notes


class Call(NamedTuple):
    """A recorded call, numbered through all parts.

    Attributes:
        node: The call.
        first: Number of its first result.
        inputs: Numbers of what it takes.
        part: Position of its part.
        is_covered: Whether the tape covers it.
    """

    node: Node
    first: int
    inputs: tuple[int, ...]
    part: int
    is_covered: bool

    @property
    def name(self) -> str:
        """What messages call the op."""
        assert self.node.op is not None
        return self.node.op.name

    def outputs(self) -> Iterator[tuple[int, TensorType]]:
        """Number and type of each result."""
        return enumerate(self.node.outputs, self.first)


class History:
    """All parts of a tape as one sequence of calls, with numbers of its own.

    Args:
        remains: What the tape covers, and what it noted.

    Attributes:
        parts, notes: The same.
        calls: The calls, in order, those that it does not cover included.
        kinds: Type of each value.
        since: From which number on each value counts that a derivative can reach.
        makers: The call that computed each value; an argument has none.
    """

    def __init__(self, remains: Remains) -> None:
        self.parts, self.notes = remains
        self.calls: list[Call] = []
        self.kinds: dict[int, TensorType] = {}
        self.since: dict[int, int] = {}
        self.makers: dict[int, Call] = {}
        self._owners: dict[int, weakref.ref] = {}
        self._starts: list[int] = []
        self._same: dict[int, int] = {}
        start = 0
        for position, part in enumerate(self.parts):
            self._starts.append(start)
            if part.node is not None:
                self._add(position, part, start)
                start += part.node.end

    def _add(self, position: int, part: Part, start: int) -> None:
        """Take in the calls of a part, from number `start` on."""
        assert part.node is not None
        for number, owner in part.owners.items():
            self._owners[start + number] = owner
        for number, place in part.links.items():
            found = self._number_at(place, position)
            if found is not None:  # an earlier part computed it
                self._same[start + number] = found
        for number, since in part.watched:
            name = self._same.get(start + number, start + number)
            self.since[name] = min(start + since, self.since.get(name, start + since))
        for node in part.node.path():
            for number, kind in node.leaves:
                self.kinds.setdefault(
                    self._same.get(start + number, start + number), kind
                )
            inputs = tuple(self._same.get(start + n, start + n) for n in node.inputs)
            is_covered = any(a <= node.first < b for a, b in part.spans)
            call = Call(node, start + node.first, inputs, position, is_covered)
            self.calls.append(call)
            self._connect(call)

    def _connect(self, call: Call) -> None:
        """What a derivative can reach; the rule that `find_connected` states."""
        op = call.node.op
        assert op is not None
        watches = self.notes.watches_variables and call.is_covered
        if watches and op is not GRADIENT:
            for number in call.inputs:
                kind = self.kinds[number]
                if kind.role == TRAINABLE and kind.is_inexact:
                    self.since[number] = min(
                        self.since.get(number, call.first), call.first
                    )
        for number, kind in call.outputs():
            self.kinds[number] = kind
            self.makers[number] = call
        for output, position in op.writes:
            if self.kinds[call.inputs[position]].role == TRAINABLE:
                number = call.first + output
                self.kinds[number] = trainable_type(self.kinds[number])
        if call.is_covered and op.is_differentiable:
            is_reached = any(
                self.counts(number, call) and self.varies_with(call, number)
                for number in call.inputs
            )
            if is_reached:
                self.since.update(
                    (number, call.first)
                    for number, kind in call.outputs()
                    if kind.is_inexact
                )

    def counts(self, number: int, call: Call) -> bool:
        """Whether a derivative can reach a value by the time a call takes it."""
        since = self.since.get(number)
        return since is not None and since <= call.first

    def varies_with(self, call: Call, number: int) -> bool:
        """Whether a call's derivative by a value exists; false for linear gradients."""
        if call.node.op is not GRADIENT:
            return True
        numbers = zip(call.inputs, call.node.inputs, strict=True)
        dependent = call.node.options["slice_"].dependent
        return any(mine == number and own in dependent for mine, own in numbers)

    def owner(self, number: int) -> Any:
        """The handle of an argument, if somebody still holds it."""
        reference = self._owners.get(number)
        return None if reference is None else reference()

    def takers(self, number: int) -> Iterator[Call]:
        """The calls that take a value, in order."""
        return (call for call in self.calls if number in call.inputs)

    def numbers_of(self, handle: Handle) -> list[int]:
        """Every number that a handle has: all reads of a variable."""
        found = {
            self._same.get(number, number)
            for number, owner in self._owners.items()
            if owner() is handle
        }
        for call in self.calls:  # a variable that was assigned is read from the result
            assert call.node.op is not None
            for output, position in call.node.op.writes:
                if call.inputs[position] in found:
                    found.add(call.first + output)
        recording, number = handle._at
        if recording is not None:
            self._find((recording.serial, number), found)
        if handle._origin is not None:
            segment = handle._origin[0]()
            if segment is not None:
                self._find((segment.serial, handle._origin[1]), found)
        for asked in self.notes.asked:
            if asked.handle() is handle and asked.place is not None:
                self._find(asked.place, found)
        return sorted(number for number in found if number in self.kinds)

    def number_at(self, place: _Place | None) -> int | None:
        """The number of what a recording numbered itself."""
        if place is None:
            return None
        number = self._number_at(place, len(self.parts))
        return None if number is None else self._same.get(number, number)

    def _find(self, place: _Place, found: set[int]) -> None:
        number = self.number_at(place)
        if number is not None:
            found.add(number)

    def _number_at(self, place: _Place, before: int) -> int | None:
        """The same for the parts before one; there, or where it was absorbed."""
        serial, number = place
        for start, part in zip(self._starts, self.parts[:before], strict=False):
            end = part.node.end if part.node is not None else 0
            if part.serial == serial and number < end:
                return start + number
            inside = part.absorbed.get(serial)
            if inside is not None and inside[number] >= 0:
                return start + inside[number]
        return None
