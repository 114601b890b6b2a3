"""Coverage: which recorded calls a tape differentiates, and what it watches.

A tape does no bookkeeping per op. It knows which ranges of which recordings it covers,
and what was watched from where on; a derivative is one more recorded call.
"""

import contextlib
import itertools
import threading
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

from . import config
from .errors import TapeError
from .history import Mention, Notes, Part, Remains, mention, remember
from .recording import execution
from .recording.connection import Coverage
from .recording.derivative import GRADIENT
from .recording.form import COTANGENTS
from .recording.merging import Merged, forget_copies, gradient_node, merge
from .recording.node import (
    Handle,
    Node,
    Recording,
    Segment,
    begin,
    current,
    getter,
    here,
)
from .recording.rehearsal import Rehearsal
from .recording.script import Script
from .recording.segments import Covered, admit, pull_back
from .recording.signature import TRAINABLE
from .recording.site import Entry, Site, callers, reading_site, user_site
from .recording.slice import Form
from .variable import Variable

_MOST_READS = 1_000
"""How many reads of values are remembered."""

_thread_number = threading.get_ident


class Span:
    """Numbers `start` to `stop` of one recording, or of the segment it became."""

    __slots__ = ("pause", "place", "start", "stop")

    def __init__(self, place: Recording | Segment, start: int) -> None:
        self.place = place
        self.start = start
        self.stop: int | None = None
        self.pause: Site | None = None  # the `stop_recording` that ended it

    def end(self) -> int:
        """Number after the last one covered so far."""
        if self.stop is not None:
            return self.stop
        if isinstance(self.place, Segment):
            return self.place.node.end
        return len(self.place.values)

    def moved(self, merged: Merged) -> "Span":
        """The same calls where they were recorded once more."""
        if self.place not in merged:
            return self
        span = Span(merged.whole, merged.place(self.place, self.start))
        if self.stop is not None:
            span.stop = merged.place(self.place, self.stop)
        span.pause = self.pause
        return span


class Covering:
    """Base of what follows recorded calls: of tapes and forward accumulators.

    Attributes:
        _is_persistent: Whether it may be asked more than once.
        _watches_variables: Whether trainable variables are watched on their own.
    """

    _is_long = False  # `note_length` sets it when it has warned
    _is_persistent: bool
    _watches_variables: bool
    _is_active = False
    _is_flat = True  # whether it was asked for sources in a list, a tuple or alone
    _is_spent = False
    _owner: tuple[int, Any] = (0, None)
    _entry: Entry = ()
    _reads: Sequence[Mention] = ()
    _rehearsal: Rehearsal | None = None
    _script: Script
    _target: weakref.ref
    _spans: list[Span]
    _watched: dict[int, tuple[Handle, Any, int]]
    _seen: dict[int, Variable]
    _past: list[Sequence[Variable]]
    _left: list[Part]
    _asked: list[Mention]
    _reset_at: Site | None

    def __getattr__(self, name: str) -> Any:
        """What a turn that goes as the one before it does not need; see `_unfold`."""
        if name not in _STATE:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}",
                name=name,
                obj=self,
            )
        self._unfold()
        return self.__dict__[name]

    def _unfold(self) -> None:
        """Take note of what a rehearsed turn has done to this tape."""
        state = _fresh()
        rehearsal = self._rehearsal
        if rehearsal is not None:
            script = self._script
            state["_reads"], state["_is_spent"] = self._reads, self._is_spent
            node, stop = script.gradient, script.covered
            if self._is_spent:
                place = rehearsal.serial, node, ((0, stop),), (None,)
                state["_left"] = [Part(*place, (), {}, {}, {})]
                take = getter(_variables_read(node, 0, stop))
                state["_past"] = [take(script.owners)]
                goal = (rehearsal.serial, script.goal)
                state["_asked"] = [Mention(self._target, goal, None)]
            else:
                span = Span(rehearsal, 0)
                span.stop = stop if rehearsal.was_left else None
                state["_spans"] = [span]
        self.__dict__.update(state)  # at once: an interrupt may come anywhere

    def _clear(self) -> None:
        self.__dict__.update(_fresh())

    def _enter(self, frame: FrameType) -> None:
        """Cover what this thread or task records from here on.

        Args:
            frame: Where it is entered.
        """
        self._entry = callers(frame)
        recording = current()
        if not recording.depth and not recording.is_new:
            execution.run(recording)
            recording = begin()
        if "_spans" not in self.__dict__:  # `__getattr__` would come to it later
            self._unfold()
        self._is_active = True
        self._owner = (_thread_number(), recording.task)
        recording.depth += 1
        self._open(recording)

    def __exit__(self, *_: object) -> None:
        rehearsal = self._rehearsal
        if rehearsal is not None and here.recording is rehearsal and rehearsal.leave():
            self._is_active = False
        elif self._is_active:
            recording = self._check_owner("left")
            self._is_active = False
            self._close()
            recording.depth -= 1

    def _check_owner(self, what: str) -> Recording:
        """The recording of this thread and task, which must be the tape's own."""
        recording = current()
        if self._owner != (_thread_number(), recording.task):
            raise TapeError(
                f"This tape was entered in another thread or task and cannot be {what} "
                "in this one. Use one tape in each thread or task."
            )
        return recording

    def _open(self, recording: Recording) -> None:
        """Cover what is recorded from here on."""
        self._spans.append(Span(recording, len(recording.values)))
        if recording.node is None and not recording.entry:
            recording.entry = self._entry
        recording.tapes.append(weakref.ref(self))

    def _close(self) -> None:
        """Stop covering what is recorded from here on."""
        if self._spans and self._spans[-1].stop is None:
            self._spans[-1].stop = self._spans[-1].end()

    def _cut(
        self, recording: Recording, segment: Segment | None, after: Recording | None
    ) -> None:
        """The recording runs now, as `segment`; what follows goes into `after`."""
        goes_on = False
        for span in self._spans:
            if span.place is recording and segment is not None:
                goes_on = goes_on or span.stop is None
                span.stop = span.end()
                span.place = segment
        for handle, place, since in list(self._watched.values()):
            if place is recording:
                self._watched[id(handle)] = (handle, segment, since)
        if goes_on and self._is_active and after is not None:
            if not after.entry:
                after.entry = (*self._entry, user_site()[:2])
            self._open(after)

    def _move(self, merged: Merged) -> None:
        """Parts that this tape covers were recorded once more, as one recording."""
        self._spans = [span.moved(merged) for span in self._spans]
        for name, (handle, place, since) in list(self._watched.items()):
            if place in merged:
                moved = (handle, merged.whole, merged.place(place, since))
                self._watched[name] = moved
        merged.whole.tapes.append(weakref.ref(self))

    def _watch(self, handle: Any) -> None:
        if not handle._type.is_inexact:
            warnings.warn(
                f"A tape watches floating-point values; this {type(handle).__name__} "
                f"has dtype {handle.dtype.name}, so its gradient will be None. "
                "Cast it: jt.cast(x, 'float32').",
                stacklevel=3,
            )
        else:
            recording = current()
            since = (handle, recording, len(recording.values))
            self._watched.setdefault(id(handle), since)
        if isinstance(handle, Variable):
            self._seen[id(handle)] = handle

    def _spend(self) -> None:
        """Let go of values and handles, but for the variables that were watched."""
        spans = self._spans
        place = spans[0].place if len(spans) == 1 else None
        if place is None or self._watched or place.origins or place.absorbed:
            self._left = self._parts(True)
            if self._watches_variables:
                by_place = itertools.chain.from_iterable(self._by_place().values())
                self._past = [*map(_read_in, by_place)]
        else:  # the same for nearly every step of a loop, where it is this simple
            span = spans[0]
            end = span.stop = span.end()
            part = place.serial, place.node, ((span.start, end),), (span.pause,)
            self._left = [Part(*part, (), {}, {}, {})]
            if self._watches_variables:
                self._past = [_read_in(span)]
        self._is_spent = True
        self._spans = []
        self._watched = {}

    def _by_place(self) -> dict[Recording | Segment, list[Span]]:
        """What it covers, recording by recording."""
        if len(self._spans) == 1:
            return {self._spans[0].place: self._spans}
        places: dict[Recording | Segment, list[Span]] = {}
        for span in self._spans:
            places.setdefault(span.place, []).append(span)
        return places

    def _parts(self, is_spent: bool) -> list[Part]:
        """What it covers, without values and without handles."""
        return [
            remember(
                place,
                tuple([(span.start, span.end()) for span in spans]),
                tuple([span.pause for span in spans]),
                self._watched_in(place) if self._watched else (),
                is_spent,
            )
            for place, spans in self._by_place().items()
        ]

    def _remains(self) -> Remains:
        """What it can tell, also once it has let go of values and handles."""
        parts = self._parts(False)
        if self._is_spent:
            past = iter(self._past)
            parts = [_with_variables(part, past) for part in self._left]
        notes = Notes(
            self._watches_variables,
            self._is_spent,
            self._reset_at,
            tuple(self._reads),
            tuple(self._asked),
        )
        return Remains(parts, notes)

    def _note_read(self, handle: Handle) -> None:
        """A value leaves the tape, as a number that no derivative follows."""
        if self._is_active and len(self._reads) < _MOST_READS:
            self._reads = [*self._reads, mention(handle, reading_site())]

    def _variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in the order they were read."""
        seen = dict(self._seen)
        if self._watches_variables:
            reads = (*self._past, *map(_read_in, self._spans))
            for variable in itertools.chain.from_iterable(reads):
                if variable.trainable:
                    seen.setdefault(id(variable), variable)
        return tuple(seen.values())

    def _differentiate(
        self,
        targets: list[Any],
        seeds: list[Any],
        sources: list[Any],
        form: Form = COTANGENTS,
    ) -> list[Any]:
        """The results of a form, `None` where no path leads from source to target."""
        recording = current()
        for span in self._spans:
            if span.place is not recording:
                break
        else:
            return self._record(recording, targets, seeds, sources, form)
        if form is COTANGENTS:
            segments = self._segments()
            if segments and self._may_split(segments):
                self._check_has_run()
                return self._pull_back_segments(targets, seeds, sources)
        with self._as_one(targets) as recording:
            return self._record(recording, targets, seeds, sources, form)

    def _as_one(self, targets: list[Any]) -> AbstractContextManager[Recording]:
        """All that it covers as one recording, in front of what is pending."""
        self._check_has_run()
        recording = current()
        segments = self._segments()
        if segments:
            tapes = {self, *recording.live_tapes()}
            if self._is_persistent and not self._is_active and len(tapes) == 1:
                return self._copied(targets)
            merged = merge(recording, segments)
            for tape in tapes:
                tape._move(merged)
        return contextlib.nullcontext(current())

    @contextlib.contextmanager
    def _copied(self, targets: list[Any]) -> Iterator[Recording]:
        """A copy of what the targets depend on; what it covers stays as it is."""
        execution.run(current())
        kept = self._spans, dict(self._watched)
        # Its reads are not copied with it.
        watched = {id(variable) for variable in self._variables()}
        merged = merge(current(), self._segments(), only=targets)
        try:
            self._move(merged)
            for target in targets:
                if id(target) in watched:
                    self._watched.setdefault(id(target), (target, merged.whole, 0))
            yield current()
        finally:
            self._spans, self._watched = kept
            forget_copies(merged.whole)

    def _check_has_run(self) -> None:
        """Refuse to differentiate what waits in another thread or task."""
        recording = current()
        for span in self._spans:
            place = span.place
            if (
                isinstance(place, Recording)
                and place is not recording
                and place.is_waiting
            ):
                raise TapeError(
                    "This tape recorded in another thread or task, and what it "
                    "recorded has not run yet. Read the target there first, or ask "
                    "for the gradient there."
                )

    def _segments(self) -> list[Segment]:
        """What this tape covers and has run already, in order."""
        found: list[Segment] = []
        for span in self._spans:
            place = span.place
            if isinstance(place, Segment) and place not in found:
                found.append(place)
        return found

    def _may_split(self, segments: list[Segment]) -> bool:
        """Whether to differentiate part by part, at once, instead of as one program.

        Not while another tape may want to differentiate the result.
        """
        recording = current()
        if any(t is not self or t._is_active for t in recording.live_tapes()):
            return False
        under = {part.settings for part in (*segments, recording) if part.settings}
        return len(segments) > config.bounds.merged_segments or len(under) > 1

    def _pull_back_segments(
        self, targets: list[Any], seeds: list[Any], sources: list[Any]
    ) -> list[Any]:
        recording = current()
        if self._place_in(recording):
            execution.run(recording)
        parts = [
            Covered(place, self._place_in(place), self._watched_in(place))
            for place in self._segments()
        ]
        return pull_back(parts, self._watches_variables, targets, seeds, sources)

    def _place_in(self, place: Recording | Segment) -> tuple[tuple[int, int], ...]:
        """The ranges that this tape covers there."""
        found = ()
        for span in self._spans:
            if span.place is place:
                stop = span.stop
                found += ((span.start, span.end() if stop is None else stop),)
        return found

    def _coverage(self, place: Segment) -> Coverage:
        """What this tape covers of a part, as `find_connected` takes it."""
        watched = self._watched_in(place) if self._watched else ()
        return (self._place_in(place), watched, self._watches_variables)

    def _record(
        self,
        recording: Recording,
        targets: list[Any],
        seeds: list[Any],
        sources: list[Any],
        form: Form,
        extra: tuple[tuple[int, int], ...] = (),
    ) -> list[Any]:
        """Add a derivative to the recording as one call; `extra` is covered too."""
        goals = [_number_in(recording, handle) for handle in targets]
        key = (
            GRADIENT,
            self._place_in(recording) + extra,
            self._watched_in(recording) if self._watched else (),
            self._watches_variables,
            tuple(goals),
            tuple([None if s is None else _number_in(recording, s) for s in seeds]),
            _reads(recording, sources),
            form,
        )
        node = recording.node
        if node is None:
            return [None] * len(form.connections(targets, sources))
        child = node.children.get(key) or gradient_node(node, key)
        reached = child.options["slice_"].is_connected
        if not child.outputs:
            return [None] * len(reached)
        recording.node = child
        made = execution.add_results(recording, child)
        if len(made) == len(reached):
            return made
        rest = iter(made)
        return [next(rest) if is_reached else None for is_reached in reached]

    def _watched_in(self, place: Recording | Segment) -> tuple[tuple[int, int], ...]:
        """`(number, since)` of what was watched, as a recording numbers it."""
        return tuple(
            (number, since if where is place else 0)
            for handle, where, since in self._watched.values()
            if where.serial <= place.serial  # what was called before does not count
            for number in place.numbers_of(handle)
        )


def _fresh() -> dict[str, Any]:
    """What a tape has noted, before anything."""
    return {
        "_is_spent": False,
        "_rehearsal": None,
        "_spans": [],
        "_watched": {},
        "_seen": {},
        "_past": [],
        "_left": [],
        "_reads": (),
        "_asked": [],
        "_reset_at": None,
    }


_STATE = frozenset(_fresh())


def _number_in(recording: Recording, handle: Handle) -> int:
    """The number of a value, which is brought in if the recording has none."""
    at = handle._at
    if at[0] is recording:
        return at[1]
    numbers = recording.numbers_of(handle)
    if not numbers:
        admit(recording, handle)
        numbers = recording.numbers_of(handle)
    return numbers[-1]


def _reads(recording: Recording, sources: list[Handle]) -> tuple[tuple[int, ...], ...]:
    """Every number of each source: all reads of a variable."""
    found: list[tuple[int, ...]] = []
    is_simple = not recording.taps
    for source in sources:
        at = source._at
        if is_simple and at[0] is recording:
            found.append((at[1],))
        else:
            found.append(tuple(recording.numbers_of(source)))
    return tuple(found)


def _read_in(span: Span) -> Sequence[Variable]:
    """The variables that the covered calls read, trainable when they did."""
    place = span.place
    if place.node is None:
        return ()
    part = (span.start, span.end())
    known = place.node.reads
    if known is None:
        known = place.node.reads = {}
    take = known.get(part)
    if take is None:
        take = known[part] = getter(_variables_read(place.node, *part))
    return take(place.owners)


def _with_variables(part: Part, past: Iterator[Sequence[Variable]]) -> Part:
    """What stays of a recording, with the variables that each of its spans read."""
    owners = dict(part.owners)
    for (start, stop), variables in zip(part.spans, past, strict=False):
        if part.node is not None:
            numbers = _variables_read(part.node, start, stop)
            owners.update(zip(numbers, map(weakref.ref, variables), strict=True))
    return part._replace(owners=owners)


def _variables_read(node: Node, start: int, stop: int) -> tuple[int, ...]:
    """Numbers of the trainable arguments that calls from `start` to `stop` take."""
    path = node.path()
    leaves = [leaf for step in path for leaf in step.leaves]
    trainable = {number for number, kind in leaves if kind.role == TRAINABLE}
    taken = {n for s in path if start <= s.first < stop for n in s.inputs}
    return tuple(sorted(trainable & taken))
