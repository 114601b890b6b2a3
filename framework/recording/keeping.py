"""Keeping: what a prefix that ran leaves behind, so that its gradient need not run it.

The pullback of a call is a function of its residuals. A program can return these and a
later one take them in again; those that are arguments of the program are not returned
but taken from the arguments of the later one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from .derivative import GRADIENT
from .node import Node
from .replay import values_taken


class Demand(NamedTuple):
    """What a program keeps for later gradients, or what it is given from before.

    Attributes:
        keeps: The calls whose pullbacks it returns, and for which inputs.
        given: The calls that it does not run, and their pullbacks.
        results: Numbers of their results that it is given.
    """

    keeps: tuple[tuple[Node, tuple[int, ...]], ...] = ()
    given: tuple[tuple[Node, "Kept"], ...] = ()
    results: tuple[int, ...] = ()


class Kept:
    """How the pullback of one call is put together from arrays.

    Attributes:
        positions: The inputs of the call that it gives cotangents for.
    """

    __slots__ = ("_moved", "_sources", "_tree", "positions")

    def __init__(
        self, positions: tuple[int, ...], tree: Any, sources: tuple[int | None, ...]
    ) -> None:
        self.positions = positions
        self._tree = tree
        self._sources = sources
        self._moved: dict[tuple, Kept] = {}

    def moved(self, numbers: Sequence[int]) -> "Kept":
        """The same where the arguments have other numbers; one object for each."""
        sources = tuple([None if n is None else numbers[n] for n in self._sources])
        found = self._moved.get(sources)
        if found is None:
            made = Kept(self.positions, self._tree, sources)
            found = self._moved.setdefault(sources, made)
        return found

    def pullback(
        self, arrays: Sequence[Any], argument: Callable[[int], Any]
    ) -> Callable[..., Any]:
        """The pullback; `argument` gives the arguments by the number they had."""
        rest = iter(arrays)
        leaves = [next(rest) if n is None else argument(n) for n in self._sources]
        return jax.tree.unflatten(self._tree, leaves)

    def arguments(self) -> list[int]:
        """Numbers of the arguments that it needs."""
        return [number for number in self._sources if number is not None]


def keep(
    positions: tuple[int, ...], pull: Callable, arguments: Mapping[int, Any]
) -> tuple[Kept, list[Any]]:
    """A pullback taken apart, inside a trace: how to put it together, and arrays.

    Args:
        positions: The inputs that it gives cotangents for.
        pull: What `jax.vjp` returned, a tree of residuals.
        arguments: The program's arguments by number.
    """
    leaves, tree = jax.tree.flatten(pull)
    numbers = {id(value): number for number, value in arguments.items()}
    sources = tuple([numbers.get(id(leaf)) for leaf in leaves])
    arrays = [x for x, n in zip(leaves, sources, strict=True) if n is None]
    return Kept(positions, tree, sources), arrays


def usable(
    path: Sequence[Node],
    wanted: Sequence[int],
    positions: Mapping[int, tuple[int, ...]],
    results: Mapping[int, Any],
) -> tuple[Node, ...]:
    """The calls that need not run again, since their pullbacks were kept.

    Args:
        path: All calls.
        wanted: Numbers of the values that are needed.
        positions: Of the kept pullbacks, by the first result of the call.
        results: Values of results that are there, by number.
    """
    inner = [n for node in path if node.op is GRADIENT for n, _ in _calls_in(node)]
    if any(node.op is GRADIENT for node in inner):
        return ()  # the gradient of a gradient runs its calls in another way
    chosen = {node for node in path if node.first in positions}
    for node in path:
        for call, wrt in _calls_in(node) if node.op is GRADIENT else ():
            if call in chosen and not {*wrt} <= {*positions[call.first]}:
                chosen.discard(call)
    while True:
        needs = set(wanted)
        for node in path:
            if node not in chosen:
                needs.update(values_taken(node))
        missing = {
            node
            for node in chosen
            if any(n in needs and n not in results for n in range(node.first, node.end))
        }
        if not missing:
            return tuple(node for node in path if node in chosen)
        chosen -= missing


def _calls_in(node: Node) -> Sequence[tuple[Node, tuple[int, ...]]]:
    return node.options["slice_"].nodes
