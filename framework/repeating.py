"""`repeat`: a function called for each number of a range, as one recorded call.

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


def repeat(name: str, function: Callable, start: Tensor, stop: Tensor) -> Any:
    """Call `function(i)` for `i` from `start` to before `stop`.

    What it reads from around it are operands; variables that it assigns are carried
    from turn to turn and assigned after the last one. No derivative goes back through
    the turns: `scan` is for that.

    Args:
        name: What messages call it.
        function: Takes the number of the turn, an int32 scalar.
        start: The first number, an int32 scalar.
        stop: The number after the last one, an int32 scalar.

    Returns:
        The results of the last turn, zeros if there is none.
    """
    turn = Turn(*traced(name, function, [_NUMBER]))
    types, bare = turn.types, turn.formula()

    def loop(start: Any, stop: Any, *around: Any) -> list[Any]:
        def step(number: Any, carry: Any) -> Any:
            return bare.compute([number], around, carry[1])

        nothing = [jnp.zeros(kind.shape, kind.dtype) for kind in types]
        first = (nothing, bare.first_written(around))
        found, written = jax.lax.fori_loop(start, stop, step, first)
        return [*found, *written]

    op = op_of(("repeat", turn.key), name, loop, frozenset())
    settle_homes(turn.captured)
    outputs = call(op, [start, stop, *turn.captured])
    turn.assign(outputs[len(types) :])
    return jax.tree.unflatten(turn.tree, outputs[: len(types)])
