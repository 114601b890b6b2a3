"""Nesting: structures as JAX takes them apart, with dictionaries put together in order.

JAX sorts the keys of a dictionary. The leaves come in that order here too, but what is
made of the structure has its keys in the order in which they were given: a user's
`zip(variables.values(), gradients.values())` and `list(inputs.values())` go by it.
"""

from collections.abc import Callable
from typing import Any

import jax


class _InOrder(dict):
    """A dictionary whose keys are not in the order of their names."""


def _taken_apart(given: _InOrder) -> tuple[tuple, tuple]:
    return (*(given[key] for key in sorted(given)),), (*given,)


def _put_together(keys: tuple, values: tuple) -> Any:  # a plain dictionary
    entries = dict(zip(sorted(keys), values, strict=True))
    return {key: entries[key] for key in keys}


jax.tree_util.register_pytree_node(_InOrder, _taken_apart, _put_together)


def flatten(
    structure: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], Any]:
    """As `jax.tree.flatten`, the leaves too; the structure knows the order of keys."""
    return jax.tree.flatten(_in_order(structure), is_leaf=is_leaf)


def map_leaves(
    function: Callable[[Any], Any],
    structure: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """As `jax.tree.map` of one structure."""
    return jax.tree.map(function, _in_order(structure), is_leaf=is_leaf)


def _in_order(structure: Any) -> Any:
    kind = structure.__class__
    if kind is dict:
        entries = {key: _in_order(part) for key, part in structure.items()}
        keys = [*entries]
        try:
            is_sorted = keys == sorted(keys)
        except TypeError:  # keys of several types, which JAX refuses
            return entries
        return entries if is_sorted else _InOrder(entries)
    if kind is list or kind is tuple:
        return kind([_in_order(part) for part in structure])
    return structure
