"""Conv1D and Conv2D: filters that slide over axes of space."""

from collections.abc import Callable
from typing import Any

import jax

from ..framework import activations, initializers, registry
from ..framework.checked import positive
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.neural.convolution_lowering import convolve
from ..framework.neural.windows import (
    Windows,
    layer_windows,
    per_axis,
    space_layout,
)
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor

_CHANNELS = 'Channels stand last; for others give data_format="channels_first".'


def _ops(formula: Callable[[jax.Array], jax.Array]) -> tuple[Op, Op]:
    """The layer with this activation as one op, with a bias and without."""

    def with_bias(
        x: jax.Array, kernel: jax.Array, bias: jax.Array, *, how: Windows, groups: int
    ) -> jax.Array:
        bias = bias if how.is_last else bias.reshape(-1, *[1] * len(how.strides))
        return formula(convolve(x, kernel, how, groups) + bias)

    def without_bias(
        x: jax.Array, kernel: jax.Array, *, how: Windows, groups: int
    ) -> jax.Array:
        return formula(convolve(x, kernel, how, groups))

    return Op("convolution", with_bias), Op("convolution", without_bias)


_OPS = {
    id(activation): _ops(formula)
    for activation, formula in activations.formulas.items()
}


class _Convolution(Layer):
    """What convolutions over any number of axes share.

    A level between `Layer` and the layers, since these differ in that number alone.
    """

    takes_one_input = True
    _ndim: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.filters = positive(self, "filters", filters)
        self.groups = positive(self, "groups", groups)
        if filters % groups:
            raise ArgumentError(
                f"`filters` must be a multiple of `groups`; got {filters} filters in "
                f"{groups} groups."
            )
        owner = type(self).__name__
        self.kernel_size = per_axis(self._ndim, kernel_size, "kernel_size", owner)
        self.strides = per_axis(self._ndim, strides, "strides", owner)
        self.dilation_rate = per_axis(self._ndim, dilation_rate, "dilation_rate", owner)
        self._how = layer_windows(
            self.kernel_size,
            self.strides,
            padding,
            data_format,
            self.dilation_rate,
            owner,
        )
        self.padding = padding.lower()
        self.data_format = "channels_last" if self._how.is_last else "channels_first"
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = registry.get("regularizer", kernel_regularizer)
        self.bias_regularizer = registry.get("regularizer", bias_regularizer)
        self.kernel_constraint = registry.get("constraint", kernel_constraint)
        self.bias_constraint = registry.get("constraint", bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make `kernel` and `bias` for inputs whose channels are known."""
        self.kernel = self.add_weight(
            (*self.kernel_size, self._channels(input_shape), self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = (
            self.add_weight(
                (self.filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
            if self.use_bias
            else None
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Y = activation(convolution of x by kernel + bias)."""
        activation = self.activation
        ops = _OPS.get(id(activation))
        biased, plain = ops or _OPS[id(activations.linear)]
        how, groups = self._how, self.groups
        options, structure = {"how": how, "groups": groups}, (how, groups)
        try:
            if self.bias is None:
                outputs = call(plain, (inputs, self.kernel), options, structure)
            else:
                values = (inputs, self.kernel, self.bias)
                outputs = call(biased, values, options, structure)
        except (ShapeError, AttributeError):
            self._check(inputs)
            raise
        return activation(outputs) if ops is None else outputs

    def _channels(self, shape: Any) -> int:
        """How many channels of the input a filter sees."""
        axes = space_layout(self._title(), shape, self._ndim)
        channels = axes[-1 if self._how.is_last else 1]
        if not channels or channels % self.groups:
            raise ShapeError(
                f"{self._title()} needs inputs whose number of channels is known and a "
                f"multiple of its {self.groups} groups; got shape {axes}. {_CHANNELS}"
            )
        return channels // self.groups

    def _check(self, inputs: Any) -> None:
        """Say what is wrong with inputs that do not fit the kernel.

        Raises:
            ShapeError: if they have other axes, or another number of channels.
        """
        axes = space_layout(self._title(), inputs, self._ndim)
        given = axes[-1 if self._how.is_last else 1]
        expected = self.kernel.shape[-2] * self.groups
        if given != expected:
            raise ShapeError(
                f"{self._title()} expected inputs with {expected} channels, as it was "
                f"built; got {given} in shape {axes}. {_CHANNELS}"
            )

    def _title(self) -> str:
        return f"{type(self).__name__}('{self.name}')"


@registry.register("layer", "Conv1D")
class Conv1D(_Convolution):
    """Convolution over one axis, for sequences and signals.

    y = activation(sum over q of x[strides p + dilation_rate q] kernel[q] + bias)

    Args:
        filters: Number of filters, the output's channels. Positive.
        kernel_size: Steps that a filter sees.
        strides: Steps between windows. Default 1.
        padding: `"valid"` (default, as in Keras): windows within the input; `"same"`:
            zeros around, as many windows as steps; `"causal"`: zeros before, so that
            no output sees a later step.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: Distance of the steps that a filter sees. Default 1.
        groups: Groups of channels that are convolved on their own. Default 1.
        activation: Name or function applied to the result. Default none.
        use_bias: Whether to add a bias. Default true.
        kernel_initializer: Draws `kernel`. Default Glorot uniform, as in Keras.
        bias_initializer: Draws `bias`. Default zeros, as in Keras.
        kernel_regularizer: Penalty on `kernel`, added to `losses`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Called with `kernel` after each update.
        bias_constraint: Called with `bias` after each update.

    Shapes:
        input (batch, steps, channels) -> output (batch, windows, filters);
        kernel (kernel_size, channels / groups, filters); bias (filters,)

    Raises:
        ArgumentError: for numbers that are not positive, filters that are no multiple
            of the groups, and unknown words.
        ShapeError: for inputs with other axes or other channels, and where no window
            fits.

    Note:
        Strides and dilations may be combined, which Keras refuses.

    Example:
        >>> jt.layers.Conv1D(4, 3)(jt.ones((2, 10, 3))).shape
        (2, 8, 4)
    """

    _ndim = 1


@registry.register("layer", "Conv2D")
class Conv2D(_Convolution):
    """Convolution over two axes, the layer of networks for images.

    y = activation(sum over q of x[strides p + dilation_rate q] kernel[q] + bias)

    Args:
        filters: Number of filters, the output's channels. Positive.
        kernel_size: Height and width that a filter sees; one number for both.
        strides: Distance of the windows. Default 1.
        padding: `"valid"` (default, as in Keras): windows within the image; `"same"`:
            zeros around, so that the output is as large as the image / strides.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: Distance of the pixels that a filter sees. Default 1.
        groups: Groups of channels that are convolved on their own. Default 1.
        activation: Name or function applied to the result. Default none.
        use_bias: Whether to add a bias. Default true.
        kernel_initializer: Draws `kernel`. Default Glorot uniform, as in Keras.
        bias_initializer: Draws `bias`. Default zeros, as in Keras.
        kernel_regularizer: Penalty on `kernel`, added to `losses`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Called with `kernel` after each update.
        bias_constraint: Called with `bias` after each update.

    Shapes:
        input (batch, height, width, channels) -> output (batch, rows, columns,
        filters); kernel (height, width, channels / groups, filters); bias (filters,)

    Raises:
        ArgumentError: for numbers that are not positive, filters that are no multiple
            of the groups, and unknown words.
        ShapeError: for inputs with other axes or other channels, and where no window
            fits.

    Note:
        Strides and dilations may be combined, which Keras refuses.

    Example:
        >>> jt.layers.Conv2D(4, 3)(jt.ones((2, 10, 8, 3))).shape
        (2, 8, 6, 4)

    References:
        LeCun et al., 1989.
    """

    _ndim = 2
