"""Mirrored namespaces: a module of JAX whose functions are lifted on first use."""

from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from .lifting import lift


def mirror(
    namespace: dict[str, Any],
    module: ModuleType,
    lift_as: Callable[[str, Callable], Callable] = lambda name, f: lift(f),
) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of a namespace that lifts a module's functions.

    Args:
        namespace: Where what was found is kept; what it has already goes first.
        module: Where to look. Constants, classes and submodules pass as they are.
        lift_as: Lifts a function of that name.
    """

    def find(name: str) -> Any:
        found = None if name.startswith("_") else getattr(module, name, None)
        if found is None and (name.startswith("_") or not hasattr(module, name)):
            raise AttributeError(f"{namespace['__name__']} has no {name!r}.")
        if callable(found) and not isinstance(found, type):
            found = lift_as(name, found)
        namespace[name] = found
        return found

    def names() -> list[str]:
        theirs = [name for name in dir(module) if not name.startswith("_")]
        ours = [name for name, value in namespace.items() if _is_ours(name, value)]
        return sorted({*theirs, *ours})

    return find, names


def mirror_module(name: str, module: ModuleType) -> ModuleType:
    """A module that mirrors `module`, as part of a mirrored namespace."""
    made = ModuleType(name, module.__doc__)
    find, names = mirror(made.__dict__, module)
    made.__dict__.update(__getattr__=find, __dir__=names)
    return made


def _is_ours(name: str, value: Any) -> bool:
    """Whether a global is a function for users, not one that the file works with."""
    inner = (".recording.", ".mirror", ".lifting", ".conversion")
    home = getattr(value, "__module__", None) or ""
    return (
        isinstance(value, FunctionType)
        and not name.startswith("_")
        and not any(part in home for part in inner)
    )
