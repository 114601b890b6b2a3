"""Nested: gradients of gradients, of any order.

A gradient is a function of what the linearizations of its calls left: of their
residuals. A gradient that passes it differentiates that function, and the residuals
of each call by the call's inputs. So a call that both pass climbs a ladder: its
results; with them the residuals of their linearization; with these the residuals of
linearizing both; a rung for each order of gradients that pass it. No call is computed
anew, whatever the order.
"""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .derivative import GRADIENT, linearized, pulls_by_rule, replaced, with_zeros
from .node import Node
from .slice import accumulate

_Cell = tuple[Node, int]
"""The residuals of a call at a rung."""
_Key = tuple[_Cell | None, int]
"""What a call varies with: a value by its number, or one of the residuals in a cell."""
_Arriving = dict[tuple[int, int], Any]
"""Cotangents of what a call leaves: by rung (0 are its results) and place there."""
_Flow = tuple[frozenset[int], int, Any]
"""What the gradient was tracked by that it comes through, a place, a cotangent."""


class Nest:
    """The gradients that pass gradients, those passed, and the calls of both.

    Args:
        nodes: All calls, in order.
        known: Those that were linearized before, which climb no ladder.
    """

    def __init__(self, nodes: Sequence[Node], known: Collection[Node]) -> None:
        able = {node for node in nodes if node not in known}
        self._orders: dict[Node, int] = {}
        self._passed: dict[Node, list[Node]] = {}
        for node in nodes:
            if not goes_back(node) or not able.issuperset(calls := _calls_of(node)):
                continue
            inner = [call for call in calls if call in self._orders]
            passed = {*calls, *(call for n in inner for call in self._passed[n])}
            self._passed[node] = sorted(passed, key=lambda call: call.first)
            self._orders[node] = 1 + max((self._orders[n] for n in inner), default=0)
        outer = [node for node, order in self._orders.items() if order > 1]
        self._calls = {call for node in outer for call in self._passed[node]}
        self._gradients = {*outer, *self._calls.intersection(self._orders)}
        self._ladders: dict[Node, _Ladder] = {}

    def takes(self, gradient: Node) -> bool:
        """Whether it takes a gradient, instead of pulling back call by call."""
        return gradient in self._gradients

    def passes(self, node: Node) -> bool:
        """Whether its gradients pass a call, which has to climb a ladder."""
        return node in self._calls

    def climb(
        self, node: Node, values: Mapping[int, Any], others: Collection[int]
    ) -> tuple[list[Any], tuple[tuple[int, ...], Callable] | None]:
        """The results of a call that its gradients pass.

        Args:
            node: The call.
            values: What has been computed, by number.
            others: The inputs that other gradients ask for.

        Returns:
            The results; and the inputs that the call is linearized for with its
            pullback, but for a gradient.
        """
        gradients = [n for n in self._gradients if node in self._passed[n]]
        rungs = sorted({self._orders[n] for n in gradients})
        if node in self._gradients:
            self._ladders[node] = ladder = self._gradient_ladder(node, rungs, values)
            return ladder.results, None
        numbers = {number for n in gradients for number in self._tracked(n, node)}
        asked = {at for at, number in enumerate(node.inputs) if number in numbers}
        positions = tuple(sorted(asked.union(others)))
        inputs = [values[number] for number in node.inputs]
        self._ladders[node] = ladder = _CallLadder(node, rungs, inputs, positions)
        return ladder.results, (positions, ladder.pullback())

    def derive(self, gradient: Node, values: Mapping[int, Any]) -> list[Any]:
        """The results of a gradient that none of them passes."""
        return self._results(gradient, self._cells(gradient), _seeds(gradient, values))

    def _tracked(self, gradient: Node, node: Node) -> set[int]:
        """Numbers of what a gradient may pass on where it passes a call."""
        return {
            call.inputs[position]
            for call, wrt in gradient.options["slice_"].nodes
            if call is node or call in self._gradients
            for position in wrt
        }

    def _cells(self, gradient: Node) -> dict[_Cell, Sequence[Any]]:
        """The residuals that a gradient is a function of."""
        order = self._orders[gradient]
        ladders = [(node, self._ladders[node]) for node in self._passed[gradient]]
        return {
            (node, rung): ladder.residuals[rung]
            for node, ladder in ladders
            for rung in ladder.used_at(order)
        }

    def _gradient_ladder(
        self, node: Node, rungs: Sequence[int], values: Mapping[int, Any]
    ) -> "_Ladder":
        cells, seeds = self._cells(node), _seeds(node, values)
        given: dict[_Key, Any] = {
            (cell, place): array
            for cell, arrays in cells.items()
            for place, array in enumerate(arrays)
        }
        given.update(((None, number), seed) for number, seed in seeds.items())
        keys = [key for key, array in given.items() if _is_inexact(array)]

        def results(*chosen: Any) -> list[Any]:
            found = {**given, **dict(zip(keys, chosen, strict=True))}
            residuals = {
                cell: [found[cell, place] for place in range(len(arrays))]
                for cell, arrays in cells.items()
            }
            return self._results(
                node, residuals, {number: found[None, number] for number in seeds}
            )

        return _Ladder(rungs, keys, [given[key] for key in keys], results)

    def _results(
        self,
        gradient: Node,
        cells: Mapping[_Cell, Sequence[Any]],
        seeds: Mapping[int, Any],
    ) -> list[Any]:
        """The results of a gradient as a function of residuals and seeds."""
        slice_ = gradient.options["slice_"]

        def pull_back(starts: Mapping[int, Any]) -> list[Any]:
            return slice_.gradients(self._pulled(gradient, cells, starts))

        return slice_.form.derive(slice_, seeds, pull_back, None)

    def _pulled(
        self,
        gradient: Node,
        cells: Mapping[_Cell, Sequence[Any]],
        starts: Mapping[int, Any],
    ) -> dict[int, Any]:
        """The cotangents of all values, by number, from those of the targets."""
        order, wrts = self._orders[gradient], dict(gradient.options["slice_"].nodes)
        cotangents = dict(starts)
        flows: dict[_Cell, list[_Flow]] = {}
        for node in reversed(self._passed[gradient]):
            ladder, wrt = self._ladders[node], wrts.get(node, ())
            at = {rung: cells[node, rung] for rung in ladder.used_at(order)}
            arriving = _arriving(node, wrt, ladder, cotangents, flows)
            for tracked, parts in arriving.items():
                for (cell, number), part in ladder.pull(order, at, parts):
                    if cell is not None:
                        flows.setdefault(cell, []).append((tracked, number, part))
                    elif number in tracked:
                        accumulate(cotangents, number, part)
        return cotangents


def goes_back(node: Node) -> bool:
    """Whether a call is a gradient that goes back from its targets."""
    return node.op is GRADIENT and not node.options["slice_"].form.is_forward


def _calls_of(gradient: Node) -> list[Node]:
    return [node for node, _ in gradient.options["slice_"].nodes]


def _seeds(gradient: Node, values: Mapping[int, Any]) -> dict[int, Any]:
    seeds = gradient.options["slice_"].seeds
    return {seed: values[seed] for seed in seeds if seed is not None}


def _is_inexact(array: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(array), np.inexact)


def _arriving(
    node: Node,
    wrt: Sequence[int],
    ladder: "_Ladder",
    cotangents: Mapping[int, Any],
    flows: Mapping[_Cell, Sequence[_Flow]],
) -> dict[frozenset[int], _Arriving]:
    """What arrives at a call, by the numbers of the inputs that it may go on to.

    Its results' cotangents go on to the inputs `wrt`; its residuals' to those that the
    gradient they come through was tracked by, as a rule some of the same. Then all go
    together: an input that this gradient does not vary with gets nothing of it anyway.
    """
    own = frozenset(node.inputs[position] for position in wrt)
    found: dict[frozenset[int], _Arriving] = {}
    for place in range(len(node.outputs)) if wrt else ():
        if node.first + place in cotangents:
            part = cotangents[node.first + place]
            found.setdefault(own, {})[0, place] = part
    for rung in ladder.residuals:
        for tracked, place, part in flows.get((node, rung), ()):
            there = tracked.intersection(node.inputs)
            group = found.setdefault(own if there <= own else tracked, {})
            accumulate(group, (rung, place), part)
    return found


class _Ladder:
    """A function that was linearized with the residuals of its linearizations.

    Args:
        rungs: The orders of the gradients that pass it, ascending.
        keys: What it varies with.
        chosen: The values of these.
        function: The results, from these values.

    Attributes:
        results: What the function returned.
        residuals: The residuals at each rung.
    """

    def __init__(
        self,
        rungs: Sequence[int],
        keys: Sequence[_Key],
        chosen: Sequence[Any],
        function: Callable[..., list[Any]],
    ) -> None:
        self._rungs = rungs
        self._keys = keys
        self._types = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in chosen]
        self._function = function
        self._trees: dict[int, Any] = {}
        self.results, *residuals = self._climb(len(rungs), *chosen)
        self.residuals = dict(zip(rungs, residuals, strict=True))

    def used_at(self, order: int) -> Collection[int]:
        """The rungs whose residuals gradients of an order use."""
        return (order,)

    def pull(
        self, order: int, residuals: Mapping[int, Sequence[Any]], arriving: _Arriving
    ) -> Iterator[tuple[_Key, Any]]:
        """Pull back what arrives in gradients of an order: each key, its cotangent."""
        if self._keys and arriving:
            linear = jax.tree.unflatten(self._trees[order], residuals[order])

            def pushed(*tangents: Any) -> list[Any]:
                found = dict(zip((0, *self._rungs), linear(*tangents), strict=False))
                return [found[rung][place] for rung, place in arriving]

            pulled = jax.linear_transpose(pushed, *self._types)([*arriving.values()])
            yield from zip(self._keys, pulled, strict=True)

    def _climb(self, count: int, *chosen: Any) -> list[list[Any]]:
        """The results, and the residuals at each of the first rungs."""
        if count > 1:
            below = functools.partial(self._climb, count - 1)
            cells, linear = jax.linearize(below, *chosen)
        else:
            cells, linear = self._start(chosen)
        residuals, self._trees[self._rungs[count - 1]] = jax.tree.flatten(linear)
        return [*cells, residuals]

    def _start(self, chosen: Sequence[Any]) -> tuple[list[list[Any]], Any]:
        """The results, and their linearization."""
        if not chosen:
            return [self._function()], None
        return jax.linearize(lambda *given: [self._function(*given)], *chosen)


class _CallLadder(_Ladder):
    """That of a call which is no gradient: its first rung is its own pullback.

    Where a rule of its own says what that does, results' cotangents go by it, whatever
    the order.

    Args:
        node: The call.
        rungs: The orders of the gradients that pass it, ascending.
        inputs: What it is called on.
        positions: The inputs that gradients ask for.
    """

    def __init__(
        self,
        node: Node,
        rungs: Sequence[int],
        inputs: Sequence[Any],
        positions: tuple[int, ...],
    ) -> None:
        self._node, self._inputs, self._positions = node, inputs, positions
        self._has_rule = len(rungs) > 1 and pulls_by_rule(node, inputs, positions)
        keys = [(None, node.inputs[position]) for position in positions]
        chosen = [inputs[position] for position in positions]
        super().__init__(rungs, keys, chosen, list)

    def used_at(self, order: int) -> Collection[int]:
        return {self._rungs[0], order} if self._has_rule else (order,)

    def pullback(self) -> Callable:
        """The pullback of its results."""
        first = self._rungs[0]
        return jax.tree.unflatten(self._trees[first], self.residuals[first])

    def pull(
        self, order: int, residuals: Mapping[int, Sequence[Any]], arriving: _Arriving
    ) -> Iterator[tuple[_Key, Any]]:
        first = self._rungs[0]
        if self._has_rule or order == first:
            results = {at: part for (rung, at), part in arriving.items() if rung == 0}
            arriving = {at: part for at, part in arriving.items() if at[0]}
            if results:
                pull = jax.tree.unflatten(self._trees[first], residuals[first])
                full = with_zeros(self._node.outputs, [*results], [*results.values()])
                yield from zip(self._keys, pull(full), strict=True)
        yield from super().pull(order, residuals, arriving)

    def _start(self, chosen: Sequence[Any]) -> tuple[list[list[Any]], Any]:
        inputs = replaced(self._inputs, self._positions, chosen)
        results, pull = linearized(self._node, inputs, self._positions)
        return [results], pull
