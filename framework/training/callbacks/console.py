"""Console: lines on standard output, which may be closed, full, or know only ASCII."""

import sys
from typing import Any


def say(text: str) -> None:
    """Print a line; if that cannot be done, do without."""
    write(sys.stdout, text + "\n")


def write(stream: Any, text: str) -> None:
    """Write on a stream what it can show; letters that it has not become `?`.

    A training goes on whatever happens to its output: a terminal that was closed, a
    pipe that nobody reads, a full disk, no output at all (`pythonw`).
    """
    if stream is None:
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except Exception:  # a stream may be any object that somebody put there
        return
