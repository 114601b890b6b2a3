"""Replay: a path of nodes as a pure JAX function.

Inside a program the pullbacks of calls come with their forward values, from one
`jax.vjp` for each call, so that nothing is computed twice.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .checking import Checker
from .derivative import (
    GRADIENT,
    apply,
    apply_compiled,
    linearized,
    pull_compiled,
    push_compiled,
    pushed,
    with_zeros,
)
from .nested import Nest, goes_back
from .node import Node
from .signature import SCALAR, TensorType


def needed(path: Sequence[Node], wanted: Iterable[int]) -> list[Node]:
    """The calls that the wanted values depend on, in order."""
    wants = set(wanted)
    chosen = []
    for node in reversed(path):
        if any(number in wants for number in range(node.first, node.end)):
            chosen.append(node)
            wants.update(node.inputs)
            if node.op is GRADIENT:
                wants.update(inner.first for inner, _ in node.options["slice_"].nodes)
    chosen.reverse()
    return chosen


def values_taken(node: Node) -> Iterable[int]:
    """Numbers of the values that a call takes itself.

    A gradient takes its seeds; the rest is taken by the calls that it passes.
    """
    if node.op is GRADIENT and not node.options["slice_"].form.is_forward:
        return [n for n in node.options["slice_"].seeds if n is not None]
    return node.inputs


Pullbacks = dict[Node, tuple[tuple[int, ...], Callable]]
"""For calls that are linearized: the inputs it is done for, and the pullback."""


def replay(
    nodes: Sequence[Node],
    values: dict[int, Any],
    known: Pullbacks | None = None,
    keeps: Sequence[tuple[Node, tuple[int, ...]]] = (),
    is_body: bool = False,
) -> Pullbacks:
    """Compute all results of `nodes` inside a trace, adding them to `values`.

    Calls that gradients pass through are linearized as they are computed, once, and
    all gradients share them.

    Args:
        nodes: The calls, in order.
        values: What they stand on, by number.
        known: The pullbacks of calls that ran before.
        keeps: Calls to linearize although no gradient passes yet, and for which inputs.
        is_body: Whether JAX differentiates the whole, and not a slice of it.
    """
    pulls: Pullbacks = dict(known or {})
    nest = Nest(nodes, pulls)
    passed: dict[Node, set[int]] = {node: set(wrt) for node, wrt in keeps}
    for node in nodes:
        if goes_back(node) and not nest.takes(node):
            for inner, wrt in node.options["slice_"].nodes:
                passed.setdefault(inner, set()).update(wrt)

    def inputs_of(node: Node) -> list[Any]:
        return [values[number] for number in node.inputs]

    def pull_node(
        node: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
    ) -> list[Any]:
        positions, pull = pulls[node]
        pulled = pull(with_zeros(node.outputs, given, cotangents))
        return [pulled[positions.index(position)] for position in wrt]

    def push_node(node: Node, wrt: tuple, tangents: Sequence[Any]) -> list[Any]:
        return pushed(node, inputs_of(node), wrt, tangents)

    for node in nodes:
        positions = tuple(sorted(passed.get(node, ())))
        if nest.passes(node):
            outputs, linear = nest.climb(node, values, positions)
            if linear is not None:
                pulls[node] = linear
            elif positions:  # of a gradient that passes what ran before, too
                pulls[node] = positions, linearized(node, inputs_of(node), positions)[1]
        elif nest.takes(node):
            outputs = nest.derive(node, values)
        elif positions:
            outputs, pull = linearized(node, inputs_of(node), positions)
            pulls[node] = positions, pull
        elif node.op is GRADIENT:  # whose inputs need not all be there
            slice_ = node.options["slice_"]
            outputs = slice_.derive(values, pull_node, push_node)
        else:
            inputs = inputs_of(node)
            outputs = apply(node, inputs)
            if is_body:
                outputs = _read_after(node, inputs, outputs)
        values.update(enumerate(outputs, node.first))
    return pulls


def _read_after(node: Node, inputs: Sequence[Any], outputs: list[Any]) -> list[Any]:
    """Results of a call whose writes are reads of the variables, as for a tape."""
    assert node.op is not None
    found = list(outputs)
    for output, position in node.op.reads:
        if jnp.issubdtype(inputs[position].dtype, jnp.inexact):
            found[output] = _assigned(inputs[position], outputs[output])
    return found


@jax.custom_jvp
def _assigned(variable: jax.Array, value: jax.Array) -> jax.Array:
    return value


@_assigned.defjvp
def _assigned_jvp(primals: tuple, tangents: tuple) -> tuple:
    return primals[1], tangents[0]


def replay_op_by_op(
    nodes: Sequence[Node], values: dict[int, Any], checker: Checker | None = None
) -> None:
    """The same without compiling the whole: each call by its own cached program.

    Args:
        nodes: The calls, in order.
        values: What they stand on, by number; their results are added.
        checker: Looks at every call.
    """

    def pull_node(
        node: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        inputs = [values[number] for number in node.inputs]
        if node.op is GRADIENT:
            outputs, pull = linearized(node, inputs, wrt)
            pulled = pull(with_zeros(outputs, given, cotangents))
        else:
            pulled = pull_compiled(node, wrt, given)(inputs, cotangents)
        if checker is not None:
            checker.after_pull(node, inputs, cotangents, pulled)
        return pulled

    def push_node(node: Node, wrt: tuple, tangents: Sequence[Any]) -> Sequence[Any]:
        inputs = [values[number] for number in node.inputs]
        return push_compiled(node, wrt)(inputs, tangents)

    for node in nodes:
        inputs = [values[number] for number in node.inputs]
        try:
            if checker is not None:
                checker.before(node, inputs)
            if node.op is GRADIENT:
                slice_ = node.options["slice_"]
                outputs = slice_.derive(values, pull_node, push_node)
            else:
                outputs = apply_compiled(node, inputs)
            if checker is not None:
                checker.after(node, inputs, outputs)
        except Exception as error:
            error.add_note(f"In {node.op}, recorded at {node.site}.")
            raise
        values.update(enumerate(outputs, node.first))


def as_typed(value: Any, kind: TensorType) -> Any:
    """An argument as its type says: a number takes the dtype it stands in for."""
    if kind.role == SCALAR and not kind.weak_type:
        return jnp.asarray(value, kind.dtype)
    return value
