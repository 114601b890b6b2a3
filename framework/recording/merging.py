"""Merging: what has run is put in front of what is pending, as if nothing had run.

A value that is read in the middle of a step ends a program there; recorded once more in
front of the rest, the whole step is one program again.

What the merged recording looks like depends on the structure of its parts and on how
they hang together only, so it is worked out once for each of these; a step that reads a
value then only has its values put in their places.
"""

import bisect
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from .. import config
from .cache import Cache
from .derivative import GRADIENT
from .node import Handle, Node, Recording, Segment, nobody, resume, roots
from .op import Op
from .replay import needed
from .signature import TensorType
from .slice import find_slice

Part = Segment | Recording
_Place = tuple[int, int]
"""A part, by its position, and a number in it."""

_LEFT_OUT = -1
_ENTRY = 16
"""How many places an entry has at most: parts are merged again and again."""

ADMIT = Op("watch", lambda *arrays: (), is_differentiable=False)
"""Brings a value into a recording that no call has taken yet."""


def gradient_node(node: Node, key: tuple) -> Node:
    """The node of a gradient that follows `node`; without results where all is `None`.

    Args:
        node: The last call.
        key: `GRADIENT` and the arguments of `find_slice` that follow the path.
    """
    child = node.children.get(key)
    if child is None:
        _, spans, watched, watches, goals, seeds, sources, form = key
        cut = find_slice(
            node.path(), spans, dict(watched), watches, goals, seeds, sources, form
        )
        for inner, _ in cut.nodes:
            if inner.op is not None and inner.op.failure is not None:
                inner.op.fail()
        kinds = form.kinds(cut) if any(cut.is_connected) else ()
        child = Node(
            node, key, GRADIENT, {"slice_": cut}, cut.operands, (), kinds, "list"
        )
        roots.count += 1
        child = node.children.setdefault(key, child)
    return child


class _Places:
    """Where the calls of a part begin, there and in the whole."""

    __slots__ = ("_after", "_before")

    def __init__(self) -> None:
        self._before: list[int] = []
        self._after: list[int] = []

    def add(self, before: int, after: int) -> None:
        """Note the next call."""
        self._before.append(before)
        self._after.append(after)

    def place(self, start: int, end: int = 0) -> int:
        """Where the calls from number `start` on begin in the whole; `end` if none."""
        position = bisect.bisect_left(self._before, start)
        return self._after[position] if position < len(self._after) else end


class _Plan(NamedTuple):
    """What recording some parts anew comes to.

    Attributes:
        node: The last call.
        numbers: For each part, the numbers in the whole of its values.
        places: For each part, the numbers that its calls start with, there and in the
            whole, and at last where the part ends.
        leaves: Where each argument of the whole comes from, and its number here.
        settled: Numbers of what was assigned already.
    """

    node: Node
    numbers: list[list[int]]
    places: list[_Places]
    leaves: list[tuple[_Place, int]]
    settled: frozenset[int]


_plans: Cache[_Plan] = Cache(lambda: config.bounds.op_programs)
_leaf_numbers: Cache[tuple[int, ...]] = Cache(lambda: config.bounds.op_programs)


class Merged:
    """Some parts as one recording.

    Attributes:
        whole: The recording.
    """

    def __init__(self, whole: Recording, parts: Sequence[Part], plan: _Plan) -> None:
        self.whole = whole
        self._plan = plan
        self._index = {part: position for position, part in enumerate(parts)}

    def __contains__(self, part: object) -> bool:
        return part in self._index

    def place(self, part: Part, start: int) -> int:
        """Where the calls of a part from number `start` on begin in the whole."""
        return self._plan.places[self._index[part]].place(start)


def merge(
    recording: Recording,
    segments: Sequence[Segment],
    only: Sequence[Handle] | None = None,
) -> Merged:
    """Put segments in front of what is pending; the result takes its place.

    Args:
        recording: What is pending in this thread.
        segments: What ran before, in order.
        only: If given, only what these depend on is taken from the segments.
    """
    parts: list[Part] = [*segments, recording]
    merged = _merge(recording, parts, only)
    plan, whole = merged._plan, merged.whole
    _move_results(recording, whole, plan.numbers[-1])
    recording.finish()
    resume(whole)
    return merged


def continued(segment: Segment) -> Recording:
    """A recording that goes on where a segment ended; what it assigned is assigned."""
    around = Recording()
    around.settings = segment.settings
    return _merge(around, [segment], None).whole


def forget_copies(whole: Recording) -> None:
    """Let later calls use what segments computed, not the calls recorded once more."""
    whole.tapes.clear()
    whole.absorbed = {}


def _merge(
    recording: Recording, parts: Sequence[Part], only: Sequence[Handle] | None
) -> Merged:
    wires = _wires(parts)
    wanted = None if only is None else _wanted_in(parts, only)
    if not recording.settings:
        recording.start()
    entry = tuple([place for part in parts for place in part.entry])[:_ENTRY]
    root = roots.find(recording.settings, entry)
    key = (
        root,
        tuple([part.node for part in parts]),
        tuple([isinstance(part, Segment) for part in parts]),
        tuple(wires.items()),
        wanted,
    )
    plan = _plans.get(key)
    if plan is None:
        plan = _plans.add(key, _Planner(root, parts, wires, wanted).plan())
    whole = Recording(recording.depth)
    whole.settings = recording.settings
    whole.entry = entry
    whole.task = recording.task
    whole.node = plan.node
    whole.has_settled = bool(plan.settled)
    _fill(whole, parts, plan)
    return Merged(whole, parts, plan)


def _leaves_of(part: Part) -> tuple[int, ...]:
    """Numbers of the arguments of a part."""
    node = part.node
    if node is None:
        return ()
    found = _leaf_numbers.get(node)
    if found is None:
        numbers = tuple(n for step in node.path() for n, _ in step.leaves)
        found = _leaf_numbers.add(node, numbers)
    return found


def _wires(parts: Sequence[Part]) -> dict[_Place, _Place]:
    """For each argument where its value comes from: itself, if from outside.

    From a result of an earlier part, else from the first argument that was the same
    handle with the same value.
    """
    wires: dict[_Place, _Place] = {}
    first: dict[tuple[int, int], _Place] = {}
    for index, part in enumerate(parts):
        origins, owners, values = part.origins, part.owners, part.values
        for number in _leaves_of(part):
            here = (index, number)
            origin = origins.get(number)
            place = None if origin is None else place_in(origin, parts[:index])
            if place is None:
                name = (id(owners[number]), id(values[number]))
                place = first.setdefault(name, here)
            wires[here] = place
    return wires


def place_in(origin: tuple[Segment, int], parts: Sequence[Part]) -> _Place | None:
    """Where a segment's result is among some parts: there, or where it was absorbed."""
    segment, number = origin
    for index, part in enumerate(parts):
        if part is segment:
            return index, number
    for index, part in enumerate(parts):
        inside = part.absorbed.get(segment)
        if inside is not None and inside[number] != _LEFT_OUT:
            return index, inside[number]
    return None


def _wanted_in(
    parts: Sequence[Part], handles: Sequence[Handle]
) -> tuple[frozenset[int], ...]:
    """The values of each part that handles depend on, through later parts too."""
    wanted: list[set[int]] = [set() for _ in parts]
    for handle in handles:
        if handle._origin is not None:
            segment = handle._origin[0]()
            place = None
            if segment is not None:
                place = place_in((segment, handle._origin[1]), parts)
            if place is not None:
                wanted[place[0]].add(place[1])
    for index in reversed(range(len(parts))):
        part = parts[index]
        for node in _chosen(part.node.path() if part.node else [], wanted[index]):
            for number in (*node.inputs, *(n for n, _ in node.leaves)):
                origin = part.origins.get(number)
                place = None if origin is None else place_in(origin, parts[:index])
                if place is not None:
                    wanted[place[0]].add(place[1])
    return tuple(map(frozenset, wanted))


def _chosen(path: Sequence[Node], wanted: set[int] | frozenset[int]) -> set[Node]:
    """The calls that are needed, and those that compute the targets of gradients."""
    goals: set[int] = set()
    while True:
        chosen = needed(path, {*wanted, *goals})
        found = {n for node in chosen if node.op is GRADIENT for n in node.key[4]}
        if found <= goals:
            return set(chosen)
        goals |= found


class _Planner:
    """Records the calls of parts once more, one part after another."""

    def __init__(
        self,
        root: Node,
        parts: Sequence[Part],
        wires: dict[_Place, _Place],
        wanted: Sequence[frozenset[int]] | None,
    ) -> None:
        self._node = root
        self._wires = wires
        self._numbers: list[list[int]] = []
        self._places: list[_Places] = []
        self._leaves: list[tuple[_Place, int]] = []
        self._settled: set[int] = set()
        self._end = 0
        for index, part in enumerate(parts):
            needs_all = wanted is None or isinstance(part, Recording)
            self._add(index, part, None if needs_all or not wanted else wanted[index])

    def plan(self) -> _Plan:
        """What it came to."""
        return _Plan(
            self._node,
            self._numbers,
            self._places,
            self._leaves,
            frozenset(self._settled),
        )

    def _add(self, index: int, part: Part, wanted: frozenset[int] | None) -> None:
        path = part.node.path() if part.node else []
        types = part.node.types() if part.node else []
        numbers = [_LEFT_OUT] * len(types)
        places = _Places()
        self._numbers.append(numbers)
        self._places.append(places)
        chosen = set(path) if wanted is None else _chosen(path, wanted)
        for old in path:
            if old not in chosen:
                continue
            assert old.op is not None
            if old.op is GRADIENT:
                for number in (*old.inputs, *old.key[4]):
                    if numbers[number] == _LEFT_OUT:
                        self._admit((index, number), types)
                self._node = gradient_node(self._node, self._gradient_key(index, old))
            else:
                fresh: dict[int, TensorType] = {}
                for number in old.inputs:  # a key names new values in this order
                    if numbers[number] == _LEFT_OUT:
                        self._argument((index, number), types, fresh)
                # What a segment assigned is assigned already.
                op = old.op.settled() if isinstance(part, Segment) else old.op
                self._node = self._repeat(old, op, numbers, fresh)
                if op.is_settled:
                    self._settled.update(range(self._node.first, self._node.end))
            places.add(old.first, self._node.first)
            for position in range(len(old.outputs)):
                numbers[old.first + position] = self._node.first + position
            self._end = self._node.end
        places.add(_EVERYTHING, self._end)

    def _argument(
        self, place: _Place, types: Sequence[TensorType], fresh: dict[int, TensorType]
    ) -> None:
        """Find the number in the whole of an argument of a part."""
        index, number = self._wires[place]
        known = self._numbers[index]
        if known[number] == _LEFT_OUT:  # the first use, or the one before is left out
            known[number] = self._end + len(fresh)
            fresh[known[number]] = types[place[1]]
            self._leaves.append((place, known[number]))
        self._numbers[place[0]][place[1]] = known[number]

    def _admit(self, place: _Place, types: Sequence[TensorType]) -> None:
        """Bring in an argument of a call that is left out."""
        fresh: dict[int, TensorType] = {}
        self._argument(place, types, fresh)
        if fresh:
            numbers = tuple(fresh)
            self._node = self._follow((ADMIT, ()), numbers, fresh, (), None)
            self._end = self._node.end

    def _repeat(
        self, old: Node, op: Op, numbers: Sequence[int], fresh: dict[int, TensorType]
    ) -> Node:
        """The node in the whole of a part's call."""
        inputs = tuple(numbers[number] for number in old.inputs)
        return self._follow((op, old.key[1]), inputs, fresh, old.outputs, old)

    def _follow(
        self,
        call: tuple[Op, Any],
        inputs: tuple[int, ...],
        fresh: dict[int, TensorType],
        outputs: tuple[TensorType, ...],
        old: Node | None,
    ) -> Node:
        """The node of a call that follows; `old` is the same call in a part."""
        left = dict(fresh)
        key = (*call, *(left.pop(number, number) for number in inputs))
        child = self._node.children.get(key)
        if child is None:
            options = {} if old is None else old.options
            tree = jax.tree.structure(()) if old is None else old.tree
            leaves = tuple(fresh.items())
            child = Node(
                self._node, key, call[0], options, inputs, leaves, outputs, tree
            )
            child.site = child.site if old is None else old.site
            child = self._node.children.setdefault(key, child)
            roots.count += 1
        return child

    def _gradient_key(self, index: int, old: Node) -> tuple:
        numbers = self._numbers[index]
        _, spans, watched, watches_variables, goals, seeds, sources, form = old.key

        def place(start: int) -> int:
            return self._places[index].place(start, self._end)

        return (
            GRADIENT,
            tuple((place(start), place(stop)) for start, stop in spans),
            tuple(
                (numbers[n], place(since))
                for n, since in watched
                if numbers[n] != _LEFT_OUT
            ),
            watches_variables,
            tuple(numbers[n] for n in goals),
            tuple(None if n is None else numbers[n] for n in seeds),
            tuple(
                tuple(numbers[n] for n in reads if numbers[n] != _LEFT_OUT)
                for reads in sources
            ),
            form,
        )


_EVERYTHING = 1 << 62
"""After the last number of a part."""


def _fill(whole: Recording, parts: Sequence[Part], plan: _Plan) -> None:
    """Put values and handles in their places."""
    values = whole.values = [nobody] * plan.node.end
    for (index, number), here in plan.leaves:
        part = parts[index]
        values[here] = part.values[number]
        whole.owners[here] = part.owners[number]
        origin = part.origins.get(number)
        if origin is not None:
            whole.origins[here] = origin
    for part, numbers in zip(parts, plan.numbers, strict=True):
        whole.is_traced = whole.is_traced or getattr(part, "is_traced", False)
        whole.held.extend(part.owners.values())
        whole.held.extend(part.held)
        if isinstance(part, Segment):
            whole.absorbed[part] = numbers
    for part, numbers in zip(parts, plan.numbers, strict=True):
        for inner, inside in part.absorbed.items():
            if inner not in whole.absorbed:
                moved = [n if n == _LEFT_OUT else numbers[n] for n in inside]
                whole.absorbed[inner] = moved
        for number, (kept, arrays) in part.pulls.items():
            if numbers[number] != _LEFT_OUT:
                whole.pulls[numbers[number]] = (kept.moved(numbers), arrays)
    if whole.pulls:
        for part, numbers in zip(parts, plan.numbers, strict=True):
            for number in part.origins:
                here = numbers[number]
                if here != _LEFT_OUT and values[here] is nobody:
                    whole.results[here] = part.values[number]
    _learn(whole, parts, plan)


def _learn(whole: Recording, parts: Sequence[Part], plan: _Plan) -> None:
    """Know the handles of all arguments by the numbers that they have now."""
    reads: dict[int, list[int]] = {}
    owners: dict[int, Handle] = {}
    for part, numbers in zip(parts, plan.numbers, strict=True):
        for number, owner in part.owners.items():
            here = numbers[number]
            if here != _LEFT_OUT:
                owners[id(owner)] = owner
                known = reads.setdefault(id(owner), [])
                if here not in known:
                    known.append(here)
        for name, taps in part.taps.items():
            for number in taps:
                if numbers[number] not in (_LEFT_OUT, *reads.get(name, ())):
                    reads.setdefault(name, []).append(numbers[number])
    for name, numbers in reads.items():
        owner, last = owners.get(name), numbers[-1]
        value = whole.values[last]
        is_known = (
            owner is not None
            and last not in plan.settled
            and (value.__class__ is weakref.ref or owner._is_still(value))
        )
        if is_known:
            whole.known[name] = last
        if len(numbers) > 1 or not is_known:
            # A value that was assigned since then comes in anew when it is used.
            whole.taps[name] = numbers


def _move_results(recording: Recording, whole: Recording, numbers: list[int]) -> None:
    """Tell the handles of pending results where they are now."""
    for number, reference in enumerate(recording.values):
        if reference.__class__ is weakref.ref:
            handle = reference()
            if handle is not None:
                whole.values[numbers[number]] = reference
                handle._at = (whole, numbers[number])
    for name, (variable, number) in recording.writes.items():
        whole.known[name] = numbers[number]
        whole.writes[name] = (variable, numbers[number])
        variable._at = (whole, numbers[number])
