"""SpatialDropout1D and SpatialDropout2D: whole channels at 0 while training."""

from typing import Any

from ..framework import random, registry
from ..framework.checked import share
from ..framework.layer import Layer
from ..framework.neural.windows import layer_windows, space_layout
from ..framework.recording.execution import call
from ..framework.recording.tensor import Tensor, convert
from .dropout import DROPOUT


class _SpatialDropout(Layer):
    """What dropping channels shares over any number of axes.

    A level between `Layer` and the layers, since these differ in that number alone.
    """

    takes_one_input = True
    supports_masking = True
    _ndim: int

    def _settle(self, rate: float, data_format: str | None, seed: int | None) -> None:
        """Take in the arguments; the layers do not share all of them."""
        ones = (1,) * self._ndim
        self._how = layer_windows(ones, ones, "valid", data_format, ones, "")
        self.rate = share(self, "rate", rate)
        self.seed = seed
        self.generator = None if seed is None else random.Generator(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The inputs with some channels at 0, while training."""
        title = f"{type(self).__name__}('{self.name}')"
        batch, *rest = space_layout(title, inputs, self._ndim)
        if not training or self.rate == 0:
            return inputs
        channels = rest[-1 if self._how.is_last else 0]
        ones = (1,) * self._ndim
        last = (batch, *ones, channels)
        shape = last if self._how.is_last else (batch, channels, *ones)
        draw = (self.generator or random).uniform(shape)
        return call(DROPOUT, (inputs, draw, convert(self.rate)))


@registry.register("layer", "SpatialDropout1D")
class SpatialDropout1D(_SpatialDropout):
    """Each channel of a sequence is 0 at all steps with probability `rate` in training.

    The rest is scaled by 1 / (1 - rate). For channels whose steps are much alike, of
    which Dropout would leave enough to guess the rest; without training the inputs pass
    unchanged.

    Args:
        rate: Probability, in [0, 1]. At 1 everything is 0.
        seed: Makes the draws of this layer repeatable. Default the global generator.

    Shapes:
        input (batch, steps, channels) -> output (batch, steps, channels)

    Raises:
        ArgumentError: if `rate` is outside [0, 1].
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.SpatialDropout1D(0.5)(jt.ones((2, 3, 4))).shape
        (2, 3, 4)

    References:
        Tompson et al., 2015, section 3.2.
    """

    _ndim = 1

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._settle(rate, None, seed)


@registry.register("layer", "SpatialDropout2D")
class SpatialDropout2D(_SpatialDropout):
    """Each channel of an image is 0 everywhere with probability `rate` in training.

    The rest is scaled by 1 / (1 - rate). For channels whose pixels are much alike, of
    which Dropout would leave enough to guess the rest; without training the inputs pass
    unchanged.

    Args:
        rate: Probability, in [0, 1]. At 1 everything is 0.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        seed: Makes the draws of this layer repeatable. Default the global generator.

    Shapes:
        input (batch, height, width, channels) -> output (batch, height, width,
        channels)

    Raises:
        ArgumentError: if `rate` is outside [0, 1], and for another `data_format`.
        ShapeError: for inputs with other axes.

    Example:
        >>> jt.layers.SpatialDropout2D(0.5)(jt.ones((2, 3, 3, 4))).shape
        (2, 3, 3, 4)

    References:
        Tompson et al., 2015, section 3.2.
    """

    _ndim = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._settle(rate, data_format, seed)
        self.data_format = "channels_last" if self._how.is_last else "channels_first"
