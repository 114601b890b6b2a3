"""`scan`, `foldl` and `foldr` as one recorded call, whatever the length."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from .errors import ShapeError
from .ops import concat
from .recording.body import is_handle, settle_homes, traced
from .recording.execution import call
from .recording.signature import TensorType, plain_type, tensor_type
from .turns import (
    Turn,
    as_carry,
    check_first,
    elements_of,
    fits,
    flat_tensors,
    op_of,
    shown,
)


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
    flat, tree = elements_of(elems, "scan")
    if initializer is not None:
        state, state_tree = flat_tensors(initializer, "initializer")
        return _scan("scan", fn, state, state_tree, flat, tree, reverse)[1]
    check_first(flat, "scan")
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

    Args:
        fn: Takes the state and one element of `elems`, returns the next state.
        elems: Tensor, or a nested structure of them, with the same first axis.
        initializer: The first state. Default the first element, and `fn` is called
            from the second on.
        parallel_iterations: Accepted for compatibility, as those that follow.
        back_prop: Accepted for compatibility.
        swap_memory: Accepted for compatibility.
        name: Accepted for compatibility.

    Raises:
        ShapeError: as for `scan`.

    Example:
        >>> float(jt.foldl(lambda s, x: 10 * s + x, jt.constant([1.0, 2.0, 3.0])))
        123.0
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
    """The last state of `state = fn(state, elem)`, from the last element to the first.

    Args:
        fn: As for `foldl`, like those that follow.
        elems: Tensor, or a nested structure of them, with the same first axis.
        initializer: The first state. Default the last element, and `fn` is called
            from the one before it on.
        parallel_iterations: Accepted for compatibility, as those that follow.
        back_prop: Accepted for compatibility.
        swap_memory: Accepted for compatibility.
        name: Accepted for compatibility.

    Raises:
        ShapeError: as for `scan`.

    Example:
        >>> float(jt.foldr(lambda s, x: 10 * s + x, jt.constant([1.0, 2.0, 3.0])))
        321.0
    """
    return _fold(fn, elems, initializer, True)


def _fold(fn: Callable, elems: Any, initializer: Any, reverse: bool) -> Any:
    name = "foldr" if reverse else "foldl"
    flat, tree = elements_of(elems, name)
    if initializer is not None:
        state, state_tree = flat_tensors(initializer, "initializer")
        return _scan(name, fn, state, state_tree, flat, tree, reverse)[0]
    check_first(flat, name)
    state = [element[-1 if reverse else 0] for element in flat]
    rest = slice(0, -1) if reverse else slice(1, None)
    return _scan(name, fn, state, tree, [e[rest] for e in flat], tree, reverse)[0]


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

    turn = Turn(*traced(name, function, [*kinds, *parts]))
    _check_state(name, turn, kinds, state_tree)

    bare = turn.formula()

    def loop(*arrays: Any) -> list[Any]:
        start, xs = arrays[:count], arrays[count : count + len(parts)]
        around = arrays[count + len(parts) :]

        def step(carry: Any, x: Any) -> tuple[Any, Any]:
            values, written = carry
            found, new = bare.compute([*values, *x], around, written)
            following = as_carry(found, kinds)
            return (following, new), following

        first = (as_carry(start, kinds), bare.first_written(around))
        (last, written), states = jax.lax.scan(step, first, list(xs), reverse=reverse)
        return [*last, *states, *written]

    key = (name, turn.key, tuple(kinds), tuple(parts), reverse)
    op = op_of(key, name, loop, turn.carried(0, count))
    settle_homes(turn.captured)
    outputs = call(op, [*state, *elements, *turn.captured])
    turn.assign(outputs[2 * count :])
    return (
        jax.tree.unflatten(state_tree, outputs[:count]),
        jax.tree.unflatten(state_tree, outputs[count : 2 * count]),
    )


def _check_state(name: str, turn: Turn, kinds: Sequence[TensorType], tree: Any) -> None:
    if turn.tree == tree and all(map(fits, turn.types, kinds)):
        return
    raise ShapeError(
        f"The function given to {name}() must return a state like the one that it "
        f"takes: {shown(kinds)}, nested as {tree}; it returned {shown(turn.types)}, "
        f"nested as {turn.tree}. Give an `initializer` like what it returns."
    )
