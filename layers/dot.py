"""Dot: products of two Tensors, summed over an axis of each."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import registry
from ..framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from ..framework.symbolic import known_shape
from .merging import checked_list

_SMALLEST = 1e-7  # the length that a vector is taken to have at least; Keras's


def _normalized(x: jax.Array, axis: int) -> jax.Array:
    """Vectors of length 1, in at least float32: half precision has no 1e-14."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    squares = jnp.sum(jnp.square(wide), axis, keepdims=True)
    scale = jax.lax.rsqrt(jnp.maximum(squares, _SMALLEST**2))
    return (wide * scale).astype(x.dtype)


def _dot(
    x: jax.Array, y: jax.Array, *, axes: tuple[int, int], normalize: bool
) -> jax.Array:
    common = jnp.promote_types(x.dtype, y.dtype)
    x, y = x.astype(common), y.astype(common)
    if normalize:
        x, y = _normalized(x, axes[0]), _normalized(y, axes[1])
    found = jax.lax.dot_general(x, y, (((axes[0],), (axes[1],)), ((0,), (0,))))
    return found[:, None] if found.ndim == 1 else found


DOT = Op("dot", _dot)


@registry.register("layer", "Dot")
class Dot(Layer):
    """Products of two Tensors in a list, summed over an axis of each.

    y[b, i, j] = sum over k of x_1[b, i, k] * x_2[b, k, j], for `axes=(2, 1)`.

    Args:
        axes: The axis to sum over, or one for each Tensor; not the batch.
        normalize: Whether vectors along it are made of length 1 first, so that the
            output is the cosine of their angle. Default false.

    Shapes:
        inputs (batch, ..., k, ...) twice -> output (batch, the rest of the first, the
        rest of the second), or (batch, 1) if there is no rest

    Raises:
        ArgumentTypeError: for one Tensor that is in no list, or axes of another type.
        ArgumentError: if there are not two Tensors, or for other than one or two axes.
        ShapeError: for shapes that do not fit together.

    Example:
        >>> jt.layers.Dot(axes=1)([jt.ones((2, 3)), jt.ones((2, 3))]).numpy().tolist()
        [[3.0], [3.0]]
    """

    makes_masks = False
    supports_masking = True

    def __init__(
        self, axes: int | Sequence[int], normalize: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        if not isinstance(axes, int | list | tuple):
            raise ArgumentTypeError(
                f"`axes` of Dot must be an integer or two of them; got {axes!r}. For "
                "example: axes=-1."
            )
        pair = [axes, axes] if isinstance(axes, int) else axes
        if len(pair) != 2 or not all(isinstance(axis, int) and axis for axis in pair):
            raise ArgumentError(
                "`axes` of Dot must be an integer or two of them, not 0, the batch; "
                f"got {axes!r}. For example: axes=(2, 1)."
            )
        self.axes = axes
        self.normalize = bool(normalize)
        self._pair = (pair[0], pair[1])

    def build(self, input_shape: Any) -> None:
        """Check that there are two inputs that fit together."""
        self._places(checked_list(self, input_shape, 2))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The products, summed."""
        first, second = checked_list(self, inputs, 2)
        places = self._places([known_shape(x.shape) for x in (first, second)])
        options = {"axes": places, "normalize": self.normalize}
        return call(DOT, (first, second), options, tuple(options.values()))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: what is summed over has no steps of its own."""

    def _places(self, shapes: Sequence[tuple]) -> tuple[int, int]:
        """Both axes counted from the start."""
        first, second = (
            axis % len(shape) if -len(shape) <= axis < len(shape) else 0
            for axis, shape in zip(self._pair, shapes, strict=True)
        )
        if first and second:
            batches = {shape[0] for shape in shapes} - {None}
            summed = {shapes[0][first], shapes[1][second]} - {None}
            if len(batches) < 2 and len(summed) < 2:
                return first, second
        given = " and ".join(str(tuple(shape)) for shape in shapes)
        raise ShapeError(
            f"Dot('{self.name}') sums over axes {self._pair}, which must have one "
            f"length and not be the batch, which must be one, too; got shapes {given}. "
            "Choose other `axes`."
        )


def dot(inputs: Sequence[TensorLike], axes: int | Sequence[int], **options: Any) -> Any:
    """Products summed over an axis, by a `Dot` layer with these options."""
    return Dot(axes, **options)(inputs)
