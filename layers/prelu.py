"""PReLU: a slope below 0 that is trained."""

from collections.abc import Sequence
from typing import Any

import jax

from ..framework import initializers, registry
from ..framework.checked import integers
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


def _prelu(x: jax.Array, alpha: jax.Array) -> jax.Array:
    """The derivative at 0 is 0, as that of relu."""
    return jax.nn.relu(x) - alpha * jax.nn.relu(-x)


PRELU = Op("prelu", _prelu)


@registry.register("layer", "PReLU")
class PReLU(Layer):
    """y = x where x > 0, alpha * x elsewhere, with an `alpha` that is trained.

    Args:
        alpha_initializer: Draws `alpha`. Default zeros, as in Keras.
        alpha_regularizer: Penalty on `alpha`, added to `losses`.
        alpha_constraint: Called with `alpha` after each update.
        shared_axes: Axes along which there is one `alpha`, counted from 1 since the
            batch shares it anyway: `[1, 2]` leaves one for each channel of an image.
            Default none.

    Shapes:
        input (batch, ...) -> output (batch, ...); alpha (...), with length 1 along
        shared axes

    Raises:
        ArgumentError: for axes that are no integers from 1 on.
        ShapeError: for inputs without these axes, of unknown length along others, or
            of other lengths than the layer was built with.

    Example:
        >>> layer = jt.layers.PReLU(alpha_initializer="ones", shared_axes=[1])
        >>> layer([[-1.0, 2.0]]).numpy().tolist(), layer.alpha.shape
        ([[-1.0, 2.0]], (1,))

    References:
        He et al., 2015, eq. 1.
    """

    takes_one_input = True
    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        axes = (
            None if shared_axes is None else integers(self, "shared_axes", shared_axes)
        )
        if min(axes or (1,)) < 1:
            raise ArgumentError(
                "`shared_axes` of PReLU must be made of integers from 1 on, since the "
                f"batch, axis 0, always shares; got {shared_axes!r}."
            )
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = registry.get("regularizer", alpha_regularizer)
        self.alpha_constraint = registry.get("constraint", alpha_constraint)
        self.shared_axes = None if axes is None else list(axes)

    def build(self, input_shape: Any) -> None:
        """Make `alpha`, one number for each place of a sample that shares with none."""
        shape = list(input_shape)
        for axis in self.shared_axes or ():
            if axis >= len(shape):
                raise ShapeError(
                    f"PReLU('{self.name}') shares along axis {axis}; got inputs of "
                    f"shape {tuple(input_shape)}. Choose other `shared_axes`."
                )
            shape[axis] = 1
        if not all(isinstance(length, int) for length in shape[1:]):
            raise ShapeError(
                f"PReLU('{self.name}') has an `alpha` for each place, so it needs "
                f"inputs of known lengths; got shape {tuple(input_shape)}. Name the "
                "unknown axes in `shared_axes`."
            )
        self.alpha = self.add_weight(
            shape[1:],
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, with the slopes `alpha` below 0."""
        fits = inputs.ndim == self.alpha.ndim + 1 and all(
            own in (1, given)
            for own, given in zip(self.alpha.shape, inputs.shape[1:], strict=True)
        )
        if not fits:
            raise ShapeError(
                f"PReLU('{self.name}') has an `alpha` of shape {self.alpha.shape} for "
                f"each sample; got inputs of shape {inputs.shape}. Build a new layer "
                "for them."
            )
        return call(PRELU, (inputs, self.alpha))
