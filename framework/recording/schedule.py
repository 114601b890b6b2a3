"""The order in which XLA runs the ops of a program."""

import functools
from collections.abc import Iterable

import jax

from .signature import TensorType

# Elements of results that leave a program beside new values of variables. From there
# on a launch is short beside them, and they are matrix products that use all cores.
_LARGE = 131_072


def compiler_options(results: Iterable[TensorType]) -> dict[str, str] | None:
    """How a program that updates variables is compiled; `None` for XLA's own choice.

    On CPUs XLA lets ops run at once that do not need each other. As a rule they wait
    all the same, for memory that they share. A gradient that leaves the program has
    memory of its own: its matrix product and the next layer's, each on all cores, then
    hold each other up. (784-512-512-10, batch 128, two cores, against hand-written
    JAX: 1.22 to 1.33, and 1.06 to 1.09 in the order that takes least memory.)

    Args:
        results: What leaves the program besides the variables' new values.
    """
    if sum(kind.size for kind in results) < _LARGE:
        return None
    return _least_memory() if jax.default_backend() == "cpu" else None


@functools.cache
def _least_memory() -> dict[str, str] | None:
    options = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
    return options if is_known(options) else None


def is_known(options: dict[str, str]) -> bool:
    """Whether the XLA that is installed takes these options; costs 10 ms."""
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def is_nested(error: Exception) -> bool:
    """Whether a launch failed because JAX traces, where it takes no options."""
    return "compiler_options" in str(error)
