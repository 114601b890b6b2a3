"""Differences: why a program is not one of those that were compiled before.

Only an outline is kept of each program, in numbers and texts, so that nothing is kept
alive by the memory of it.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .derivative import GRADIENT
from .node import Node
from .signature import SCALAR, SETTING_NAMES, TRAINABLE, TensorType

_LONGEST = 60  # characters of an option that are shown
_SHOWN = 3  # differences of one kind


class _Call(NamedTuple):
    """One call in an outline.

    Attributes:
        op, site: Its name and line.
        digest: Hash of the op and its options.
        options: The options as texts.
        inputs: Numbers of the values that it takes.
        arguments: Number and type of the values from outside that it brought in.
        end: Number after its last result.
    """

    op: str
    site: str
    digest: int
    options: dict[str, str]
    inputs: tuple[int, ...]
    arguments: tuple[tuple[int, TensorType], ...]
    end: int


class Outline(NamedTuple):
    """What is remembered of a program.

    Attributes:
        line: The user's line that asked for it.
        settings: JAX settings in force.
        calls: What it calls.
        wanted: Numbers of the results that are held.
        together: Numbers of the variables that share a buffer.
        demand: Hash of what it keeps for gradients, or is given.
    """

    line: str
    settings: tuple
    calls: tuple[_Call, ...]
    wanted: frozenset[int]
    together: frozenset[int]
    demand: int


class Difference(NamedTuple):
    """One difference between two programs.

    Attributes:
        kind: `"size"` for the leading axis of an argument, `"argument"`, `"option"`,
            `"call"`, `"setting"`, or `"inside"` for what is no business of the user's.
        text: What it was and what it is now.
    """

    kind: str
    text: str


FIRST = Difference("first", "nothing like it was compiled before")
AGAIN = Difference(
    "inside",
    "nothing new: the program that was compiled before was dropped "
    "(jt.config.bounds.programs says how many are kept)",
)


def outline_of(path: Sequence[Node]) -> tuple[_Call, ...]:
    """The calls of a path as an outline keeps them."""
    return tuple(map(_call_of, path))


def nearest(new: Outline, earlier: Sequence[Outline]) -> Outline | None:
    """The outline with the fewest differences, the latest of several."""
    best, least = None, None
    for old in reversed(earlier):
        distance = _distance(new, old)
        if distance is not None and (least is None or distance < least):
            best, least = old, distance
    return best


def differences(
    new: Outline, old: Outline | None, path: Sequence[Node], owners: Mapping[int, Any]
) -> list[Difference]:
    """What is new about a program.

    Args:
        new: Its outline.
        old: That of the nearest one before; `None` if there is none.
        path: Its calls.
        owners: The handles of its arguments, by number.
    """
    if old is None:
        return [FIRST]
    found = _in_settings(new, old)
    length = _common_length(new, old)
    arguments = []
    for node, now, before in zip(path[:length], new.calls, old.calls, strict=False):
        for (number, kind), (_, was) in zip(
            now.arguments, before.arguments, strict=True
        ):
            if kind is not was:
                arguments.append(_argument(node, number, kind, was, owners))
    found.extend(_first(arguments, "arguments"))
    if length < max(len(new.calls), len(old.calls)):
        found.extend(_in_call(new.calls[length:], old.calls[length:], length + 1))
    elif not found:
        found.extend(_inside(new, old))
    return found or [AGAIN]


def _call_of(node: Node) -> _Call:
    assert node.op is not None
    is_gradient = node.op is GRADIENT
    return _Call(
        op=node.op.name,
        site=str(node.site),
        digest=hash(node.key if is_gradient else node.key[:2]),
        options={} if is_gradient else _texts(node.options),
        inputs=node.inputs,
        arguments=node.leaves,
        end=node.end,
    )


def _texts(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as texts; those of a lifted function by the names of its parameters."""
    found = {}
    for name, value in options.items():
        inner = getattr(value, "named_options", None)
        if inner is None:
            found[name] = repr(value)[:_LONGEST]
        else:
            found.update(_texts(inner()))
    return found


def _distance(new: Outline, old: Outline) -> tuple[int, int, int] | None:
    """How far two outlines are apart; `None` if they do not even begin alike."""
    length = _common_length(new, old)
    rest = len(new.calls) + len(old.calls) - 2 * length
    if rest and [call.op for call in new.calls] == [call.op for call in old.calls]:
        pairs = zip(new.calls, old.calls, strict=True)
        rest = sum(now.digest != before.digest for now, before in pairs)
    elif not length:
        return None
    arguments = sum(
        kind is not was
        for now, before in zip(new.calls[:length], old.calls[:length], strict=True)
        for (_, kind), (_, was) in zip(now.arguments, before.arguments, strict=True)
    )
    return (rest + arguments + len(_in_settings(new, old)), new.line != old.line, rest)


def _common_length(new: Outline, old: Outline) -> int:
    """How many calls both begin with, arguments' types aside."""
    length = 0
    for now, before in zip(new.calls, old.calls, strict=False):
        if now.digest != before.digest or now.inputs != before.inputs:
            break
        if len(now.arguments) != len(before.arguments):
            break
        length += 1
    return length


def _in_settings(new: Outline, old: Outline) -> list[Difference]:
    rows = zip(SETTING_NAMES, old.settings, new.settings, strict=True)
    return [
        Difference("setting", f"setting jax.{name}: {before} -> {now}")
        for name, before, now in rows
        if before != now
    ]


def _argument(
    node: Node, number: int, kind: TensorType, was: TensorType, owners: Mapping
) -> Difference:
    assert node.op is not None
    name = _name_of(node, number, owners)
    place = f"{node.op.name} at {node.site}"
    is_size = (
        kind.dtype == was.dtype
        and kind.shape != was.shape
        and kind.shape[1:] == was.shape[1:]
        and len(kind.shape) == len(was.shape)
        and kind.role not in (TRAINABLE, SCALAR)
    )
    text = f"{name}: {_described(was, kind)} -> {_described(kind, was)} ({place})"
    return Difference("size" if is_size else "argument", text)


def _described(kind: TensorType, other: TensorType) -> str:
    """A type, with its role if that is all that differs."""
    if (kind.shape, kind.dtype) != (other.shape, other.dtype):
        return repr(kind)
    if kind.role == other.role:
        return f"{kind!r} ({'weakly' if kind.weak_type else 'strongly'} typed)"
    roles = {TRAINABLE: "trainable", SCALAR: "a Python number"}
    return f"{kind!r} ({roles.get(kind.role, 'an array')})"


def _name_of(node: Node, number: int, owners: Mapping) -> str:
    """What the user calls an argument: a variable's name, or what the line says."""
    assert node.op is not None
    name = getattr(owners.get(number), "name", None)
    if name:
        return f"Variable '{name}'"
    position = node.inputs.index(number)
    if node.op.input_names is not None:
        return node.op.input_names(list(map(owners.get, node.inputs)))[position]
    written = _as_written(node, position)
    return written or f"input {position} of {node.op.name}"


def _as_written(node: Node, position: int) -> str | None:
    """The text of an argument in the expression that made the call, if it is clear."""
    expression = None if node.site is None else node.site.expression()
    parts: list[ast.expr] = []
    if isinstance(expression, ast.BinOp):
        parts = [expression.left, expression.right]
    elif isinstance(expression, ast.Call):
        parts = [*expression.args, *(word.value for word in expression.keywords)]
    if len(parts) != len(node.inputs):
        named = (ast.Name, ast.Attribute, ast.Subscript)
        parts = [part for part in parts if isinstance(part, named)]
        if len(parts) == 1:
            return ast.unparse(parts[0])
        return None
    return ast.unparse(parts[position])


def _in_call(
    new: Sequence[_Call], old: Sequence[_Call], place: int
) -> list[Difference]:
    """What the first call is that differs."""
    if not new or not old:
        rest, verb = (new, "goes on with") if new else (old, "ends before")
        text = f"call {place}: it {verb} {rest[0].op} at {rest[0].site}"
        return [Difference("call", text)]
    now, before = new[0], old[0]
    if now.op == before.op and now.digest != before.digest:
        changed = [
            Difference(
                "option",
                f"option {name} of {now.op}: {before.options.get(name)} -> "
                f"{now.options.get(name)} (at {now.site})",
            )
            for name in {**before.options, **now.options}
            if before.options.get(name) != now.options.get(name)
        ]
        if changed:
            return changed[:_SHOWN]
        if not now.options:
            text = f"call {place}: another {now.op} at {now.site}"
            return [Difference("call", text)]
    text = (
        f"call {place}: {before.op} at {before.site} -> {now.op} at {now.site}"
        if (now.op, now.site) != (before.op, before.site)
        else f"call {place}: {now.op} at {now.site} takes other values"
    )
    return [Difference("call", text)]


def _inside(new: Outline, old: Outline) -> list[Difference]:
    """What differs around calls and arguments that are the same."""
    found = []
    added = new.wanted - old.wanted
    if added:
        names = [
            f"{call.op} at {call.site}"
            for call, before in zip(new.calls, (None, *new.calls), strict=False)
            if any((before.end if before else 0) <= n < call.end for n in added)
        ]
        shown = ", ".join(names[:_SHOWN])
        found.append(f"results that are held now and were not before: {shown}")
    if new.together != old.together:
        found.append("small variables moved into a common buffer")
    if new.demand != old.demand:
        found.append("it keeps other values for a gradient")
    return [Difference("inside", text) for text in found]


def _first(found: list[Difference], what: str) -> list[Difference]:
    """The first few differences, and how many more there are."""
    more = len(found) - _SHOWN
    if more <= 0:
        return found
    rest = Difference(found[_SHOWN].kind, f"and {more} more {what}")
    return [*found[:_SHOWN], rest]
