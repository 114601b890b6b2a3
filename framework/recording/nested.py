"""Nested: the derivative of a gradient, from what its own calls left behind.

A gradient is a function of the residuals of the calls that it passes. Its derivative
goes to these residuals first, and from them to the inputs of the calls, by a pullback
of each call's linearization. So no call is computed anew, however often it is passed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax

from .derivative import GRADIENT, linearized, replaced, with_zeros
from .node import Node
from .slice import accumulate


class Linear:
    """A call that was linearized, so that its pullback can be differentiated as well.

    Attributes:
        outputs: The results of the call.
        positions: The inputs that its pullback gives cotangents for.
        residuals: The arrays in the pullback.
    """

    __slots__ = ("_pull", "_second", "_tree", "outputs", "positions", "residuals")

    def __init__(
        self,
        node: Node,
        inputs: Sequence[Any],
        positions: tuple[int, ...],
        second: tuple[int, ...],
    ) -> None:
        def residuals(*chosen: Any) -> tuple[list[Any], list[Any]]:
            given = replaced(inputs, second, chosen)
            outputs, pull = linearized(node, given, positions)
            leaves, self._tree = jax.tree.flatten(pull)
            return leaves, outputs

        self.positions = positions
        self._second = second
        chosen = [inputs[position] for position in second]
        self.residuals, self._pull, self.outputs = jax.vjp(
            residuals, *chosen, has_aux=True
        )

    def pullback(self, residuals: Sequence[Any]) -> Callable:
        """The pullback of the call as a function of its residuals."""
        return jax.tree.unflatten(self._tree, residuals)

    def pull_back(self, cotangents: Sequence[Any]) -> list[tuple[int, Any]]:
        """From cotangents of the residuals: inputs by position, and theirs."""
        return [*zip(self._second, self._pull(cotangents), strict=True)]


def passed_twice(
    nodes: Sequence[Node],
    passed: Mapping[Node, Collection[int]],
    known: Collection[Node],
) -> dict[Node, set[int]]:
    """The calls of gradients that are differentiated themselves, and by which inputs.

    Args:
        nodes: All calls that are computed.
        passed: Those that gradients pass, and the inputs that these ask for.
        known: Those that were linearized before.
    """
    found: dict[Node, set[int]] = {}
    able = {node for node in nodes if node in passed and node not in known}
    for node in nodes:
        if node.op is GRADIENT and node in passed and can_nest(node, able):
            counts = {node.inputs[position] for position in passed[node]}
            for inner, _ in node.options["slice_"].nodes:
                found.setdefault(inner, set()).update(
                    n for n, number in enumerate(inner.inputs) if number in counts
                )
    return found


def can_nest(node: Node, calls: Collection[Node]) -> bool:
    """Whether a gradient's calls are all among those that are linearized here."""
    slice_ = node.options["slice_"]
    return not slice_.form.is_forward and all(
        inner.op is not GRADIENT and inner in calls for inner, _ in slice_.nodes
    )


def linearized_gradient(
    node: Node,
    values: Mapping[int, Any],
    calls: Mapping[Node, Linear],
    positions: tuple[int, ...],
) -> tuple[list[Any], Callable]:
    """Results of a gradient, and the function from their cotangents to its inputs'.

    Args:
        node: The gradient.
        values: What has been computed, by number.
        calls: The calls that it passes.
        positions: The inputs of the gradient to differentiate by.
    """
    slice_ = node.options["slice_"]
    inner = [call for call, _ in slice_.nodes]
    seeds = {seed: values[seed] for seed in slice_.seeds if seed is not None}

    def derived(residuals: Sequence[Any], seeds: dict[int, Any]) -> list[Any]:
        pulls = {
            call: calls[call].pullback(arrays)
            for call, arrays in zip(inner, residuals, strict=True)
        }

        def pull_node(
            call: Node, wrt: tuple, given: tuple, cotangents: Sequence[Any]
        ) -> list[Any]:
            pulled = pulls[call](with_zeros(call.outputs, given, cotangents))
            asked = calls[call].positions
            return [pulled[asked.index(position)] for position in wrt]

        return slice_.form.derive(slice_, seeds, pull_node, None)

    outputs, pull = jax.vjp(derived, [calls[call].residuals for call in inner], seeds)

    def pull_inputs(cotangents: Sequence[Any]) -> list[Any]:
        residuals, arriving = pull(cotangents)
        for call, parts in zip(inner, residuals, strict=True):
            for position, part in calls[call].pull_back(parts):
                accumulate(arriving, call.inputs[position], part)
        return [arriving[node.inputs[position]] for position in positions]

    return outputs, pull_inputs
