"""`map_fn` and `vectorized_map` as one recorded call, whatever the length."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax

from .errors import ArgumentError
from .recording.body import settle_homes, traced
from .recording.execution import call
from .recording.signature import tensor_type
from .turns import Turn, elements_of, op_of


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
    flat, tree = elements_of(elems, "map_fn")
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
    flat, tree = elements_of(elems, "vectorized_map")
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


def _traced_map(name: str, fn: Callable, flat: Sequence[Any], tree: Any) -> Turn:
    parts = [tensor_type(e._type.shape[1:], e._type.dtype) for e in flat]
    return Turn(*traced(name, lambda *x: fn(jax.tree.unflatten(tree, x)), parts))


def _mapped(
    key: Hashable, name: str, loop: Callable, flat: Sequence[Any], turn: Turn
) -> Any:
    op = op_of(key, name, loop, turn.carried(0, 0))
    settle_homes(turn.captured)
    outputs = call(op, [*flat, *turn.captured])
    count = len(turn.types)
    turn.assign(outputs[count:])
    return jax.tree.unflatten(turn.tree, outputs[:count])
