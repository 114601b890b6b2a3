"""Branches as recorded calls: `cond`, `switch_case` and `case` inside of one program.

What each branch calls is recorded once, as a body of its own. Tensors and Variables
from around it become operands, what it assigns (random states among it) becomes a
result, and gradients flow through the branch that is taken.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from . import config
from .errors import ArgumentError, ShapeError
from .recording.body import Computation, assign, has_tracer, settle_homes, traced
from .recording.cache import Cache
from .recording.execution import call, is_waiting
from .recording.node import Handle, current
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert

_ops: Cache[Op] = Cache(lambda: config.bounds.op_programs)


def cond(
    pred: TensorLike,
    true_fn: Callable[[], Any],
    false_fn: Callable[[], Any],
    name: str | None = None,
) -> Any:
    """The result of `true_fn()` where `pred` is true, else that of `false_fn()`.

    Inside of a step both are recorded, and the program takes one of them; elsewhere, or
    if their results differ in shape or dtype, `pred` is read and one of them called.

    Args:
        pred: Scalar.
        true_fn: Function without arguments; may assign Variables.
        false_fn: The same.
        name: Accepted for compatibility.

    Returns:
        Tensors nested as the results of both functions.

    Raises:
        ShapeError: if `pred` is no scalar.
    """
    return switch_case(_as_index(pred), [false_fn, true_fn])


def _as_index(pred: TensorLike) -> Any:
    """A truth value as the number of a branch."""
    if isinstance(pred, bool | int):
        return int(bool(pred))
    scalar = convert(pred, name="pred")
    if scalar.shape == () and not is_recorded(scalar):
        return int(bool(scalar))
    if scalar.shape != ():
        raise ShapeError(
            f"cond() expected a scalar `pred`; got shape {scalar.shape}. Reduce it: "
            "jt.reduce_any(pred), or choose elementwise: jt.where(pred, a, b)."
        )
    return call(_TRUTH, (scalar,))


_TRUTH = Op("cond", lambda x: (x != 0).astype(jnp.int32), is_differentiable=False)


def switch_case(
    branch_index: TensorLike,
    branch_fns: Any,
    default: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """The result of one of several functions, chosen by number.

    Args:
        branch_index: Scalar integer.
        branch_fns: Functions without arguments: a list, a dictionary by number or a
            list of `(number, function)`.
        default: What is called for any other number. Default the function with the
            highest one, as in TensorFlow.
        name: Accepted for compatibility.

    Returns:
        Tensors nested as the results of all functions.

    Raises:
        ArgumentError: if there is no function.
    """
    by_number = _numbered(branch_fns)
    fallback = by_number[max(by_number)] if default is None else default
    if isinstance(branch_index, int):
        return by_number.get(branch_index, fallback)()
    index = convert(branch_index, name="branch_index")
    if not is_recorded(index):
        return by_number.get(int(index), fallback)()
    functions = list(by_number.values())
    if default is not None:
        functions.append(default)
    try:
        return _switch(index, list(by_number), functions)
    except _Misfit:
        return by_number.get(int(index), fallback)()


class _Misfit(Exception):
    """The branches' results differ in structure, shape or dtype."""


def _numbered(branch_fns: Any) -> dict[int, Callable]:
    if isinstance(branch_fns, dict) or (branch_fns and not callable(branch_fns[0])):
        found = dict(branch_fns)
    else:
        found = dict(enumerate(branch_fns))
    if not found:
        raise ArgumentError(
            "switch_case() expected at least one function in `branch_fns`; got none. "
            "Give a list of functions without arguments."
        )
    return found


def is_recorded(*handles: Handle) -> bool:
    """Whether calls are recorded or traced now, or wait for what is."""
    return current().depth > 0 or any(
        is_waiting(handle) or has_tracer(handle) for handle in handles
    )


def _switch(index: Tensor, numbers: list[int], functions: Sequence[Callable]) -> Any:
    """Record all branches and the choice among them as one call."""
    bodies = [traced("cond", function) for function in functions]
    computations = [computation for computation, _ in bodies]
    trees = {tree for _, tree in bodies}
    kinds = {tuple((t.shape, t.dtype) for t in c.types) for c in computations}
    if len(trees) > 1 or len(kinds) > 1:
        raise _Misfit
    operands: dict[int, Handle] = {}
    for computation in computations:
        operands.update((id(handle), handle) for handle in computation.captured)
    places = {name: place for place, name in enumerate(operands)}
    branches = tuple(
        _Branch(
            computation,
            tuple(places[id(handle)] for handle in computation.captured),
        )
        for computation in computations
    )
    written = tuple(sorted({place for branch in branches for place in branch.written}))
    key = ("cond", tuple(numbers), tuple(b.key for b in branches), written)
    op = _ops.get(key)
    if op is None:
        function = _choice(numbers, branches, written)
        carried = frozenset().union(*(branch.carried for branch in branches))
        op = _ops.add(key, Op("cond", function, carried=carried, is_user=True))
    handles = list(operands.values())
    settle_homes(handles)
    outputs = call(op, [index, *handles])
    count = computations[0].num_results
    apart = {place for branch in branches for place in branch.apart}
    pairs = zip(written, outputs[count:], strict=True)
    kept = [(handles[place], value) for place, value in pairs if place in apart]
    assign([handle for handle, _ in kept], [value for _, value in kept])
    (tree,) = trees
    return jax.tree.unflatten(tree, outputs[:count])


class _Branch:
    """A branch as a function of the operands of all branches.

    Attributes:
        written: Places among the operands of the variables that it assigns.
        apart: Those of them that it does not assign by way of a home.
        carried: Positions of the op's inputs that a derivative can reach.
        key: Its structure, hashable.
    """

    def __init__(self, computation: Computation, places: tuple[int, ...]) -> None:
        self._computation = computation.formula()
        self._places = places
        inputs = (places[position] for position in computation.carried)
        self.carried = {1 + place for place in inputs}  # after the number
        self.written = [places[position] for position in computation.assigned]
        self.apart = [
            places[position]
            for position in computation.assigned
            if position not in computation.following
        ]
        self.key = (computation.key, places)

    def compute(self, written: Sequence[int], operands: Sequence[Any]) -> list[Any]:
        """The results, and the values after it of the operands at `written`."""
        computation = self._computation
        found = computation.compute(*[operands[place] for place in self._places])
        count = computation.num_results
        results = [
            jnp.asarray(value, kind.dtype)  # weakly typed in one branch, maybe
            for value, kind in zip(found[:count], computation.types, strict=True)
        ]
        after = dict(zip(self.written, found[count:], strict=True))
        return [*results, *(after.get(place, operands[place]) for place in written)]


def _choice(
    numbers: Sequence[int], branches: Sequence[_Branch], written: Sequence[int]
) -> Callable:
    """The op's function: the number, then the operands of all branches."""

    def function(index: Any, *operands: Any) -> list[Any]:
        # The place of the number among `numbers`, or else that of the default: behind
        # them, or where the highest number is.
        other = len(numbers) if len(branches) > len(numbers) else _place_of_max(numbers)
        found = jnp.array([index == n for n in numbers])
        place = jnp.where(found.any(), jnp.argmax(found), other)
        choices = [lambda args, b=b: b.compute(written, args) for b in branches]
        return jax.lax.switch(place, choices, operands)

    return function


def _place_of_max(numbers: Sequence[int]) -> int:
    return numbers.index(max(numbers))


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str | None = None,
) -> Any:
    """The result of the first function whose condition holds.

    Args:
        pred_fn_pairs: A list of `(scalar, function without arguments)`.
        default: What is called where no condition holds. Default the last function,
            as in TensorFlow.
        exclusive: Accepted for compatibility; the first one counts.
        strict: Accepted for compatibility.
        name: Accepted for compatibility.

    Raises:
        ArgumentError: if there is no pair.
    """
    pairs = list(pred_fn_pairs)
    if not pairs:
        raise ArgumentError(
            "case() expected at least one pair in `pred_fn_pairs`; got none. "
            "Give a list of (condition, function)."
        )
    if default is None:
        *pairs, (_, chosen) = pairs
    else:
        chosen = default
    for pred, function in reversed(pairs):
        chosen = _nested(pred, function, chosen)
    return chosen()


def _nested(pred: Any, function: Callable, otherwise: Callable) -> Callable:
    return lambda: cond(pred, function, otherwise)
