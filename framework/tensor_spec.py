"""TensorSpec: what an argument of a function must look like."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .errors import ArgumentTypeError, ShapeError
from .recording.node import Handle
from .recording.tensor import Tensor, convert


class TensorSpec:
    """What a Tensor argument must look like, for `input_signature`.

    Args:
        shape: Axis lengths; `None` for any length. Default: any shape at all.
        dtype: Element type. Default float32.
        name: For messages.

    Example:
        >>> jt.TensorSpec((None, 3))
        TensorSpec(shape=(None, 3), dtype=float32)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> None:
        self.shape = None if shape is None else tuple(shape)
        self.dtype = np.dtype(dtype)
        self.name = name

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype.name})"

    def taken_in(self, value: Any, name: str) -> Tensor:
        """A value as a Tensor of this kind.

        Raises:
            ArgumentTypeError: if the dtype differs.
            ShapeError: if the shape differs.
        """
        if isinstance(value, Handle | np.ndarray | jax.Array):
            tensor = convert(value, name=name)
        else:
            tensor = convert(value, self.dtype, name=name)
        if tensor.dtype != self.dtype:
            raise ArgumentTypeError(
                f"`{name}` must have dtype {self.dtype.name}, as `input_signature` "
                f"says; got {tensor.dtype.name}. Cast it: "
                f"jt.cast({name}, '{self.dtype.name}')."
            )
        if self.shape is not None and not _fits(tensor.shape, self.shape):
            raise ShapeError(
                f"`{name}` must have shape {self.shape}, as `input_signature` says; "
                f"got {tensor.shape}. Reshape it, or write None for what may vary."
            )
        return tensor


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        length in (None, given) for given, length in zip(shape, wanted, strict=True)
    )
