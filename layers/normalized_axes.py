"""Which axes of its inputs a layer normalises."""

from collections.abc import Sequence
from typing import Any

from ..framework.errors import ShapeError
from ..framework.layer import Layer


def place_of_axis(layer: Layer, axis: int, shape: Sequence[Any]) -> int:
    """The axis counted from the start, of a known length.

    Raises:
        ShapeError: if the inputs have no such axis, or its length is unknown.
    """
    ndim = len(shape)
    if -ndim <= axis < ndim and isinstance(shape[axis], int):
        return axis % ndim
    raise ShapeError(
        f"{type(layer).__name__}('{layer.name}') works on axis {axis}, which must be "
        f"one of known length; got inputs of shape {tuple(shape)}. Choose another "
        "`axis`, or give inputs that have it."
    )
