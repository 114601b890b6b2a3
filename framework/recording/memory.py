"""Memory: what a program needs of its device, and what is said where that is not there.

A launch gives the old buffers of variables away before it is known to succeed, and on
CPUs a lack of memory is noticed only while it runs. So a program that needs much is
looked at before its first launch, and that launch works on copies.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from ..errors import OutOfMemoryError

LARGE = 2**28
"""Bytes of working memory from which on a first launch is careful: 256 MiB."""

_NUM_NAMED = 3
_HINT = (
    "Make the batch or the arrays smaller, or wrap parts of the model in "
    "jt.recompute_grad, which keeps less for the gradient."
)


def careful(run: Any, arguments: Sequence[Any], copy: Callable) -> Callable:
    """What to call for the first launch of a program: itself, or itself on copies.

    Args:
        run: The compiled function; it may overwrite its first two arguments.
        arguments: What it will be called with.
        copy: Makes a buffer of its own.

    Raises:
        OutOfMemoryError: if the device has less memory than the program needs.
    """
    stats = run.lower(*arguments).compile().memory_analysis()
    if stats is None:  # not every platform tells
        return run
    working = stats.temp_size_in_bytes + stats.output_size_in_bytes
    needed = working + stats.argument_size_in_bytes - stats.alias_size_in_bytes
    total = _total_bytes()
    if total is not None and needed > total:
        raise OutOfMemoryError(
            f"This program needs {_size(needed)}, and the device has {_size(total)}"
            f"{_free()}; it was not run, and nothing was changed. "
            f"{_largest(run, arguments)}{_HINT}"
        )
    # An accelerator that its variables fill has no room for copies of them. There
    # a lack of memory is noticed before buffers are given away.
    has_room = total is None or needed + stats.alias_size_in_bytes <= total
    return _on_copies(run, copy) if working >= LARGE and has_room else run


def _on_copies(run: Any, copy: Callable) -> Callable:
    """The same computation, waited for, that overwrites copies."""

    def run_on_copies(homes: list, variables: list, *others: Any) -> Any:
        own = [copy(array) for array in homes], [copy(array) for array in variables]
        return jax.block_until_ready(run(*own, *others))

    return run_on_copies


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether the device had no memory for what was launched."""
    text = str(error)
    return "RESOURCE_EXHAUSTED" in text or "out of memory" in text.lower()


def lack_of_memory(error: Exception) -> OutOfMemoryError:
    """The error for a launch that failed for lack of memory."""
    return OutOfMemoryError(f"The device ran out of memory{_free()} ({error}). {_HINT}")


def _total_bytes() -> int | None:
    """All memory of the default device; `None` where it does not tell."""
    stats = _device().memory_stats()
    if stats:
        return stats.get("bytes_limit")
    if _device().platform != "cpu":
        return None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _free() -> str:
    """What the default device says to be free, for a message."""
    stats = _device().memory_stats() or {}
    if "bytes_limit" in stats and "bytes_in_use" in stats:
        return f", {_size(stats['bytes_limit'] - stats['bytes_in_use'])} of it free"
    return ""


def _device() -> Any:
    default = jax.default_device.value
    return default if hasattr(default, "memory_stats") else jax.devices(default)[0]


def _largest(run: Any, arguments: Sequence[Any]) -> str:
    """The largest arrays that a program computes, by the operation that makes them."""
    made: dict[tuple, int] = {}
    for equation in equations(run.trace(*arguments).jaxpr.jaxpr):
        for variable in equation.outvars:
            kind = variable.aval
            size = math.prod(kind.shape) * kind.dtype.itemsize
            made.setdefault((kind.str_short(), equation.primitive.name), size)
    found = sorted(made.items(), key=lambda item: -item[1])[:_NUM_NAMED]
    listed = ", ".join(f"{kind} of {op} ({_size(n)})" for (kind, op), n in found)
    return f"Its largest arrays: {listed}. "


def equations(program: Any) -> Iterator[Any]:
    """The innermost operations of a traced program."""
    for equation in program.eqns:
        inner = [*_inner(equation.params.values())]
        if not inner:
            yield equation
        for part in inner:
            yield from equations(part)


def _inner(params: Any) -> Iterator[Any]:
    """The programs among the parameters of an operation."""
    for param in params:
        if isinstance(param, (list, tuple)):
            yield from _inner(param)
        elif hasattr(param, "eqns"):
            yield param
        elif hasattr(param, "jaxpr"):
            yield param.jaxpr


def _size(num_bytes: int) -> str:
    """`25600000000000` as `25.6 TB`."""
    size, units = float(num_bytes), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"
