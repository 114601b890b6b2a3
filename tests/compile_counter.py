"""Counts the programs that XLA compiles, by JAX's public monitoring events."""

import contextlib

import jax

# Ends each backend compile; a program found in a cache sends none (JAX 0.10.2).
_EVENT = "/jax/core/compile/backend_compile_duration"


class Compiles:
    """What `count_compiles` yields.

    Attributes:
        count: Backend compiles, in any thread, since the block was entered.
    """

    def __init__(self):
        self.count = 0


_counting = []


@contextlib.contextmanager
def count_compiles():
    """A context manager that counts the backend compiles of its block.

    with count_compiles() as compiles:
        step()
    assert compiles.count == 0
    """
    compiles = Compiles()
    _counting.append(compiles)
    try:
        yield compiles
    finally:
        _counting.remove(compiles)


def _listen(event, duration, **details):
    if event == _EVENT:
        for compiles in _counting:
            compiles.count += 1


jax.monitoring.register_event_duration_secs_listener(_listen)
