"""Synchronization: running what waits."""

from .recording import execution
from .recording.backlog import settle
from .recording.node import current


def sync() -> None:
    """Launch everything that this thread has recorded and not run yet.

    Rarely needed: reading a value, applying gradients, and entering a tape do it.
    """
    execution.run(current())
    settle()
