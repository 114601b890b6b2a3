"""A forked process that says so, where it would hang.

A fork copies one thread. Those of JAX are missing in the child, and a computation that
waits for them never ends; so in a child every call of an op is refused, and every
program that JAX would compile.
"""

import os
from typing import Any

import jax.monitoring

from .errors import ExecutionError
from .recording.node import here


class _Refusing:
    """Stands in the place of a recording; every call asks it for its task."""

    @property
    def task(self) -> Any:
        """Raises: nothing can be called here."""
        raise _refusal()


def refuse_in_forks() -> None:
    """Let calls raise in processes that are forked from this one, where one can be."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_refuse)


def _refuse() -> None:
    refusing: Any = _Refusing()
    here.recording = refusing
    type(here).recording = refusing  # what other threads begin with
    jax.monitoring.register_event_duration_secs_listener(_refuse_program)


def _refuse_program(event: str, duration_secs: float, **details: Any) -> None:
    """Raise between the tracing of a program, which JAX tells of, and its compiling."""
    raise _refusal()


def _refusal() -> ExecutionError:
    return ExecutionError(
        "This process was forked from one that uses JAX, whose threads it does not "
        "have: a computation could hang for ever. Use spawn: "
        "multiprocessing.get_context('spawn').Process(...), or "
        "multiprocessing.set_start_method('spawn') before anything else."
    )
