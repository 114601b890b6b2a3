"""What a function stands on besides its arguments, as a hashable value.

Closures, defaults, globals and the attributes of `self` can change between two calls.
A snapshot of them stands in the signature, so a changed value is a new program, and
never a stale one. Functions stand as their code and what they capture; other objects
stand themselves, held so that no `id` is reused.
"""

import dis
import functools
import sys
from collections.abc import Callable, Collection, Hashable, Iterable
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import jax
import numpy as np

from .recording.node import Handle
from .recording.signature import freeze

# How many steps from the function into what it captures: a helper that it calls, the
# object that the helper is a method of, a list in there. Objects further in stand
# themselves, unexamined.
_DEPTH = 8
# A longer list stands itself: comparing it at every call would cost more than it saves.
_LONGEST = 1000
_MOST_CODES = 4096
_PLAIN = frozenset({type(None), str, int, float, bool, complex, bytes, slice})
_OPAQUE = (jax.Array, Handle, type, ModuleType, BuiltinFunctionType)
_SETTLED = frozenset(sys.stdlib_module_names | {"jax", "jaxlib", "numpy", "jaxtape"})
"""Packages whose functions and objects are taken as they are."""


class Same:
    """Stands for an object itself: equal only to the same object, which it keeps."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value


_Seen = dict[int, tuple[int, Any]]
"""What was met, by `id`: its number, and itself, so that no `id` is reused."""


def snapshot(value: Any) -> Hashable:
    """A hashable stand-in for a value, as it is now.

    Equal only where a function that uses the value would do the same.
    """
    return _way_to_stand(value.__class__)(value, _DEPTH, {})


def snapshot_without(function: Any, names: Collection[str]) -> Hashable:
    """A function's snapshot that leaves some of what it captures out."""
    if not names:
        return snapshot(function)
    kept = [value for name, value in captures(function) if name not in names]
    return (Same(function.__code__), _all(kept, _DEPTH, {}))


def closure_of(function: Any) -> list[tuple[str, Any]]:
    """Names and values of the variables around a function that it uses."""
    if not isinstance(function, FunctionType) or not function.__closure__:
        return []
    cells = zip(function.__code__.co_freevars, function.__closure__, strict=True)
    return [(name, _contents(cell)) for name, cell in cells]


def with_closure(function: FunctionType, values: dict[str, Any]) -> FunctionType:
    """The same function, with other values for some variables around it."""
    names = function.__code__.co_freevars
    cells = zip(names, function.__closure__ or (), strict=True)
    made = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(CellType(values[n]) if n in values else cell for n, cell in cells),
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _all(values: Iterable[Any], depth: int, seen: _Seen) -> tuple:
    return tuple([_way_to_stand(v.__class__)(v, depth, seen) for v in values])


@functools.lru_cache(maxsize=1024)
def _way_to_stand(kind: type) -> Callable[[Any, int, _Seen], Hashable]:
    """How values of a class stand in a signature."""
    if kind in _PLAIN or issubclass(kind, np.ndarray | np.generic):
        return _by_value
    if issubclass(kind, _OPAQUE):
        return _by_identity
    if kind is FunctionType:
        return _by_capture
    if kind is MethodType:
        return _by_owner
    if issubclass(kind, tuple | list | set | frozenset | dict | functools.partial):
        return _by_elements
    if _package(kind) in _SETTLED:
        return _by_value  # equal ones are interchangeable
    return _by_attributes


def _by_value(value: Any, depth: int, seen: _Seen) -> Hashable:
    return freeze(value)


def _by_identity(value: Any, depth: int, seen: _Seen) -> Hashable:
    return Same(value)


def _by_capture(value: Any, depth: int, seen: _Seen) -> Hashable:
    if not depth or _package(value) in _SETTLED:
        return Same(value)
    if id(value) in seen:
        return (Same, seen[id(value)][0])
    seen[id(value)] = (len(seen), value)
    captured = [part for _, part in captures(value)]
    return (Same(value.__code__), _all(captured, depth - 1, seen))


def _by_owner(value: Any, depth: int, seen: _Seen) -> Hashable:
    return _all((value.__func__, value.__self__), depth, seen)


def _by_elements(value: Any, depth: int, seen: _Seen) -> Hashable:
    kind = value.__class__
    if issubclass(kind, functools.partial):
        return (kind, _all((value.func, value.args, value.keywords), depth, seen))
    if not depth or len(value) > _LONGEST:
        return Same(value)
    if id(value) in seen:
        return (Same, seen[id(value)][0])
    seen[id(value)] = (len(seen), value)
    parts = _all(value.items() if issubclass(kind, dict) else value, depth - 1, seen)
    return (kind, frozenset(parts) if issubclass(kind, set | frozenset) else parts)


def _by_attributes(value: Any, depth: int, seen: _Seen) -> Hashable:
    if not depth or id(value) in seen:
        return Same(value)
    seen[id(value)] = (len(seen), value)
    attributes = getattr(value, "__dict__", {})
    return (Same(value), _all(attributes.items(), depth - 1, seen))


def _package(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def captures(function: Any) -> list[tuple[str, Any]]:
    """Names and values that a Python function takes from around it, as they are now."""
    if not isinstance(function, FunctionType):
        return []
    found = closure_of(function)
    if function.__defaults__ or function.__kwdefaults__:
        found.append(("its defaults", (function.__defaults__, function.__kwdefaults__)))
    around = function.__globals__
    for name in globals_of(function.__code__):
        if name in around:
            found.append((name, around[name]))
    return found


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


_global_names: dict[int, tuple[CodeType, tuple[str, ...]]] = {}
"""What `globals_of` found, by `id` of the code, which is held."""


def globals_of(code: CodeType) -> tuple[str, ...]:
    """Names of the globals that a function or one nested in it reads."""
    known = _global_names.get(id(code))
    if known is not None:
        return known[1]
    found = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found.update(globals_of(inner))
    if len(_global_names) > _MOST_CODES:
        _global_names.clear()
    names = tuple(sorted(found))
    _global_names[id(code)] = (code, names)
    return names
