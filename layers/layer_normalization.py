"""LayerNormalization: the features of each sample with mean 0 and variance 1."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import initializers, registry
from ..framework.checked import is_between
from ..framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor
from .normalized_axes import place_of_axis


def _normalize(
    x: jax.Array,
    *factors: jax.Array,
    axes: tuple[int, ...],
    epsilon: float,
    scale: bool,
) -> jax.Array:
    """In at least float32: half precision has neither digits nor range for sums."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    along = [x.shape[place] if place in axes else 1 for place in range(x.ndim)]
    left = [factor.astype(wide.dtype).reshape(along) for factor in factors]
    mean = jnp.mean(wide, axes, keepdims=True)
    centered = wide - mean
    variance = jnp.mean(jnp.square(centered), axes, keepdims=True)
    y = centered * jax.lax.rsqrt(variance + epsilon)
    if scale:
        y = y * left.pop(0)
    if left:
        y = y + left[0]
    return y.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else y


NORMALIZE = Op("layer_normalization", _normalize)


@registry.register("layer", "LayerNormalization")
class LayerNormalization(Layer):
    """Y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, for each sample.

    Mean and variance are over `axis`, of each sample by itself, so that training and
    inference are the same and the batch may be of any size.

    Args:
        axis: Axis or axes of the features. Default the last one.
        epsilon: Added to the variance. Default 1e-3, as in Keras.
        center: Whether there is a `beta`. Default true.
        scale: Whether there is a `gamma`. Default true.
        beta_initializer: Draws `beta`. Default zeros.
        gamma_initializer: Draws `gamma`. Default ones.
        beta_regularizer: Penalty on `beta`, added to `losses`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Called with `beta` after each update.
        gamma_constraint: Called with `gamma` after each update.

    Shapes:
        input (batch, ...) -> output the same; gamma and beta: lengths of the axes, in
        the order of the input

    Raises:
        ArgumentTypeError: if `axis` is no integer or list of integers.
        ArgumentError: for a negative epsilon or an axis named twice.
        ShapeError: for other features than it was built with, or an axis that the
            inputs do not have.

    Example:
        >>> layer = jt.layers.LayerNormalization()
        >>> layer(jt.constant([[0.0, 2.0]])).numpy().round(3).tolist()
        [[-1.0, 1.0]]

    Note:
        Moments are computed in float32 for float16 and bfloat16; outputs have the
        inputs' dtype.

    References:
        Ba et al., 2016, eq. 3 and 4.
    """

    takes_one_input = True
    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        parts = axis if isinstance(axis, list | tuple) else [axis]
        if any(part.__class__ is not int for part in parts) or not parts:
            raise ArgumentTypeError(
                f"`axis` must be an integer or a list of integers; got {axis!r}. "
                "For example -1 or [1, 2]."
            )
        if not is_between(epsilon, 0):
            raise ArgumentError(f"`epsilon` must not be negative; got {epsilon!r}.")
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = registry.get("regularizer", beta_regularizer)
        self.gamma_regularizer = registry.get("regularizer", gamma_regularizer)
        self.beta_constraint = registry.get("constraint", beta_constraint)
        self.gamma_constraint = registry.get("constraint", gamma_constraint)

    def build(self, input_shape: Any) -> None:
        """Make `gamma` and `beta`, one number for each feature."""
        shape = tuple(input_shape[place] for place in self._places(input_shape))
        self._lengths = shape
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs normalised."""
        axes = self._places(inputs.shape)
        if tuple(inputs.shape[place] for place in axes) != self._lengths:
            raise ShapeError(
                f"LayerNormalization('{self.name}') expected input with lengths "
                f"{self._lengths} on axis {self.axis}, as it was built with; got shape "
                f"{inputs.shape}. Build a new layer for the new lengths."
            )
        factors = [f for f in (self.gamma, self.beta) if f is not None]
        options: dict[str, Any] = {
            "axes": axes,
            "epsilon": self.epsilon,
            "scale": self.scale,
        }
        frozen = tuple(options.values())
        return call(NORMALIZE, (inputs, *factors), options, frozen)

    def _places(self, shape: Sequence[Any]) -> tuple[int, ...]:
        """The axes counted from the start, in the order of the inputs."""
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        places = [place_of_axis(self, axis, shape) for axis in axes]
        if len(set(places)) < len(places):
            raise ArgumentError(
                f"`axis` must name each axis once; got {self.axis} for inputs of shape "
                f"{tuple(shape)}."
            )
        return tuple(sorted(places))
