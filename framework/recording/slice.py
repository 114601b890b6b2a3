"""Slice: the part of a path that carries a derivative from sources to targets.

Pulling it back goes through its calls in reverse and asks each for its own pullback at
the values that it was called on, so the derivative of a derivative again depends on
every value that entered it. Pushing it forward asks each for its tangents.
"""

import abc
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from .connection import edges, find_connected
from .derivative import linearized, pullback_inputs, pushed, with_zeros
from .node import Node
from .signature import TensorType

PullNode = Callable[[Node, tuple, tuple, Sequence[Any]], Sequence[Any]]
"""A call, positions of inputs and of results, cotangents of these: of the inputs."""
PullBack = Callable[[Mapping[int, Any]], list[Any]]
"""Cotangents of the targets, by number: gradients by the sources."""
PushNode = Callable[[Node, tuple, Sequence[Any]], Sequence[Any]]
"""A call, positions of inputs, tangents of these: tangents of all results."""


class Form(abc.ABC):
    """What is made of a slice: a gradient, a product with tangents, a Jacobian."""

    is_forward = False
    """Whether tangents go forward, so that the values of all calls are needed."""

    is_pushed_along = False
    """Whether it belongs to the calls that it goes along, not to where it is asked."""

    @abc.abstractmethod
    def derive(
        self,
        slice_: "Slice",
        values: Mapping[int, Any],
        pull_back: PullBack,
        push_node: PushNode,
    ) -> list[Any]:
        """The results, from the operands by number."""

    def connections(
        self, targets: Sequence[bool], sources: Sequence[bool]
    ) -> tuple[bool, ...]:
        """Which results there are, from which targets and sources a path connects.

        Here: one for each source.
        """
        return tuple(sources)

    @abc.abstractmethod
    def kinds(self, slice_: "Slice") -> tuple[TensorType, ...]:
        """Types of the results."""


class Slice:
    """The calls between targets and sources, and how derivatives travel through them.

    Attributes:
        form: What is made of it.
        nodes: `(node, wrt)` in recorded order: a call, and the positions of the inputs
            that its cotangent is passed on to.
        targets: Numbers of the targets.
        seeds: Numbers of the given cotangents of the targets (tangents of the sources,
            if the form goes forward); `None` for ones, empty if the form takes none.
        sources: Numbers of each source that a path reaches; several for a variable
            that was assigned in between.
        is_connected: For each result asked for, whether there is a path.
        types: Type of each target and source number.
        kinds: Type of each value that a call takes.
        operands: Numbers of all values that the derivative depends on.
    """

    __slots__ = (
        "_dependent",
        "form",
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
        form: Form,
        nodes: list[tuple[Node, tuple[int, ...]]],
        targets: tuple[int, ...],
        seeds: tuple[int | None, ...],
        sources: tuple[tuple[int, ...], ...],
        is_connected: tuple[bool, ...],
        types: list[TensorType],
    ) -> None:
        self.form = form
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
        """The operands that the derivative varies with: not those of linear calls."""
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

    def compute(self, operands: Sequence[Any]) -> list[Any]:
        """The derivative as a function of all values that enter it."""
        values = dict(zip(self.operands, operands, strict=True))

        def inputs_of(node: Node) -> list[Any]:
            return [values[number] for number in node.inputs]

        def pull_node(
            node: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
        ) -> Sequence[Any]:
            outputs, pull = linearized(node, inputs_of(node), wrt)
            return pull(with_zeros(outputs, given, cotangents))

        def push_node(node: Node, wrt: tuple, tangents: Sequence[Any]) -> Sequence[Any]:
            return pushed(node, inputs_of(node), wrt, tangents)

        return self.derive(values, pull_node, push_node)

    def derive(
        self, values: Mapping[int, Any], pull_node: PullNode, push_node: PushNode
    ) -> list[Any]:
        """The derivative, from the operands by number, call by call."""
        pull_back = functools.partial(self._pull_back, pull_node)
        return self.form.derive(self, values, pull_back, push_node)

    def gradients(self, cotangents: Mapping[int, Any]) -> list[Any]:
        """Gradients by the sources, from the cotangents of all values by number."""
        return [self._gradient(reads, cotangents) for reads in self.sources]

    def _pull_back(self, pull_node: PullNode, starts: Mapping[int, Any]) -> list[Any]:
        """Gradients by the sources, from the cotangents of the targets by number."""
        cotangents = dict(starts)
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
                accumulate(cotangents, node.inputs[position], cotangent)
        return self.gradients(cotangents)

    def push_forward(
        self, starts: Mapping[int, Any], push_node: PushNode
    ) -> dict[int, Any]:
        """Tangents of all values that a path reaches, from those of the sources."""
        tangents = dict(starts)
        for node, wrt in self.nodes:
            given = tuple(n for n in wrt if node.inputs[n] in tangents)
            if not given:
                continue
            arriving = [tangents[node.inputs[position]] for position in given]
            found = push_node(node, given, arriving)
            for position, kind in enumerate(node.outputs):
                if kind.is_inexact:
                    accumulate(tangents, node.first + position, found[position])
        return tangents

    def _gradient(self, reads: Sequence[int], cotangents: Mapping[int, Any]) -> Any:
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


def accumulate(held: dict[Any, Any], key: Any, part: Any) -> None:
    """Add to what arrives at a value, for which a key stands: as a rule its number."""
    before = held.get(key)
    held[key] = part if before is None else before + part


def find_slice(
    path: Sequence[Node],
    spans: Sequence[tuple[int, int]],
    watched: Mapping[int, int],
    watches_variables: bool,
    targets: tuple[int, ...],
    seeds: tuple[int | None, ...],
    sources: Sequence[tuple[int, ...]],
    form: Form,
) -> Slice:
    """Cut the part that connects targets with sources out of a path.

    Args:
        path: The recorded calls.
        spans: Ranges of value numbers that the tape covers.
        watched: Number from which on each explicitly watched value counts.
        watches_variables: Whether trainable variables count without being watched.
        targets: Numbers of the targets.
        seeds: Numbers of their given cotangents, or `None`; of the sources' tangents,
            if the form goes forward. Empty for a form that takes none.
        sources: Numbers of each source.
        form: What is made of the slice.
    """
    types, since = find_connected(path, spans, watched, watches_variables)
    tracked = {n: since[n] for reads in sources for n in reads if n in since}
    carriers = edges(path, spans, tracked)
    reaching = {number for number in targets if types[number].is_inexact}
    nodes: list[tuple[Node, tuple[int, ...]]] = []
    for node, wrt in reversed(carriers):
        if any(n in reaching for n in range(node.first, node.end)):
            nodes.append((node, wrt))
            reaching.update(node.inputs[position] for position in wrt)
    nodes.reverse()
    reads = [tuple(n for n in s if n in since and n in reaching) for s in sources]
    is_connected = form.connections(
        [n in tracked for n in targets], [*map(bool, reads)]
    )
    if form.is_forward:
        if seeds:
            given = zip(seeds, reads, strict=True)
            seeds = tuple(seed for seed, read in given if read)
        targets = tuple(number for number in targets if number in tracked)
    connected = tuple(r for r in reads if r)
    return Slice(form, nodes, targets, seeds, connected, is_connected, types)
