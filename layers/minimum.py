"""Minimum: the smallest of the elements of several Tensors."""

import functools
from collections.abc import Sequence
from typing import Any

from ..framework import registry
from ..framework.ops.elementwise import MINIMUM
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from .merging import Merge, aligned, chosen


@registry.register("layer", "Minimum")
class Minimum(Merge):
    """The smallest of the elements of a list of Tensors, place by place.

    At a tie the gradient goes to the first of them. A step that a mask leaves out does
    not take part, as in Keras.

    Shapes:
        inputs n times (batch, ...) -> output the same; lengths of 1 are broadcast, and
        a Tensor of fewer axes gets some of length 1 after the batch

    Raises:
        ArgumentTypeError: for one Tensor that is in no list.
        ArgumentError: for an empty list.
        ShapeError: for shapes that do not fit together.

    Example:
        >>> x = [jt.constant([[1.0, 5.0]]), jt.constant([[2.0, 3.0]])]
        >>> jt.layers.Minimum()(x).numpy().tolist()
        [[1.0, 3.0]]
    """

    merge_op = Op(
        "minimum", lambda *arrays: functools.reduce(MINIMUM.function, aligned(arrays))
    )
    masked_op = Op("minimum", functools.partial(chosen, MINIMUM.function))


def minimum(inputs: Sequence[TensorLike], **options: Any) -> Tensor:
    """The smallest elements of a list of Tensors, by a `Minimum` layer with options."""
    return Minimum(**options)(inputs)
