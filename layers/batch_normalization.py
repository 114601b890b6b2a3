"""BatchNormalization: each channel with mean 0 and variance 1 over the batch."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import initializers, registry
from ..framework.checked import integer, is_between
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.masking import as_mask
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike
from .normalized_axes import place_of_axis


def _wide(x: jax.Array) -> jax.Array:
    """In at least float32: half precision has neither digits nor range for sums."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _narrow(y: jax.Array, x: jax.Array) -> jax.Array:
    return y.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else y


def _normalized(
    x: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    factors: Sequence[jax.Array],
    *,
    axis: int,
    epsilon: float,
    scale: bool,
) -> jax.Array:
    """(x - mean) / sqrt(variance + epsilon), then times gamma and plus beta."""
    along = [1] * x.ndim
    along[axis] = -1
    left = [_wide(factor) for factor in factors]
    slope = jax.lax.rsqrt(_wide(variance) + epsilon)
    if scale:
        slope = slope * left.pop(0)
    centered = _wide(x) - _wide(mean).reshape(along)
    y = centered * slope.reshape(along)
    return _narrow(y + left[0].reshape(along) if left else y, x)


def _moments(x: jax.Array, over: tuple[int, ...]) -> tuple[jax.Array, jax.Array, bool]:
    """Mean and variance, 0 for an empty batch, and whether there is anything."""
    number = math.prod(x.shape[place] for place in over)
    divisor = number if number != 0 else 1
    mean = jnp.sum(x, over, keepdims=True) / divisor
    variance = jnp.sum(jnp.square(x - mean), over, keepdims=True) / divisor
    return mean.ravel(), variance.ravel(), number != 0


def _masked_moments(
    x: jax.Array, over: tuple[int, ...], mask: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The same of what counts; the mask has one axis less, the last one."""
    counts = jnp.broadcast_to(mask[..., None], x.shape)
    number = jnp.sum(counts, over, dtype=x.dtype, keepdims=True)
    divisor = jnp.maximum(number, 1)
    mean = jnp.sum(jnp.where(counts, x, 0), over, keepdims=True) / divisor
    centered = jnp.where(counts, x - mean, 0)
    variance = jnp.sum(jnp.square(centered), over, keepdims=True) / divisor
    return mean.ravel(), variance.ravel(), number.ravel() > 0


def _train(
    x: jax.Array,
    moving_mean: jax.Array,
    moving_variance: jax.Array,
    *rest: jax.Array,
    axis: int,
    epsilon: float,
    scale: bool,
    momentum: float,
    has_mask: bool,
) -> list[jax.Array]:
    """The outputs, and the moving statistics that follow."""
    factors = list(rest)
    over = tuple(place for place in range(x.ndim) if place != axis)
    if has_mask:
        mean, variance, has_any = _masked_moments(_wide(x), over, factors.pop(0))
    else:
        mean, variance, has_any = _moments(_wide(x), over)
    options = {"axis": axis, "epsilon": epsilon, "scale": scale}
    y = _normalized(x, mean, variance, factors, **options)
    moved = [
        _held(jnp.where(has_any, old * momentum + new * (1 - momentum), old), old.dtype)
        for old, new in ((moving_mean, mean), (moving_variance, variance))
    ]
    return [y, *map(jax.lax.stop_gradient, moved)]


def _held(value: jax.Array, dtype: np.dtype) -> jax.Array:
    """A statistic in its variable's dtype; float16 has no variance above 65504."""
    limit = float(jnp.finfo(dtype).max)
    return jnp.where(jnp.isinf(value), value, jnp.clip(value, -limit, limit)).astype(
        dtype
    )


_HINT = "A mask must have one axis less than the inputs, and their lengths."
TRAIN = Op("batch_normalization", _train, hint=_HINT)
INFER = Op(
    "batch_normalization",
    lambda x, mean, variance, *factors, **options: _normalized(
        x, mean, variance, factors, **options
    ),
)
MOVE = Op(
    "assign", lambda *arrays: list(arrays[2:]), writes=((0, 0), (1, 1))
)  # both statistics at once


@registry.register("layer", "BatchNormalization")
class BatchNormalization(Layer):
    """Y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, for each channel.

    While training, mean and variance are those of the batch, and move the layer's
    statistics: moving = momentum * moving + (1 - momentum) * batch. Otherwise they are
    the moving ones, also while training if the layer is frozen (`trainable` false).

    Args:
        axis: The axis of the channels. Default the last one.
        momentum: How much of the moving statistics stays. Default 0.99.
        epsilon: Added to the variance. Default 1e-3, as in Keras.
        center: Whether there is a `beta`. Default true.
        scale: Whether there is a `gamma`. Default true.
        beta_initializer: Draws `beta`. Default zeros.
        gamma_initializer: Draws `gamma`. Default ones.
        moving_mean_initializer: First moving mean. Default zeros.
        moving_variance_initializer: First moving variance. Default ones.
        beta_regularizer: Penalty on `beta`, added to `losses`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Called with `beta` after each update.
        gamma_constraint: Called with `gamma` after each update.

    Shapes:
        input (..., channels, ...) -> output the same; each weight (channels,);
        mask: the input's shape without its last axis

    Raises:
        ArgumentError: for a momentum or an epsilon outside its range.
        ShapeError: for another number of channels than it was built with, a mask that
            does not fit, or an axis that the inputs do not have.

    Example:
        >>> layer = jt.layers.BatchNormalization(momentum=0.5)
        >>> layer(jt.constant([[0.0], [2.0]]), training=True).numpy().round(3).tolist()
        [[-1.0], [1.0]]
        >>> layer.moving_mean.tolist()
        [0.5]

    Note:
        Moments are computed in float32 for float16 and bfloat16; outputs have the
        inputs' dtype. A batch in which nothing counts, empty or all masked, leaves the
        moving statistics as they are; Keras makes those of an empty one NaN. Batch
        renormalization (`renorm`) is not offered.

    References:
        Ioffe and Szegedy, 2015, algorithms 1 and 2.
    """

    takes_one_input = True
    supports_masking = True
    mixes_samples = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not is_between(momentum, 0, 1):
            raise ArgumentError(
                f"`momentum` must be between 0 and 1; got {momentum!r}. It is the "
                "share of the moving statistics that stays at each step."
            )
        if not is_between(epsilon, 0):
            raise ArgumentError(f"`epsilon` must not be negative; got {epsilon!r}.")
        self.axis = integer(self, "axis", axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = registry.get("regularizer", beta_regularizer)
        self.gamma_regularizer = registry.get("regularizer", gamma_regularizer)
        self.beta_constraint = registry.get("constraint", beta_constraint)
        self.gamma_constraint = registry.get("constraint", gamma_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the weights and the moving statistics, one number for each channel."""
        place = place_of_axis(self, self.axis, input_shape)
        shape = (input_shape[place],)
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
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape,
            self.moving_variance_initializer,
            trainable=False,
            name="moving_variance",
        )

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: TensorLike = None
    ) -> Tensor:
        """The inputs normalised, by the batch while training."""
        place = self._checked_place(inputs)
        factors = [f for f in (self.gamma, self.beta) if f is not None]
        moving = (self.moving_mean, self.moving_variance)
        options: dict[str, Any] = {
            "axis": place,
            "epsilon": self.epsilon,
            "scale": self.scale,
        }
        if not (training and self.trainable):
            frozen = tuple(options.values())
            return call(INFER, (inputs, *moving, *factors), options, frozen)
        weights = () if mask is None else (as_mask(mask),)
        options |= {"momentum": self.momentum, "has_mask": mask is not None}
        arguments = (inputs, *moving, *weights, *factors)
        outputs, *moved = call(TRAIN, arguments, options, tuple(options.values()))
        call(MOVE, (*moving, *moved))
        return outputs

    def _checked_place(self, inputs: Tensor) -> int:
        place = place_of_axis(self, self.axis, inputs.shape)
        channels = self.moving_mean.shape[0]
        if inputs.shape[place] != channels:
            raise ShapeError(
                f"BatchNormalization('{self.name}') expected input with {channels} "
                f"channels on axis {self.axis}, the number it was built with; got "
                f"shape {inputs.shape}. Build a new layer for the new number."
            )
        return place
