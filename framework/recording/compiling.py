"""What is said about compiling: why, how long it took, and what keeps changing."""

import dataclasses
import logging
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from .. import config
from .difference import Outline, differences, nearest, outline_of
from .node import Handle, Node, Recording
from .signature import TRAINABLE
from .site import (
    Entry,
    is_inside,
    reading_entry,
    reading_site,
    user_level,
    user_site,
)
from .snapshot import Snapshot

logger = logging.getLogger("jaxtape")
LONG = 5.0
"""Seconds from which on a compile is mentioned."""

_MAX_LOOPS = 1_000
_MAX_LISTED = 1_000
_MAX_OUTLINES = 64
_MAX_CALLS = 100_000  # in all outlines together
_MANY = 5  # compiles of one loop
_CALLERS = 4  # lines that tell loops in a shared helper apart
_HINTS = {
    "size": "Give every batch the same size: (x, y), mask = jt.pad_batch((x, y), "
    "multiple_of=batch_size), and the mask to the loss as sample_weight.",
    "argument": "Give it the same shape and dtype at every step, by padding or "
    "jt.cast.",
    "option": "Pass what changes as an array or a float, or keep it the same.",
    "call": "A Python `if` or loop that depends on the data calls other ops at every "
    "step; use jt.where or masks instead.",
    "setting": "Change the setting once, before the loop.",
}
_sizes: dict[tuple, "_Sizes"] = {}


@dataclasses.dataclass(frozen=True)
class Compile:
    """One program that was compiled.

    Attributes:
        line: The user's line that asked for it, as `file:line`, or as cell and line.
        function: The function that the line is in; empty at the top of a module.
        number: Which compile of this line it is, from 1 on.
        seconds: How long tracing and compiling took.
        num_calls: How many calls it is made of.
        reasons: What differs from the nearest program that was compiled before.
    """

    line: str
    function: str
    number: int
    seconds: float
    num_calls: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        within = f"{self.function} at " if self.function else ""
        again = f", compile {self.number} of this line" if self.number > 1 else ""
        head = f"{within}{self.line}{again}: {self.num_calls} calls"
        rows = [f"{head}, {self.seconds:.2f} s", *self.reasons]
        return "\n    ".join(rows)


class Log:
    """What was compiled so far, bounded.

    Attributes:
        listed: The latest compiles, in order.
        num_forgotten: How many earlier ones are no longer listed.
        num_single: How many single calls were compiled on their own.
        single_seconds: How long XLA took for them.
    """

    def __init__(self) -> None:
        self.listed: deque[Compile] = deque()
        self.num_forgotten = 0
        self.num_single = 0
        self.single_seconds = 0.0
        self.outlines: deque[Outline] = deque()
        self.num_of_line: dict[str, int] = {}
        self.loops: dict[tuple, _Loop] = {}

    def add(self, entry: Compile) -> None:
        """Note a compile that is done."""
        if len(self.listed) >= _MAX_LISTED:
            self.listed.popleft()
            self.num_forgotten += 1
        self.listed.append(entry)

    def remember(self, outline: Outline) -> None:
        """Keep an outline for comparison."""
        self.outlines.append(outline)
        total = sum(len(kept.calls) for kept in self.outlines)
        while len(self.outlines) > _MAX_OUTLINES or (
            total > _MAX_CALLS and len(self.outlines) > 1
        ):
            total -= len(self.outlines.popleft().calls)

    def count(self, line: str) -> int:
        """How many compiles a line has asked for, with this one."""
        if len(self.num_of_line) > _MAX_LOOPS:
            self.num_of_line.clear()
        self.num_of_line[line] = self.num_of_line.get(line, 0) + 1
        return self.num_of_line[line]

    def loop(self, lines: Entry, owner: Handle | None) -> "_Loop | None":
        """What is known of a loop: a line, its callers, and a variable that it reads.

        Without one there is nothing to tell a loop from a helper that many call.
        """
        if owner is None:
            return None
        if len(self.loops) > _MAX_LOOPS:
            self.loops.clear()
        found = self.loops.get(lines)
        if found is None or not found.is_of(owner):
            found = self.loops[lines] = _Loop(owner)
        return found


class _Loop:
    """The compiles of one line for the same variables."""

    def __init__(self, owner: Handle) -> None:
        self._owner = weakref.ref(owner)
        self.count = 0  # of those that were done: a Ctrl-C in one is no change
        self.seconds = 0.0
        self.is_told = False

    def is_of(self, owner: Handle) -> bool:
        """Whether it is the loop that trains or reads this variable."""
        return self._owner() is owner


class _Whole(threading.local):
    """Whether this thread is compiling a whole program."""

    depth = 0


log = Log()
_guard = threading.RLock()
_whole = _Whole()


class Compiling:
    """The context in which a program is compiled, and what is noted about it.

    Entering it may warn; leaving it notes the time.

    Args:
        recording: What is to be run.
        wanted: Numbers of the results that are held.
        demand: What it keeps for gradients, or is given.
    """

    def __init__(
        self,
        recording: Recording,
        wanted: Sequence[int],
        demand: Any,
    ) -> None:
        assert recording.node is not None
        # Its own, not that of the slot: another loop of the same structure has others.
        path = self._path = recording.node.path()
        site = reading_site()
        values, owners = recording.values, recording.owners
        together = [n for n in owners if values[n].__class__ is Snapshot]
        outline = Outline(
            str(site),
            recording.settings,
            outline_of(path),
            frozenset(wanted),
            frozenset(together),
            hash(demand),
        )
        with _guard:
            near = nearest(outline, log.outlines)
            found = differences(outline, near, path, owners)
            log.remember(outline)
            lines = reading_entry(_CALLERS)
            variable = _first_variable(path, owners)
            self._loop = log.loop(lines, variable)
        self._site = site
        self._found = found
        has_named_size = note_sizes(path, variable)
        # The parts of a long step have programs of their own, all for one line.
        is_part = is_inside("recording/segments.py")
        self._counts = found[0].kind != "inside" and not is_part
        if found[0].kind == "first":  # counts as a loop's first program only
            self._counts &= self._loop is not None and not self._loop.count
        if self._loop is not None and self._counts and not has_named_size:
            self._warn_of_many(self._loop)

    def _warn_of_many(self, loop: "_Loop") -> None:
        if loop.is_told or loop.count + 1 < _MANY:
            return
        loop.is_told = True
        changes = "; ".join(difference.text for difference in self._found)
        hint = _HINTS.get(self._found[0].kind, "")
        function = self._site.function
        within = f"`{function}` at " if function else ""
        warnings.warn(
            f"Compile {loop.count + 1} of {within}{self._site}, after "
            f"{loop.seconds:.1f} s of compiling: {changes}. {hint} "
            "jt.debug.explain_compiles() lists all.",
            stacklevel=user_level(),
        )

    def __enter__(self) -> None:
        _whole.depth += 1

    def __exit__(self, *_: object) -> None:
        _whole.depth -= 1

    def done(self, seconds: float) -> None:
        """Note that it has been compiled and launched."""
        note_duration(self._path, seconds)
        line = str(self._site)
        with _guard:
            if self._loop is not None:
                self._loop.seconds += seconds
                self._loop.count += self._counts
            entry = Compile(
                line=line,
                function=self._site.function,
                number=log.count(line),
                seconds=seconds,
                num_calls=len(self._path),
                reasons=tuple(difference.text for difference in self._found),
            )
            log.add(entry)


def _first_variable(
    path: Sequence[Node], owners: Mapping[int, Handle]
) -> Handle | None:
    """The trainable variable that is read first."""
    for node in path:
        for number, kind in node.leaves:
            if kind.role == TRAINABLE and number in owners:
                return owners[number]
    return None


def _note_event(event: str, duration_secs: float, **_: Any) -> None:
    """Count a single call that XLA has compiled for this package."""
    if event == _BACKEND_COMPILE and not _whole.depth and is_inside("recording"):
        log.num_single += 1
        log.single_seconds += duration_secs


# One for each program that XLA compiles, none for those found in a cache (JAX 0.10.2).
_BACKEND_COMPILE = "/jax/core/compile/backend_compile_duration"
jax.monitoring.register_event_duration_secs_listener(_note_event)


def note_duration(path: Sequence[Node], seconds: float) -> None:
    """Say in one line that a compile took long."""
    if seconds > LONG:
        logger.warning(
            "Compiling a program of %d calls, the last at %s, took %.1f s.",
            len(path),
            path[-1].site,
            seconds,
        )


class _Sizes:
    """The leading sizes that a loop was compiled for, as texts by size."""

    def __init__(self, variable: Handle | None) -> None:
        self._variable = None if variable is None else weakref.ref(variable)
        self.texts: dict[int, str] = {}
        self.is_told = False

    def is_of(self, variable: Handle | None) -> bool:
        """Whether it is the loop that trains this variable, or none."""
        return self._variable is None or self._variable() is variable


def note_sizes(path: Sequence[Node], variable: Handle | None) -> bool:
    """Warn at the second new leading size of an argument of one loop.

    One size more is a ragged last batch; from the second on, every new batch size
    costs a compile.

    Args:
        path: The calls.
        variable: The one that is read first; another one is another model's loop.

    Returns:
        Whether this loop has been warned of.
    """
    leaves = [
        (node, kind)
        for node in path
        for _, kind in node.leaves
        if kind.shape and node.outputs
    ]
    data = [(node, kind) for node, kind in leaves if kind.role == "plain"]
    if not data:
        return False
    site = user_site()
    loop = (
        site,
        tuple(node.op for node in path),
        tuple((kind.shape[1:], kind.dtype) for _, kind in data),
        id(variable),
    )
    if len(_sizes) > _MAX_LOOPS:
        _sizes.clear()
    sizes = _sizes.get(loop)
    if sizes is None or not sizes.is_of(variable):
        sizes = _sizes[loop] = _Sizes(variable)
    node, kind = data[0]
    sizes.texts.setdefault(kind.shape[0], repr(kind))
    if len(sizes.texts) == 3 and not sizes.is_told:
        assert node.op is not None
        sizes.is_told = True
        seen = sizes.texts.values()
        warnings.warn(
            f"The loop at {site} is compiled anew for each leading size of an "
            f"argument of {node.op.name}: {' -> '.join(seen)}. Give every batch the "
            "same size: (x, y), mask = jt.pad_batch((x, y), multiple_of=batch_size), "
            "and the mask to the loss as sample_weight.",
            stacklevel=user_level(),
        )
    return sizes.is_told


def note_length(recording: Recording) -> None:
    """Warn once that a tape covers a loop of very many calls."""
    default = config.Bounds.pending_nodes
    tapes = recording.live_tapes()
    if config.bounds.pending_nodes != default or not tapes or tapes[0]._is_long:
        return
    tapes[0]._is_long = True
    warnings.warn(
        f"{default:,} calls wait under one tape, the last at {user_site()}. They are "
        "run in parts of this size, op by op. If this is a loop, take the gradient "
        "more often, or write the loop with array operations.",
        stacklevel=user_level(),
    )
