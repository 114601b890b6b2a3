"""Where a call was made: the user's own line, for messages."""

import os
import sys
from types import CodeType
from typing import NamedTuple

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OUTSIDE = tuple(
    os.path.join(_PACKAGE, folder) + os.sep
    for folder in ("examples", "tests", "benchmarks", "docs")
)


class Site(NamedTuple):
    """The user's line that made a call, without keeping its frame alive."""

    code: CodeType
    offset: int

    @property
    def line(self) -> int:
        """The line number in the file."""
        for start, stop, line in self.code.co_lines():
            if start <= self.offset < stop and line is not None:
                return line
        return self.code.co_firstlineno

    def __str__(self) -> str:
        return f"{self.code.co_filename}:{self.line}"


Entry = tuple[tuple[CodeType, int], ...]
"""Places in code, innermost first: where something was entered, and its callers."""


def callers(level: int, count: int) -> Entry:
    """The place `level` frames up, and those that called it, `count` in all."""
    frame = sys._getframe(level)
    found = [(frame.f_code, frame.f_lasti)]
    while len(found) < count and frame.f_back is not None:
        frame = frame.f_back
        found.append((frame.f_code, frame.f_lasti))
    return tuple(found)


def user_site() -> Site:
    """The innermost line on the stack that is outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE + os.sep) or file.startswith(_OUTSIDE):
            break
        frame = frame.f_back
    return Site(frame.f_code, frame.f_lasti)


def reading_site() -> Site:
    """The innermost line on the stack outside this package, JAX and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        name = frame.f_globals.get("__name__", "").split(".")[0]
        is_ours = file.startswith(_PACKAGE + os.sep) and not file.startswith(_OUTSIDE)
        if not is_ours and name not in ("jax", "jaxlib", "numpy"):
            break
        frame = frame.f_back
    return Site(frame.f_code, frame.f_lasti)


def user_level() -> int:
    """The `stacklevel` at which a warning of the caller points to the user's line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE + os.sep) or file.startswith(_OUTSIDE):
            break
        level, frame = level + 1, frame.f_back
    return level
