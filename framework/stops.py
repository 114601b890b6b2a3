"""Stops: why a derivative does not pass one recorded call, in words."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from .history import Call, History
from .recording.derivative import GRADIENT
from .recording.node import Handle
from .recording.signature import TRAINABLE, TensorType


class Stop(NamedTuple):
    """Why a derivative does not pass one call."""

    said: str
    fix: str


def stops_on(
    history: History, call: Call, before: int, after: int, sources: Sequence[int]
) -> Iterator[Stop]:
    """What is in the way between an input and a result of a call."""
    for make in stops_at(history, call, before, sources):
        yield make()
    if is_rounded(call, history.kinds[after]):
        yield Stop(
            f"the path crosses {call_of(call)}, whose result has dtype "
            f"{history.kinds[after].dtype.name}: integers have no derivative",
            "Keep the value floating-point on the way from source to target.",
        )


def is_rounded(call: Call, kind: TensorType) -> bool:
    """Whether a result stops the path as an integer, not because of the op."""
    assert call.node.op is not None
    return not kind.is_inexact and call.node.op.is_differentiable


def stops_at(
    history: History, call: Call, number: int, sources: Sequence[int]
) -> Iterator[Callable[[], Stop]]:
    """Why a derivative does not enter a call by one of its inputs.

    Each is a function that puts it in words: a search only counts them.
    """
    op = call.node.op
    assert op is not None
    if number in sources and not _is_watched(history, call, number):
        yield partial(unwatched, history, history.owner(number), call, number)
    if not call.is_covered:
        yield partial(_uncovered, history, call)
    if op.writes:
        yield partial(_assigned, call)
    elif not op.is_differentiable:
        yield partial(_cut, call)
    elif not history.varies_with(call, number):
        yield partial(_constant, call)


def _assigned(call: Call) -> Stop:
    return Stop(
        f"the path crosses {call_of(call)}: nothing is differentiated through an "
        "assignment",
        "Compute the target from the value itself, not from the variable that it "
        "was assigned to.",
    )


def _cut(call: Call) -> Stop:
    return Stop(
        f"the path crosses {call_of(call)}, which lets no gradient through",
        "Leave it out of the path, or ask for the gradient of what goes into it.",
    )


def _constant(call: Call) -> Stop:
    return Stop(
        f"the path crosses {call_of(call)}, and that derivative does not depend on "
        "it: what was differentiated is linear in it",
        "A derivative of a linear function is constant; if zeros are meant, pass "
        "unconnected_gradients='zero'.",
    )


def _is_watched(history: History, call: Call, number: int) -> bool:
    """Whether the source counts at this call, as far as that is up to the source."""
    if history.counts(number, call):
        return True
    kind = history.kinds[number]
    is_variable = kind.role == TRAINABLE and history.notes.watches_variables
    return is_variable and not call.is_covered  # that is what is said then


def unwatched(
    history: History, source: Handle | None, call: Call | None, number: int
) -> Stop:
    """Nothing watches the source where a call takes it."""
    kind = history.kinds[number]
    used = "" if call is None else f" by {call_of(call)}"
    if number in history.since and call is not None:
        return Stop(
            f"it was used{used} before it was watched, and a watch counts from there "
            "on",
            "Call tape.watch(x) before that line.",
        )
    if number in history.makers:
        made = call_of(history.makers[number])
        return Stop(
            f"it was computed by {made} from nothing that the tape watches",
            "Call tape.watch(x) on it, or on what it is computed from, before it is "
            "used.",
        )
    if hasattr(source, "trainable") or kind.role == TRAINABLE:
        if kind.role == TRAINABLE and not history.notes.watches_variables:
            why = "the tape was made with watch_accessed_variables=False"
        else:
            why = "the variable is not trainable"
        return Stop(
            f"{why}, so nothing watches it where it is used{used}"
            if used
            else f"{why}, so nothing watches it",
            "Call tape.watch(v) before it is used.",
        )
    return Stop(
        f"nothing watches it where it is used{used}" if used else "nothing watches it",
        "Call tape.watch(x) inside the tape, before it is used; only trainable "
        "Variables are watched on their own.",
    )


def _uncovered(history: History, call: Call) -> Stop:
    """A call was recorded, but not on this tape."""
    part = history.parts[call.part]
    before = [n for n, (_, stop) in enumerate(part.spans) if stop <= call.node.first]
    reset = history.notes.reset
    if before and part.pauses[before[-1]] is not None:
        return Stop(
            f"{call_of(call)} was called under stop_recording(), entered at "
            f"{part.pauses[before[-1]]}",
            "Make the call outside of that block.",
        )
    if not before and reset is not None:
        return Stop(
            f"{call_of(call)} was called before tape.reset() at {reset}, which forgot "
            "it",
            "Reset the tape before the first call that the gradient needs.",
        )
    if not before:
        when = "before the tape was entered"
    elif before[-1] + 1 < len(part.spans):
        when = "between two `with` blocks of the tape"
    else:
        when = "after the tape was left"
    return Stop(
        f"{call_of(call)} was called {when}",
        "Make the call inside of `with tape:`.",
    )


def name_of(handle: Handle) -> str:
    """What messages call a handle."""
    name = getattr(handle, "name", None)
    if name is not None:
        return f"Variable '{name}' ({handle._type!r})"
    return f"a Tensor of {handle._type!r}"


def call_of(call: Call) -> str:
    """What messages call a call: the op and its line."""
    word = "a derivative taken" if call.node.op is GRADIENT else f"{call.name},"
    return f"{word} at {call.node.site}"
