"""Symbolic tensors: what stands for the values that a model is going to compute.

A layer or op that is called on one is not computed: the call becomes a `Step`, whose
results are symbolic again. Steps that hang together are a graph, which a functional
model runs on arrays.

Axis lengths that are not known are symbols of `jax.export`, the same in all models:
`batch`, and `axis1` to `axisN` by position. What follows for the results is found by
calling the function on placeholders, as the body of a loop is recorded.
"""

import ast
import functools
import itertools
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import export

from .errors import ArgumentError, BodyError, SymbolicError
from .recording import execution
from .recording.body import body_of, is_handle
from .recording.node import NOWHERE, Handle, SymbolicInput
from .recording.op import Op
from .recording.signature import TensorType, freeze, plain_type, tensor_type
from .recording.site import user_site
from .recording.tensor import ArrayLike, convert, from_array

_PACKAGE = __name__.partition(".")[0]
_SAMPLES = ({"batch": 12}, {"batch": 24})  # lengths that are tried where symbols fail,
_OTHERS = (48, 96)  # and those of all other axes: many divisors, all different
_scope = export.SymbolicScope()
_serials = itertools.count()
_sizes = itertools.count(1)


class Step:
    """One call in a graph of models.

    Attributes:
        function: What is called: a layer, an `OpCall` or a function.
        layer: The layer, if it is one.
        name: What summaries call it.
        leaves, tree: The arguments `(args, options)`, symbolic ones among them.
        outputs: The symbolic tensors that it makes.
        output_tree: How these nest.
        serial: Steps are numbered as they are made: no step takes a later one's result.
        site: The user's line.
    """

    __slots__ = (
        "function",
        "layer",
        "leaves",
        "name",
        "output_tree",
        "outputs",
        "serial",
        "site",
        "tree",
    )

    def __init__(
        self,
        function: Callable,
        name: str,
        leaves: Sequence[Any],
        tree: Any,
        types: Sequence[TensorType],
        output_tree: Any,
        layer: Any = None,
    ) -> None:
        self.function = function
        self.layer = layer
        self.name = name
        self.leaves = leaves
        self.tree = tree
        self.outputs = tuple(
            SymbolicTensor(kind, self, index) for index, kind in enumerate(types)
        )
        self.output_tree = output_tree
        self.serial = next(_serials)
        self.site = user_site()

    @property
    def inputs(self) -> list["SymbolicTensor"]:
        """The symbolic tensors among the arguments."""
        return [leaf for leaf in self.leaves if isinstance(leaf, SymbolicTensor)]

    @property
    def arguments(self) -> tuple[tuple, dict]:
        """The arguments by position and by name."""
        return jax.tree.unflatten(self.tree, self.leaves)

    @property
    def result(self) -> Any:
        """The symbolic tensors, nested as the function's results."""
        return jax.tree.unflatten(self.output_tree, self.outputs)


class SymbolicTensor(ArrayLike):
    """Shape and dtype of what a model computes, without a value.

    Made by `jt.Input`, and by layers and ops that are called on others. Unknown axis
    lengths are `None` in `shape`.

    Args:
        kind: Its type, whose unknown lengths are symbols.
        step: The call that makes it.
        index: Its place among the call's results.
    """

    __slots__ = ("_index", "_step")

    def __init__(self, kind: TensorType, step: Step, index: int) -> None:
        self._type = kind
        self._value = None
        self._at = NOWHERE
        self._origin = None
        self._step = step
        self._index = index

    @property
    def name(self) -> str:
        """What made it."""
        return self._step.name

    @property
    def shape(self) -> tuple[Any, ...]:
        """Axis lengths; `None` where a length is not known.

        Ops of this package, which compute with lengths, see the symbols instead.
        """
        shape = self._type.shape
        caller = sys._getframe(1).f_globals.get("__name__", "")
        return shape if caller.partition(".")[0] == _PACKAGE else known_shape(shape)

    @property
    def size(self) -> Any:
        """Number of elements; `None` where it is not known."""
        size = self._type.size
        return size if size.__class__ is int else None

    def __getitem__(self, index: Any) -> Any:
        return get_item(self, index)

    def __len__(self) -> int:
        length = self._type.shape[0] if self._type.shape else None
        return length if isinstance(length, int) else self._array()

    def _array(self) -> Any:
        raise SymbolicError(
            f"{self!r} has no value: it stands for what a model computes, and a number "
            "or a condition was asked of it. Make the model and call it on arrays, "
            "jt.Model(inputs, outputs)(x); write what depends on values as an op "
            "(jt.where, jt.reduce_sum), or in the `call` of a layer."
        )

    def _admitted(self) -> Any:
        raise SymbolicInput

    def _host(self) -> Any:
        return self._array()

    def item(self) -> Any:
        """Raises: there is no value."""
        return self._array()

    def __repr__(self) -> str:
        return (
            f"<jt.SymbolicTensor '{self.name}' shape={known_shape(self._type.shape)}, "
            f"dtype={self.dtype.name}>"
        )

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> "SymbolicTensor":
        return self

    def __deepcopy__(self, memo: dict) -> "SymbolicTensor":
        return self


class OpCall:
    """An op with its options, as a function of Tensors.

    Attributes:
        op, options, frozen: As in `execution.call`.
        kinds: Types of the inputs, whose unknown lengths are symbols.
        is_dynamic: Whether an option or a constant input contains such a length.
    """

    __slots__ = ("frozen", "is_dynamic", "kinds", "op", "options")

    def __init__(
        self, op: Op, options: dict[str, Any], frozen: tuple, inputs: Sequence[Handle]
    ) -> None:
        self.op = op
        self.options = options
        self.frozen = frozen
        self.kinds = [handle._type for handle in inputs]
        self.is_dynamic = any(
            map(export.is_symbolic_dim, jax.tree.leaves(options))
        ) or any(export.is_symbolic_dim(handle._value) for handle in inputs)

    @property
    def parts(self) -> tuple[Op, dict[str, Any], tuple]:
        """What `execution.call` takes beside the inputs."""
        return self.op, self.options, self.frozen

    def __deepcopy__(self, memo: dict) -> "OpCall":
        return self

    def __call__(self, *inputs: Handle) -> Any:
        """The op's results."""
        if not self.is_dynamic:
            return execution.call(self.op, inputs, self.options, self.frozen)
        lengths = self._lengths(inputs)
        options = jax.tree.map(lambda part: _settled(part, lengths), self.options)
        taken = [
            from_array(np.asarray(_settled(handle._value, lengths), handle._type.dtype))
            if export.is_symbolic_dim(handle._value)
            else handle
            for handle in inputs
        ]
        frozen = ("settled", freeze(options))
        return execution.call(self.op, taken, options, frozen)

    def _lengths(self, inputs: Sequence[Handle]) -> dict[str, int]:
        """The lengths of this call, by their symbols."""
        found: dict[str, int] = {}
        for kind, handle in zip(self.kinds, inputs, strict=True):
            for symbol, length in zip(kind.shape, handle._type.shape, strict=True):
                if export.is_symbolic_dim(symbol):
                    before = found.setdefault(str(symbol), length)
                    if before != length:
                        raise ArgumentError(
                            f"{self.op.name} was made for inputs whose unknown axes "
                            f"have the same length; got {before} and {length}. Put the "
                            "call in a layer, which sees the real lengths."
                        )
        return found


def call(
    function: Callable, name: str, args: tuple, options: dict, layer: Any = None
) -> Any:
    """Call something that takes Tensors on symbolic ones: a new step's result.

    Args:
        function: Called on placeholders now, and on Tensors by a model.
        name: What summaries call it.
        args: Its arguments by position, symbolic tensors anywhere in them.
        options: Its arguments by name.
        layer: The layer that it calls.

    Raises:
        SymbolicError: if it takes a symbolic tensor from elsewhere.
    """
    leaves, tree = jax.tree.flatten((args, options), is_leaf=is_handle)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, SymbolicTensor)]

    def run(placeholders: Sequence[Any]) -> Any:
        filled = list(leaves)
        for place, placeholder in zip(places, placeholders, strict=True):
            filled[place] = placeholder
        given, named = jax.tree.unflatten(tree, filled)
        return function(*given, **named)

    what = name if layer is None else f"{type(layer).__name__}('{name}')"
    types, output_tree = infer(run, [leaves[i]._type for i in places], what)
    target = function if layer is None else layer
    return Step(target, name, leaves, tree, types, output_tree, layer).result


def _call_op(op: Op, inputs: Sequence[Handle], options: dict, frozen: tuple) -> Any:
    """`execution.call` where an input is symbolic."""
    if op.writes:
        raise SymbolicError(
            f"{op.name} got the symbolic tensor {_first(inputs)!r}, and a variable is "
            "assigned when a model runs, not while it is put together. Assign it in "
            "the `call` of a layer."
        )
    target = OpCall(op, options, frozen, inputs)
    kinds = [plain_type(handle._type) for handle in inputs]

    def types_of(kinds: Sequence[TensorType]) -> tuple:
        outputs, tree = op.infer(tuple(kinds), options, frozen)
        return outputs, jax.tree.structure(0) if tree is None else tree

    types, output_tree = _with_samples(types_of, kinds)
    tree = jax.tree.structure((tuple(0 for _ in inputs), {}))
    return Step(target, op.name, inputs, tree, types, output_tree).result


execution.call_symbolically = _call_op


def get_item(tensor: SymbolicTensor, index: Any) -> Any:
    """A part of a symbolic tensor; the index is applied again to each real one."""
    return call(operator.getitem, "get_item", (tensor, index), {})


def call_again(step: Step, args: tuple, options: dict) -> Any:
    """Call what a step calls, which is no layer, on other symbolic tensors."""
    target = step.function
    if isinstance(target, OpCall):
        return _call_op(target.op, args, target.options, target.frozen)
    return call(target, step.name, args, options)


def _first(inputs: Sequence[Handle]) -> Any:
    return next(handle for handle in inputs if isinstance(handle, SymbolicTensor))


def infer(
    function: Callable[[Sequence[Any]], Any], kinds: Sequence[TensorType], what: str
) -> tuple[Sequence[TensorType], Any]:
    """Types of what a function of Tensors returns, and how its results nest.

    Args:
        function: Called on a list of placeholders.
        kinds: Their types.
        what: What messages call the function.
    """
    return _with_samples(lambda given: _traced(function, given, what), kinds)


def _traced(function: Callable, kinds: Sequence[TensorType], what: str) -> tuple:
    with body_of(what) as body:
        body.what = what
        body.otherwise = "or call it on arrays instead of symbolic tensors"
        flat, tree = jax.tree.flatten(
            function(body.placeholders(kinds)), is_leaf=is_handle
        )
        types = [plain_type(convert(leaf, name="result")._type) for leaf in flat]
        for handle in body.owners.values():
            if isinstance(handle, SymbolicTensor):
                raise SymbolicError(
                    f"{what} uses {handle!r}, which is not among its arguments. Pass "
                    "it as an argument: layer([x, other])."
                )
    return types, tree


def _with_samples(
    types_of: Callable[[Sequence[TensorType]], tuple], kinds: Sequence[TensorType]
) -> tuple[Sequence[TensorType], Any]:
    """Types of results; from two samples of lengths where symbols do not do.

    Symbols fail where Python needs a number, `range(x.shape[1])`, and where lengths
    that may differ have to agree.
    """
    try:
        return types_of(kinds)
    except Exception as error:
        # A model of too many levels would be tried three times at each of them.
        if isinstance(error, BodyError | RecursionError) or all(
            length.__class__ is int for kind in kinds for length in kind.shape
        ):
            raise
        failure = error
    for valued in (evaluate, _one_length):  # the second takes all unknown as equal
        try:
            return _from_samples(types_of, kinds, valued)
        except Exception:
            continue
    raise failure


def _from_samples(
    types_of: Callable[[Sequence[TensorType]], tuple],
    kinds: Sequence[TensorType],
    valued: Callable[[Any, Mapping[str, int], int], int],
) -> tuple[Sequence[TensorType], Any]:
    """Types of results, from what they are for two choices of the unknown lengths."""
    samples = [
        [
            tensor_type(
                tuple(valued(length, lengths, other) for length in kind.shape),
                kind.dtype,
                kind.weak_type,
            )
            for kind in kinds
        ]
        for lengths, other in zip(_SAMPLES, _OTHERS, strict=True)
    ]
    (first, tree), (second, _) = map(types_of, samples)
    known = {
        tuple(map(valued, (length, length), _SAMPLES, _OTHERS)): length
        for kind in kinds
        for length in kind.shape
        if export.is_symbolic_dim(length)
    }
    return [_joined(a, b, known) for a, b in zip(first, second, strict=True)], tree


def _one_length(length: Any, lengths: Mapping[str, int], other: int) -> int:
    """The value of a length where all unknown ones but the batch are the same."""
    if length.__class__ is int:
        return length
    return lengths.get(str(length), other)


def _joined(first: TensorType, second: TensorType, known: dict) -> TensorType:
    """The type of which two samples were seen."""
    shape = tuple(
        a if a == b else known.get((a, b)) or _new_symbol(f"size{next(_sizes)}")
        for a, b in zip(first.shape, second.shape, strict=True)
    )
    return tensor_type(shape, first.dtype, first.weak_type)


def _new_symbol(name: str) -> Any:
    return export.symbolic_shape(name, scope=_scope)[0]


@functools.cache
def unknown(axis: int) -> Any:
    """The symbol for the unknown length of an axis."""
    return _new_symbol(f"axis{axis}" if axis else "batch")


def symbolic_type(shape: Sequence[int | None], dtype: Any) -> TensorType:
    """The type of a shape in which `None` stands for unknown lengths."""
    lengths = tuple(
        unknown(axis) if length is None else operator.index(length)
        for axis, length in enumerate(shape)
    )
    return tensor_type(lengths, np.dtype(dtype))


def known_shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """A shape with `None` for the lengths that are not known."""
    return tuple(None if export.is_symbolic_dim(n) else n for n in shape)


def written_type(kind: TensorType) -> tuple[tuple[int | str, ...], str, bool]:
    """A type in a form that can be copied and pickled."""
    shape = tuple(n if n.__class__ is int else str(n) for n in kind.shape)
    return shape, kind.dtype.name, kind.weak_type


def read_type(shape: Sequence[int | str], dtype: str, weak_type: bool) -> TensorType:
    """The type that `written_type` wrote."""
    lengths = [_new_symbol(n) if isinstance(n, str) else n for n in shape]
    return tensor_type(tuple(lengths), np.dtype(dtype), weak_type)


def _settled(part: Any, lengths: Mapping[str, int]) -> Any:
    """An option with the lengths of this call; a symbol without one is an error."""
    return evaluate(part, lengths) if export.is_symbolic_dim(part) else part


def evaluate(length: Any, lengths: Mapping[str, int], other: int | None = None) -> int:
    """A length as a number.

    Args:
        length: A symbol, or an expression of symbols, such as `2*batch + 1`.
        lengths: Values of symbols, and of expressions as they are written.
        other: Value of all other symbols.
    """
    if length.__class__ is int:
        return length
    text = str(length)
    found = lengths.get(text)
    return _evaluated(_parsed(text), lengths, other) if found is None else found


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text.replace("^", "**"), mode="eval").body


_OPERATORS: dict[Any, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "max": max,
    "min": min,
}
"""What `jax.export.symbolic_shape` allows in the text of a length."""


def _evaluated(node: ast.expr, lengths: Mapping[str, int], other: int | None) -> int:
    if isinstance(node, ast.Constant):
        return node.value  # type: ignore[reportReturnType]: an int, by the grammar
    if isinstance(node, ast.Name):
        found = lengths.get(node.id, other)
        if found is None:
            raise ArgumentError(
                f"A call needs the length `{node.id}`, which none of its inputs has. "
                "Put the call in a layer, which sees the real lengths."
            )
        return found
    if isinstance(node, ast.BinOp):
        parts, name = [node.left, node.right], type(node.op)
    elif isinstance(node, ast.UnaryOp):
        parts, name = [node.operand], type(node.op)
    else:
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        parts, name = node.args, node.func.id
    return _OPERATORS[name](*[_evaluated(part, lengths, other) for part in parts])
