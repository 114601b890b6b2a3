"""Masks: which steps of a batch of sequences count, carried from layer to layer.

A mask is a Tensor of booleans, false where a step is padding. The Tensor that it
belongs to is of a class of its own: what asks for Tensors by their class, such as the
short way through a layer's call, takes the long way for these alone.
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from . import nesting
from .errors import ArgumentError
from .recording import execution, tensor
from .recording.arithmetic import IDENTITY
from .recording.body import is_handle
from .recording.node import Handle
from .recording.site import user_level
from .recording.tensor import Tensor, TensorLike, cast, convert


class MaskedTensor(Tensor):
    """A Tensor that a mask belongs to; what is computed from it has none."""

    __slots__ = ()


jax.tree_util.register_pytree_node(MaskedTensor, tensor._flatten, tensor._unflatten)

passed_on: set[Callable] = set()
"""Methods of base classes that make no masks of their own, and look at none."""


def mask_of(value: Any) -> Tensor | None:
    """The mask of a Tensor, if it has one."""
    return value._mask if value.__class__ is MaskedTensor else None


def masks_of(structure: Any) -> Any:
    """The masks of all Tensors of a structure, nested as they are."""
    if isinstance(structure, list | tuple):
        return [masks_of(part) for part in structure]
    if isinstance(structure, dict):
        return {key: masks_of(part) for key, part in structure.items()}
    return mask_of(structure)


def is_masked(structure: Any) -> bool:
    """Whether some Tensor of a structure has a mask."""
    if structure.__class__ in (list, tuple):
        return any(map(is_masked, structure))
    if structure.__class__ is dict:
        return any(map(is_masked, structure.values()))
    return structure.__class__ is MaskedTensor


def as_mask(value: TensorLike) -> Any:
    """A mask that a user gave, as booleans; `None` stays `None`."""
    if value is None:
        return None
    mask = convert(value, name="mask")
    return mask if mask.dtype == bool else cast(mask, "bool")


def _given(masks: Any) -> Any:
    """Masks that a user gave: one, or as many as there are inputs."""
    if isinstance(masks, dict):
        return {key: as_mask(mask) for key, mask in masks.items()}
    if isinstance(masks, list | tuple) and any(
        mask is None or isinstance(mask, Handle | np.ndarray | jax.Array)
        for mask in masks
    ):
        return [as_mask(mask) for mask in masks]
    return as_mask(masks)


def attach(value: Any, mask: Tensor) -> None:
    """Give a Tensor a mask; it stays the same object."""
    if value.__class__ is Tensor or value.__class__ is MaskedTensor:
        value._mask = mask
        value.__class__ = MaskedTensor


def masked(inputs: Any, masks: Any, owner: str) -> Any:
    """Inputs with the masks that a user gave for them; what was given stays without.

    Args:
        inputs: Tensors, nested in any way.
        masks: One for each of them, or `None`.
        owner: What messages call the model.

    Raises:
        ArgumentError: if the numbers differ.
    """
    flat, tree = nesting.flatten(inputs, is_handle)
    given = _leaves(_given(masks))
    if len(given) != len(flat):
        raise ArgumentError(
            f"{owner} got {len(given)} masks for {len(flat)} inputs. Give one `mask` "
            "for each input, nested as they are; None for one without."
        )
    copies = [convert(execution.call(IDENTITY, (convert(part),))) for part in flat]
    for value, mask in zip(copies, given, strict=True):
        if mask is not None:
            attach(value, mask)
    return jax.tree.unflatten(tree, copies)


def has_masks(structure: Any) -> bool:
    """The same for a structure of any kind."""
    leaves = jax.tree.leaves(structure, is_leaf=is_handle)
    return any(leaf.__class__ is MaskedTensor for leaf in leaves)


class _Pair:
    """A Tensor and its mask, as two leaves of a structure."""

    def __init__(self, value: Any, mask: Any) -> None:
        self.value, self.mask = value, mask


jax.tree_util.register_pytree_node(
    _Pair, lambda pair: ((pair.value, pair.mask), None), lambda _, pair: _Pair(*pair)
)


def parted(structure: Any) -> Any:
    """A structure with masks beside their Tensors, so that both are its leaves."""

    def part(value: Any) -> Any:
        mask = mask_of(value)
        return value if mask is None else _Pair(value, mask)

    return nesting.map_leaves(part, structure, is_handle)


def joined(structure: Any) -> Any:
    """What `parted` was given, with the Tensors that are in their places now."""

    def join(value: Any) -> Any:
        if not isinstance(value, _Pair):
            return value
        attach(value.value, value.mask)
        return value.value

    return nesting.map_leaves(
        join, structure, lambda x: is_handle(x) or isinstance(x, _Pair)
    )


def takes_part(kind: type) -> bool:
    """Whether a class of layers asks for masks or makes them."""
    method: Any = kind
    is_asking = method.call not in passed_on and bool(_places(method.call))
    return is_asking or method.compute_mask not in passed_on


def is_met(layer: Any, args: Sequence[Any], options: dict[str, Any]) -> bool:
    """Whether a call of a layer that has to do with masks has to do with one now."""
    if layer._makes_masks or is_masked(args):
        return True
    for name, value in options.items():
        if value is not None and (name.endswith("mask") or is_masked(value)):
            return True
    return False


def fill(layer: Any, args: Sequence[Any], options: dict[str, Any]) -> Any:
    """Give `call` the masks that it asks for; returns those of the first argument.

    `mask` is that of the first argument, `key_mask` that of the argument `key`.
    """
    for name, (place, source, source_place) in _places(type(layer).call).items():
        if place < len(args):
            continue
        if options.get(name) is not None:
            options[name] = _given(options[name])
            continue
        value = options.get(source)
        masks = masks_of(args[source_place] if source_place < len(args) else value)
        if any(mask is not None for mask in _leaves(masks)):
            options[name] = masks
    given = options.get("mask")
    return masks_of(args[0]) if given is None and args else given


def carry(layer: Any, inputs: Any, outputs: Any, before: Any) -> None:
    """Give outputs the masks that the layer computes for them.

    Args:
        layer: What was called.
        inputs: Its first argument.
        outputs: What it returned.
        before: The masks of the first argument.
    """
    flat = [value for value in _leaves(outputs) if isinstance(value, Tensor)]
    if all(mask_of(value) is not None for value in flat):
        return
    if not layer.supports_masking:
        is_heeded = bool(_places(type(layer).call))
        if not is_heeded and any(mask is not None for mask in _leaves(before)):
            _warn(layer)
        return
    for value, mask in zip(flat, _leaves(layer.compute_mask(inputs, before))):  # noqa: B905
        if mask is not None and mask_of(value) is None:
            attach(value, mask)


def _leaves(structure: Any) -> list[Any]:
    return jax.tree.leaves(structure, is_leaf=lambda x: x is None or is_handle(x))


def _warn(layer: Any) -> None:
    warnings.warn(
        f"{type(layer).__name__}('{layer.name}') was called on a Tensor with a mask "
        "and does not pass masks on: the layers after it count every step. If it "
        "works on each step alone, set `supports_masking = True` in the class; if "
        "not, define `compute_mask(inputs, mask)`.",
        stacklevel=user_level(),
    )


@functools.cache
def _places(method: Callable) -> dict[str, tuple[int, str, int]]:
    """The mask arguments of `call`: their places, and whose masks they are."""
    names = list(inspect.signature(method).parameters)[1:]
    found = {}
    for place, name in enumerate(names):
        source = names[0] if name == "mask" else name.removesuffix("_mask")
        if place and source in names and source != name:
            found[name] = (place, source, names.index(source))
    return found
