"""Conv1DTranspose and Conv2DTranspose: convolutions the other way round."""

from typing import Any

import jax
import jax.numpy as jnp

from ..framework import initializers, registry
from ..framework.checked import positive
from ..framework.errors import ArgumentError
from ..framework.neural.transposed_convolution import TRANSPOSED
from ..framework.neural.windows import Windows
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .convolving import Convolving


def _transposed(
    x: jax.Array,
    kernel: jax.Array,
    *bias: jax.Array,
    how: Windows,
    space: tuple[int, ...],
    bias_shape: tuple[int, ...],
) -> jax.Array:
    common = jnp.promote_types(x.dtype, kernel.dtype)
    x, kernel = x.astype(common), kernel.astype(common)
    y = TRANSPOSED.function(x, kernel, how=how, space=space)
    return y + bias[0].reshape(bias_shape) if bias else y


_TRANSPOSED = Op("transposed_convolution", _transposed)


class _TransposedConvolution(Convolving):
    """What transposed convolutions over any number of axes share.

    A level between `Convolving` and the layers, which differ in that number alone.
    """

    takes_one_input = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self._settle(
            *(kernel_size, strides, padding, data_format, dilation_rate, activation),
            *(use_bias, bias_initializer, bias_regularizer, bias_constraint),
        )
        self.filters = positive(self, "filters", filters)
        self.output_padding = self._checked(output_padding)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = registry.get("regularizer", kernel_regularizer)
        self.kernel_constraint = registry.get("constraint", kernel_constraint)

    def _checked(self, given: Any) -> tuple[int, ...] | None:
        """One `output_padding` for each axis, if there is any."""
        if given is None:
            return None
        is_list = isinstance(given, list | tuple)
        numbers = tuple(given) if is_list else (given,) * self._ndim
        if len(numbers) != self._ndim or not all(
            isinstance(n, int) and 0 <= n < step
            for n, step in zip(numbers, self.strides, strict=False)
        ):
            raise ArgumentError(
                f"`output_padding` of {type(self).__name__} must be from 0 to below "
                f"the strides, {self.strides}; got {given!r}."
            )
        if any(
            self.padding == "same" and more == 0 and reach % 2 == 0
            for more, reach in zip(numbers, self._reaches(), strict=True)
        ):
            raise ArgumentError(
                f"`output_padding` of {type(self).__name__} must be more than 0 where "
                f"padding is 'same' and a kernel even; got {given!r} with kernels of "
                f"{self._reaches()}. No convolution leads from so short an output to "
                "the input; leave `output_padding` out."
            )
        return numbers

    def _reaches(self) -> list[int]:
        """How far a window goes along each axis."""
        pairs = zip(self.kernel_size, self.dilation_rate, strict=True)
        return [(size - 1) * gap + 1 for size, gap in pairs]

    def build(self, input_shape: Any) -> None:
        """Make `kernel` and `bias` for inputs whose channels are known."""
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, self._settle_channels(input_shape)),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = self._make_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        """Y = activation(what a convolution by kernel would lead back to x + bias)."""
        self._check(inputs)
        weights = [self.kernel] if self.bias is None else [self.kernel, self.bias]
        options: dict[str, Any] = {
            "how": self._how,
            "space": self._space(self._how.space_of(inputs.shape)),
            "bias_shape": self._bias_shape(),
        }
        arguments = (inputs, *weights)
        outputs = call(_TRANSPOSED, arguments, options, tuple(options.values()))
        return self.activation(outputs)

    def _space(self, lengths: tuple) -> tuple:
        """The output's lengths along the axes of space, as in Keras."""
        is_same, reaches = self.padding == "same", self._reaches()
        if self.output_padding is None:
            rests = [
                step if is_same else max(reach, step)
                for reach, step in zip(reaches, self.strides, strict=True)
            ]
        else:
            rests = [
                (reach % 2 if is_same else reach) + more
                for reach, more in zip(reaches, self.output_padding, strict=True)
            ]
        rows = zip(lengths, self.strides, rests, strict=True)
        return tuple((n - 1) * step + rest for n, step, rest in rows)


@registry.register("layer", ("Conv1DTranspose", "Convolution1DTranspose"))
class Conv1DTranspose(_TransposedConvolution):
    """Transposed convolution over one axis: a longer sequence.

    y[r] = activation(sum over p, q with strides p + dilation_rate q = r of x[p]
    kernel[q] + bias): what pulls gradients of a Conv1D back.

    Args:
        filters: Number of filters, the output's channels. Positive.
        kernel_size: Steps that a filter reaches.
        strides: Steps from one window to the next. Default 1.
        padding: `"valid"` (default, as in Keras): an output that all windows lie in;
            `"same"`: one of the input's length times `strides`.
        output_padding: How much longer than the shortest the output is, from 0 to
            below `strides`. Default as `padding` says.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: Distance of the steps that a filter reaches. Default 1.
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
        input (batch, steps, channels) -> output (batch, more steps, filters); kernel
        (kernel_size, filters, channels); bias (filters,)

    Raises:
        ArgumentError: for numbers that are not positive, an `output_padding` that is
            not below the strides or that no window reaches, and unknown words.
        ShapeError: for inputs with other axes or other channels.

    Note:
        Strides and dilations may be combined, which Keras refuses.

    Example:
        >>> x = jt.ones((2, 5, 3))
        >>> jt.layers.Conv1DTranspose(4, 3, strides=2, padding="same")(x).shape
        (2, 10, 4)
    """

    _ndim = 1


@registry.register("layer", ("Conv2DTranspose", "Convolution2DTranspose"))
class Conv2DTranspose(_TransposedConvolution):
    """Transposed convolution over two axes: a larger image.

    y[r] = activation(sum over p, q with strides p + dilation_rate q = r of x[p]
    kernel[q] + bias): what pulls gradients of a Conv2D back. The layer of decoders and
    of generators of images.

    Args:
        filters: Number of filters, the output's channels. Positive.
        kernel_size: Height and width that a filter reaches; one number for both.
        strides: Distance of the windows in the output. Default 1.
        padding: `"valid"` (default, as in Keras): an output that all windows lie in;
            `"same"`: one of the input's length times `strides`.
        output_padding: How much longer than the shortest the output is, from 0 to
            below `strides`. Default as `padding` says.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: Distance of the pixels that a filter reaches. Default 1.
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
        filters); kernel (height, width, filters, channels); bias (filters,)

    Raises:
        ArgumentError: for numbers that are not positive, an `output_padding` that is
            not below the strides or that no window reaches, and unknown words.
        ShapeError: for inputs with other axes or other channels.

    Note:
        Strides and dilations may be combined, which Keras refuses.

    Example:
        >>> x = jt.ones((2, 5, 4, 3))
        >>> jt.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x).shape
        (2, 10, 8, 4)

    References:
        Zeiler et al., 2010, section 3; Dumoulin and Visin, 2016, chapter 4.
    """

    _ndim = 2


Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
