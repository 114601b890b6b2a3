"""Repeating: a function called for each number of a range, as one recorded call.

The range's ends are inputs: the same program makes one turn and a thousand.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .recording.body import settle_homes, traced
from .recording.execution import call
from .recording.signature import tensor_type
from .recording.tensor import Tensor
from .turns import Turn, op_of

_NUMBER = tensor_type((), jnp.dtype("int32"))


def record_turn(name: str, function: Callable) -> Turn:
    """Record `function(i)`, to be repeated.

    What it reads from around it are operands; variables that it assigns are carried
    from turn to turn.

    Args:
        name: What messages call it.
        function: Takes the number of the turn, an int32 scalar.
    """
    return Turn(*traced(name, function, [_NUMBER]))


def repeat(name: str, turn: Turn, start: Tensor, stop: Tensor) -> Any:
    """Make the turns from number `start` to before `stop`.

    Variables are assigned after the last one. No derivative goes back through the
    turns: `scan` is for that.

    Args:
        name: What messages call it.
        turn: What `record_turn` made.
        start: The first number, an int32 scalar.
        stop: The number after the last one, an int32 scalar.

    Returns:
        The results of the last turn, zeros if there is none.
    """
    types, bare = turn.types, turn.formula()

    def loop(start: Any, stop: Any, *around: Any) -> list[Any]:
        def step(number: Any, carry: Any) -> Any:
            return bare.compute([number], around, carry[1])

        nothing = [jnp.zeros(kind.shape, kind.dtype) for kind in types]
        first = (nothing, bare.first_written(around))
        found, written = jax.lax.fori_loop(start, stop, step, first)
        return [*found, *written]

    return _call("repeat", name, turn, loop, [start, stop])


def once(name: str, turn: Turn, number: Tensor) -> Any:
    """Make one turn, outside of any loop; returns its results."""
    bare = turn.formula()

    def make(number: Any, *around: Any) -> list[Any]:
        found, written = bare.compute([number], around, bare.first_written(around))
        return [*found, *written]

    return _call("once", name, turn, make, [number])


def _call(
    kind: str, name: str, turn: Turn, function: Callable, numbers: list[Tensor]
) -> Any:
    count = len(turn.types)
    op = op_of((kind, turn.key), name, function, frozenset())
    settle_homes(turn.captured)
    outputs = call(op, [*numbers, *turn.captured])
    turn.assign(outputs[count:])
    return jax.tree.unflatten(turn.tree, outputs[:count])
