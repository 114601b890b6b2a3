"""Concatenate: several Tensors one after another."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.checked import integer
from ..framework.errors import ShapeError
from ..framework.layer import Layer
from ..framework.ops.joining import concat
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .merging import checked_list


def _joined_mask(
    *arrays: jax.Array, axis: int, has_mask: tuple[bool, ...]
) -> jax.Array:
    """Masks of single features where there is one for steps, joined, and for steps."""
    count = len(has_mask)
    given, parts = list(arrays[count:]), []
    for x, is_masked in zip(arrays[:count], has_mask, strict=True):
        mask = given.pop(0) if is_masked else jnp.ones((1,) * x.ndim, bool)
        mask = mask[..., None] if mask.ndim < x.ndim else mask
        parts.append(jnp.broadcast_to(mask, x.shape))
    return jnp.any(jnp.concatenate(parts, axis), -1)


MASK = Op("concat", _joined_mask, is_differentiable=False)


@registry.register("layer", "Concatenate")
class Concatenate(Layer):
    """The elements of several Tensors one after another along an axis.

    Args:
        axis: Along which axis; not the batch. Default the last one.

    Shapes:
        inputs (batch, ..., n_i, ...) -> output (batch, ..., sum of all n_i, ...)

    Raises:
        ArgumentTypeError: for one Tensor that is in no list.
        ArgumentError: for an empty list.
        ShapeError: if lengths of other axes differ, or there is no such axis.

    Example:
        >>> jt.layers.Concatenate()([jt.zeros((2, 3)), jt.zeros((2, 4))]).shape
        (2, 7)
    """

    makes_masks = False
    supports_masking = True

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = integer(self, "axis", axis)

    def build(self, input_shape: Any) -> None:
        """Check that there is a list of inputs that fit together."""
        self._check(checked_list(self, input_shape))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The inputs, joined."""
        self._check([x.shape for x in checked_list(self, inputs)])
        return concat(inputs, self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        """The masks joined like the inputs; an input without one counts in whole.

        Along the last axis a step counts if one of its features does, as in Keras.
        """
        if mask is None or all(part is None for part in mask):
            return None
        has_mask = tuple(part is not None for part in mask)
        given = [part for part in mask if part is not None]
        options: dict[str, Any] = {"axis": self.axis, "has_mask": has_mask}
        return call(MASK, (*inputs, *given), options, tuple(options.values()))

    def _check(self, shapes: Sequence[tuple]) -> None:
        ndim = len(shapes[0])
        if -ndim <= self.axis < ndim:
            place = self.axis % ndim
            others = {(*shape[:place], *shape[place + 1 :]) for shape in shapes}
            if len(others) == 1 or _may_be_equal(list(others)):
                return
        given = ", ".join(map(str, shapes))
        raise ShapeError(
            f"Concatenate('{self.name}') joins along axis {self.axis} Tensors of equal "
            f"lengths elsewhere; got {given}. Choose another `axis`, or bring them to "
            "the same lengths first."
        )


def concatenate(inputs: Sequence[Any], axis: int = -1, **options: Any) -> Tensor:
    """A list of Tensors joined along `axis`, by a new `Concatenate` layer.

    Shapes:
        inputs (batch, ..., n_i, ...) -> output (batch, ..., sum of n_i, ...)
    """
    return Concatenate(axis, **options)(inputs)


def _may_be_equal(shapes: Sequence[tuple]) -> bool:
    """Whether shapes are equal where their lengths are known."""
    if len({len(shape) for shape in shapes}) > 1:
        return False
    return all(len({*lengths} - {None}) < 2 for lengths in zip(*shapes, strict=True))
