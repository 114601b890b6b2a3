"""Segments: what a tape recorded and what has run already, because a value was read.

A few segments are put in front of what is pending, as if nothing had been read, so
that the whole step is one program. Many are pulled back one after another, each by its
own cached program, so that an episode of any length needs no new one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from .. import config
from . import execution
from .arithmetic import ADD
from .cache import Cache
from .node import (
    Handle,
    Node,
    Recording,
    Segment,
    nobody,
    record,
    resume,
    roots,
)
from .op import Op
from .replay import GRADIENT, find_connected, find_slice, needed
from .signature import TensorType, plain_type

ADMIT = Op("watch", lambda *arrays: (), is_differentiable=False)


def admit(recording: Recording, handle: Handle) -> None:
    """Bring a value into a recording that no call has taken yet."""
    record(recording, ADMIT, (handle,), {}, ())


def gradient_node(node: Node, key: tuple) -> Node:
    """The node of a gradient that follows `node`; without results where all is `None`.

    Args:
        node: The last call.
        key: `GRADIENT` and the arguments of `find_slice` that follow the path.
    """
    child = node.children.get(key)
    if child is None:
        _, spans, watched, watches_variables, goals, seeds, sources = key
        cut = find_slice(
            node.path(), spans, dict(watched), watches_variables, goals, seeds, sources
        )
        kinds = tuple(plain_type(cut.types[reads[0]]) for reads in cut.sources)
        child = Node(
            node, key, GRADIENT, {"slice_": cut}, cut.operands, (), kinds, "list"
        )
        roots.count += 1
        child = node.children.setdefault(key, child)
    return child


class _Merger:
    """Records segments and a recording anew, one after another, as one."""

    def __init__(self, recording: Recording) -> None:
        self.whole = Recording(recording.depth)
        self.whole.settings = recording.settings
        self.whole.task = recording.task
        self.node = self.whole.start()
        self.maps: dict[Segment | Recording, list[int]] = {}
        self.places: dict[Segment | Recording, list[tuple[int, int]]] = {}

    def add(
        self, part: Segment | Recording, wanted: frozenset[int] | None = None
    ) -> None:
        """Record the calls of `part` again, with the numbers they have in the whole.

        Args:
            part: What is added.
            wanted: Numbers of the values that are needed; default all.
        """
        numbers: list[int] = []
        places: list[tuple[int, int]] = []
        self.maps[part], self.places[part] = numbers, places
        path = part.node.path() if part.node else []
        types = part.node.types() if part.node else []
        chosen = set(path if wanted is None else needed(path, wanted))
        for old in path:
            if old not in chosen:
                numbers.extend([_LEFT_OUT] * (old.end - len(numbers)))
                continue
            fresh: dict[int, TensorType] = {}
            numbers.extend([_LEFT_OUT] * len(old.leaves))
            for number in old.inputs:  # new ones are numbered as in the key
                if numbers[number] == _LEFT_OUT:
                    numbers[number] = self._leaf(part, number, types[number], fresh)
            if old.op is GRADIENT:
                self.node = gradient_node(self.node, self._gradient_key(part, old))
            else:
                # What a segment assigned is assigned already.
                assert old.op is not None
                op = old.op if isinstance(part, Recording) else old.op.settled()
                self.whole.has_settled |= op.is_settled
                self.node = self._follow(old, op, numbers, fresh)
            places.append((old.first, self.node.first))
            numbers.extend(range(self.node.first, self.node.end))
            self.whole.values.extend([nobody] * len(self.node.outputs))
        for inner, inside in part.absorbed.items():
            mapped = [n if n == _LEFT_OUT else numbers[n] for n in inside]
            self.maps[inner] = self.whole.absorbed[inner] = mapped
        if isinstance(part, Segment):
            self.whole.absorbed[part] = numbers
        self._learn(part)

    def _leaf(
        self,
        part: Segment | Recording,
        number: int,
        kind: TensorType,
        fresh: dict[int, TensorType],
    ) -> int:
        """The number in the whole of an argument of `part`."""
        whole = self.whole
        origin = part.origins.get(number)
        if origin is not None and origin[0] in self.maps:
            return self.maps[origin[0]][origin[1]]
        owner, value = part.owners[number], part.values[number]
        held = whole.known.get(id(owner))
        if held is not None and whole.values[held] is value:
            return held
        mapped = len(whole.values)
        whole.values.append(value)
        whole.owners[mapped] = owner
        if held is not None:  # a variable that was written in between
            whole.taps[id(owner)] = [*whole.taps.get(id(owner), [held]), mapped]
        whole.known[id(owner)] = mapped
        whole.is_traced = whole.is_traced or getattr(part, "is_traced", False)
        if origin is not None:
            whole.origins[mapped] = origin
        fresh[mapped] = kind
        return mapped

    def _follow(
        self, old: Node, op: Op, numbers: list[int], fresh: dict[int, TensorType]
    ) -> Node:
        """The node of a call in the whole."""
        inputs = tuple(numbers[number] for number in old.inputs)
        left = dict(fresh)
        parts = [left.pop(number, number) for number in inputs]
        key = (op, old.key[1], *parts)
        child = self.node.children.get(key)
        if child is None:
            leaves = tuple(sorted(fresh.items(), key=lambda item: item[0]))
            child = Node(
                self.node, key, op, old.options, inputs, leaves, old.outputs, old.tree
            )
            child.site = old.site
            child = self.node.children.setdefault(key, child)
            roots.count += 1
        return child

    def _gradient_key(self, part: Segment | Recording, old: Node) -> tuple:
        numbers = self.maps[part]
        _, spans, watched, watches_variables, goals, seeds, sources = old.key
        return (
            GRADIENT,
            tuple((self.place(part, a), self.place(part, b)) for a, b in spans),
            tuple((numbers[n], self.place(part, since)) for n, since in watched),
            watches_variables,
            tuple(numbers[n] for n in goals),
            tuple(None if n is None else numbers[n] for n in seeds),
            tuple(tuple(numbers[n] for n in reads) for reads in sources),
        )

    def place(self, part: Segment | Recording, start: int) -> int:
        """Where the calls of `part` from number `start` on begin in the whole."""
        for old, new in self.places[part]:
            if old >= start:
                return new
        return len(self.whole.values)

    def _learn(self, part: Segment | Recording) -> None:
        """Know the handles of `part` by all the numbers that they have now."""
        numbers, whole = self.maps[part], self.whole
        whole.held.extend((*part.owners.values(), *part.held))
        known = part.known if isinstance(part, Segment) else part.all_known()
        for name, number in known.items():
            reads = [numbers[n] for n in part.taps.get(name, [number])]
            reads = [n for n in reads if n != _LEFT_OUT]
            if not reads:
                continue
            earlier = whole.taps.get(name) or (
                [whole.known[name]] if name in whole.known else []
            )
            merged = list(dict.fromkeys([*earlier, *reads]))
            whole.known[name] = reads[-1]
            if len(merged) > 1:
                whole.taps[name] = merged


_LEFT_OUT = -1


def merge(
    recording: Recording,
    segments: Sequence[Segment],
    tapes: Sequence[Any],
    handles: Sequence[Handle],
    only: Sequence[Handle] | None = None,
) -> Recording:
    """Put segments in front of what is pending; the result takes its place.

    Args:
        recording: What is pending in this thread.
        segments: What ran before, in order.
        tapes: The tapes that cover parts of them.
        handles: Tensors that must be known afterwards, results of segments included.
        only: If given, only what these depend on is taken from the segments.
    """
    merger = _Merger(recording)
    wanted = None if only is None else _wanted_in(segments, only)
    for part in segments:
        merger.add(part, None if wanted is None else frozenset(wanted[part]))
    merger.add(recording)
    whole = merger.whole
    whole.node = merger.node
    _move_results(recording, whole, merger.maps[recording])
    for handle in handles:
        if handle._origin is None:
            continue
        origin = handle._origin[0]()
        if origin in merger.maps and id(handle) not in whole.known:
            number = merger.maps[origin][handle._origin[1]]
            if number == _LEFT_OUT:
                continue
            whole.known[id(handle)] = number
            whole.held.append(handle)
    for tape in tapes:
        tape._move(merger.place, merger.maps, whole)
    recording.is_done = True
    resume(whole)
    return whole


def _wanted_in(
    segments: Sequence[Segment], handles: Sequence[Handle]
) -> dict[Segment, set[int]]:
    """The values of each segment that handles depend on, through later segments too."""
    wanted: dict[Segment, set[int]] = {segment: set() for segment in segments}
    for handle in handles:
        place = _place_of(handle, segments)
        if place is not None:
            wanted[place[0]].add(place[1])
    for segment in reversed(segments):
        for node in needed(segment.node.path(), wanted[segment]):
            for number in node.inputs:
                origin = segment.origins.get(number)
                place = None if origin is None else _resolved(origin, segments)
                if place is not None:
                    wanted[place[0]].add(place[1])
    return wanted


def _move_results(recording: Recording, whole: Recording, numbers: list[int]) -> None:
    """Tell the handles of pending results where they are now."""
    node = recording.node
    for step in node.path() if node is not None else ():
        for number in range(step.first, step.end):
            reference = recording.values[number]
            handle = reference()
            if handle is not None:
                whole.values[numbers[number]] = reference
                handle._at = (whole, numbers[number])
    for name, (variable, number) in recording.writes.items():
        whole.writes[name] = (variable, numbers[number])
        variable._at = (whole, numbers[number])


class Covered(NamedTuple):
    """A segment, and which part of it a tape covers."""

    segment: Segment
    spans: tuple[tuple[int, int], ...]
    watched: tuple[tuple[int, int], ...]


_connections: Cache[frozenset[int]] = Cache(lambda: config.bounds.op_programs)


def pull_back(
    parts: Sequence[Covered],
    watches_variables: bool,
    targets: Sequence[Handle],
    seeds: Sequence[Handle | None],
    sources: Sequence[Handle],
) -> list[Any]:
    """Gradients through many segments, from the last to the first, one launch each.

    Takes what `find_slice` takes; every part must have run.
    """
    segments = [part.segment for part in parts]
    watched = _watched_through(parts, watches_variables)
    cotangents: dict[tuple[Segment, int], list[Any]] = {}
    totals: list[Any] = [None] * len(sources)
    for target, seed in zip(targets, seeds, strict=True):
        place = _place_of(target, segments)
        if place is not None:
            cotangents.setdefault(place, []).append(seed)
        for position, source in enumerate(sources):
            if source is target and place is None and _is_known(parts, source):
                totals[position] = _plus(totals[position], _start(target, seed))
    for part, marks in zip(reversed(parts), reversed(watched), strict=True):
        arriving = {
            number: cotangents[part.segment, number]
            for owner, number in list(cotangents)
            if owner is part.segment
        }
        if arriving:
            leaving = _pull_segment(
                part,
                marks,
                watches_variables,
                arriving,
                sources,
                totals,
                segments[: segments.index(part.segment)],
            )
            for place, cotangent in leaving.items():
                cotangents.setdefault(place, []).append(cotangent)
    return totals


def _place_of(
    handle: Handle, segments: Sequence[Segment]
) -> tuple[Segment, int] | None:
    """The segment that computed a value, and its number there."""
    if handle._origin is None:
        return None
    segment = handle._origin[0]()
    if segment is None:
        return None
    return _resolved((segment, handle._origin[1]), segments)


def _resolved(
    place: tuple[Segment, int], segments: Sequence[Segment]
) -> tuple[Segment, int] | None:
    """The same value in the segment that has absorbed its own, if one has."""
    segment, number = place
    if segment in segments:
        return place
    for other in segments:
        inside = other.absorbed.get(segment)
        if inside is not None and inside[number] != _LEFT_OUT:
            return other, inside[number]
    return None


def _start(target: Handle, seed: Handle | None) -> Any:
    """The cotangent that a target starts with."""
    ones = jnp.ones(target._type.shape, target._type.dtype)
    return execution.make_value(ones) if seed is None else seed


def _plus(held: Handle | None, part: Handle) -> Handle:
    return part if held is None else execution.call(ADD, (held, part))


def _is_known(parts: Sequence[Covered], handle: Handle) -> bool:
    return any(part.segment.numbers_of(handle) for part in parts)


def _watched_through(
    parts: Sequence[Covered], watches_variables: bool
) -> list[tuple[tuple[int, int], ...]]:
    """For each part what counts in it: watched, or connected in an earlier part."""
    reached: dict[Segment, frozenset[int]] = {}
    marks = []
    for part in parts:
        inherited = tuple(
            (number, 0)
            for number, place in _links(part.segment, reached)
            if place[1] in reached[place[0]]
        )
        watched = (*part.watched, *inherited)
        key = (part.segment.node, part.spans, watched, watches_variables)
        found = _connections.get(key)
        if found is None:
            _, since = find_connected(
                part.segment.node.path(), part.spans, dict(watched), watches_variables
            )
            found = _connections.add(key, frozenset(since))
        reached[part.segment] = found
        marks.append(watched)
    return marks


def _links(
    segment: Segment, earlier: Iterable[Segment]
) -> list[tuple[int, tuple[Segment, int]]]:
    """The arguments of a segment that earlier ones computed, and where."""
    before = list(earlier)
    found = []
    for number, origin in segment.origins.items():
        place = _resolved(origin, before)
        if place is not None:
            found.append((number, place))
    return found


def _pull_segment(
    part: Covered,
    watched: tuple[tuple[int, int], ...],
    watches_variables: bool,
    arriving: dict[int, list[Any]],
    sources: Sequence[Handle],
    totals: list[Any],
    earlier: Sequence[Segment],
) -> dict[tuple[Segment, int], Any]:
    """Add a segment's share to the totals; cotangents of earlier segments' results."""
    segment = part.segment
    recording = _continued(segment)
    goals, seeds = [], []
    for number, given in arriving.items():
        for seed in given:
            goals.append(number)
            seeds.append(None if seed is None else _bring_in(recording, seed))
    marked = {number for number, _ in watched}
    links = [link for link in _links(segment, earlier) if link[0] in marked]
    # What an earlier segment computed counts there; the link brings its cotangent.
    linked = {number for number, _ in _links(segment, earlier)}
    reads = [
        tuple(n for n in segment.numbers_of(source) if n not in linked)
        for source in sources
    ]
    wanted = [*reads, *((number,) for number, _ in links)]
    assert recording.node is not None
    child = gradient_node(
        recording.node,
        (
            GRADIENT,
            part.spans,
            watched,
            watches_variables,
            tuple(goals),
            tuple(seeds),
            tuple(wanted),
        ),
    )
    if not child.outputs:
        return {}
    recording.node = child
    made = iter(execution.add_results(recording, child))
    reached = child.options["slice_"].is_connected
    found = [next(made) if is_reached else None for is_reached in reached]
    for position, gradient in enumerate(found[: len(sources)]):
        if gradient is not None:
            held = totals[position]
            totals[position] = (
                gradient if held is None else _sum(recording, held, gradient)
            )
    leaving = {
        place: gradient
        for (_, place), gradient in zip(links, found[len(sources) :], strict=True)
        if gradient is not None
    }
    found = made = gradient = held = None  # sums replace them: no results of their own
    execution.run(recording)
    return leaving


def _continued(segment: Segment) -> Recording:
    """A recording that goes on where a segment ended, with the same arguments."""
    merger = _Merger(Recording())
    merger.whole.settings = segment.settings
    if any(node.op is not None and node.op.writes for node in segment.node.path()):
        merger.add(segment)  # what it assigned is assigned already
        merger.whole.node = merger.node
        return merger.whole
    recording = Recording()
    recording.node = segment.node
    recording.settings = segment.settings
    recording.values = [
        segment.values.get(number, nobody) for number in range(segment.node.end)
    ]
    recording.known = dict(segment.known)
    recording.owners = dict(segment.owners)
    recording.absorbed = segment.absorbed
    return recording


def _bring_in(recording: Recording, handle: Handle) -> int:
    numbers = recording.numbers_of(handle)
    if not numbers:
        admit(recording, handle)
        numbers = recording.numbers_of(handle)
    return numbers[-1]


def _sum(recording: Recording, a: Handle, b: Handle) -> Handle:
    node = record(recording, ADD, (a, b), {}, ())
    return execution.add_results(recording, node)[0]
