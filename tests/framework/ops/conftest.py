"""What the tests of the table of ops share."""

import jax
import pytest

import jaxtape as jt


@pytest.fixture
def quick_programs():
    """What is recorded together is one program, and XLA spends little time on it.

    Compiling takes most of the time of these tests; no claim of theirs is about what
    XLA's optimisations do.
    """
    jt.config.execution("compiled")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jt.config.execution("auto")
