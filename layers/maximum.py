"""Maximum: the largest of the elements of several Tensors."""

import functools
from collections.abc import Sequence
from typing import Any

from ..framework import registry
from ..framework.ops.elementwise import MAXIMUM
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from .merging import Merge, aligned, chosen


@registry.register("layer", "Maximum")
class Maximum(Merge):
    """The largest of the elements of a list of Tensors, place by place.

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
        >>> jt.layers.Maximum()(x).numpy().tolist()
        [[2.0, 5.0]]
    """

    merge_op = Op(
        "maximum", lambda *arrays: functools.reduce(MAXIMUM.function, aligned(arrays))
    )
    masked_op = Op("maximum", functools.partial(chosen, MAXIMUM.function))


def maximum(inputs: Sequence[TensorLike], **options: Any) -> Tensor:
    """The largest elements of a list of Tensors, by a `Maximum` layer with options."""
    return Maximum(**options)(inputs)
