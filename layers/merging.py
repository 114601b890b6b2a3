"""Merging: what layers share that make one Tensor of a list of them."""

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.masking import as_mask
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


class Merge(Layer):
    """Base of layers that merge a list of Tensors element by element.

    Subclasses say by which op, `merge_op`, and by which other one, `masked_op`, if
    steps that do not count are left out; that one gets the masks after the inputs.
    Where ranks differ, axes of length 1 are put after the batch, as in Keras; lengths
    of 1 are broadcast, but not the batch.
    """

    makes_masks = False
    supports_masking = True
    num_inputs: int | None = None
    """How many inputs there must be; any number if there is none."""
    merge_op: Op
    masked_op: Op | None = None

    def build(self, input_shape: Any) -> None:
        """Check that there is a list of inputs that fit together."""
        check_shapes(self, checked_list(self, input_shape, self.num_inputs))

    def call(self, inputs: Sequence[Tensor], mask: Any = None) -> Tensor:
        """The inputs merged."""
        listed = checked_list(self, inputs, self.num_inputs)
        check_shapes(self, [x.shape for x in listed])
        given = [as_mask(part) for part in mask or () if part is not None]
        if self.masked_op is None or not given:
            return call(self.merge_op, tuple(inputs))
        has_mask = tuple(part is not None for part in mask)
        options = {"has_mask": has_mask}
        return call(self.masked_op, (*inputs, *given), options, (has_mask,))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        """True where any input counts; none if an input has no mask, as in Keras."""
        if mask is None or any(part is None for part in mask):
            return None
        return functools.reduce(operator.or_, map(as_mask, mask))


def aligned(arrays: Sequence[jax.Array]) -> list[jax.Array]:
    """Arrays of one rank: axes of length 1 are put after the first one."""
    ndim = max(x.ndim for x in arrays)
    return [jnp.expand_dims(x, tuple(range(1, 1 + ndim - x.ndim))) for x in arrays]


def with_masks(
    arrays: Sequence[jax.Array], has_mask: Sequence[bool]
) -> list[tuple[jax.Array, jax.Array | None]]:
    """Arrays of one rank, each with its mask in its own shape, if it has one.

    Args:
        arrays: The inputs, then the masks of those that have one.
        has_mask: Whether each input has a mask.
    """
    inputs, masks = arrays[: len(has_mask)], iter(arrays[len(has_mask) :])
    spread = [
        jnp.broadcast_to(next(masks)[..., None] if is_masked else True, x.shape)
        for x, is_masked in zip(inputs, has_mask, strict=True)
    ]
    rows = zip(aligned(inputs), aligned(spread), has_mask, strict=True)
    return [(x, mask if is_masked else None) for x, mask, is_masked in rows]


def chosen(
    choose: Callable[[jax.Array, jax.Array], jax.Array],
    *arrays: jax.Array,
    has_mask: tuple[bool, ...],
) -> jax.Array:
    """One of the elements in each place, of those that count where some do.

    Args:
        choose: Which of two.
        arrays: As for `with_masks`.
        has_mask: As for `with_masks`.
    """
    (best, counts), *others = with_masks(arrays, has_mask)
    for x, mask in others:
        other = x if mask is None else jnp.where(mask, x, best)
        best = best if counts is None else jnp.where(counts, best, other)
        counts = None if counts is None or mask is None else counts | mask
        best = choose(best, other)
    return best


def checked_list(layer: Layer, inputs: Any, number: int | None = None) -> Any:
    """A list of inputs, or of their shapes.

    Args:
        layer: What they are for.
        inputs: The list.
        number: How many there must be. Default any number but 0.

    Raises:
        ArgumentTypeError: for one input that is in no list.
        ArgumentError: for an empty list, or one of another length.
    """
    name = f"{type(layer).__name__}('{layer.name}')"
    is_list = isinstance(inputs, list | tuple)
    if not is_list or (inputs and isinstance(inputs[0], int)):
        shape = tuple(inputs if is_list else getattr(inputs, "shape", ()))
        raise ArgumentTypeError(
            f"{name} takes a list of Tensors; got one of shape {shape}. Put them in "
            "brackets: layer([x, y])."
        )
    if not inputs:
        raise ArgumentError(
            f"{name} takes a list of at least one Tensor; got an empty one. Give them "
            "as layer([x, y])."
        )
    if number is not None and len(inputs) != number:
        raise ArgumentError(
            f"{name} takes a list of {number} Tensors; got {len(inputs)}. Give them as "
            "layer([x, y])."
        )
    return inputs


def check_shapes(layer: Layer, shapes: Sequence[tuple]) -> None:
    """Refuse shapes that cannot be merged element by element.

    Raises:
        ShapeError: if batches differ, or lengths of which none is 1.
    """
    if all(shape == shapes[0] for shape in shapes):
        return
    batches = {shape[0] for shape in shapes if shape} - {None}
    aligned_lengths = itertools.zip_longest(
        *(reversed(shape[1:]) for shape in shapes), fillvalue=1
    )
    if len(batches) > 1 or any(
        len({*lengths} - {1, None}) > 1 for lengths in aligned_lengths
    ):
        given = ", ".join(map(str, shapes))
        raise ShapeError(
            f"{type(layer).__name__}('{layer.name}') takes Tensors of one shape; got "
            f"{given}. Lengths must be equal or 1, that of the batch equal; bring them "
            "to one shape first, for example by a Dense or Reshape layer."
        )
