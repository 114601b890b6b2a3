"""custom_gradient: a function with a rule of its own for its gradient."""

import functools
import inspect
import traceback
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import config
from .errors import ArgumentError, ArgumentTypeError, ShapeError
from .masking import attach, mask_of
from .recording.body import assign, body_of, has_tracer, is_handle, settle_homes
from .recording.cache import Cache
from .recording.derivative import GRADIENT
from .recording.execution import call
from .recording.node import Handle, Node, current
from .recording.op import Op
from .recording.replay import needed, replay
from .recording.signature import TRAINABLE
from .recording.tensor import Tensor, convert
from .variable import Variable


def custom_gradient(f: Callable | None = None) -> Callable:
    """Decorate a function that returns its result and its own rule for the gradient.

    Args:
        f: Function of any arguments that returns `(result, grad_fn)`. `grad_fn` takes
            one cotangent for each Tensor in `result` and returns one gradient (or
            `None`) for each of the function's positional arguments: Tensors,
            Variables, arrays and numbers anywhere in them, in order. If the function
            reads trainable Variables, `grad_fn` must take a keyword `variables`, the
            list of them, and return `(gradients, variable_gradients)`.

    Returns:
        A function of the same arguments that returns `result`. Arguments that are
        given by keyword are found by their names, and the rule holds for them too.

    Raises:
        ArgumentTypeError: when called, if the function does not return a pair, or reads
            Variables and `grad_fn` takes no `variables`.
        ArgumentError: by `tape.gradient`, if `grad_fn` returned another number of
            gradients. What `grad_fn` itself raises comes through there, unchanged.

    Example:
        >>> @jt.custom_gradient
        ... def clip_gradient(x):
        ...     return jt.identity(x), lambda dy: jt.clip_by_value(dy, -1.0, 1.0)
        >>> x = jt.constant(2.0)
        >>> with jt.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = 5.0 * clip_gradient(x)
        >>> float(tape.gradient(y, x))
        1.0

    Note:
        Under a tape `grad_fn` runs when the function is called, once, on cotangents
        that have no values yet; it is recorded, as the function itself is.
    """
    if f is None:
        return custom_gradient
    function = f

    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if current().depth == 0 and not has_tracer((args, kwargs)):
            return _pair(function, function(*args, **kwargs))[0]
        return _call(function, args, kwargs)

    return decorated


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, Handle)


class _Arguments:
    """The arguments of one call: which of them the rule gives gradients for.

    Attributes:
        inputs: The Tensors among them that count, in order.
        count: How many gradients the rule returns: Python ints and flags have a place
            too, but are structure.
        places: For each input its place among the gradients.
    """

    def __init__(self, function: Callable, args: tuple, kwargs: dict) -> None:
        self._leaves, self._tree = jax.tree.flatten((args, kwargs), is_leaf=is_handle)
        by_position = len(jax.tree.leaves(args, is_leaf=is_handle))
        named = _positional_names(function)
        order = sorted(kwargs, key=lambda name: named.get(name, 0))
        by_name: dict[str, list[int]] = {}
        place = by_position
        for name in sorted(kwargs):  # as JAX flattens a dictionary
            size = len(jax.tree.leaves(kwargs[name], is_leaf=is_handle))
            by_name[name] = list(range(place, place + size))
            place += size
        counted = [n for n in range(by_position) if _is_numeric(self._leaves[n])]
        counted += [
            n
            for name in order
            if name in named
            for n in by_name[name]
            if _is_array(self._leaves[n])
        ]
        self.count = len(counted)
        self._at = {
            place: position
            for position, place in enumerate(counted)
            if not isinstance(self._leaves[place], int | np.integer | np.bool_)
        }
        self.places = list(self._at.values())
        self.inputs = [convert(self._leaves[place]) for place in self._at]

    def with_inputs(self, inputs: Sequence[Any]) -> tuple[tuple, dict]:
        """The arguments with other Tensors in place of the inputs."""
        leaves = list(self._leaves)
        for place, value in zip(self._at, inputs, strict=True):
            leaves[place] = value
        return jax.tree.unflatten(self._tree, leaves)


def _positional_names(function: Callable) -> dict[str, int]:
    """Names of the parameters that may be given by position, and which they are."""
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    parameters = inspect.signature(function).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind in kinds]
    return {name: position for position, name in enumerate(names)}


def _is_array(value: Any) -> bool:
    return isinstance(value, Handle | jax.Array | np.ndarray)


def _is_numeric(value: Any) -> bool:
    return _is_array(value) or isinstance(value, int | float | complex | np.generic)


def _pair(function: Callable, returned: Any) -> tuple[Any, Callable]:
    """What the decorated function returned, checked."""
    if isinstance(returned, tuple) and len(returned) == 2 and callable(returned[1]):
        return returned
    name = getattr(function, "__name__", "the function")
    raise ArgumentTypeError(
        f"@custom_gradient expected {name}() to return (result, grad_fn); got "
        f"{type(returned).__name__}. End it with, for example, "
        "`return y, lambda dy: dy * 2.0`."
    )


def _call(function: Callable, args: tuple, kwargs: dict) -> Any:
    """Record the function and its rule as one call."""
    arguments = _Arguments(function, args, kwargs)
    with body_of("custom_gradient") as body:
        kinds = [source._type for source in arguments.inputs]
        stand_ins = body.placeholders(kinds, arguments.inputs)
        for source, stand_in in zip(arguments.inputs, stand_ins, strict=True):
            mask = mask_of(source)
            if mask is not None:
                attach(stand_in, mask)
        inner_args, inner_kwargs = arguments.with_inputs(stand_ins)
        returned = function(*inner_args, **inner_kwargs)
        result, grad_fn = _pair(function, returned)
        leaves, tree = jax.tree.flatten(result, is_leaf=is_handle)
        results = [body.number(convert(leaf)) for leaf in leaves]
        types = body.node.types() if body.node is not None else []
        variables = [
            (number, handle)
            for number, handle in body.captured().items()
            if isinstance(handle, Variable) and handle._type.role == TRAINABLE
        ]
        _check_takes_variables(function, grad_fn, [v for _, v in variables])
        body.what = "The grad_fn of a custom_gradient"
        body.otherwise = (
            "or look at the gradient that the tape returns: the rule is recorded when "
            "the function is called, and prints nothing but shapes"
        )
        end = len(body.values)
        cotangents = body.placeholders([types[number] for number in results])
        failure, gradients = None, []
        try:
            gradients = _gradients(grad_fn, cotangents, arguments, variables)
            _check_shapes(gradients, [*arguments.inputs, *(v for _, v in variables)])
            numbers = [None if g is None else body.number(g) for g in gradients]
        except Exception as error:
            failure, numbers = error, []
        captured = body.captured()
        assigned = body.assigned()
        node = body.node
    inner = [*range(len(stand_ins)), *captured]
    carriers = [*range(len(stand_ins)), *(number for number, _ in variables)]
    rule = _Rule(
        node,
        tuple(inner),
        (*results, *assigned.values()),
        tuple(range(end, end + len(cotangents))),
        tuple(
            (inner.index(carrier), number)
            for carrier, number in zip(carriers, numbers, strict=False)
            if number is not None
        ),
    )
    op = _op_of(function, rule, failure)
    settle_homes(list(captured.values()))
    outputs = call(op, [*arguments.inputs, *captured.values()])
    assign([captured[first] for first in assigned], outputs[len(results) :])
    return jax.tree.unflatten(tree, outputs[: len(results)])


def _check_takes_variables(
    function: Callable, grad_fn: Callable, variables: Sequence[Any]
) -> None:
    if not variables:
        return
    parameters = inspect.signature(grad_fn).parameters.values()
    if any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters):
        return
    names = ", ".join(f"'{variable.name}'" for variable in variables)
    raise ArgumentTypeError(
        f"{getattr(function, '__name__', 'The function')}() reads the variables "
        f"{names}, so its grad_fn must take a keyword `variables` and return "
        "(gradients, variable_gradients): `def grad(dy, variables=None): ...`."
    )


def _gradients(
    grad_fn: Callable,
    cotangents: Sequence[Any],
    arguments: _Arguments,
    variables: Sequence[tuple[int, Any]],
) -> list[Tensor | None]:
    """What the rule returns, for each input and then for each variable."""
    if variables:
        handles = [variable for _, variable in variables]
        returned = grad_fn(*cotangents, variables=handles)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise ArgumentTypeError(
                "The grad_fn of a custom_gradient that reads variables is expected to "
                "return (gradients, variable_gradients); it returned "
                f"{_described(returned)}. For example: `return dy * w, [dy * x]`."
            )
        returned, by_variable = returned
        of_variables = jax.tree.leaves(by_variable, is_leaf=_is_leaf)
        _check_count(of_variables, len(handles), "variables")
    else:
        returned, of_variables = grad_fn(*cotangents), []
    flat = jax.tree.leaves(returned, is_leaf=_is_leaf)
    _check_count(flat, arguments.count, "arguments")
    chosen = [*(flat[place] for place in arguments.places), *of_variables]
    return [None if g is None else convert(g, name="gradient") for g in chosen]


def _described(returned: Any) -> str:
    if isinstance(returned, tuple | list):
        return f"a {type(returned).__name__} of {len(returned)}"
    return type(returned).__name__


def _check_count(given: Sequence[Any], expected: int, what: str) -> None:
    if len(given) != expected:
        raise ArgumentError(
            f"The grad_fn of a custom_gradient is expected to return {expected} "
            f"gradients, one for each of its {what}; it returned {len(given)}. "
            "Return None for one that has no gradient."
        )


def _check_shapes(gradients: Sequence[Any], inputs: Sequence[Any]) -> None:
    for position, (gradient, source) in enumerate(zip(gradients, inputs, strict=True)):
        if gradient is not None and gradient.shape != source.shape:
            raise ShapeError(
                f"The grad_fn of a custom_gradient returned a gradient of shape "
                f"{gradient.shape} at position {position}, but what it belongs to has "
                f"shape {source.shape}. Sum over the axes that were broadcast."
            )


class _Rule:
    """A function and the rule for its gradient, as the calls that both made.

    Attributes:
        key: All of it, hashable: equal rules are one program.
        carried: Positions of the inputs that have a gradient.
    """

    def __init__(
        self,
        node: Node | None,
        inputs: tuple[int, ...],
        results: tuple[int, ...],
        cotangents: tuple[int, ...],
        gradients: tuple[tuple[int, int], ...],
    ) -> None:
        self.key: Hashable = (node, inputs, results, cotangents, gradients)
        self.carried = frozenset(position for position, _ in gradients)
        self._inputs, self._results, self._cotangents = inputs, results, cotangents
        self._gradients = dict(gradients)
        path = node.path() if node else []
        self._types = node.types() if node else []
        self._forward = needed(path, results)
        done = set(self._forward)
        self._backward = [
            step for step in needed(path, self._gradients.values()) if step not in done
        ]
        self._keeps = _linearized_before(self._backward, done)
        made = {n for step in self._backward for n in range(step.first, step.end)}
        uses = {n for step in self._backward for n in step.inputs}
        uses.update(self._gradients.values())
        self._uses = sorted(uses - made - set(cotangents))

    def linearize(
        self, inputs: Sequence[Any], wrt: tuple[int, ...]
    ) -> tuple[list[Any], Callable]:
        """The results, and the pullback for the inputs at positions `wrt`."""
        values = dict(zip(self._inputs, inputs, strict=True))
        pulls = replay(self._forward, values, keeps=self._keeps, is_body=True)
        known = [pulls[node][1] for node, _ in self._keeps]
        used = [values[number] for number in self._uses]
        pull = functools.partial(self._pull, wrt)
        outputs = [values[number] for number in self._results]
        return outputs, jax.tree_util.Partial(pull, used, known)

    def _pull(
        self,
        wrt: tuple[int, ...],
        used: Sequence[Any],
        known: Sequence[Any],
        cotangents: Sequence[Any],
    ) -> list[Any]:
        """Gradients from cotangents; TensorFlow's are conjugates of JAX's."""
        values = dict(zip(self._uses, used, strict=True))
        for number, cotangent in zip(self._cotangents, cotangents, strict=False):
            kind = self._types[number]
            values[number] = (
                jnp.conj(cotangent)
                if kind.is_inexact
                else jnp.zeros(kind.shape, kind.dtype)
            )
        before = zip(self._keeps, known, strict=True)
        pulls = {node: (at, pull) for (node, at), pull in before}
        replay(self._backward, values, pulls, is_body=True)
        return [self._gradient(position, values) for position in wrt]

    def _gradient(self, position: int, values: dict[int, Any]) -> Any:
        kind = self._types[self._inputs[position]]
        number = self._gradients.get(position)
        if number is None:
            return jnp.zeros(kind.shape, kind.dtype)
        return jnp.conj(jnp.asarray(values[number], kind.dtype))

    def compute(self, *inputs: Any) -> list[Any]:
        """The results alone."""
        values = dict(zip(self._inputs, inputs, strict=True))
        replay(self._forward, values, is_body=True)
        return [values[number] for number in self._results]

    def function(self) -> Callable:
        """The whole as JAX sees it where it differentiates by itself: in a loop."""
        function = jax.custom_vjp(self.compute)

        def forward(*arrays: Any) -> tuple[list[Any], Callable]:
            return self.linearize(arrays, tuple(sorted(self.carried)))

        def backward(pull: Callable, cotangents: Sequence[Any]) -> tuple:
            found = dict(zip(sorted(self.carried), pull(cotangents), strict=True))
            return tuple(found.get(position) for position in range(len(self._inputs)))

        function.defvjp(forward, backward)
        return function


def _linearized_before(
    backward: Sequence[Node], done: set[Node]
) -> list[tuple[Node, tuple[int, ...]]]:
    """The calls of the function that tapes inside of the rule go back through."""
    passed: dict[Node, set[int]] = {}
    for node in backward:
        if node.op is GRADIENT and not node.options["slice_"].form.is_forward:
            for inner, wrt in node.options["slice_"].nodes:
                if inner in done:
                    passed.setdefault(inner, set()).update(wrt)
    return [(node, tuple(sorted(wrt))) for node, wrt in passed.items()]


_ops: Cache[Op] = Cache(lambda: config.bounds.op_programs)


def _op_of(function: Callable, rule: _Rule, failure: Exception | None) -> Op:
    """The op of a rule; the same one for the same calls, or for the same failure."""
    key = rule.key
    if failure is not None:
        key = (key, failure.__class__, str(failure), _places(failure))
    found = _ops.get(key)
    if found is None:
        name = getattr(function, "__name__", "custom_gradient")
        if failure is None:
            found = Op(
                name,
                rule.function(),
                carried=rule.carried,
                rule=rule.linearize,
                is_user=True,
            )
        else:
            found = _failing_op(name, rule, failure)
        found = _ops.add(key, found)
    return found


def _failing_op(name: str, rule: _Rule, failure: Exception) -> Op:
    """The function alone, which raises where a derivative passes, by any input."""
    function = jax.custom_jvp(rule.compute)
    op = Op(name, function, failure=failure, is_user=True)
    function.defjvp(lambda primals, tangents: op.fail())
    return op


def _places(failure: Exception) -> tuple:
    """The lines that an exception came through, innermost last."""
    return tuple(
        (f.f_code, line) for f, line in traceback.walk_tb(failure.__traceback__)
    )


def grad_pass_through(f: Callable) -> Callable:
    """A function with the values of `f` and the gradient of the identity.

    For straight-through estimators: rounding or an assignment in the forward pass, and
    a gradient as if it were not there.

    Args:
        f: Function whose results have the shapes of its arguments. Variables that it
            reads get no gradient.

    References:
        Bengio, Leonard and Courville, 2013, section 3.
    """

    @custom_gradient
    @functools.wraps(f)
    def passed_through(*args: Any, **kwargs: Any) -> tuple[Any, Callable]:
        def grad(*cotangents: Any, variables: Sequence[Any] = ()) -> Any:
            return (cotangents, [None] * len(variables)) if variables else cotangents

        return f(*args, **kwargs), grad

    return passed_through
