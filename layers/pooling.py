"""Max and average pooling: the largest element, or the mean, of windows."""

from typing import Any

from ..framework import registry
from ..framework.errors import ShapeError
from ..framework.layer import Layer
from ..framework.neural.pooling import MAX, MEAN
from ..framework.neural.windows import layer_windows, per_axis, space_layout
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


class _Pooling(Layer):
    """What pooling shares, over any number of axes and whatever it makes of a window.

    A level between `Layer` and the layers, since these differ in those two alone.
    """

    takes_one_input = True
    _ndim: int
    _op: Op

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name=name, **options)
        owner = type(self).__name__
        self.pool_size = per_axis(self._ndim, pool_size, "pool_size", owner)
        given = pool_size if strides is None else strides
        self.strides = per_axis(self._ndim, given, "strides", owner)
        gaps = (1,) * self._ndim
        self._how = layer_windows(
            self.pool_size, self.strides, padding, data_format, gaps, owner
        )
        self.padding = padding.lower()
        self.data_format = "channels_last" if self._how.is_last else "channels_first"

    def call(self, inputs: Tensor) -> Tensor:
        """One element for each window."""
        how, window = self._how, self.pool_size
        try:
            return call(
                self._op, (inputs,), {"how": how, "window": window}, (how, window)
            )
        except (ShapeError, AttributeError):
            title = f"{type(self).__name__}('{self.name}')"
            space_layout(title, inputs, self._ndim)
            raise


@registry.register("layer", ("MaxPooling1D", "MaxPool1D"))
class MaxPooling1D(_Pooling):
    """The largest element of each window of steps.

    Args:
        pool_size: Steps in a window. Default 2, as in Keras.
        strides: Steps between windows. Default `pool_size`.
        padding: `"valid"` (default): windows within the input; `"same"`: as many as
            steps / strides; the margin is never the largest.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, steps, channels) -> output (batch, windows, channels)

    Raises:
        ArgumentError: for numbers that are not positive, or unknown words.
        ShapeError: for inputs with other axes, and where no window fits.

    Example:
        >>> jt.layers.MaxPooling1D()(jt.ones((2, 10, 3))).shape
        (2, 5, 3)
    """

    _ndim, _op = 1, MAX


@registry.register("layer", ("MaxPooling2D", "MaxPool2D"))
class MaxPooling2D(_Pooling):
    """The largest element of each window of an image.

    Args:
        pool_size: Height and width of a window. Default 2, as in Keras.
        strides: Distance of the windows. Default `pool_size`.
        padding: `"valid"` (default): windows within the image; `"same"`: as many as
            pixels / strides; the margin is never the largest.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, height, width, channels) -> output (batch, rows, columns,
        channels)

    Raises:
        ArgumentError: for numbers that are not positive, or unknown words.
        ShapeError: for inputs with other axes, and where no window fits.

    Example:
        >>> jt.layers.MaxPooling2D()(jt.ones((2, 8, 6, 3))).shape
        (2, 4, 3, 3)
    """

    _ndim, _op = 2, MAX


@registry.register("layer", ("AveragePooling1D", "AvgPool1D"))
class AveragePooling1D(_Pooling):
    """The mean of each window of steps.

    Args:
        pool_size: Steps in a window. Default 2.
        strides: Steps between windows. Default `pool_size`.
        padding: `"valid"` (default): windows within the input; `"same"`: as many as
            steps / strides; the margin does not count.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, steps, channels) -> output (batch, windows, channels)

    Raises:
        ArgumentError: for numbers that are not positive, or unknown words.
        ShapeError: for inputs with other axes, and where no window fits.

    Example:
        >>> jt.layers.AveragePooling1D(5)(jt.ones((2, 10, 3))).shape
        (2, 2, 3)
    """

    _ndim, _op = 1, MEAN


@registry.register("layer", ("AveragePooling2D", "AvgPool2D"))
class AveragePooling2D(_Pooling):
    """The mean of each window of an image.

    Args:
        pool_size: Height and width of a window. Default 2.
        strides: Distance of the windows. Default `pool_size`.
        padding: `"valid"` (default): windows within the image; `"same"`: as many as
            pixels / strides; the margin does not count.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Shapes:
        input (batch, height, width, channels) -> output (batch, rows, columns,
        channels)

    Raises:
        ArgumentError: for numbers that are not positive, or unknown words.
        ShapeError: for inputs with other axes, and where no window fits.

    Example:
        >>> jt.layers.AveragePooling2D((2, 3))(jt.ones((2, 8, 6, 3))).shape
        (2, 4, 2, 3)
    """

    _ndim, _op = 2, MEAN


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
