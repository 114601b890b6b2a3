"""What the tests of the invariants share."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _little_time_in_xla(request):
    """XLA spends little time on programs, as compiling takes most of these tests' time.

    Which buffers it uses again is a matter of its optimisations, so it optimises fully
    in the tests of donation, and in all slow ones.
    """
    is_slow = request.node.get_closest_marker("slow")
    is_quick = not is_slow and "donation" not in request.path.name
    jax.config.update("jax_disable_most_optimizations", is_quick)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
