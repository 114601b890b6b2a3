"""Names for ops in configs: an op of this package is found by where it stands.

Tables are made of what is there; a name in a config is looked up in them and never
imported. Of the namespaces that mirror JAX, only functions of arrays have names.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import jax.numpy

from . import linalg, nn, numpy
from .errors import ArgumentError
from .lifting import lift
from .recording.op import Op

_PACKAGE = __name__.partition(".")[0]
_MIRRORS = {"numpy": (numpy, jax.numpy), "nn": (nn, jax.nn)}
_MIRRORS["linalg"] = (linalg, jax.numpy.linalg)
_UNSAFE = frozenset(
    (
        *("from_dlpack", "frombuffer", "fromfile", "fromfunction", "fromiter"),
        *("fromstring", "load"),
    )
)
"""Functions that read files or memory, or call what they are given."""


def name_of_op(op: Op) -> str | None:
    """The name of an op, if it is one of this package's."""
    return next((name for name, known in _ops().items() if known is op), None)


def op_of(name: str) -> Op:
    """The op of a name.

    Raises:
        ArgumentError: if there is none.
    """
    return _found(_ops(), name)


def name_of_function(function: Callable) -> str | None:
    """The name of what a lifted function calls, if it is in a namespace."""
    own = getattr(function, "__name__", "")
    for space, (_, module) in _MIRRORS.items():
        if getattr(module, own, None) is function and _is_safe(module, own):
            return f"{space}.{own}"
    names = _lifted().items()
    return next((n for n, made in names if made.__wrapped__ is function), None)


def function_of(name: str) -> Callable:
    """The recorded function of a name.

    Raises:
        ArgumentError: if there is none.
    """
    space, _, own = name.rpartition(".")
    if space in _MIRRORS and _is_safe(_MIRRORS[space][1], own):
        return getattr(_MIRRORS[space][0], own)
    return _found(_lifted(), name)


def _is_safe(module: Any, name: str) -> bool:
    """Whether it is a function of arrays; NumPy's own, such as `save`, are not."""
    found = getattr(module, name, None)
    home = getattr(found, "__module__", None) or ""
    is_jax = home.split(".")[0] == "jax"
    return (
        callable(found)
        and not isinstance(found, type)
        and not name.startswith("_")
        and name not in _UNSAFE
        and is_jax
    )


def _found(known: dict[str, Any], name: str) -> Any:
    if name not in known:
        raise ArgumentError(
            f"A config names the op {name!r}, which this version does not have. It "
            "was written by another version, or changed since."
        )
    return known[name]


@functools.cache
def _ops() -> dict[str, Op]:
    return _in_package(lambda value: isinstance(value, Op))


@functools.cache
def _lifted() -> dict[str, Any]:
    code = lift(abs).__code__  # that of all lifted functions
    return _in_package(lambda value: getattr(value, "__code__", None) is code)


def _in_package(is_wanted: Callable[[Any], bool]) -> dict[str, Any]:
    """The globals of a kind in all modules of this package, by module and name."""
    found = {}
    for place, module in sorted(sys.modules.items()):
        if place.startswith(f"{_PACKAGE}.framework."):
            short = place.removeprefix(f"{_PACKAGE}.framework.")
            for name, value in vars(module).items():
                if is_wanted(value):
                    found[f"{short}.{name}"] = value
    return found
