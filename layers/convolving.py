"""Convolving: what layers share that convolve by depth, or the other way round."""

from typing import Any

from ..framework import activations, initializers, registry
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.neural.windows import (
    Windows,
    layer_windows,
    per_axis,
    space_layout,
)
from ..framework.variable import Variable


class Convolving(Layer):
    """Base of layers whose windows slide over axes of space.

    Subclasses say over how many, `_ndim`, and call `_settle` with what their
    constructors have in common.
    """

    _ndim: int
    _how: Windows
    _built_channels: int

    def _settle(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        bias_constraint: Any,
    ) -> None:
        """Take in the arguments that all have; those of a layer are its attributes."""
        owner = type(self).__name__
        self.kernel_size = per_axis(self._ndim, kernel_size, "kernel_size", owner)
        self.strides = per_axis(self._ndim, strides, "strides", owner)
        self.dilation_rate = per_axis(self._ndim, dilation_rate, "dilation_rate", owner)
        if isinstance(padding, str) and padding.lower() == "causal":
            raise ArgumentError(
                f"`padding` of {owner} must be one of 'valid', 'same'; got {padding!r}."
            )
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
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = registry.get("regularizer", bias_regularizer)
        self.bias_constraint = registry.get("constraint", bias_constraint)

    def _make_bias(self, channels: int) -> Variable | None:
        if not self.use_bias:
            return None
        return self.add_weight(
            (channels,),
            self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name="bias",
        )

    def _bias_shape(self) -> tuple[int, ...]:
        """A shape in which the bias is added to the channels of an output."""
        return (-1,) if self._how.is_last else (-1, *[1] * self._ndim)

    def _settle_channels(self, shape: Any) -> int:
        """How many channels the inputs have that the layer is built for."""
        axes = space_layout(self._title(), shape, self._ndim)
        channels = axes[-1 if self._how.is_last else 1]
        if not isinstance(channels, int) or not channels:
            raise ShapeError(
                f"{self._title()} needs inputs whose number of channels is known; got "
                f"shape {axes}. Channels stand last; for others give "
                'data_format="channels_first".'
            )
        self._built_channels = channels
        return channels

    def _check(self, inputs: Any) -> None:
        """Refuse inputs that do not fit the kernel.

        Raises:
            ShapeError: if they have other axes, or another number of channels.
        """
        axes = space_layout(self._title(), inputs, self._ndim)
        given = axes[-1 if self._how.is_last else 1]
        if given != self._built_channels:
            raise ShapeError(
                f"{self._title()} expected inputs with {self._built_channels} "
                f"channels, as it was built; got {given} in shape {axes}. Channels "
                'stand last; for others give data_format="channels_first".'
            )

    def _title(self) -> str:
        return f"{type(self).__name__}('{self.name}')"
