"""What every test may ask for: a random key and the tolerance of a dtype."""

import collections
import signal

import jax
import jax.numpy as jnp
import pytest

# Largest accepted error, absolute and relative, by dtype. A test that needs another
# number says why beside it.
TOLERANCE = {
    # Central differences, the loosest check made in x64, lose a third of the digits:
    # eps ** (2 / 3) = 4e-11, with eps = 2.2e-16.
    "float64": 1e-10,
    # Sums of about a hundred terms, reordered by XLA: 100 eps, with eps = 1.2e-7.
    "float32": 1e-5,
    # 2 eps, with eps = 9.8e-4: the operands and the result are rounded once each.
    "float16": 2e-3,
    # 2.5 eps, with eps = 7.8e-3: as float16, whose digits it has less three bits.
    "bfloat16": 2e-2,
}


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the markers
def pytest_collection_modifyitems(items):
    """Marks as slow what `one_in(n)` leaves out, of the rows that are not slow yet."""
    turns = collections.Counter()
    for item in items:
        mark = item.get_closest_marker("one_in")
        if mark and not any(map(item.get_closest_marker, ("slow", "full"))):
            test = item.nodeid.partition("[")[0]
            n, first = (*mark.args, 0)[:2]
            if turns[test] % n != first:
                item.add_marker(pytest.mark.slow)
            turns[test] += 1


_has_quick_programs = [False]


@pytest.hookimpl(tryfirst=True)  # when all fixtures have been set up
def pytest_runtest_call():
    """Lets no test that XLA optimises find programs of one that it does not.

    Their last bits differ, and JAX finds a compiled function whatever it was made with.
    """
    is_quick = jax.config.read("jax_disable_most_optimizations")
    if _has_quick_programs[0] and not is_quick:
        jax.clear_caches()
    _has_quick_programs[0] = is_quick


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Ctrl-C interrupts also where the tests run as a shell's background job.

    Shells start those with SIGINT ignored, and so would be every process of theirs.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture
def quick_programs():
    """XLA spends little time on programs, where no claim is about its optimisations."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def tolerance():
    """Looks up `TOLERANCE` for a dtype in any form: `tolerance(x.dtype)`."""
    return lambda dtype: TOLERANCE[jnp.dtype(dtype).name]
