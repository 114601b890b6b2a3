"""Waking XLA's worker before a program that is waited for."""

import functools
import os
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

# XLA hands what takes over 1,000 operations to a worker.
_SIZE = 2_048


def wake() -> None:
    """Let XLA's worker wake up while Python prepares the launch of a program.

    On CPUs a program runs in a worker, which falls asleep about 30 microseconds after
    the one before, and takes 50 to wake up. (The compiled `jax.hessian` of ten numbers:
    10 microseconds when called again at once, 63 to 80 after 50 of Python.) A small
    program that is there before, about 10 microseconds of work, takes that wait away.

    For calls that users wait for; where programs follow one another it gains nothing.
    """
    nudge = _nudge()
    if nudge is not None:
        nudge()


@functools.cache
def _nudge() -> Callable[[], object] | None:
    """The small program, if there are workers of this kind besides this thread."""
    if jax.default_backend() != "cpu" or (os.cpu_count() or 1) < 2:
        return None
    with jax.ensure_compile_time_eval():  # a tracer would outlive its trace
        array = jax.device_put(np.ones(_SIZE, np.float32))
    program = jax.jit(jnp.negative).lower(array).compile()  # no user's jit takes it in
    return functools.partial(program, array)
