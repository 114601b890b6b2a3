"""TimeDistributed: a layer for each step of a sequence."""

from typing import Any

import jax

from ..framework import registry
from ..framework.errors import ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.masking import as_mask, attach
from ..framework.recording.body import is_handle
from ..framework.recording.tensor import Tensor, TensorLike


@registry.register("layer", "TimeDistributed")
class TimeDistributed(Layer):
    """A layer called on every step of a sequence, with the same weights.

    What makes a network for images one for films: `TimeDistributed(Conv2D(8, 3))`.

    Args:
        layer: A layer or model that takes one step, with a batch.

    Shapes:
        input (batch, steps, ...), mask (batch, steps) -> output (batch, steps, ...),
        with the shape of the layer's outputs after the steps

    Raises:
        ArgumentTypeError: for what is no layer.
        ShapeError: for inputs without an axis of steps.

    Example:
        >>> jt.layers.TimeDistributed(jt.layers.Dense(4))(jt.ones((2, 5, 3))).shape
        (2, 5, 4)

    Note:
        The layer is called once, on all steps as one batch: BatchNormalization has the
        moments of all of them, and Dropout draws for each. Keras calls it step by step.
    """

    makes_masks = False
    supports_masking = True

    def __init__(self, layer: Any, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(layer, Layer):
            raise ArgumentTypeError(
                f"`layer` of TimeDistributed must be a layer; got {layer!r}. For "
                "example: TimeDistributed(Dense(4))."
            )
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """Make the layer's weights, for one step."""
        self._check(input_shape)
        if not self.layer.built:
            self.layer._build_for((input_shape[0], *input_shape[2:]))

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: TensorLike = None
    ) -> Any:
        """What the layer makes of each step."""
        self._check(inputs.shape)
        batch, steps, *rest = inputs.shape
        folded = inputs.reshape(batch * steps, *rest)
        mask = as_mask(mask)
        # A mask of the steps themselves is for the layer if it has one number a row.
        if self.layer._handles_masks and mask is not None and mask.ndim == folded.ndim:
            attach(folded, mask.reshape(batch * steps, *mask.shape[2:]))
        outputs = self.layer(folded)
        return jax.tree.map(
            lambda y: y.reshape(batch, steps, *y.shape[1:]), outputs, is_leaf=is_handle
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the inputs."""
        return mask

    def _check(self, shape: Any) -> None:
        if not isinstance(shape, tuple) or len(shape) < 2:
            raise ShapeError(
                f"TimeDistributed('{self.name}') takes sequences, one Tensor of shape "
                f"(batch, steps, ...); got shape {shape}. Call the layer itself on "
                "single steps."
            )
