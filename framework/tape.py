"""GradientTape: TensorFlow's tape, over recordings.

A tape does no bookkeeping per op. It knows which ranges of which recordings it covers,
and what was watched from where on; a gradient is one more recorded call.
"""

import itertools
import threading
import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from . import config
from .drawing import draw_mermaid, draw_table
from .errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    TapeError,
    UnconnectedError,
    WatchError,
)
from .explaining import explain, forget_nones, note_nones
from .history import Asked, History, Notes, Part, Read, asked_for, remember
from .recording import execution
from .recording.merging import Merged, forget_copies, gradient_node, merge
from .recording.node import (
    Handle,
    Node,
    Recording,
    Segment,
    begin,
    current,
    getter,
)
from .recording.replay import GRADIENT, Coverage
from .recording.segments import Covered, admit, pull_back
from .recording.signature import TRAINABLE
from .recording.site import Site, reading_site, user_level, user_site
from .recording.tensor import Tensor, TensorLike, convert, from_array
from .variable import Variable

_thread_number = threading.get_ident
_MOST_READS = 1_000
"""How many reads of values a tape remembers."""


class _Span:
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

    def moved(self, merged: Merged) -> "_Span":
        """The same calls where they were recorded once more."""
        if self.place not in merged:
            return self
        span = _Span(merged.whole, merged.place(self.place, self.start))
        if self.stop is not None:
            span.stop = merged.place(self.place, self.stop)
        span.pause = self.pause
        return span


class GradientTape:
    """Records operations, to differentiate them afterwards.

    Trainable variables are watched when they are read, other values after `watch`.
    `None` stands where no differentiable path exists.

    Args:
        persistent: Whether `gradient` may be called more than once. Default false: the
            tape lets go of everything after the first call.
        watch_accessed_variables: Whether trainable variables are watched on their
            own. Default true, as in TensorFlow.
        strict: Whether `gradient` raises where it would return `None`, with the
            reason. Default false, as in TensorFlow.

    Raises:
        ArgumentError: on entering a tape that is already active.
        TapeError: when a spent tape is asked again.
        UnconnectedError: with `strict`, for a source without a path to the target.

    Example:
        >>> x = jt.constant(3.0)
        >>> with jt.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    _is_long = False  # `note_length` sets it when it has warned

    def __init__(
        self,
        persistent: bool = False,
        watch_accessed_variables: bool = True,
        *,
        strict: bool = False,
    ) -> None:
        self._is_strict = bool(strict)
        self._is_persistent = bool(persistent)
        self._watches_variables = bool(watch_accessed_variables)
        self._is_active = False
        self._owner: tuple[int, Any] = (0, None)
        self._clear()

    def _clear(self) -> None:
        self._is_spent = False
        self._spans: list[_Span] = []
        self._watched: dict[int, tuple[Handle, Any, int]] = {}
        self._seen: dict[int, Variable] = {}
        self._past: list[Sequence[Variable]] = []
        self._left: list[Part] = []
        self._asked: list[Asked] = []
        self._reads: list[Read] = []
        self._reset_at: Site | None = None

    def __enter__(self) -> "GradientTape":
        if self._is_active:
            raise ArgumentError(
                "This tape is already active. Make another one for nested "
                "derivatives: `with jt.GradientTape() as inner:`."
            )
        if self._is_spent:
            self._clear()
        recording = current()
        if not recording.depth and not recording.is_new:
            execution.run(recording)
            recording = begin()
        self._is_active = True
        self._owner = (_thread_number(), recording.task)
        recording.depth += 1
        self._open(recording)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_active:
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
        self._spans.append(_Span(recording, len(recording.values)))
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
            self._open(after)

    def _move(self, merged: Merged) -> None:
        """Parts that this tape covers were recorded once more, as one recording."""
        self._spans = [span.moved(merged) for span in self._spans]
        for name, (handle, place, since) in list(self._watched.items()):
            if place in merged:
                moved = (handle, merged.whole, merged.place(place, since))
                self._watched[name] = moved
        merged.whole.tapes.append(weakref.ref(self))

    def watch(self, tensor: TensorLike) -> None:
        """Follow a Tensor or Variable (or a nested structure of them) from here on.

        Raises:
            ArgumentTypeError: for anything else, NumPy arrays included.
        """
        for handle in jax.tree.leaves(tensor, is_leaf=_is_leaf):
            if not isinstance(handle, Handle):
                raise WatchError(
                    f"watch() expected a Tensor or Variable; got "
                    f"{type(handle).__name__}. Convert it first and use the result: "
                    "x = jt.constant(x)."
                )
            self._watch(handle)

    def _watch(self, handle: Any) -> None:
        if not handle._type.is_inexact:
            warnings.warn(
                f"A tape watches floating-point values; this {type(handle).__name__} "
                f"has dtype {handle.dtype.name}, so its gradient will be None. "
                "Cast it: jt.cast(x, 'float32').",
                stacklevel=3,
            )
        recording = current()
        since = (handle, recording, len(recording.values))
        self._watched.setdefault(id(handle), since)
        if isinstance(handle, Variable):
            self._seen[id(handle)] = handle

    def stop_recording(self) -> "_Pause":
        """A context in which calls are not recorded on this tape."""
        if not self._is_active:
            raise ArgumentError(
                "stop_recording() needs an active tape; use it inside "
                "`with jt.GradientTape() as tape:`."
            )
        return _Pause(self)

    def reset(self) -> None:
        """Forget everything recorded so far; what follows counts from here."""
        was_active = self._is_active
        self._clear()
        self._reset_at = user_site()
        if was_active:
            self._open(current())

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in the order they were read."""
        seen = dict(self._seen)
        if self._watches_variables:
            reads = (*self._past, *map(_read_in, self._spans))
            for variable in itertools.chain.from_iterable(reads):
                if variable.trainable:
                    seen.setdefault(id(variable), variable)
        return tuple(seen.values())

    def explain(self, target: Any, source: Any) -> str:
        """Why the gradient of the target by the source is `None`, or how it connects.

        Computes nothing, and works as long as the tape lives: after `gradient` too,
        when a tape that is not persistent has let go of all values.

        Args:
            target: Tensor or Variable, or a nested structure of them.
            source: Tensor or Variable, or a nested structure of them.

        Returns:
            A line for each pair.

        Raises:
            ArgumentTypeError: for a target or source that is no Tensor or Variable.

        Note:
            Lines are those that first recorded a call after the same calls before it;
            see `framework/explaining.py` for what that leaves open.
        """
        targets = handles_in(target, "target", "explain()")
        sources = handles_in(source, "source", "explain()")
        history = self._history()
        return "\n".join(explain(history, t, s) for t in targets for s in sources)

    def to_mermaid(self) -> str:
        """What it recorded as a Mermaid flowchart, which documentation sites draw.

        Note:
            Mermaid itself draws up to 500 edges unless its `maxEdges` is set.
        """
        return draw_mermaid(self._history())

    def __str__(self) -> str:
        return f"{self!r}\n{draw_table(self._history())}"

    def __repr__(self) -> str:
        count = sum(call.is_covered for call in self._history().calls)
        states = {"persistent": self._is_persistent, "strict": self._is_strict}
        states |= {"active": self._is_active, "spent": self._is_spent}
        words = [f"{count:,} calls", *(word for word, holds in states.items() if holds)]
        return f"<jt.GradientTape: {', '.join(words)}>"

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """Derivative of the (sum of the) target by each source.

        Args:
            target: Tensor or Variable, or a nested structure of them, which is summed.
            sources: Tensor or Variable, or a nested structure of them.
            output_gradients: For each target what its elements are weighted by, of
                the target's shape. Default ones.
            unconnected_gradients: `"none"` or `"zero"`: what stands where no path
                leads from the source to a target. Default `"none"`.

        Returns:
            Tensors in the structure of `sources`, each of its source's shape.

        Raises:
            TapeError: if a tape that is not persistent was asked before.
            ArgumentError: for an unknown `unconnected_gradients`.
            ArgumentTypeError: for a target or source that is no Tensor or Variable.
            UnconnectedError: if the tape is strict and a gradient would be `None`.
        """
        if self._is_spent:
            raise TapeError(
                "This tape has given its gradient and let go of what it recorded. "
                "Ask for everything in one call, or record with "
                "jt.GradientTape(persistent=True)."
            )
        zeros = unconnected_gradients != "none" and _wants_zeros(unconnected_gradients)
        flat, tree = _flatten(sources, "source")
        if target.__class__ is Tensor and target._type.is_inexact:
            targets: list[Any] = [target]
        else:
            targets, _ = _flatten(target, "target")
        seeds: list[Any] = [None] * len(targets)
        if output_gradients is not None:
            seeds = _seeds(targets, output_gradients)
        if self._is_active and not self._is_persistent:
            self._close()
        found = self._differentiate(targets, seeds, flat)
        self._asked = [*map(asked_for, targets)]
        nones = [s for g, s in zip(found, flat, strict=True) if g is None]
        if nones:
            note_nones(self._parts(), self._notes(), nones)
        else:
            forget_nones()
        if not self._is_persistent:
            self._spend()
        if nones and self._is_strict and not zeros:
            raise UnconnectedError(self.explain(target, nones))
        if zeros:
            found = [
                from_array(np.zeros(s.shape, s.dtype)) if g is None else g
                for g, s in zip(found, flat, strict=True)
            ]
        return found if tree is None else jax.tree.unflatten(tree, found)

    def _spend(self) -> None:
        self._is_spent = True
        if self._watches_variables:
            self._past = [*map(_read_in, self._spans)]
        self._left = self._parts()
        self._spans = []
        self._watched = {}

    def _parts(self) -> list[Part]:
        """What it covers, without values and handles."""
        if self._is_spent and self._left:
            return self._left
        places: dict[Recording | Segment, list[_Span]] = {}
        for span in self._spans:
            places.setdefault(span.place, []).append(span)
        return [
            remember(
                place,
                self._place_in(place),
                tuple([span.pause for span in spans]),
                self._watched_in(place) if self._watched else (),
            )
            for place, spans in places.items()
        ]

    def _notes(self) -> Notes:
        return Notes(
            self._watches_variables,
            self._is_spent,
            self._reset_at,
            tuple(self._reads),
            tuple(self._asked),
        )

    def _history(self) -> History:
        return History(self._parts(), self._notes())

    def _note_read(self, handle: Handle) -> None:
        """A value leaves the tape, as a number that no gradient follows."""
        if self._is_active and len(self._reads) < _MOST_READS:
            place = asked_for(handle)
            self._reads.append(Read(place.handle, place.place, reading_site()))

    def _differentiate(
        self, targets: list[Any], seeds: list[Any], sources: list[Any]
    ) -> list[Any]:
        """One gradient for each source, or `None`."""
        recording = current()
        for span in self._spans:
            if span.place is not recording:
                break
        else:
            return self._record_gradient(recording, targets, seeds, sources)
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
        segments = self._segments()
        if segments:
            if self._may_split(segments):
                return self._pull_back_segments(targets, seeds, sources)
            tapes = {self, *recording.live_tapes()}
            if self._is_persistent and not self._is_active and len(tapes) == 1:
                return self._differentiate_copy(targets, seeds, sources)
            merged = merge(recording, segments)
            for tape in tapes:
                tape._move(merged)
        return self._record_gradient(current(), targets, seeds, sources)

    def _differentiate_copy(
        self, targets: list[Any], seeds: list[Any], sources: list[Any]
    ) -> list[Any]:
        """The gradient over a copy of what this tape covers, which stays as it is."""
        execution.run(current())
        kept = self._spans, dict(self._watched)
        merged = merge(current(), self._segments(), only=targets)
        try:
            self._move(merged)
            return self._record_gradient(current(), targets, seeds, sources)
        finally:
            self._spans, self._watched = kept
            forget_copies(merged.whole)

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

    def _record_gradient(
        self,
        recording: Recording,
        targets: list[Any],
        seeds: list[Any],
        sources: list[Any],
    ) -> list[Any]:
        """Add the gradient to the recording as one call."""
        goals = [_number_in(recording, handle) for handle in targets]
        key = (
            GRADIENT,
            self._place_in(recording),
            self._watched_in(recording) if self._watched else (),
            self._watches_variables,
            tuple(goals),
            tuple([None if s is None else _number_in(recording, s) for s in seeds]),
            _reads(recording, sources),
        )
        node = recording.node
        if node is None:
            return [None] * len(sources)
        child = node.children.get(key) or gradient_node(node, key)
        if not child.outputs:
            return [None] * len(sources)
        recording.node = child
        made = execution.add_results(recording, child)
        if len(made) == len(sources):
            return made
        rest = iter(made)
        reached = child.options["slice_"].is_connected
        return [next(rest) if is_reached else None for is_reached in reached]

    def _watched_in(self, place: Recording | Segment) -> tuple[tuple[int, int], ...]:
        """`(number, since)` of what was watched, as a recording numbers it."""
        return tuple(
            (number, since if where is place else 0)
            for handle, where, since in self._watched.values()
            if where.serial <= place.serial  # what was called before does not count
            for number in place.numbers_of(handle)
        )


class _Pause:
    """The context of `stop_recording`."""

    def __init__(self, tape: GradientTape) -> None:
        self._tape = tape

    def __enter__(self) -> None:
        if self._tape._spans:
            self._tape._spans[-1].pause = user_site()
        self._tape._close()
        self._tape._is_active = False
        current().depth -= 1

    def __exit__(self, *_: object) -> None:
        self._tape._is_active = True
        recording = current()
        recording.depth += 1
        self._tape._open(recording)


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


def _read_in(span: _Span) -> Sequence[Variable]:
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


def _variables_read(node: Node, start: int, stop: int) -> tuple[int, ...]:
    """Numbers of the trainable arguments that calls from `start` to `stop` take."""
    path = node.path()
    leaves = [leaf for step in path for leaf in step.leaves]
    trainable = {number for number, kind in leaves if kind.role == TRAINABLE}
    taken = {n for s in path if start <= s.first < stop for n in s.inputs}
    return tuple(sorted(trainable & taken))


def _flatten(structure: Any, role: str) -> tuple[list[Any], Any]:
    """The handles in a structure, and how they nest; `None` for a plain list.

    Raises:
        ArgumentTypeError: for anything else in it.
    """
    if structure.__class__ is list:
        for handle in structure:
            if not isinstance(handle, Handle) or not handle._type.is_inexact:
                break
        else:
            return structure, None
    flat, tree = jax.tree.flatten(structure, is_leaf=_is_leaf)
    for handle in flat:
        _check_handle(handle, role)
        if not handle._type.is_inexact:
            _warn_of_integer(handle, role)
    return flat, tree


def _is_handle(value: Any) -> bool:
    return isinstance(value, Handle)


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, Handle)


def handles_in(structure: Any, role: str, caller: str) -> list[Any]:
    """The Tensors and Variables in a structure."""
    handles = jax.tree.leaves(structure, is_leaf=_is_leaf)
    for handle in handles:
        _check_handle(handle, role, caller)
    return handles


def _check_handle(handle: Any, role: str, caller: str = "gradient()") -> None:
    if not isinstance(handle, Handle):
        raise ArgumentTypeError(
            f"{caller} expected a Tensor or Variable as {role}; got "
            f"{type(handle).__name__}. Only what jaxtape computed can be "
            "differentiated: convert inputs with jt.constant and watch them."
        )


def _warn_of_integer(handle: Any, role: str) -> None:
    warnings.warn(
        f"The {role} of gradient() has dtype {handle.dtype.name}, so the gradient is "
        "None: only floating-point values have one. Cast it: jt.cast(x, 'float32').",
        stacklevel=user_level(),
    )


def _seeds(targets: list[Any], output_gradients: Any) -> list[Any]:
    """For each target the given cotangent, or `None`; checked against its shape."""
    given = jax.tree.leaves(
        output_gradients, is_leaf=lambda x: _is_handle(x) or x is None
    )
    if len(given) != len(targets):
        raise ArgumentError(
            f"`output_gradients` has {len(given)} entries for {len(targets)} targets. "
            "Give one for each target; None stands for ones."
        )
    seeds = [None if g is None else convert(g, name="output_gradients") for g in given]
    for position, (target, seed) in enumerate(zip(targets, seeds, strict=True)):
        if seed is not None and seed.shape != target.shape:
            raise ShapeError(
                f"`output_gradients[{position}]` has shape {seed.shape}, but its "
                f"target has shape {target.shape}. Give it the target's shape."
            )
    return seeds


def _wants_zeros(unconnected: Any) -> bool:
    value = getattr(unconnected, "value", unconnected)
    if value not in ("none", "zero"):
        raise ArgumentError(
            f"`unconnected_gradients` must be 'none' or 'zero'; got {value!r}."
        )
    return value == "zero"
