"""Loops as recorded calls: `while_loop`, `scan`, `map_fn` and the like in one program.

What the body of a loop calls is recorded once, on placeholders, as a body of its own.
Tensors and Variables from around it become operands; what it assigns, random states
among it, is carried from turn to turn and assigned after the loop.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from . import config
from .errors import ArgumentError, BodyError, ShapeError
from .ops import concat
from .recording.body import Computation, has_tracer, is_handle, traced
from .recording.cache import Cache
from .recording.execution import call
from .recording.node import Recording, current
from .recording.op import Op
from .recording.signature import TensorType, plain_type, tensor_type
from .recording.tensor import convert

_ops: Cache[Op] = Cache(lambda: config.bounds.op_programs)


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
    """
    flat, tree = _flat_tensors(loop_vars, "loop_vars")
    if maximum_iterations is not None or not _is_covered():
        try:
            return _while(cond, body, flat, tree, maximum_iterations)
        except (_Misfit, BodyError):
            pass  # in Python then
    turn = 0
    values = jax.tree.unflatten(tree, flat)
    while (maximum_iterations is None or turn < maximum_iterations) and bool(
        cond(*values)
    ):
        following = body(*values)
        values = following if isinstance(following, list | tuple) else (following,)
        turn += 1
    return jax.tree.unflatten(tree, _flat_tensors(values, "loop_vars")[0])


def _is_covered() -> bool:
    """Whether a tape follows what is called now."""
    recording: Recording | None = current()
    while recording is not None:
        if any(tape._is_active for tape in recording.live_tapes()):
            return True
        recording = recording.outer
    return False


class _Misfit(Exception):
    """The body returns what is nested otherwise, or of other shapes, than it takes."""


def _flat_tensors(structure: Any, name: str) -> tuple[list[Any], Any]:
    flat, tree = jax.tree.flatten(structure, is_leaf=is_handle)
    return [convert(leaf, name=name) for leaf in flat], tree


def _while(
    cond: Callable, body: Callable, flat: list[Any], tree: Any, maximum: int | None
) -> Any:
    """Record the loop as one call."""
    kinds = [plain_type(value._type) for value in flat]

    def function(*values: Any) -> list[Any]:
        following = body(*jax.tree.unflatten(tree, values))
        if not isinstance(following, list | tuple):
            following = (following,)
        new, _ = _flat_tensors(following, "loop_vars")
        return [cond(*jax.tree.unflatten(tree, new)), *new]

    turn = _Turn(*traced("while_loop", function, kinds))
    if not all(map(_fits, turn.types[1:], kinds)):
        raise _Misfit
    goes_on = convert(cond(*jax.tree.unflatten(tree, flat)))
    goes_back = maximum is not None and (
        _is_covered() or has_tracer([*flat, *turn.captured])
    )

    bare = turn.formula()

    def loop(is_on: Any, *arrays: Any) -> list[Any]:
        def step(carry: Any) -> Any:
            (_, *values), written = carry
            found, new = bare.compute(values, arrays[len(kinds) :], written)
            return _as_carry(found, [_TRUTH, *kinds]), new

        start = (
            _as_carry([is_on, *arrays[: len(kinds)]], [_TRUTH, *kinds]),
            bare.first_written(arrays[len(kinds) :]),
        )
        run = _masked if goes_back else _counted
        (_, *values), written = run(step, start, maximum)
        return [*values, *written]

    key = ("while", turn.key, tuple(kinds), maximum, goes_back)
    op = _op_of(key, "while_loop", loop, turn.carried(1, len(kinds)))
    outputs = call(op, [goes_on, *flat, *turn.captured])
    turn.assign(outputs[len(kinds) :])
    return jax.tree.unflatten(tree, outputs[: len(kinds)])


_TRUTH = tensor_type((), jnp.dtype(bool))


class _Turn:
    """One turn of a loop: what its body computes and assigns.

    Attributes:
        captured, assign: As of the body's computation.
        tree: How the body's results nest.
        types: Types of the results.
        key: Its structure, hashable.
    """

    def __init__(self, computation: Computation, tree: Any) -> None:
        self._computation = computation
        self.tree = tree
        self.types = computation.types
        self.captured = computation.captured
        self.key = computation.key
        self.assign = computation.assign

    def formula(self) -> "_Turn":
        """The same without what it captured: for programs, which outlive that."""
        return _Turn(self._computation.formula(), self.tree)

    def carried(self, start: int, count: int) -> frozenset[int]:
        """Positions of the loop's operands that a derivative can reach.

        Args:
            start: Position of the turn's first operand among the loop's.
            count: How many of them are the state, which is the result of no turns.
        """
        positions = {*range(count), *self._computation.carried}
        return frozenset(start + position for position in positions)

    @property
    def assigns(self) -> bool:
        """Whether the body assigns Variables or draws random numbers."""
        return bool(self._computation.assigned)

    def first_written(self, around: Sequence[Any]) -> list[Any]:
        """The values before the loop of the variables that it assigns."""
        return [around[position] for position in self._computation.assigned]

    def compute(
        self, arguments: Sequence[Any], around: Sequence[Any], written: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Results, and the next values of the variables that it assigns."""
        now = list(around)
        for position, value in zip(self._computation.assigned, written, strict=True):
            now[position] = value
        found = self._computation.compute(*arguments, *now)
        count = self._computation.num_results
        return found[:count], found[count:]


def _fits(kind: TensorType, carried: TensorType) -> bool:
    """Whether a result may go on as a value that is carried from turn to turn.

    A narrower or wider number may, as into a Variable; a fraction goes into no int.
    """
    return kind.shape == carried.shape and (
        jnp.promote_types(carried.dtype, kind.dtype) == carried.dtype
        or any(
            jnp.issubdtype(kind.dtype, group) and jnp.issubdtype(carried.dtype, group)
            for group in (jnp.floating, jnp.integer, jnp.complexfloating)
        )
    )


def _as_carry(values: Sequence[Any], kinds: Sequence[TensorType]) -> list[Any]:
    """Values in the dtypes that are carried from turn to turn."""
    return [jnp.asarray(v, k.dtype) for v, k in zip(values, kinds, strict=True)]


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


def _op_of(key: Hashable, name: str, function: Callable, carried: frozenset[int]) -> Op:
    found = _ops.get(key)
    if found is None:
        found = _ops.add(key, Op(name, function, carried=carried, is_user=True))
    return found


def scan(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All states of `state = fn(state, elem)` over the first axis, stacked.

    Args:
        fn: Takes the state and one element of `elems`, returns the next state.
        elems: Tensor, or a nested structure of them, with the same first axis.
        initializer: The first state, of any structure. Default the first element,
            which then stands first in the result.
        parallel_iterations: Accepted for compatibility.
        back_prop: Accepted for compatibility.
        swap_memory: Accepted for compatibility.
        infer_shape: Accepted for compatibility.
        reverse: Whether to go from the last element to the first.
        name: Accepted for compatibility.

    Returns:
        Tensors nested as the state, stacked along a new first axis.

    Raises:
        ShapeError: if the elements have no common first axis, or if `fn` returns a
            state of another structure, shape or kind of number.
    """
    flat, tree = _elements(elems, "scan")
    if initializer is not None:
        state, state_tree = _flat_tensors(initializer, "initializer")
        return _scan("scan", fn, state, state_tree, flat, tree, reverse)[1]
    _check_first(flat, "scan")
    first = -1 if reverse else 0
    rest = slice(0, -1) if reverse else slice(1, None)
    state = [element[first] for element in flat]
    made = _scan("scan", fn, state, tree, [e[rest] for e in flat], tree, reverse)[1]
    stacked = jax.tree.leaves(made, is_leaf=is_handle)
    ordered = [(s[None], m) for s, m in zip(state, stacked, strict=True)]
    whole = [concat(pair[::-1] if reverse else pair, 0) for pair in ordered]
    return jax.tree.unflatten(tree, whole)


def foldl(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last state of `state = fn(state, elem)`, from the first element on.

    Arguments, default and errors as for `scan`.
    """
    return _fold(fn, elems, initializer, False)


def foldr(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last state of `state = fn(state, elem)`, from the last element on.

    Arguments, default and errors as for `scan`.
    """
    return _fold(fn, elems, initializer, True)


def _fold(fn: Callable, elems: Any, initializer: Any, reverse: bool) -> Any:
    name = "foldr" if reverse else "foldl"
    flat, tree = _elements(elems, name)
    if initializer is not None:
        state, state_tree = _flat_tensors(initializer, "initializer")
        return _scan(name, fn, state, state_tree, flat, tree, reverse)[0]
    _check_first(flat, name)
    state = [element[-1 if reverse else 0] for element in flat]
    rest = slice(0, -1) if reverse else slice(1, None)
    return _scan(name, fn, state, tree, [e[rest] for e in flat], tree, reverse)[0]


def _elements(elems: Any, name: str) -> tuple[list[Any], Any]:
    """What a loop goes over, flat; all of one length."""
    flat, tree = _flat_tensors(elems, "elems")
    lengths = {element.shape[:1] for element in flat}
    if len(lengths) != 1 or () in lengths:
        shapes = ", ".join(str(element.shape) for element in flat) or "none"
        raise ShapeError(
            f"{name}() expected `elems` with a first axis of one length to go over; "
            f"got shapes {shapes}. Give Tensors of shape (steps, ...)."
        )
    return flat, tree


def _check_first(flat: Sequence[Any], name: str) -> None:
    if not len(flat[0]):
        raise ShapeError(
            f"{name}() expected at least one element, for the first is the first "
            f"state; got `elems` of shape {flat[0].shape}. Give an `initializer`."
        )


def _scan(
    name: str,
    fn: Callable,
    state: list[Any],
    state_tree: Any,
    elements: list[Any],
    tree: Any,
    reverse: bool,
) -> tuple[Any, Any]:
    """The last state and all states."""
    kinds = [plain_type(value._type) for value in state]
    parts = [tensor_type(e._type.shape[1:], e._type.dtype) for e in elements]
    count = len(kinds)

    def function(*arguments: Any) -> Any:
        return fn(
            jax.tree.unflatten(state_tree, arguments[:count]),
            jax.tree.unflatten(tree, arguments[count:]),
        )

    turn = _Turn(*traced(name, function, [*kinds, *parts]))
    _check_state(name, turn, kinds, state_tree)

    bare = turn.formula()

    def loop(*arrays: Any) -> list[Any]:
        start, xs = arrays[:count], arrays[count : count + len(parts)]
        around = arrays[count + len(parts) :]

        def step(carry: Any, x: Any) -> tuple[Any, Any]:
            values, written = carry
            found, new = bare.compute([*values, *x], around, written)
            following = _as_carry(found, kinds)
            return (following, new), following

        first = (_as_carry(start, kinds), bare.first_written(around))
        (last, written), states = jax.lax.scan(step, first, list(xs), reverse=reverse)
        return [*last, *states, *written]

    key = (name, turn.key, tuple(kinds), tuple(parts), reverse)
    op = _op_of(key, name, loop, turn.carried(0, count))
    outputs = call(op, [*state, *elements, *turn.captured])
    turn.assign(outputs[2 * count :])
    return (
        jax.tree.unflatten(state_tree, outputs[:count]),
        jax.tree.unflatten(state_tree, outputs[count : 2 * count]),
    )


def _check_state(
    name: str, turn: _Turn, kinds: Sequence[TensorType], tree: Any
) -> None:
    if turn.tree == tree and all(map(_fits, turn.types, kinds)):
        return
    given, expected = (
        ", ".join(f"{kind.dtype.name}{list(kind.shape)}" for kind in some) or "nothing"
        for some in (turn.types, kinds)
    )
    raise ShapeError(
        f"The function given to {name}() must return a state like the one that it "
        f"takes: {expected}, nested as {tree}; it returned {given}, nested as "
        f"{turn.tree}. Give an `initializer` like what it returns."
    )


def map_fn(
    fn: Callable,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of each element of the first axis, one after another, stacked.

    `vectorized_map` computes all at once; this one takes the memory of one.

    Args:
        fn: Takes one element of `elems`; its results must have one shape.
        elems: Tensor, or a nested structure of them, with the same first axis.
        dtype: Accepted for compatibility; results keep the dtypes that `fn` gives.
        parallel_iterations: Accepted for compatibility.
        back_prop: Accepted for compatibility.
        swap_memory: Accepted for compatibility.
        infer_shape: Accepted for compatibility.
        name: Accepted for compatibility.
        fn_output_signature: Accepted for compatibility, as `dtype`.

    Returns:
        Tensors nested as the results of `fn`, stacked along a new first axis.

    Raises:
        ShapeError: if the elements have no common first axis.
    """
    flat, tree = _elements(elems, "map_fn")
    turn = _traced_map("map_fn", fn, flat, tree)

    bare, count = turn.formula(), len(flat)

    def loop(*arrays: Any) -> list[Any]:
        xs, around = arrays[:count], arrays[count:]

        def step(written: Any, x: Any) -> tuple[Any, Any]:
            found, new = bare.compute(x, around, written)
            return new, found

        written, results = jax.lax.scan(step, bare.first_written(around), list(xs))
        return [*results, *written]

    return _mapped(("map_fn", turn.key), "map_fn", loop, flat, turn)


def vectorized_map(
    fn: Callable,
    elems: Any,
    fallback_to_while_loop: bool = True,
    warn: bool = True,
) -> Any:
    """`fn` of each element of the first axis, all at once, stacked.

    Args:
        fn: Takes one element of `elems`; its results must have one shape. If it assigns
            Variables or draws random numbers, it is called for one after another.
        elems: Tensor, or a nested structure of them, with the same first axis.
        fallback_to_while_loop: Whether that is allowed. Default true.
        warn: Accepted for compatibility.

    Returns:
        Tensors nested as the results of `fn`, stacked along a new first axis.

    Raises:
        ShapeError: if the elements have no common first axis.
        ArgumentError: if `fn` assigns or draws, and `fallback_to_while_loop` is false.
    """
    flat, tree = _elements(elems, "vectorized_map")
    turn = _traced_map("vectorized_map", fn, flat, tree)
    if turn.assigns:
        if fallback_to_while_loop:
            return map_fn(fn, elems)
        raise ArgumentError(
            "vectorized_map() got a function that assigns a Variable or draws random "
            "numbers, which happens in an order. Use map_fn(), or "
            "fallback_to_while_loop=True."
        )

    bare, count = turn.formula(), len(flat)

    def loop(*arrays: Any) -> list[Any]:
        xs, around = arrays[:count], arrays[count:]
        return jax.vmap(lambda *x: bare.compute(x, around, ())[0])(*xs)

    return _mapped(("vectorized_map", turn.key), "vectorized_map", loop, flat, turn)


def _traced_map(name: str, fn: Callable, flat: Sequence[Any], tree: Any) -> _Turn:
    parts = [tensor_type(e._type.shape[1:], e._type.dtype) for e in flat]
    return _Turn(*traced(name, lambda *x: fn(jax.tree.unflatten(tree, x)), parts))


def _mapped(
    key: Hashable, name: str, loop: Callable, flat: Sequence[Any], turn: _Turn
) -> Any:
    op = _op_of(key, name, loop, turn.carried(0, 0))
    outputs = call(op, [*flat, *turn.captured])
    count = len(turn.types)
    turn.assign(outputs[count:])
    return jax.tree.unflatten(turn.tree, outputs[:count])
