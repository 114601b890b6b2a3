"""Drawing: what a tape recorded, as a table and as a Mermaid flowchart."""

import re
from collections.abc import Sequence

from .history import Call, History
from .recording.node import Handle
from .recording.signature import SCALAR, TRAINABLE

_SHOWN = 20
"""Rows at the beginning of a long table, and as many at its end."""

_UNSAFE = re.compile(r"[^A-Za-z0-9 _.,/()\[\]+=*'-]")
"""What Mermaid might read as syntax; `:` and `;` too, even inside quotes."""


def draw_table(history: History) -> str:
    """One row for each covered call: its number, inputs, result and line."""
    calls = [call for call in history.calls if call.is_covered]
    rows = [("", "call", "inputs", "result", "line")]
    names = _names(history, calls)
    cut = len(calls) - 2 * _SHOWN
    kept = calls if cut <= 1 else [*calls[:_SHOWN], *calls[-_SHOWN:]]
    places = {call.first: str(n) for n, call in enumerate(calls)}
    rows += [(places[call.first], *_row(call, names)) for call in kept]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(kept) < len(calls):
        lines.insert(_SHOWN + 1, f"... {cut:,} more calls ...")
    return "\n".join(lines)


def draw_mermaid(history: History) -> str:
    """A `flowchart TD`: a node for each covered call and for each argument."""
    calls = [call for call in history.calls if call.is_covered]
    lines = ["flowchart TD"]
    ids: dict[int, str] = {}
    for position, call in enumerate(calls):
        for number in dict.fromkeys(call.inputs):
            if number not in ids:
                ids[number] = f"a{number}"
                lines.append(f'    a{number}(["{_argument_label(history, number)}"])')
        lines.append(f'    n{position}["{_call_label(call)}"]')
        lines += [f"    {ids[number]} --> n{position}" for number in call.inputs]
        ids.update((number, f"n{position}") for number, _ in call.outputs())
    return "\n".join(lines) + "\n"


def _names(history: History, calls: Sequence[Call]) -> dict[int, str]:
    """What the table calls each value: a variable's name, or the call's number."""
    names = {}
    for position, call in enumerate(calls):
        many = len(call.node.outputs) > 1
        for place, (number, _) in enumerate(call.outputs()):
            names[number] = f"#{position}.{place}" if many else f"#{position}"
    for number in history.kinds:
        names.setdefault(number, _argument_name(history, number))
    return names


def _row(call: Call, names: dict[int, str]) -> tuple[str, ...]:
    results = ", ".join(repr(kind) for _, kind in call.outputs())
    inputs = ", ".join(names[number] for number in call.inputs)
    return (call.name, inputs, results, str(call.node.site))


def _argument_name(history: History, number: int) -> str:
    """A variable's name; of any other argument its type."""
    owner = history.owner(number)
    name = getattr(owner, "name", None) if isinstance(owner, Handle) else None
    kind = history.kinds[number]
    if name is not None:
        return f"'{name}' {kind!r}"
    if kind.role == SCALAR:
        return "number"
    return f"{'variable' if kind.role == TRAINABLE else 'tensor'} {kind!r}"


def _argument_label(history: History, number: int) -> str:
    return escaped(_argument_name(history, number))


def _call_label(call: Call) -> str:
    results = ", ".join(repr(kind) for _, kind in call.outputs())
    return "<br/>".join(map(escaped, (call.name, results, str(call.node.site))))


def escaped(text: str) -> str:
    """Text that stands for itself inside of a quoted Mermaid label."""
    return _UNSAFE.sub(lambda found: f"#{ord(found.group())};", text)
