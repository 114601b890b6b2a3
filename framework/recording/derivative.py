"""Derivative: the results of one call, and what it does to cotangents and tangents."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from .cache import Cache
from .node import Node
from .op import Op, op_programs
from .signature import TensorType, plain_type

GRADIENT = Op("gradient", lambda *operands, slice_: slice_.compute(operands))
"""Differentiates a `Slice`, in the way that its form says."""


def apply(node: Node, inputs: Sequence[Any]) -> list[Any]:
    """The results of a node's call as a flat list, inside a trace or eagerly."""
    assert node.op is not None
    out = node.op.function(*inputs, **node.options)
    return [out] if node.tree is None else jax.tree.leaves(out)


def apply_compiled(node: Node, inputs: Sequence[Any]) -> list[Any]:
    """The same by the op's own compiled program."""
    assert node.op is not None
    out = node.op.compiled(node.options, node.key[1])(*inputs)
    return [out] if node.tree is None else jax.tree.leaves(out)


def pull_function(node: Node, wrt: tuple[int, ...], given: tuple[int, ...]) -> Callable:
    """The op's pullback: inputs and cotangents in, cotangents of some inputs out.

    Args:
        node: The call.
        wrt: Positions of the inputs to differentiate by.
        given: Positions of the results whose cotangents come in; others are zero.
    """

    def pulled(inputs: Sequence[Any], cotangents: Sequence[Any]) -> tuple:
        outputs, pull = linearized(node, inputs, wrt)
        return pull(with_zeros(outputs, given, cotangents))

    return pulled


def linearized(
    node: Node, inputs: Sequence[Any], wrt: tuple[int, ...]
) -> tuple[list[Any], Callable]:
    """Results of a call, and the function from their cotangents to its inputs'."""

    def forward(*chosen: Any) -> list[Any]:
        return apply(node, replaced(inputs, wrt, chosen))

    assert node.op is not None
    if node.op.rule is not None:
        return node.op.rule(inputs, wrt)
    outputs, pull = jax.vjp(forward, *[inputs[position] for position in wrt])
    if node.op.masks_zeros:
        pull = jax.tree_util.Partial(_pull_masked, pull)
    return outputs, pull


def _pull_masked(pull: Callable, cotangents: Sequence[Any]) -> list[Any]:
    """Cotangents of the inputs: 0 where 0 arrives, not 0 times an infinite slope."""
    (arriving,) = cotangents
    return [_masked(arriving, part) for part in pull(cotangents)]


def _masked(arriving: Any, leaving: Any) -> Any:
    return jnp.where((arriving == 0) & ~jnp.isfinite(leaving), 0, leaving)


def replaced(
    inputs: Sequence[Any], positions: Sequence[int], arrays: Sequence[Any]
) -> list[Any]:
    """The inputs with others at some positions."""
    found = list(inputs)
    for position, array in zip(positions, arrays, strict=True):
        found[position] = array
    return found


def with_zeros(
    outputs: Sequence[Any], given: Sequence[int], cotangents: Sequence[Any]
) -> list[Any]:
    """One cotangent for each result: the given ones, and zeros for the rest."""
    full: list[Any] = [
        jnp.zeros(out.shape, out.dtype)
        if jnp.issubdtype(out.dtype, np.inexact)
        else np.zeros(out.shape, jax.dtypes.float0)
        for out in outputs
    ]
    for position, cotangent in zip(given, cotangents, strict=True):
        full[position] = cotangent
    return full


_pullback_inputs: Cache[tuple] = Cache(lambda: config.bounds.op_programs)


def pullback_inputs(
    node: Node,
    wrt: tuple[int, ...],
    given: tuple[int, ...],
    types: Mapping[int, TensorType],
) -> tuple[int, ...]:
    """Positions of the inputs whose values a call's pullback makes use of."""
    assert node.op is not None
    kinds = tuple(plain_type(types[number]) for number in node.inputs)
    # A gradient's key has numbers only; its slice tells which calls they belong to.
    key = (node.op, node.key[1], node.tree, kinds, wrt, given)
    found = None if node.op is GRADIENT else _pullback_inputs.get(key)
    if found is None:
        program = jax.make_jaxpr(pull_function(node, wrt, given))(
            [kind.as_jax() for kind in kinds],
            [node.outputs[n].as_jax() for n in given],
        ).jaxpr
        used = _used_inputs(program, set(map(id, program.outvars)))
        positions = range(len(kinds))
        found = (tuple(n for n in positions if id(program.invars[n]) in used),)
        if node.op is not GRADIENT:
            found = _pullback_inputs.add(key, found)
    return found[0]


def _used_inputs(program: Any, wanted: set[int]) -> set[int]:
    """Ids of the variables of a jaxpr that the wanted ones depend on."""
    for equation in reversed(program.eqns):
        outputs = [n for n, v in enumerate(equation.outvars) if id(v) in wanted]
        if not outputs:
            continue
        inner = equation.params.get("jaxpr")
        if equation.primitive.name in ("jit", "pjit") and inner is not None:
            below = inner.jaxpr
            ends = {id(below.outvars[n]) for n in outputs}
            used = _used_inputs(below, ends)
            wanted.update(
                id(outer)
                for outer, own in zip(equation.invars, below.invars, strict=True)
                if id(own) in used
            )
        else:
            wanted.update(map(id, equation.invars))
    return wanted


def pull_compiled(node: Node, wrt: tuple[int, ...], given: tuple[int, ...]) -> Callable:
    """The op's pullback as a compiled program, found again by its structure."""
    assert node.op is not None
    key = (node.op, node.key[1], node.tree, wrt, given)
    program = op_programs.get(key)
    if program is None:
        program = op_programs.add(key, jax.jit(pull_function(node, wrt, given)))
    return program


def pushed(
    node: Node, inputs: Sequence[Any], wrt: tuple[int, ...], tangents: Sequence[Any]
) -> list[Any]:
    """Tangents of a call's results, from those of the inputs at positions `wrt`."""

    def forward(*chosen: Any) -> list[Any]:
        return apply(node, replaced(inputs, wrt, chosen))

    assert node.op is not None
    if not node.op.masks_zeros and pulls_by_rule(node, inputs, wrt):
        return _pushed_by_pulling(node, inputs, wrt, tangents)
    primals = [inputs[position] for position in wrt]
    _, found = jax.jvp(forward, primals, list(tangents))
    if node.op.masks_zeros:
        (arriving,) = tangents
        return [_masked(arriving, part) for part in found]
    return found


def pulls_by_rule(node: Node, inputs: Sequence[Any], wrt: tuple[int, ...]) -> bool:
    """Whether a call's pullback is another than JAX's derivative of its results."""
    assert node.op is not None
    if node.op.rule is not None or node.op.masks_zeros:
        return True
    if not node.op.is_user:
        return False

    def forward(*chosen: Any) -> list[Any]:
        return apply(node, replaced(inputs, wrt, chosen))

    primals = [inputs[position] for position in wrt]
    return _has_pull_rule(jax.make_jaxpr(forward)(*primals).jaxpr)


def _has_pull_rule(program: Any) -> bool:
    """Whether JAX knows only a pullback for something inside of a jaxpr."""
    for equation in program.eqns:
        if "custom_vjp" in equation.primitive.name:
            return True
        for inner in jax.tree.leaves(list(equation.params.values())):
            below = getattr(inner, "jaxpr", inner)
            if hasattr(below, "eqns") and _has_pull_rule(below):
                return True
    return False


def _pushed_by_pulling(
    node: Node, inputs: Sequence[Any], wrt: tuple[int, ...], tangents: Sequence[Any]
) -> list[Any]:
    """The same where only a rule for cotangents is known: the pullback's transpose."""
    outputs, pull = linearized(node, inputs, wrt)
    floats = [
        n for n, out in enumerate(outputs) if jnp.issubdtype(out.dtype, np.inexact)
    ]

    def pulled(*cotangents: Any) -> Sequence[Any]:
        return tuple(pull(with_zeros(outputs, floats, cotangents)))

    zeros = [jnp.zeros_like(outputs[n]) for n in floats]
    _, transposed = jax.vjp(pulled, *zeros)
    return with_zeros(outputs, floats, transposed(tuple(tangents)))


def push_compiled(node: Node, wrt: tuple[int, ...]) -> Callable:
    """`pushed` as a compiled program, found again by the call's structure."""
    assert node.op is not None
    slice_ = node.options["slice_"] if node.op is GRADIENT else None
    key = (node.op, node.key[1] if slice_ is None else slice_, node.tree, wrt, "push")
    program = op_programs.get(key)
    if program is None:

        def push(inputs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
            return pushed(node, inputs, wrt, tangents)

        program = op_programs.add(key, jax.jit(push))
    return program
