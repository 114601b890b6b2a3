"""Replay: a path of nodes as a pure JAX function, forwards and backwards.

A `Slice` is the part of a path that carries a derivative from targets back to sources.
Pulling it back goes through its nodes in reverse and asks each for its own pullback at
the values that it was called on, so the derivative of a derivative again depends on
every value that entered it. Inside a program those pullbacks come with the forward
values, from one `jax.vjp` for each call, so that nothing is computed twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from .cache import Cache
from .node import Node
from .op import Op, op_programs
from .signature import SCALAR, TRAINABLE, TensorType, plain_type, trainable_type


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
        arrays = list(inputs)
        for position, array in zip(wrt, chosen, strict=True):
            arrays[position] = array
        return apply(node, arrays)

    outputs, pull = jax.vjp(forward, *[inputs[position] for position in wrt])
    assert node.op is not None
    if node.op.masks_zeros:
        pull = jax.tree_util.Partial(_pull_masked, pull)
    return outputs, pull


def _pull_masked(pull: Callable, cotangents: Sequence[Any]) -> list[Any]:
    """Cotangents of the inputs: 0 where 0 arrives, not 0 times an infinite slope."""
    (arriving,) = cotangents
    return [
        jnp.where((arriving == 0) & ~jnp.isfinite(part), 0, part)
        for part in pull(cotangents)
    ]


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


class Slice:
    """The calls between targets and sources, and how cotangents travel through them.

    Attributes:
        nodes: `(node, wrt)` in recorded order: a call, and the positions of the inputs
            that its cotangent is passed on to.
        targets: Numbers of the targets.
        seeds: For each target the position of its given cotangent among the operands
            that follow the slice's own, or `None` for ones.
        sources: Numbers of each source that a path reaches; several for a variable
            that was assigned in between.
        is_connected: For each source asked for, whether a path reaches it.
        types: Type of each target and source number.
        kinds: Type of each value that a call takes.
        operands: Numbers of all values that the derivative depends on.
    """

    __slots__ = (
        "_dependent",
        "is_connected",
        "kinds",
        "nodes",
        "operands",
        "seeds",
        "sources",
        "targets",
        "types",
    )

    def __init__(
        self,
        nodes: list[tuple[Node, tuple[int, ...]]],
        targets: tuple[int, ...],
        seeds: tuple[int | None, ...],
        sources: tuple[tuple[int, ...], ...],
        is_connected: tuple[bool, ...],
        types: list[TensorType],
    ) -> None:
        self.nodes = nodes
        self.targets = targets
        self.seeds = seeds
        self.sources = sources
        self.is_connected = is_connected
        ends = {*targets, *(number for reads in sources for number in reads)}
        self.types = {number: types[number] for number in ends}
        self.kinds = {n: types[n] for node, _ in nodes for n in node.inputs}
        inputs = dict.fromkeys(n for node, _ in nodes for n in node.inputs)
        inputs.update(dict.fromkeys(seed for seed in seeds if seed is not None))
        self.operands = tuple(inputs)
        self._dependent: frozenset[int] | None = None

    @property
    def dependent(self) -> frozenset[int]:
        """The operands that the gradient varies with: not those of linear calls."""
        if self._dependent is None:
            found = {seed for seed in self.seeds if seed is not None}
            arriving = set(self.targets)
            for node, wrt in reversed(self.nodes):
                given = tuple(
                    n for n in range(len(node.outputs)) if node.first + n in arriving
                )
                if given:
                    arriving.update(node.inputs[position] for position in wrt)
                    found.update(
                        node.inputs[position]
                        for position in pullback_inputs(node, wrt, given, self.kinds)
                    )
            self._dependent = frozenset(found)
        return self._dependent

    def pull_back(
        self, values: Mapping[int, Any], pull_node: Callable[..., Sequence[Any]]
    ) -> list[Any]:
        """Cotangents of the sources.

        Args:
            values: The operands by number.
            pull_node: Called with a node, its `wrt`, the positions of its results
                that have a cotangent, and those cotangents.
        """
        cotangents: dict[int, Any] = {}
        for target, seed in zip(self.targets, self.seeds, strict=True):
            kind = self.types[target]
            start = (
                jnp.ones(kind.shape, kind.dtype)
                if seed is None
                else jnp.conj(jnp.asarray(values[seed], kind.dtype))
            )
            _accumulate(cotangents, target, start)
        for node, wrt in reversed(self.nodes):
            given = tuple(
                position
                for position in range(len(node.outputs))
                if node.first + position in cotangents
            )
            if not given:
                continue
            arriving = [cotangents[node.first + position] for position in given]
            pulled = pull_node(node, wrt, given, arriving)
            for position, cotangent in zip(wrt, pulled, strict=True):
                _accumulate(cotangents, node.inputs[position], cotangent)
        return [self._gradient(reads, cotangents) for reads in self.sources]

    def _gradient(self, reads: Sequence[int], cotangents: dict[int, Any]) -> Any:
        """The sum over all reads of a source, conjugated as TensorFlow does."""
        total = None
        for number in reads:
            part = cotangents.get(number)
            if part is not None:
                total = part if total is None else total + part
        if total is None:
            kind = self.types[reads[0]]
            return jnp.zeros(kind.shape, kind.dtype)
        return jnp.conj(total)


def _accumulate(cotangents: dict[int, Any], number: int, part: Any) -> None:
    held = cotangents.get(number)
    cotangents[number] = part if held is None else held + part


def _differentiate(*operands: Any, slice_: Slice) -> list[Any]:
    """A slice's gradient as a function of all values that enter it."""
    values = dict(zip(slice_.operands, operands, strict=True))

    def pull_node(
        node: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        inputs = [values[number] for number in node.inputs]
        outputs, pull = linearized(node, inputs, wrt)
        return pull(with_zeros(outputs, given, cotangents))

    return slice_.pull_back(values, pull_node)


GRADIENT = Op("gradient", _differentiate)


def find_slice(
    path: Sequence[Node],
    spans: Sequence[tuple[int, int]],
    watched: Mapping[int, int],
    watches_variables: bool,
    targets: tuple[int, ...],
    seeds: tuple[int | None, ...],
    sources: Sequence[tuple[int, ...]],
) -> Slice:
    """Cut the part that connects targets with sources out of a path.

    Args:
        path: The recorded calls.
        spans: Ranges of value numbers that the tape covers.
        watched: Number from which on each explicitly watched value counts.
        watches_variables: Whether trainable variables count without being watched.
        targets: Numbers of the targets.
        seeds: Numbers of their given cotangents, or `None`.
        sources: Numbers of each source.
    """
    types, since = find_connected(path, spans, watched, watches_variables)
    tracked = {n: since[n] for reads in sources for n in reads if n in since}
    edges = _edges(path, spans, tracked)
    reaching = {number for number in targets if types[number].is_inexact}
    nodes: list[tuple[Node, tuple[int, ...]]] = []
    for node, wrt in reversed(edges):
        if any(n in reaching for n in range(node.first, node.end)):
            nodes.append((node, wrt))
            reaching.update(node.inputs[position] for position in wrt)
    nodes.reverse()
    reads = [tuple(n for n in s if n in since and n in reaching) for s in sources]
    return Slice(
        nodes,
        targets,
        seeds,
        tuple(r for r in reads if r),
        tuple(bool(r) for r in reads),
        types,
    )


def find_connected(
    path: Sequence[Node],
    spans: Sequence[tuple[int, int]],
    watched: Mapping[int, int],
    watches_variables: bool,
) -> tuple[list[TensorType], dict[int, int]]:
    """Types of all values, and from which number on each connected one counts."""
    types: list[TensorType] = []
    since = dict(watched)
    for node in path:
        types.extend(kind for _, kind in node.leaves)
        assert node.op is not None
        is_covered = any(start <= node.first < stop for start, stop in spans)
        if watches_variables and is_covered and node.op is not GRADIENT:
            # Watched when it is read; a gradient uses what was read before.
            for number in node.inputs:
                if types[number].role == TRAINABLE and types[number].is_inexact:
                    since[number] = min(since.get(number, node.first), node.first)
        kinds = list(node.outputs)
        for output, position in node.op.writes:
            if types[node.inputs[position]].role == TRAINABLE:
                kinds[output] = trainable_type(kinds[output])
        types.extend(kinds)
        if _carries(node, spans) and _active(node, since):
            for number, kind in enumerate(node.outputs, node.first):
                if kind.is_inexact:
                    since[number] = node.first
    return types, since


Coverage = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...], bool]
"""What a tape covers of a path: spans, what is watched, whether variables are."""


def carrying(
    path: Sequence[Node], coverage: Sequence[Coverage], linked: Iterable[int]
) -> tuple[tuple[Node, tuple[int, ...]], ...]:
    """The calls that a gradient of some tape may pass, and by which inputs.

    Args:
        path: The recorded calls.
        coverage: What each tape covers.
        linked: Numbers of arguments that earlier parts computed under a tape.
    """
    found: dict[Node, set[int]] = {}
    for spans, watched, watches_variables in coverage:
        marked = {**dict.fromkeys(linked, 0), **dict(watched)}
        _, since = find_connected(path, spans, marked, watches_variables)
        for node, wrt in _edges(path, spans, since):
            found.setdefault(node, set()).update(wrt)
    if any(node.op is GRADIENT for node in found):
        return ()
    return tuple((node, tuple(sorted(wrt))) for node, wrt in found.items())


def _edges(
    path: Sequence[Node], spans: Sequence[tuple[int, int]], tracked: dict[int, int]
) -> list[tuple[Node, tuple[int, ...]]]:
    """The calls that carry a derivative on from `tracked`, and by which inputs."""
    edges = []
    for node in path:
        wrt = _active(node, tracked) if _carries(node, spans) else ()
        if wrt:
            edges.append((node, wrt))
            for number, kind in enumerate(node.outputs, node.first):
                if kind.is_inexact:
                    tracked[number] = node.first
    return edges


def _carries(node: Node, spans: Sequence[tuple[int, int]]) -> bool:
    assert node.op is not None
    return node.op.is_differentiable and any(
        start <= node.first < stop for start, stop in spans
    )


def _active(node: Node, since: Mapping[int, int]) -> tuple[int, ...]:
    """Positions of the inputs that count when this node is called."""
    end = node.first
    numbers = node.inputs
    if node.op is GRADIENT:
        counts = node.options["slice_"].dependent
        return tuple(
            position
            for position, number in enumerate(numbers)
            if number in counts and since.get(number, end + 1) <= end
        )
    return tuple(
        position
        for position, number in enumerate(numbers)
        if since.get(number, end + 1) <= end
    )


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
    if node.op is GRADIENT:
        return [n for n in node.options["slice_"].seeds if n is not None]
    return node.inputs


Pullbacks = dict[Node, tuple[tuple[int, ...], Callable]]
"""For calls that are linearized: the inputs it is done for, and the pullback."""


def replay(
    nodes: Sequence[Node],
    values: dict[int, Any],
    known: Pullbacks | None = None,
    keeps: Sequence[tuple[Node, tuple[int, ...]]] = (),
) -> Pullbacks:
    """Compute all results of `nodes` inside a trace, adding them to `values`.

    Calls that gradients pass through are linearized as they are computed, once, and
    all gradients share them.

    Args:
        nodes: The calls, in order.
        values: What they stand on, by number.
        known: The pullbacks of calls that ran before.
        keeps: Calls to linearize although no gradient passes yet, and for which inputs.
    """
    passed: dict[Node, set[int]] = {node: set(wrt) for node, wrt in keeps}
    for node in nodes:
        if node.op is GRADIENT:
            for inner, wrt in node.options["slice_"].nodes:
                passed.setdefault(inner, set()).update(wrt)
    pulls: Pullbacks = dict(known or {})

    def pull_node(
        node: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
    ) -> list[Any]:
        positions, pull = pulls[node]
        pulled = pull(with_zeros(node.outputs, given, cotangents))
        return [pulled[positions.index(position)] for position in wrt]

    for node in nodes:
        if node in passed:
            positions = tuple(sorted(passed[node]))
            inputs = [values[number] for number in node.inputs]
            outputs, pull = linearized(node, inputs, positions)
            pulls[node] = (positions, pull)
        elif node.op is GRADIENT:
            outputs = node.options["slice_"].pull_back(values, pull_node)
        else:
            outputs = apply(node, [values[number] for number in node.inputs])
        values.update(enumerate(outputs, node.first))
    return pulls


def replay_op_by_op(nodes: Sequence[Node], values: dict[int, Any]) -> None:
    """The same without compiling the whole: each call by its own cached program."""

    def pull_node(
        node: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        inputs = [values[number] for number in node.inputs]
        if node.op is GRADIENT:
            outputs, pull = linearized(node, inputs, wrt)
            return pull(with_zeros(outputs, given, cotangents))
        return pull_compiled(node, wrt, given)(inputs, cotangents)

    for node in nodes:
        try:
            if node.op is GRADIENT:
                outputs = node.options["slice_"].pull_back(values, pull_node)
            else:
                inputs = [values[number] for number in node.inputs]
                outputs = apply_compiled(node, inputs)
        except Exception as error:
            error.add_note(f"In {node.op}, recorded at {node.site}.")
            raise
        values.update(enumerate(outputs, node.first))


def as_typed(value: Any, kind: TensorType) -> Any:
    """An argument as its type says: a number takes the dtype it stands in for."""
    if kind.role == SCALAR and not kind.weak_type:
        return jnp.asarray(value, kind.dtype)
    return value
