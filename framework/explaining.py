"""Explaining: why a gradient is `None`, or by which calls it is connected.

Nothing here runs or records anything: it reads a `History`. A source that the target
depends on is followed along the path with the fewest stops, and the stops are what is
said; a source that it does not depend on may have left the tape where it was read.

Lines are those of `Node.site`: a loop that makes the same calls again shares the nodes,
so a line is the first that made this call after the same calls before it, under the
same `with` statement and from the same callers (`Recording.entry`). Two branches inside
one `with` block, or two functions called from one line, that record the very same calls
share the line of the first; under `jt.debug.enable()` they do not.
"""

import threading
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

from .history import Call, History, Remains
from .recording.node import Handle
from .recording.signature import SCALAR, TRAINABLE
from .recording.site import Site
from .stops import Stop, call_of, is_rounded, name_of, stops_at, stops_on, unwatched

_MOST = 3
"""How many stops, arguments or lines a message names."""


class Reason(NamedTuple):
    """What there is to say about one target and one source.

    Attributes:
        is_connected: Whether a derivative can pass.
        said: What was found, without the names of target and source.
        fix: What to do about it.
    """

    is_connected: bool
    said: str
    fix: str = ""


class _Arrival(NamedTuple):
    """How a value depends on the source: through which call, with how many stops."""

    cost: int
    call: Call | None
    before: int


def explain(
    history: History,
    targets: Sequence[Handle],
    sources: Sequence[Handle],
    with_connected: bool = True,
) -> str:
    """A line for each target and source: why it is `None`, or how it is connected.

    Args:
        history: What the tape recorded.
        targets: What is differentiated.
        sources: What by.
        with_connected: Whether pairs that have a derivative get a line. Default true.
    """
    lines = []
    for target in targets:
        goals = history.numbers_of(target)
        for source in sources:
            reason = find_reason(history, [target], goals, source)
            if reason.is_connected and not with_connected:
                continue
            said = f"The gradient of {name_of(target)} by {name_of(source)} is "
            said += "connected: " if reason.is_connected else "None: "
            lines.append(f"{said}{reason.said}. {reason.fix}".rstrip())
    return "\n".join(lines)


def find_reason(
    history: History,
    targets: Sequence[Handle],
    goals: Sequence[int],
    source: Handle,
) -> Reason:
    """The reason for one source, of the sum of some targets.

    Args:
        history: What the tape recorded.
        targets: Those that somebody still holds.
        goals: Numbers of all targets.
        source: What the gradient is by.
    """
    kinds = [*(t._type for t in targets), *(history.kinds[goal] for goal in goals)]
    for role, given in (("source", [source._type]), ("target", kinds)):
        if given and not any(kind.is_inexact for kind in given):
            return Reason(
                False,
                f"the {role} has dtype {given[0].dtype.name}, and only floating-point "
                "values have a gradient",
                "Cast it, jt.cast(x, 'float32'), and use the result.",
            )
    sources = history.numbers_of(source)
    arrivals = _reach(history, sources)
    ends = [number for number in goals if number in arrivals]
    if not ends:
        return _unreached(history, targets, goals, source, sources, arrivals)
    end = min(ends, key=lambda number: arrivals[number].cost)
    path = _path(arrivals, end)
    if not path:
        return _of_itself(history, source, end)
    stops = [stop for step in path for stop in stops_on(history, *step, sources)]
    if not stops:
        return Reason(True, _shown_path([call for call, _, _ in path]))
    said = ". After that, ".join(stop.said for stop in stops[:_MOST])
    return Reason(False, said, stops[0].fix)


def _of_itself(history: History, source: Handle, number: int) -> Reason:
    """The derivative of a value by itself: 1 where it is watched."""
    if number in history.since:
        return Reason(True, "the target is the source")
    stop = unwatched(history, source, None, number)
    return Reason(False, stop.said, stop.fix)


def _reach(history: History, sources: Sequence[int]) -> dict[int, _Arrival]:
    """What depends on the source, with the fewest stops; by number."""
    arrivals = {number: _Arrival(0, None, number) for number in sources}
    if not sources:
        return arrivals
    for call in history.calls:
        best: _Arrival | None = None
        for number in call.inputs:
            arrival = arrivals.get(number)
            if arrival is None:
                continue
            stops = sum(1 for _ in stops_at(history, call, number, sources))
            if best is None or arrival.cost + stops < best.cost:
                best = _Arrival(arrival.cost + stops, call, number)
        if best is None:
            continue
        for number, kind in call.outputs():
            held = arrivals.get(number)
            arrival = best._replace(cost=best.cost + is_rounded(call, kind))
            if held is None or arrival.cost < held.cost:
                arrivals[number] = arrival
    return arrivals


def _path(arrivals: dict[int, _Arrival], end: int) -> list[tuple[Call, int, int]]:
    """The calls from the source to a value, with what enters and what leaves each."""
    found = []
    number = end
    while True:
        _, call, before = arrivals[number]
        if call is None:
            break
        found.append((call, before, number))
        number = before
    found.reverse()
    return found


def _unreached(
    history: History,
    targets: Sequence[Handle],
    goals: Sequence[int],
    source: Handle,
    sources: Sequence[int],
    arrivals: dict[int, _Arrival],
) -> Reason:
    """No recorded call leads from the source to a target."""
    if any(target is source for target in targets):
        stop = _unread(history, source)
        return Reason(False, stop.said, stop.fix)
    unknown = "" if goals else _unknown_target(history, targets)
    left = _left(history, source, arrivals)
    if left is not None:
        said = unknown or "no recorded call leads from it to the target"
        return Reason(False, f"{said}; {left.said}", left.fix)
    if unknown:
        return Reason(
            False,
            unknown,
            "Compute the target inside of `with tape:`, from the source.",
        )
    if not sources and _may_be_forgotten(history, source):
        return Reason(
            False,
            "the tape has given its gradient and does not know this Tensor any more",
            "Ask tape.explain() before other calls use it, or record with "
            "jt.GradientTape(persistent=True).",
        )
    taken = next((c for n in sources for c in history.takers(n)), None)
    used = (
        "no call that the tape knows takes it"
        if taken is None
        else f"it is used by {call_of(taken)}, from where no call leads to the target"
    )
    pause = _pause(history)
    constant = f"; what was computed under stop_recording(), entered at {pause}, is a "
    return Reason(
        False,
        f"the target does not depend on it: {used}{_arguments(history, goals)}",
        "Compute the target from the source inside of `with tape:`"
        + ("." if pause is None else f"{constant}constant for the tape."),
    )


def _unread(history: History, source: Handle) -> Stop:
    """Nothing on the tape takes the source, which is the target as well."""
    is_known = getattr(source, "trainable", False) and history.notes.watches_variables
    if is_known:
        return Stop(
            "the tape never read it",
            "A variable is watched when a call inside of `with tape:` reads it.",
        )
    return Stop("nothing watches it", "Call tape.watch(x) inside the tape.")


def _pause(history: History) -> Site | None:
    pauses = [site for part in history.parts for site in part.pauses if site]
    return pauses[-1] if pauses else None


def _left(
    history: History, source: Handle, arrivals: dict[int, _Arrival]
) -> Stop | None:
    """Where the source, or what depends on it, left the tape as a number."""
    lines = []
    for read in history.notes.reads:
        if read.handle() is source or history.number_at(read.place) in arrivals:
            lines.append(str(read.site))
    if not lines:
        return None
    shown = " and ".join(dict.fromkeys(lines[:_MOST]))
    return Stop(
        "it, or what was computed from it, was read at "
        f"{shown}, and what is computed from a value that was read (numpy(), float(), "
        "np.asarray, if) is a new constant",
        "Compute with the Tensor itself: jt.numpy has NumPy's functions, and jt.op(f) "
        "lifts a JAX function.",
    )


def _unknown_target(history: History, targets: Sequence[Handle]) -> str:
    """The target is not what a call of this tape computed."""
    said = "the target was not computed on this tape"
    if targets:
        recording, number = targets[0]._at
        node = None if recording is None else recording.node
        while node is not None and not node.first <= number < node.end:
            node = node.parent
        if node is not None and node.op is not None:
            said += f", but by {node.op.name}, at {node.site}"
    if history.notes.reset is not None:
        said += f"; tape.reset(), at {history.notes.reset}, forgot what came before"
    return said


def _may_be_forgotten(history: History, source: Handle) -> bool:
    """Whether a spent tape may have known a Tensor that others have used since."""
    recording = source._at[0]
    return (
        history.notes.is_spent
        and recording is not None
        and not hasattr(source, "trainable")
        and all(recording.serial > part.serial for part in history.parts)
    )


def _arguments(history: History, targets: Sequence[int]) -> str:
    """What the target is computed from, as far as it came from outside."""
    found: dict[int, Call] = {}
    wanted = set(targets)
    for call in reversed(history.calls):
        if any(number in wanted for number, _ in call.outputs()):
            wanted.update(call.inputs)
            for number in call.inputs:
                if (
                    number not in history.makers
                    and history.kinds[number].role != SCALAR
                ):
                    found[number] = call
    if not found:
        return ""
    shown = [
        f"{_argument(history, number)} at {call.node.site}"
        for number, call in sorted(found.items())[:_MOST]
    ]
    rest = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"; the target is computed from {', '.join(shown)}{rest}"


def _argument(history: History, number: int) -> str:
    owner = history.owner(number)
    if isinstance(owner, Handle):
        return name_of(owner)
    kind = history.kinds[number]
    word = "a variable" if kind.role == TRAINABLE else "a Tensor"
    return f"{word} of {kind!r}"


def _shown_path(calls: Sequence[Call]) -> str:
    """A path in words; a long one without its middle."""
    shown = [call_of(call).replace(",", "") for call in calls]
    if len(shown) > 2 * _MOST:
        middle = f"... {len(shown) - 2 * _MOST} more ..."
        shown = [*shown[:_MOST], middle, *shown[-_MOST:]]
    return " -> ".join(shown)


class _Last(threading.local):
    """What a thread's last derivative was `None` for, and what was said."""

    def __init__(self) -> None:
        self.nones: dict[int, weakref.ref] = {}
        self.remains: Remains | None = None
        self.history: History | None = None
        self.said: dict[int, tuple[weakref.ref, tuple, str]] = {}


_last = _Last()


def note_nones(remains: Remains | None, sources: Sequence[Any]) -> None:
    """Keep what is needed to say later why some derivatives are `None`.

    Args:
        remains: What the tape recorded, with the targets as `asked`.
        sources: Those whose derivative is `None`; held weakly.
    """
    if sources or _last.nones:
        _last.remains, _last.history = remains, None
        _last.nones = {id(source): weakref.ref(source) for source in sources}


def reason_for(source: Handle) -> str | None:
    """Why this thread's last derivative was `None` for a source, if it was.

    Found once for each structure, so that a loop that warns at every step pays once.
    """
    remains = _last.remains
    reference = _last.nones.get(id(source))
    if remains is None or reference is None or reference() is not source:
        return None
    structure = tuple([(p.node, p.spans, p.watched) for p in remains.parts])
    known = _last.said.get(id(source))
    if known is not None and known[0] is reference and known[1] == structure:
        return known[2]
    history = _last.history = _last.history or History(remains)
    asked = history.notes.asked
    goals = [n for n in (history.number_at(a.place) for a in asked) if n is not None]
    targets = [t for t in (a.handle() for a in asked) if t is not None]
    said = find_reason(history, targets, goals, source).said
    if len(_last.said) > _MOST_SAID:
        _last.said.clear()
    _last.said[id(source)] = (reference, structure, said)
    return said


_MOST_SAID = 10_000
