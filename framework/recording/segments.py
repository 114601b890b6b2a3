"""Segments: what a tape recorded and what has run already, because a value was read.

A few segments are merged with what is pending. Many are pulled back here one after
another, each by its own cached program, so that an episode of any length needs no new
one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from .. import config
from . import execution
from .arithmetic import ADD
from .cache import Cache
from .connection import find_connected
from .derivative import GRADIENT
from .form import COTANGENTS
from .merging import ADMIT, continued, gradient_node, place_in
from .node import Handle, Recording, Segment, nobody, record


def admit(recording: Recording, handle: Handle) -> None:
    """Bring a value into a recording that no call has taken yet."""
    record(recording, ADMIT, (handle,), {}, ())


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
    found = place_in(place, segments)
    return None if found is None else (segments[found[0]], found[1])


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
            COTANGENTS,
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
    if any(node.op is not None and node.op.writes for node in segment.node.path()):
        return continued(segment)
    recording = Recording()
    recording.node = segment.node
    recording.settings = segment.settings
    recording.values = [
        segment.values.get(number, nobody) for number in range(segment.node.end)
    ]
    recording.known = dict(segment.known)
    recording.owners = dict(segment.owners)
    recording.absorbed = segment.absorbed
    recording.pulls = segment.pulls
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
