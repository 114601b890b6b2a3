"""DepthwiseConv2D: filters of its own for each channel."""

from typing import Any

import jax

from ..framework import initializers, registry
from ..framework.checked import positive
from ..framework.neural.convolution import DEPTHWISE
from ..framework.neural.windows import Windows
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .convolving import Convolving


def _depthwise(
    x: jax.Array,
    kernel: jax.Array,
    *bias: jax.Array,
    how: Windows,
    bias_shape: tuple[int, ...],
) -> jax.Array:
    y = DEPTHWISE.function(x, kernel, how=how)
    return y + bias[0].reshape(bias_shape) if bias else y


_DEPTHWISE = Op("depthwise_convolution", _depthwise)


@registry.register("layer", "DepthwiseConv2D")
class DepthwiseConv2D(Convolving):
    """Convolution of each channel of an image by filters of its own.

    y[..., c * depth_multiplier + m] = activation(sum over q of
    x[strides p + dilation_rate q, c] kernel[q, c, m] + bias)

    Far fewer weights than Conv2D has; channels meet in the next layer, as in
    SeparableConv2D.

    Args:
        kernel_size: Height and width that a filter sees; one number for both.
        strides: Distance of the windows. Default 1.
        padding: `"valid"` (default, as in Keras): windows within the image; `"same"`:
            zeros around, so that the output is as large as the image / strides.
        depth_multiplier: Filters for each channel. Default 1.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: Distance of the pixels that a filter sees. Default 1.
        activation: Name or function applied to the result. Default none.
        use_bias: Whether to add a bias. Default true.
        depthwise_initializer: Draws `kernel`. Default Glorot uniform, as in Keras.
        bias_initializer: Draws `bias`. Default zeros, as in Keras.
        depthwise_regularizer: Penalty on `kernel`, added to `losses`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the outputs.
        depthwise_constraint: Called with `kernel` after each update.
        bias_constraint: Called with `bias` after each update.

    Shapes:
        input (batch, height, width, channels) -> output (batch, rows, columns,
        channels * depth_multiplier); kernel (height, width, channels,
        depth_multiplier); bias (channels * depth_multiplier,)

    Raises:
        ArgumentError: for numbers that are not positive, and unknown words.
        ShapeError: for inputs with other axes or other channels, and where no window
            fits.

    Note:
        Strides may differ along the axes and be combined with dilations; TensorFlow
        refuses both.

    Example:
        >>> x = jt.ones((2, 10, 8, 3))
        >>> jt.layers.DepthwiseConv2D(3, depth_multiplier=2)(x).shape
        (2, 8, 6, 6)

    References:
        Howard et al., 2017, eq. 3.
    """

    takes_one_input = True
    _ndim = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self._settle(
            *(kernel_size, strides, padding, data_format, dilation_rate, activation),
            *(use_bias, bias_initializer, bias_regularizer, bias_constraint),
        )
        self.depth_multiplier = positive(self, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = registry.get("regularizer", depthwise_regularizer)
        self.depthwise_constraint = registry.get("constraint", depthwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make `kernel` and `bias` for inputs whose channels are known."""
        channels = self._settle_channels(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self.bias = self._make_bias(channels * self.depth_multiplier)

    def call(self, inputs: Tensor) -> Tensor:
        """Y = activation(convolution of each channel + bias)."""
        self._check(inputs)
        weights = [self.kernel] if self.bias is None else [self.kernel, self.bias]
        options = {"how": self._how, "bias_shape": self._bias_shape()}
        outputs = call(_DEPTHWISE, (inputs, *weights), options, tuple(options.values()))
        return self.activation(outputs)
