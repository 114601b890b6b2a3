"""SeparableConv2D: filters for each channel, then a mixture of the channels."""

from typing import Any

import jax

from ..framework import initializers, registry
from ..framework.checked import positive
from ..framework.neural.convolution import SEPARABLE
from ..framework.neural.windows import Windows
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .convolving import Convolving


def _separable(
    x: jax.Array,
    depthwise: jax.Array,
    pointwise: jax.Array,
    *bias: jax.Array,
    how: Windows,
    bias_shape: tuple[int, ...],
) -> jax.Array:
    y = SEPARABLE.function(x, depthwise, pointwise, how=how)
    return y + bias[0].reshape(bias_shape) if bias else y


_SEPARABLE = Op("separable_convolution", _separable)


@registry.register("layer", ("SeparableConv2D", "SeparableConvolution2D"))
class SeparableConv2D(Convolving):
    """Convolution of each channel by filters of its own, then of all by 1 x 1 filters.

    y = activation(sum over c, m of depthwise(x)[..., c, m] pointwise_kernel[c, m] +
    bias), where depthwise is what DepthwiseConv2D computes.

    Args:
        filters: Number of 1 x 1 filters, the output's channels. Positive.
        kernel_size: Height and width that a filter of a channel sees; one number for
            both.
        strides: Distance of the windows. Default 1.
        padding: `"valid"` (default, as in Keras): windows within the image; `"same"`:
            zeros around, so that the output is as large as the image / strides.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: Distance of the pixels that a filter sees. Default 1.
        depth_multiplier: Filters for each channel. Default 1.
        activation: Name or function applied to the result. Default none.
        use_bias: Whether to add a bias. Default true.
        depthwise_initializer: Draws `depthwise_kernel`. Default Glorot uniform, as in
            Keras.
        pointwise_initializer: Draws `pointwise_kernel`. Default Glorot uniform.
        bias_initializer: Draws `bias`. Default zeros, as in Keras.
        depthwise_regularizer: Penalty on `depthwise_kernel`, added to `losses`.
        pointwise_regularizer: Penalty on `pointwise_kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the outputs.
        depthwise_constraint: Called with `depthwise_kernel` after each update.
        pointwise_constraint: Called with `pointwise_kernel` after each update.
        bias_constraint: Called with `bias` after each update.

    Shapes:
        input (batch, height, width, channels) -> output (batch, rows, columns,
        filters); depthwise_kernel (height, width, channels, depth_multiplier);
        pointwise_kernel (1, 1, channels * depth_multiplier, filters); bias (filters,)

    Raises:
        ArgumentError: for numbers that are not positive, and unknown words.
        ShapeError: for inputs with other axes or other channels, and where no window
            fits.

    Example:
        >>> jt.layers.SeparableConv2D(4, 3)(jt.ones((2, 10, 8, 3))).shape
        (2, 8, 6, 4)

    References:
        Chollet, 2017, section 1.2.
    """

    takes_one_input = True
    _ndim = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self._settle(
            *(kernel_size, strides, padding, data_format, dilation_rate, activation),
            *(use_bias, bias_initializer, bias_regularizer, bias_constraint),
        )
        self.filters = positive(self, "filters", filters)
        self.depth_multiplier = positive(self, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = registry.get("regularizer", depthwise_regularizer)
        self.pointwise_regularizer = registry.get("regularizer", pointwise_regularizer)
        self.depthwise_constraint = registry.get("constraint", depthwise_constraint)
        self.pointwise_constraint = registry.get("constraint", pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the kernels and `bias` for inputs whose channels are known."""
        channels = self._settle_channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (1, 1, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self.bias = self._make_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        """Y = activation(mixture of the convolved channels + bias)."""
        self._check(inputs)
        weights = [self.depthwise_kernel, self.pointwise_kernel]
        weights += [] if self.bias is None else [self.bias]
        options = {"how": self._how, "bias_shape": self._bias_shape()}
        outputs = call(_SEPARABLE, (inputs, *weights), options, tuple(options.values()))
        return self.activation(outputs)


SeparableConvolution2D = SeparableConv2D
