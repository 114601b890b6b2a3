"""Input: says what shape comes into a model."""

from collections.abc import Sequence
from typing import Any

from ..framework import registry
from ..framework.errors import ArgumentError
from ..framework.layer import Layer
from ..framework.recording.tensor import Tensor


@registry.register("layer", "InputLayer")
class InputLayer(Layer):
    """First entry of a Sequential that tells the shape of one sample.

    Args:
        shape: Of one sample, without the batch.
        batch_size: Accepted for compatibility.
        dtype: Element type of the inputs. Default float32.
        name: Default "input_layer" with a running number.
        batch_shape: `(batch_size, *shape)`, in place of both.

    Shapes:
        input (batch, *shape) -> output the same
    """

    supports_masking = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
    ) -> None:
        if batch_shape is not None:
            batch_size, *shape = batch_shape
        if shape is None:
            raise ArgumentError(
                "`shape` is missing: the shape of one sample, for example "
                "jt.Input(shape=(10,))."
            )
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        super().__init__(dtype=dtype, name=name, input_shape=shape)
        self._is_input_layer = True
        self.batch_shape = (batch_size, *shape)

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs themselves."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The shape with the batch, the dtype and the name, as in Keras."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype.name,
            "name": self.name,
        }


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> InputLayer:
    """What comes into a model; see `InputLayer`."""
    return InputLayer(shape, batch_size, dtype, name)
