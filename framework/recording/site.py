"""Where a call was made: the user's own line, for messages."""

import ast
import linecache
import os
import re
import sys
from types import CodeType, FrameType
from typing import NamedTuple

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OURS = (
    os.path.join(_PACKAGE, "__init__.py"),
    *(
        os.path.join(_PACKAGE, folder) + os.sep
        for folder in ("framework", "layers", "losses", "optimizers", "regularizers")
    ),
)
"""Not all that lies there: in a clone users write scripts beside the package."""


layer_calls: set[CodeType] = set()
"""The code of `Layer.__call__`; `layer` adds it."""

_CELL = re.compile(r"<ipython-input-(\d+)-")


class Site(NamedTuple):
    """The user's line that made a call, without keeping its frame alive.

    Attributes:
        code, offset: The user's code, and where in it the call stands.
        layers: Names of the layers whose calls lie between that line and the op, the
            outermost first.
    """

    code: CodeType
    offset: int
    layers: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        """The line number in the file."""
        for start, stop, line in self.code.co_lines():
            if start <= self.offset < stop and line is not None:
                return line
        return self.code.co_firstlineno

    @property
    def function(self) -> str:
        """The function that the line is in; empty at the top of a module."""
        name = self.code.co_name
        return "" if name == "<module>" else name

    def __str__(self) -> str:
        cell = _cell_of(self.code.co_filename)
        return (
            f"{self.code.co_filename}:{self.line}"
            if cell is None
            else f"cell {cell}, line {self.line}"
        )

    def expression(self) -> ast.expr | None:
        """The expression that made the call, if its source can be read."""
        positions = list(self.code.co_positions())[self.offset // 2]
        text = _between(self.code.co_filename, *positions)
        try:
            return ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return None


def _cell_of(file: str) -> str | None:
    """The number of the notebook cell that a file name stands for."""
    found = _CELL.match(os.path.basename(file))
    if found is not None:
        return found.group(1)
    # IPython 8 names a cell by a hash of its text, and knows which one it was.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    describe = getattr(getattr(shell, "compile", None), "format_code_name", None)
    label, name = (describe(file) if describe else None) or ("", "")
    return name.removeprefix("In[").removesuffix("]") if label == "Cell" else None


def _between(
    file: str, line: int | None, end: int | None, column: int | None, last: int | None
) -> str:
    """The source text from one place to another; columns count bytes."""
    if line is None or end is None or column is None or last is None:
        return ""
    rows = [linecache.getline(file, n).encode() for n in range(line, end + 1)]
    rows[-1] = rows[-1][:last]
    rows[0] = rows[0][column:]
    text = b"".join(rows).decode(errors="replace")
    return f"({text})" if text else ""


Entry = tuple[tuple[CodeType, int], ...]
"""Places in code, innermost first: where something was entered, and its callers."""


_CALLERS = 3
"""By how many places, from the `with` outwards, loops of one structure are told."""


def callers(frame: FrameType) -> Entry:
    """The place where a frame is, and those that called it."""
    found = [(frame.f_code, frame.f_lasti)]
    while len(found) < _CALLERS and frame.f_back is not None:
        frame = frame.f_back
        found.append((frame.f_code, frame.f_lasti))
    return tuple(found)


def is_ours(file: str) -> bool:
    """Whether a file is part of the package."""
    return file.startswith(_OURS)


def user_site() -> Site:
    """The innermost line on the stack that is outside this package."""
    layers: list[str] = []
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if not is_ours(frame.f_code.co_filename):
            break
        if frame.f_code in layer_calls:
            layers.append(_layer_name(frame))
        frame = frame.f_back
    return Site(frame.f_code, frame.f_lasti, tuple(reversed(layers)))


def _layer_name(frame: FrameType) -> str:
    return frame.f_locals["self"].name


def is_inside(room: str) -> bool:
    """Whether a call of `framework/<room>` is on the stack, the caller's aside."""
    place = os.path.join(_PACKAGE, "framework", *room.split("/"))
    frame = sys._getframe(1).f_back
    while frame is not None:
        file = frame.f_code.co_filename
        if file == place or file.startswith(place + os.sep):
            return True
        frame = frame.f_back
    return False


_libraries: dict[str, bool] = {}
"""Which files are part of this package, JAX or NumPy, of those that were met."""


def reading_site() -> Site:
    """The innermost line on the stack outside this package, JAX and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        is_library = _libraries.get(file)
        if is_library is None:
            name = frame.f_globals.get("__name__", "").split(".")[0]
            is_library = is_ours(file) or name in ("jax", "jaxlib", "numpy")
            if not file.startswith("<"):  # made from a string, or in a notebook
                _libraries[file] = is_library
        if not is_library:
            break
        frame = frame.f_back
    return Site(frame.f_code, frame.f_lasti)


def reading_entry(count: int) -> Entry:
    """The line of `reading_site` and those that called it, `count` in all."""
    found: list[tuple[CodeType, int]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and len(found) < count:
        file = frame.f_code.co_filename
        if not is_ours(file):
            found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def user_level() -> int:
    """The `stacklevel` at which a warning of the caller points to the user's line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if not is_ours(file):
            break
        level, frame = level + 1, frame.f_back
    return level
