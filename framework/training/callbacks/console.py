"""Console: lines and a bar on standard output, which may be closed or know only ASCII.

A training goes on whatever happens to its output: a terminal that was closed, a pipe
that nobody reads, a full disk, no output at all (`pythonw`).
"""

import contextlib
import os
import shutil
import sys
import warnings
from typing import Any

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # In a notebook without ipywidgets; lines are printed there instead of a bar.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

IS_NOTEBOOK = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
"""Whether bars are widgets."""


class Bar(tqdm):
    """A bar that is drawn when it is told to, and vanishes when it is closed.

    It decides nothing by the time and starts no thread, as tqdm does otherwise.
    """

    monitor_interval = 0

    def __init__(self, total: int | None) -> None:
        width = {} if IS_NOTEBOOK else {"file": _Output(), "ncols": 80}
        super().__init__(total=total, leave=False, bar_format=" ", **width)

    def draw(self, step: int, before: str, after: str) -> None:
        """Show how far it is, between two texts."""
        scale = f"{before} {{n_fmt}} "
        if self.total:
            scale = f"{before} {{percentage:3.0f}}%|{{bar}}| {{n_fmt}}/{{total_fmt}} "
        self.n = min(step, self.total) if self.total else step
        self.bar_format = scale + after.replace("{", "{{").replace("}", "}}")
        if not IS_NOTEBOOK:
            # A line as wide as the window would go on in the next one on Windows.
            self.ncols = shutil.get_terminal_size().columns - 1
        self.refresh()


class _Output:
    """Standard output as it is when a bar is made, for tqdm to write on."""

    def __init__(self) -> None:
        self.stream = sys.stdout
        self.encoding = getattr(self.stream, "encoding", None) or "ascii"

    def write(self, text: str) -> None:
        write(self.stream, text)

    def flush(self) -> None:
        """Nothing: `write` has done it."""


_shown: list[Bar] = []
"""The bar on the screen, if there is one."""


def has_bars() -> bool:
    """Whether a bar can be shown: in a notebook, or in a terminal."""
    if IS_NOTEBOOK:
        return True
    try:
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    except Exception:  # no output, a closed one, or any object that was put there
        return False


def show(total: int | None) -> Bar | None:
    """A bar in place of the one that is shown; `None` if it cannot be."""
    hide()
    try:
        _shown.append(Bar(total))
    except Exception:  # a training is worth more than its bar
        return None
    return _shown[-1]


def is_shown(bar: Bar | None) -> bool:
    """Whether a bar is on the screen; another one may have taken its place."""
    return any(bar is shown for shown in _shown)


def draw(bar: Bar, step: int, before: str, after: str) -> None:
    """Show how far a bar is; one that cannot be drawn is taken away."""
    try:
        bar.draw(step, before, after)
    except Exception:
        hide()


def hide() -> None:
    """Take the bar away."""
    while _shown:
        bar = _shown.pop()
        with contextlib.suppress(Exception):
            bar.n = bar.total or bar.n  # one that is not full stays in notebooks, red
            bar.close()


def say(text: str) -> None:
    """Print a line, above the bar if there is one; if that cannot be done, do without.

    Args:
        text: Letters that the output does not have become `?`.
    """
    with contextlib.suppress(Exception):
        for bar in _shown:
            bar.clear()
    write(sys.stdout, text + "\n")
    with contextlib.suppress(Exception):
        for bar in _shown:
            bar.refresh()


def write(stream: Any, text: str) -> None:
    """Write on a stream what it can show; a stream may be anything that is there."""
    if stream is None:
        return
    with contextlib.suppress(Exception):
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
