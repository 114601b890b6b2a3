"""What the tests of the framework share."""

import jax
import pytest

# The numbers and the memory of their programs are a matter of XLA's optimisations.
OPTIMIZED = {"neural", "training"}


@pytest.fixture(autouse=True)
def _little_time_in_xla(request):
    """XLA spends little time on programs, as compiling takes most of these tests' time.

    It optimises fully in the tests of the hazards, invariants, layers, losses and
    optimizers, and in all slow ones.
    """
    is_slow = request.node.get_closest_marker("slow")
    is_quick = not is_slow and OPTIMIZED.isdisjoint(request.path.parts)
    jax.config.update("jax_disable_most_optimizations", is_quick)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
