"""recompute_grad: less memory for a gradient, by computing the function once more."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from . import config, masking
from .recording.body import Computation, has_tracer, is_handle, settle_homes, traced
from .recording.cache import Cache
from .recording.execution import call
from .recording.node import Handle, current
from .recording.op import Op
from .recording.tensor import convert


def recompute_grad(f: Callable, policy: Callable | None = None) -> Callable:
    """A function whose gradient computes it again instead of keeping what it computed.

    Args:
        f: Function of Tensors, Variables, arrays, numbers and anything else, nested as
            you like. Variables and Tensors that it captures have gradients too.
        policy: Which values are kept all the same, one of `jax.checkpoint_policies`,
            for example `jax.checkpoint_policies.dots_saveable`. Default none of them,
            as in TensorFlow.

    Returns:
        A function of the same arguments and results.

    Raises:
        BodyError: under a tape, if `f` reads a value that it computes.

    References:
        Chen, Xu, Zhang and Guestrin, 2016, section 3.
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if current().depth == 0 and not has_tracer((args, kwargs)):
            return f(*args, **kwargs)
        return _call(f, policy, args, kwargs)

    return decorated


def _call(f: Callable, policy: Callable | None, args: tuple, kwargs: dict) -> Any:
    given = masking.parted((args, kwargs))
    leaves, tree = jax.tree.flatten(given, is_leaf=is_handle)
    places = [place for place, leaf in enumerate(leaves) if _is_input(leaf)]
    inputs = [convert(leaves[place]) for place in places]

    def function(*stand_ins: Any) -> Any:
        chosen = list(leaves)
        for place, stand_in in zip(places, stand_ins, strict=True):
            chosen[place] = stand_in
        inner_args, inner_kwargs = masking.joined(jax.tree.unflatten(tree, chosen))
        return masking.parted(f(*inner_args, **inner_kwargs))

    kinds = [source._type for source in inputs]
    computation, result_tree = traced("recompute_grad", function, kinds, inputs)
    op = _op_of(f, computation, policy)
    settle_homes(computation.captured)
    outputs = call(op, [*inputs, *computation.captured])
    count = computation.num_results
    computation.assign(outputs[count:])
    return masking.joined(jax.tree.unflatten(result_tree, outputs[:count]))


def _is_input(leaf: Any) -> bool:
    """Whether an argument is data; Python ints, flags and the rest are structure."""
    return isinstance(leaf, Handle | jax.Array | np.ndarray | np.inexact | float)


_ops: Cache[Op] = Cache(lambda: config.bounds.op_programs)


def _op_of(f: Callable, computation: Computation, policy: Callable | None) -> Op:
    key = (computation.key, policy)
    found = _ops.get(key)
    if found is None:
        name = getattr(f, "__name__", "recompute_grad")
        function = jax.checkpoint(computation.formula().compute, policy=policy)
        op = Op(name, function, carried=computation.carried, is_user=True)
        found = _ops.add(key, op)
    return found
