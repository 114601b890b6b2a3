"""What the tests of the table of ops share."""

import jax
import pytest

import jaxtape as jt
from jaxtape.framework.recording.compiling import log


@pytest.fixture
def quick_programs():
    """What is recorded together is one program, and XLA spends little time on it.

    Compiling takes most of the time of these tests; no claim of theirs is about what
    XLA's optimisations do.
    """
    log.loops.clear()  # rows of one op share a line of the test, but are no loop
    jt.config.execution("compiled")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jt.config.execution("auto")
