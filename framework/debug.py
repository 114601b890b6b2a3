"""Debugging: which call made the first NaN, and why something was compiled.

`jt.debug.enable()` stops at the call that makes a NaN or an infinity or that uses an
index outside its axis; `jt.debug.first_nonfinite` finds it afterwards.
`jt.debug.explain_compiles()` lists what was compiled and what was new about it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import config
from .coverage import Covering
from .errors import ArgumentTypeError, NonFiniteError, TapeError
from .recording import execution
from .recording.checking import Checker, NonFinite, findings, is_finite
from .recording.compiling import Compile, log
from .recording.derivative import GRADIENT
from .recording.launching import leaf_values
from .recording.node import Handle, Node, Recording, Segment, current, roots
from .recording.replay import needed, replay_op_by_op
from .recording.signature import applied
from .recording.steps import steps

_ITERATIONS = "iterations"


def enable() -> "_Enabled":
    """Run every call at once and look at what it computes.

    An error is raised by the call that makes a NaN or an infinity out of numbers that
    are not, forward or in its gradient, and by one that assigns any to a variable;
    likewise by indexing, `gather`, `gather_nd`, `scatter_nd`, `tensor_scatter_nd`
    and `one_hot` for an index outside its axis. Variables keep their values then.
    Nothing is compiled as a whole, and no buffer is overwritten. Programs that were
    compiled before are used again after `disable`.

    Returns:
        A context manager that restores what was before, for
        `with jt.debug.enable():`. Without `with` it stays on until `disable`.

    Raises:
        NonFiniteError: later, by the call; it is a FloatingPointError.
        OutOfRangeError: later, by the call.

    Example:
        >>> with jt.debug.enable():
        ...     jt.math.log(jt.constant([1.0, 0.0]))
        Traceback (most recent call last):
        jaxtape.framework.errors.NonFiniteError: log made 0 NaN and 1 Inf, forward, ...

    Note:
        An infinity that came in with an input may pass, as masks with -inf do; a NaN
        may not. What runs inside a user's own `jax.jit` is not looked at.
    """
    around = _Enabled()
    # No segments are merged, so that gradients are computed at once too.
    _set(_Mode(True, "op_by_op", pending_nodes=1, merged_segments=0))
    return around


def disable() -> None:
    """Record and compile again, as before `enable`."""
    usual = config.Bounds()
    _set(_Mode(False, "auto", usual.pending_nodes, usual.merged_segments))


def enable_check_numerics(
    stack_height_limit: int = 30, path_length_limit: int = 50
) -> None:
    """TensorFlow's name of `enable`; the limits have no effect."""
    enable()


def disable_check_numerics() -> None:
    """TensorFlow's name of `disable`."""
    disable()


def is_enabled() -> bool:
    """Whether `enable` is in force."""
    return config.switches.checks


class _Mode(NamedTuple):
    """How calls run."""

    checks: bool
    execution: str
    pending_nodes: int
    merged_segments: int


def _set(mode: _Mode) -> None:
    execution.run(current())
    config.switches.checks = mode.checks
    config.switches.execution = mode.execution
    config.bounds.pending_nodes = mode.pending_nodes
    config.bounds.merged_segments = mode.merged_segments
    roots.clear()
    findings.clear()


class _Enabled:
    """What `enable` returns; leaving it restores what was before."""

    def __init__(self) -> None:
        switches, bounds = config.switches, config.bounds
        self._before = _Mode(
            switches.checks,
            switches.execution,
            bounds.pending_nodes,
            bounds.merged_segments,
        )

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        found = list(findings)
        _set(self._before)
        findings.extend(found)


def first_nonfinite(value: Any = None) -> NonFinite | None:
    """The first call of a step that made a NaN or an infinity.

    The step is computed once more, call by call, from its inputs. They are there while
    a live tape covers the value (one that is persistent, or was not asked for its
    gradient yet), while the value waits to be computed, and of the last step while
    `jt.config.safe_steps()` is on. Under `jt.debug.enable()`, which raises at once, it
    is the last error's report.

    Args:
        value: A Tensor, a Variable or a tape. Default the last step.

    Returns:
        A report that prints as text, with the call, its line and layer, forward or
        backward, and the ranges of its inputs; `None` if everything is finite.

    Raises:
        TapeError: if the inputs are gone; it says what to switch on.
        ArgumentTypeError: for a value that is none of these.

    Example:
        >>> x = jt.constant([4.0, 0.0])
        >>> with jt.GradientTape() as tape:
        ...     y = jt.reduce_sum(x / x)
        >>> jt.debug.first_nonfinite(tape).op
        'divide'
    """
    parts = _parts_of(value)
    if not parts:
        if config.switches.checks:
            return findings[-1] if findings else None
        raise _nothing_kept(value)
    found, results = _first_in(parts, is_strict=False)
    if found is None and isinstance(value, Handle):
        wanted = parts[-1].wanted
        final = value._array() if wanted is None else results[wanted[0]]
        if not is_finite(final):  # an infinity came in from outside
            found, _ = _first_in(parts, is_strict=True)
    return found


@dataclasses.dataclass(frozen=True)
class CompileReport:
    """What was compiled so far; prints as text.

    Attributes:
        compiles: The programs, in order, with their lines, seconds and reasons; the
            latest 1,000.
        num_forgotten: How many there were before these.
        num_single: How many single calls were compiled on their own: what runs op by
            op, as a structure does that is new.
        single_seconds: How long XLA took for them.
    """

    compiles: tuple[Compile, ...]
    num_forgotten: int
    num_single: int
    single_seconds: float

    @property
    def seconds(self) -> float:
        """How long the listed programs took to trace and compile, together."""
        return sum(entry.seconds for entry in self.compiles)

    def __str__(self) -> str:
        count = len(self.compiles)
        rows = [f"{count} programs compiled in {self.seconds:.2f} s."]
        if self.num_forgotten:
            rows[0] += f" {self.num_forgotten} earlier ones are no longer listed."
        for number, entry in enumerate(self.compiles, self.num_forgotten + 1):
            rows.append(f"{number}. {entry}")
        rows.append(
            f"{self.num_single} single calls compiled on their own in "
            f"{self.single_seconds:.2f} s, for structures that were new."
        )
        return "\n".join(rows)

    __repr__ = __str__


def explain_compiles() -> CompileReport:
    """What was compiled so far, for which line, how long it took, and why.

    For each program: the user's line that asked for it (in a notebook the cell), the
    seconds, and what differs from the nearest program that was compiled before: an
    argument's shape or dtype, an option, the first call that is another one.

    Returns:
        A report that prints as text; its `compiles` can be counted and searched.

    Example:
        >>> report = jt.debug.explain_compiles()
        >>> report.seconds >= 0.0
        True
    """
    return CompileReport(
        tuple(log.listed), log.num_forgotten, log.num_single, log.single_seconds
    )


class _Part(NamedTuple):
    """Calls that can be replayed.

    Attributes:
        place: What knows their arguments: `node`, `settings`, `values`, `owners`.
        wanted: Numbers of the results to compute; `None` for all.
    """

    place: Any
    wanted: tuple[int, ...] | None


def _parts_of(value: Any) -> list[_Part]:
    """What to replay for a value, in order; empty if nothing is there."""
    if value is None:
        return [_Part(part, None) for part in steps.parts() if part.is_there()]
    if isinstance(value, Covering):
        places = [span.place for span in value._spans]
        found = [_Part(place, None) for place in places if _is_there(place)]
        return found or _parts_of(None)
    if not isinstance(value, Handle):
        raise ArgumentTypeError(
            "first_nonfinite() expected a Tensor, a Variable or a tape; got "
            f"{type(value).__name__}. Call it on the loss: "
            "jt.debug.first_nonfinite(loss)."
        )
    recording, number = value._at
    if isinstance(recording, Recording) and recording.is_waiting:
        return [*_before(recording), _Part(recording, (number,))]
    segment = value._origin[0]() if value._origin is not None else None
    if segment is not None and value._origin is not None:
        return [*_before(segment), _Part(segment, (value._origin[1],))]
    return _parts_in_steps(value)


def _is_there(place: Recording | Segment) -> bool:
    return isinstance(place, Segment) or place.is_waiting


def _before(place: Recording | Segment) -> list[_Part]:
    """The segments that computed what a place takes as arguments, in order."""
    found: dict[int, Segment] = {}
    left: list[Recording | Segment] = [place]
    while left:
        for segment, _ in left.pop().origins.values():
            if segment.serial not in found:
                found[segment.serial] = segment
                left.append(segment)
    return [_Part(found[serial], None) for serial in sorted(found)]


def _parts_in_steps(handle: Handle) -> list[_Part]:
    """What was kept of the last step up to a value that was computed or read there."""
    kept = [part for part in steps.parts() if part.is_there()]
    for index, part in enumerate(kept):
        number = part.number_of(handle)
        if number is not None:
            return [*(_Part(p, None) for p in kept[:index]), _Part(part, (number,))]
    if any(handle is owner for part in kept for owner in part.owners.values()):
        return [_Part(part, None) for part in kept]
    return []


def _nothing_kept(value: Any) -> TapeError:
    what = "any step" if value is None else f"this {type(value).__name__}"
    return TapeError(
        f"first_nonfinite() cannot look at {what} again: its inputs are gone. Switch "
        "one of these on before the step: jt.config.safe_steps(), which keeps the "
        "inputs of the last step; jt.debug.enable(), which stops at the call that "
        "makes a NaN; or a tape that covers it and is still live, "
        "jt.GradientTape(persistent=True)."
    )


def _first_in(
    parts: Sequence[_Part], is_strict: bool
) -> tuple[NonFinite | None, dict[int, Any]]:
    """What a check of all parts finds, and the values of the last one looked at."""
    values: dict[int, Any] = {}
    for part in parts:
        found, values = _replayed(part, is_strict)
        if found is not None:
            return found, values
    return None, values


def _replayed(part: _Part, is_strict: bool) -> tuple[NonFinite | None, dict[int, Any]]:
    place = part.place
    path = place.node.path()
    nodes = path if part.wanted is None else needed(path, part.wanted)
    with applied(place.settings):
        values = leaf_values(path, place.values, place.owners)
        arguments = dict(values)
        try:
            replay_op_by_op(nodes, values, Checker(place.owners, is_strict=is_strict))
        except NonFiniteError as error:
            loss = _loss(path, dict(arguments))
            step = _step(path, arguments)
            return dataclasses.replace(error.report, step=step, loss=loss), values
    return None, values


def _loss(path: Sequence[Node], values: dict[int, Any]) -> float | None:
    """The number that the first gradient differentiates."""
    for node in path:
        if node.op is GRADIENT:
            target = node.options["slice_"].targets[0]
            replay_op_by_op(needed(path, [target]), values)
            return float(values[target]) if np.size(values[target]) == 1 else None
    return None


def _step(path: Sequence[Node], values: dict[int, Any]) -> int | None:
    """How many updates the optimizer had made."""
    for node in path:
        assert node.op is not None
        if node.op.input_names is not None:
            names = node.op.input_names([None] * len(node.inputs))
            if _ITERATIONS in names:
                return int(values[node.inputs[names.index(_ITERATIONS)]])
    return None
