"""`while_loop` as one recorded call, whatever the number of its turns."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .errors import BodyError, ShapeError
from .recording.body import has_tracer, settle_homes, traced
from .recording.execution import call
from .recording.node import Recording, current
from .recording.signature import plain_type, tensor_type
from .recording.tensor import convert
from .turns import Turn, as_carry, fits, flat_tensors, op_of, shown


def while_loop(
    cond: Callable,
    body: Callable,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: int | None = None,
    name: str | None = None,
) -> Any:
    """Call `loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` is true.

    One program, of which the number of turns is no part. Under a tape, which must go
    back through every turn, it is one program if `maximum_iterations` is given, which
    then costs that many turns; else a Python loop. A Python loop also if the body reads
    values or changes shapes.

    Args:
        cond: Takes the loop variables, returns a scalar truth value.
        body: Takes the loop variables, returns the next ones.
        loop_vars: List or tuple, whose entries may be nested.
        shape_invariants: Accepted for compatibility; a variable whose shape changes
            makes it a Python loop.
        parallel_iterations: Accepted for compatibility.
        back_prop: Accepted for compatibility.
        swap_memory: Accepted for compatibility.
        maximum_iterations: Stops after so many turns. Default never.
        name: Accepted for compatibility.

    Returns:
        The last loop variables as Tensors, nested as `loop_vars`.

    Raises:
        BodyError: where it must be a Python loop inside of what is recorded as one
            call, such as a `jt.function`, so that no value says when it ends.
        ShapeError: the same where the reason is that shapes change.
    """
    flat, tree = flat_tensors(loop_vars, "loop_vars")
    reason: Exception = BodyError(_UNBOUNDED)
    if maximum_iterations is not None or not _is_covered():
        try:
            return _while(cond, body, flat, tree, maximum_iterations)
        except (_Misfit, BodyError) as error:
            reason = error  # in Python then
    turn = 0
    values = jax.tree.unflatten(tree, flat)
    while (maximum_iterations is None or turn < maximum_iterations) and _is_on(
        cond, values, reason
    ):
        following = body(*values)
        values = following if isinstance(following, list | tuple) else (following,)
        turn += 1
    return jax.tree.unflatten(tree, flat_tensors(values, "loop_vars")[0])


_UNBOUNDED = (
    "while_loop() under a tape is a loop in Python without `maximum_iterations`, and "
    "what is around it is recorded as one call, in which no value says when it ends. "
    "Give maximum_iterations=100, or what is always enough."
)


def _is_on(cond: Callable, values: Any, reason: Exception) -> bool:
    """Whether a Python loop goes on.

    Args:
        cond: Takes the values.
        values: Those of the moment.
        reason: Why it is a Python loop; raised where there are no values, since what
            the condition says then is not what is to be mended.
    """
    try:
        return bool(cond(*values))
    except BodyError as error:
        raise reason from error


def _is_covered() -> bool:
    """Whether a tape follows what is called now."""
    recording: Recording | None = current()
    while recording is not None:
        if any(tape._is_active for tape in recording.live_tapes()):
            return True
        recording = recording.outer
    return False


class _Misfit(ShapeError):
    """The body returns what is nested otherwise, or of other shapes, than it takes."""


def _while(
    cond: Callable, body: Callable, flat: list[Any], tree: Any, maximum: int | None
) -> Any:
    """Record the loop as one call."""
    kinds = [plain_type(value._type) for value in flat]

    def function(*values: Any) -> list[Any]:
        following = body(*jax.tree.unflatten(tree, values))
        if not isinstance(following, list | tuple):
            following = (following,)
        new, _ = flat_tensors(following, "loop_vars")
        return [cond(*jax.tree.unflatten(tree, new)), *new]

    turn = Turn(*traced("while_loop", function, kinds))
    new = turn.types[1:]
    if len(new) != len(kinds) or not all(map(fits, new, kinds)):
        raise _Misfit(
            "The body given to while_loop() must return values like those that it "
            f"takes, {shown(kinds)}, where the loop is part of what is recorded as one "
            f"call; it returned {shown(new)}. Keep shapes and kinds of numbers as they "
            "are."
        )
    goes_on = convert(cond(*jax.tree.unflatten(tree, flat)))
    goes_back = maximum is not None and (
        _is_covered() or has_tracer([*flat, *turn.captured])
    )

    bare = turn.formula()

    def loop(is_on: Any, *arrays: Any) -> list[Any]:
        def step(carry: Any) -> Any:
            (_, *values), written = carry
            found, new = bare.compute(values, arrays[len(kinds) :], written)
            return as_carry(found, [_TRUTH, *kinds]), new

        start = (
            as_carry([is_on, *arrays[: len(kinds)]], [_TRUTH, *kinds]),
            bare.first_written(arrays[len(kinds) :]),
        )
        run = _masked if goes_back else _counted
        (_, *values), written = run(step, start, maximum)
        return [*values, *written]

    key = ("while", turn.key, tuple(kinds), maximum, goes_back)
    op = op_of(key, "while_loop", loop, turn.carried(1, len(kinds)))
    settle_homes(turn.captured)
    outputs = call(op, [goes_on, *flat, *turn.captured])
    turn.assign(outputs[len(kinds) :])
    return jax.tree.unflatten(tree, outputs[: len(kinds)])


_TRUTH = tensor_type((), jnp.dtype(bool))


def _counted(step: Callable, start: Any, maximum: int | None) -> Any:
    """Turns while the first value carried is true, at most `maximum`."""

    def goes_on(state: tuple[Any, Any]) -> Any:
        count, carry = state
        is_on = carry[0][0]
        return is_on if maximum is None else is_on & (count < maximum)

    first = (jnp.zeros((), jnp.int32), start)
    return jax.lax.while_loop(goes_on, lambda s: (s[0] + 1, step(s[1])), first)[1]


def _masked(step: Callable, start: Any, maximum: int | None) -> Any:
    """The same as a `scan` of `maximum` turns, through which a gradient can go back."""

    def turn(carry: Any, _: Any) -> tuple[Any, None]:
        return jax.lax.cond(carry[0][0], step, lambda same: same, carry), None

    return jax.lax.scan(turn, start, None, maximum)[0]
