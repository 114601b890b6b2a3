"""Mean and variance, and what normalises by them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ops.conversion import beside, one_integer, sizes
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert


def _moments(x: jax.Array, *, axes: Any, keepdims: bool) -> list[jax.Array]:
    return [
        jnp.mean(x, axis=axes, keepdims=keepdims),
        jnp.var(x, axis=axes, keepdims=keepdims),
    ]


def _weighted_moments(
    x: jax.Array, weights: jax.Array, *, axes: Any, keepdims: bool
) -> list[jax.Array]:
    weights = jnp.broadcast_to(weights.astype(x.dtype), x.shape)
    total = jnp.sum(weights, axes, keepdims=True)
    mean = jnp.sum(weights * x, axes, keepdims=True) / total
    variance = jnp.sum(weights * jnp.square(x - mean), axes, keepdims=True) / total
    return [m if keepdims else jnp.squeeze(m, axes) for m in (mean, variance)]


def _sums(
    x: jax.Array, *shift: jax.Array, axes: Any, keepdims: bool
) -> list[jax.Array]:
    moved = x - shift[0] if shift else x
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return [
        jnp.asarray(count, x.dtype),
        jnp.sum(moved, axes, keepdims=keepdims),
        jnp.sum(jnp.square(moved), axes, keepdims=keepdims),
    ]


def _normalized(
    counts: jax.Array, sums: jax.Array, squares: jax.Array, *shift: jax.Array
) -> list[jax.Array]:
    moved_mean = sums / counts
    mean = moved_mean + shift[0] if shift else moved_mean
    return [mean, squares / counts - jnp.square(moved_mean)]


def _batch_normalization(
    x: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    epsilon: jax.Array,
    *factors: jax.Array,
    has_scale: bool,
) -> jax.Array:
    left = list(factors)
    slope = jax.lax.rsqrt(variance + epsilon.astype(variance.dtype))
    if has_scale:
        slope = slope * left.pop(0)
    start = left[0] - mean * slope if left else -mean * slope
    return (x * slope.astype(x.dtype) + start.astype(x.dtype)).astype(x.dtype)


def _bias_add(x: jax.Array, bias: jax.Array, *, is_last: bool) -> jax.Array:
    if is_last or x.ndim == 1:
        return x + bias
    return x + bias.reshape(-1, *[1] * (x.ndim - 2))


def _response(
    x: jax.Array,
    bias: jax.Array,
    alpha: jax.Array,
    beta: jax.Array,
    *,
    radius: int,
) -> jax.Array:
    window = (1,) * (x.ndim - 1) + (2 * radius + 1,)
    margins = ((0, 0),) * (x.ndim - 1) + ((radius, radius),)
    zero = np.zeros((), x.dtype)  # JAX knows the derivative for a constant only
    squares = jax.lax.reduce_window(
        jnp.square(x), zero, jax.lax.add, window, (1,) * x.ndim, margins
    )
    return x * jnp.power(bias + alpha * squares, -beta)


_AXES = "`axes` must name axes of x."
MOMENTS = Op("moments", _moments, hint=_AXES)
WEIGHTED_MOMENTS = Op(
    "weighted_moments",
    _weighted_moments,
    hint="The weights must broadcast to x, and `axes` name axes of x.",
)
SUMS = Op("sufficient_statistics", _sums, hint=_AXES)
NORMALIZED = Op("normalize_moments", _normalized)
BATCH_NORMALIZATION = Op(
    "batch_normalization",
    _batch_normalization,
    hint="Mean, variance, offset and scale must broadcast to x.",
)
BIAS_ADD = Op("bias_add", _bias_add)
RESPONSE = Op("local_response_normalization", _response)


def moments(
    x: TensorLike,
    axes: Any,
    shift: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> list[Tensor]:
    """Mean and variance over `axes`; `shift` has no effect."""
    over, keep = sizes(axes, "axes"), bool(keepdims)
    given = x if x.__class__ is Tensor else convert(x, name="x")
    return call(MOMENTS, (given,), {"axes": over, "keepdims": keep}, (over, keep))


def weighted_moments(
    x: TensorLike,
    axes: Any,
    frequency_weights: TensorLike,
    keepdims: bool = False,
    name: str | None = None,
) -> list[Tensor]:
    """Mean and variance over `axes`, where an element counts as often as it weighs.

    Args:
        x: Data.
        axes: Over which axes.
        frequency_weights: How often each element counts; broadcasts to x.
        keepdims: Whether these axes stay, with length 1. Default false.
        name: No effect.
    """
    given = convert(x, name="x")
    over = tuple(axis % max(given.ndim, 1) for axis in sizes(axes, "axes"))
    options = {"axes": over, "keepdims": bool(keepdims)}
    inputs = (given, beside(given, frequency_weights, "frequency_weights"))
    return call(WEIGHTED_MOMENTS, inputs, options, tuple(options.values()))


def sufficient_statistics(
    x: TensorLike,
    axes: Any,
    shift: TensorLike = None,
    keepdims: bool = False,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Number, sum and sum of squares over `axes`, all of x - shift, and the shift.

    Args:
        x: Data.
        axes: Over which axes.
        shift: Near the mean, it keeps digits. Default none.
        keepdims: Whether these axes stay, with length 1. Default false.
        name: No effect.
    """
    given = convert(x, name="x")
    by = None if shift is None else beside(given, shift, "shift")
    options = {"axes": sizes(axes, "axes"), "keepdims": bool(keepdims)}
    inputs = (given,) if by is None else (given, by)
    return (*call(SUMS, inputs, options, tuple(options.values())), by)


def normalize_moments(
    counts: TensorLike,
    mean_ss: TensorLike,
    variance_ss: TensorLike,
    shift: TensorLike,
    name: str | None = None,
) -> list[Tensor]:
    """Mean and variance from `sufficient_statistics`."""
    total = convert(mean_ss, name="mean_ss")
    inputs = [
        beside(total, counts, "counts"),
        total,
        beside(total, variance_ss, "variance_ss"),
    ]
    if shift is not None:
        inputs.append(beside(total, shift, "shift"))
    return call(NORMALIZED, inputs)


def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    offset: TensorLike,
    scale: TensorLike,
    variance_epsilon: TensorLike,
    name: str | None = None,
) -> Tensor:
    """Offset + scale * (x - mean) / sqrt(variance + variance_epsilon).

    Args:
        x: Data.
        mean: Broadcasts to x, as the next three.
        variance: What to divide by.
        offset: What to add, or `None`.
        scale: What to multiply by, or `None`.
        variance_epsilon: A small number, for variances of 0.
        name: No effect.

    References:
        Ioffe and Szegedy, 2015, algorithm 1.
    """
    given = convert(x, name="x")
    spread = beside(given, variance, "variance")
    inputs = [given, beside(given, mean, "mean"), spread]
    inputs.append(beside(spread, variance_epsilon, "variance_epsilon"))
    has_scale = scale is not None
    for name_, value in (("scale", scale), ("offset", offset)):
        if value is not None:
            inputs.append(beside(given, value, name_))
    return call(BATCH_NORMALIZATION, inputs, {"has_scale": has_scale}, (has_scale,))


def bias_add(
    value: TensorLike,
    bias: TensorLike,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """`value` plus one number for each channel.

    Args:
        value: Data.
        bias: A vector.
        data_format: Where the channels are: last, as in `"NHWC"` (default), or second,
            as in `"NCHW"`.
        name: No effect.

    Raises:
        ArgumentError: for another `data_format`.
        ShapeError: if there is not one number for each channel.
    """
    given = convert(value, name="value")
    if data_format is not None and not str(data_format).startswith("N"):
        raise ArgumentError(
            f"`data_format` must be like 'NHWC' or 'NCHW'; got {data_format!r}."
        )
    is_last = data_format is None or not data_format.startswith("NC")
    added = beside(given, bias, "bias")
    place = -1 if is_last else 1
    if added.ndim != 1 or given.ndim < 2 or added.shape[0] != given.shape[place]:
        raise ShapeError(
            f"bias_add() got a bias of shape {added.shape} for data of shape "
            f"{given.shape}. Give one number for each of the channels."
        )
    return call(BIAS_ADD, (given, added), {"is_last": is_last}, (is_last,))


def local_response_normalization(
    input: TensorLike,
    depth_radius: int = 5,
    bias: TensorLike = 1.0,
    alpha: TensorLike = 1.0,
    beta: TensorLike = 0.5,
    name: str | None = None,
) -> Tensor:
    """Input / (bias + alpha * sum of squares of near channels) ** beta.

    Args:
        input: Data, channels last.
        depth_radius: How many channels to each side are near. Default 5.
        bias: Keeps the divisor from 0. Default 1.
        alpha: Weight of the squares. Default 1.
        beta: Power. Default 0.5.
        name: No effect.

    References:
        Krizhevsky et al., 2012, section 3.3.
    """
    given = convert(input, name="input")
    radius = one_integer(depth_radius, "depth_radius")
    inputs = [given]
    for part, value in (("bias", bias), ("alpha", alpha), ("beta", beta)):
        inputs.append(beside(given, value, part))
    return call(RESPONSE, inputs, {"radius": radius}, (radius,))


lrn = local_response_normalization


def compute_average_loss(
    per_example_loss: TensorLike,
    sample_weight: TensorLike = None,
    global_batch_size: TensorLike = None,
) -> Tensor:
    """The sum of (weighted) losses, divided by the batch size.

    Args:
        per_example_loss: Losses.
        sample_weight: Their weights. Default 1.
        global_batch_size: What to divide by. Default the length of the first axis.

    Raises:
        ShapeError: for a scalar loss.
    """
    losses = convert(per_example_loss, name="per_example_loss")
    if not losses.ndim:
        raise ShapeError(
            "compute_average_loss() needs one loss for each example; got shape (). "
            "Give the losses before they are averaged."
        )
    weighted = losses if sample_weight is None else _weighted(losses, sample_weight)
    size = losses.shape[0] if global_batch_size is None else global_batch_size
    return weighted.sum() / convert(size, weighted.dtype, "global_batch_size")


def _weighted(losses: Any, weights: TensorLike) -> Any:
    return losses * beside(losses, weights, "sample_weight")
