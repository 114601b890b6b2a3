"""Formulas that losses and metrics share: arrays in, one value per sample out.

Pure JAX. Targets of shape (n,) meet predictions of shape (n, 1), and the other way
round, as in Keras; anything else that would broadcast raises. Half-precision inputs are
computed and returned in float32.
"""

import jax
import jax.numpy as jnp
import numpy as np

from .errors import ShapeError
from .recording.arithmetic import ABS


def mean_squared_error(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    """mean((y_true - y_pred)**2) over the last axis."""
    y_true, y_pred = paired(y_true, y_pred, "mean_squared_error")
    return mean(jnp.square(y_pred - y_true), -1)


def mean_absolute_error(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    """mean(|y_true - y_pred|) over the last axis; derivative 0 where they are equal."""
    y_true, y_pred = paired(y_true, y_pred, "mean_absolute_error")
    return mean(ABS.function(y_pred - y_true), -1)


def huber(
    y_true: jax.Array, y_pred: jax.Array, delta: jax.Array | float = 1.0
) -> jax.Array:
    """Mean over the last axis of e**2 / 2 up to |e| = delta, of a line beyond.

    References:
        Huber, 1964, section 8.
    """
    y_true, y_pred = paired(y_true, y_pred, "huber")
    delta = jnp.asarray(delta, y_pred.dtype)
    error = y_pred - y_true
    size = ABS.function(error)
    near = jnp.square(error) / 2
    far = delta * size - jnp.square(delta) / 2
    return mean(jnp.where(size <= delta, near, far), -1)


def binary_crossentropy(
    y_true: jax.Array,
    y_pred: jax.Array,
    label_smoothing: jax.Array | float | None = None,
    *,
    from_logits: bool = False,
    axis: int = -1,
) -> jax.Array:
    """-mean(y log p + (1 - y) log(1 - p)) over an axis, p the probability of 1.

    Args:
        y_true: Targets, 0 to 1.
        y_pred: p, clipped to epsilon and 1 - epsilon; or its logit x, for which the
            formula is max(x, 0) - x y + log(1 + exp(-|x|)), finite for finite x.
        label_smoothing: s moves targets to y (1 - s) + s / 2.
        from_logits: Whether `y_pred` holds logits.
        axis: The axis of the mean.
    """
    epsilon = epsilon_of(y_pred.dtype)
    y_true, y_pred = paired(y_true, y_pred, "binary_crossentropy")
    if label_smoothing is not None:
        share = jnp.asarray(label_smoothing, y_true.dtype)
        y_true = y_true * (1 - share) + share / 2
    if from_logits:
        # One condition for both parts, so that their derivatives at 0 fit together.
        is_positive = y_pred >= 0
        line = jnp.where(is_positive, y_pred, 0) - y_pred * y_true
        tail = jnp.log1p(jnp.exp(jnp.where(is_positive, -y_pred, y_pred)))
        return mean(line + tail, axis)
    p = _clip(y_pred, epsilon)
    return mean(-(y_true * jnp.log(p) + (1 - y_true) * jnp.log1p(-p)), axis)


def categorical_crossentropy(
    y_true: jax.Array,
    y_pred: jax.Array,
    label_smoothing: jax.Array | float | None = None,
    *,
    from_logits: bool = False,
    axis: int = -1,
) -> jax.Array:
    """-sum(y log p) over the axis of the classes.

    Args:
        y_true: Targets: a probability for each class, one-hot or not.
        y_pred: p, divided by its sum and clipped to epsilon and 1 - epsilon; or
            logits, whose softmax is p.
        label_smoothing: s moves targets to y (1 - s) + s / (number of classes).
        from_logits: Whether `y_pred` holds logits.
        axis: The axis of the classes.
    """
    epsilon = epsilon_of(y_pred.dtype)
    y_true, y_pred = paired(y_true, y_pred, "categorical_crossentropy")
    if label_smoothing is not None:
        share = jnp.asarray(label_smoothing, y_true.dtype)
        y_true = y_true * (1 - share) + share / y_true.shape[axis]
    if from_logits:
        log_p = jax.nn.log_softmax(y_pred, axis)
        # A class that is ruled out by a logit of -inf adds 0 where its target is 0.
        is_out = (y_true == 0) & (log_p == -jnp.inf)
        log_p = jnp.where(is_out, jnp.zeros_like(log_p), log_p)
    else:
        total = jnp.sum(y_pred, axis, keepdims=True)
        total = jnp.where(total == 0, jnp.ones_like(total), total)
        log_p = jnp.log(_clip(y_pred / total, epsilon))
    return -jnp.sum(y_true * log_p, axis)


def sparse_categorical_crossentropy(
    y_true: jax.Array,
    y_pred: jax.Array,
    *,
    from_logits: bool = False,
    axis: int = -1,
    ignore_class: int | None = None,
) -> jax.Array:
    """-log p[label], the probabilities of the classes along an axis.

    Args:
        y_true: Class numbers. A row whose label is no class gives NaN, and NaN
            gradients, never 0.
        y_pred: p, clipped to epsilon and 1 - epsilon and divided by its sum; or
            logits, whose softmax is p.
        from_logits: Whether `y_pred` holds logits.
        axis: The axis of the classes.
        ignore_class: Label of samples that count as 0, whatever they predict.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> (...)
    """
    epsilon = epsilon_of(y_pred.dtype)
    labels = labels_of(y_true, y_pred.shape, axis)
    logits = _widen(y_pred)
    if not from_logits:
        logits = jnp.log(_clip(logits, epsilon))
    is_class = _is_class(labels, y_pred.shape[axis])
    counted = None if ignore_class is None else labels != ignore_class
    if counted is not None:
        is_class |= ~counted
        logits = jnp.where(jnp.expand_dims(counted, axis), logits, 0)
        labels = jnp.where(counted, labels, 0)
    place = jnp.where(is_class, labels, 0).astype(np.int32)
    # The logit is taken from `logits` as they are: shifted ones would be stored first.
    own = jnp.take_along_axis(logits, jnp.expand_dims(place, axis), axis, mode="clip")
    top = jax.lax.stop_gradient(jnp.max(logits, axis, keepdims=True))
    total = jnp.sum(jnp.exp(logits - top), axis)
    losses = jnp.log(total) + jnp.squeeze(top - own, axis)
    losses = losses * jnp.where(is_class, 1.0, jnp.nan)
    return losses if counted is None else jnp.where(counted, losses, 0)


def labels_of(
    y_true: jax.Array,
    prediction_shape: tuple[int, ...],
    axis: int,
    name: str = "sparse_categorical_crossentropy",
) -> jax.Array:
    """Class numbers without the axis of length 1 that stands where the classes do.

    Args:
        y_true: Class numbers.
        prediction_shape: Shape of the predictions.
        axis: The axis of the classes.
        name: What messages call the loss or metric; without "sparse_" it is the one
            for one-hot targets.

    Raises:
        ShapeError: unless there is one label for each row of predictions.
    """
    shape, ndim = y_true.shape, len(prediction_shape)
    rows = None
    if -ndim <= axis < ndim:
        place = axis % ndim
        rows = (*prediction_shape[:place], *prediction_shape[place + 1 :])
        if len(shape) == ndim and shape[axis] == 1:
            y_true = jnp.squeeze(y_true, axis)
    if y_true.shape != rows:
        raise ShapeError(
            f"{name} expected one label for each row of `y_pred`, with the classes "
            f"along axis {axis}; got `y_true` of shape {shape} and `y_pred` of shape "
            f"{prediction_shape}. For one-hot targets use "
            f"{name.removeprefix('sparse_')}."
        )
    is_float = jnp.issubdtype(y_true.dtype, jnp.floating)
    wide = np.float32 if is_float else np.int32
    return y_true.astype(jnp.promote_types(y_true.dtype, wide))


def _is_class(labels: jax.Array, classes: int) -> jax.Array:
    is_class = (labels >= 0) & (labels < classes)
    if jnp.issubdtype(labels.dtype, jnp.floating):
        is_class &= labels == jnp.floor(labels)
    return is_class


def same_rank(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Add or drop a last axis of length 1 where that is all in which ranks differ.

    Next to a vector it is added to the vector, as in Keras.
    """
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        return (x, y[..., None]) if y.ndim == 1 else (x[..., 0], y)
    if y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        return (x[..., None], y) if x.ndim == 1 else (x, y[..., 0])
    return x, y


def mean(values: jax.Array, axis: int | None = None) -> jax.Array:
    """The mean over an axis, by default all; 0 where there is nothing.

    Divided before it is summed, so that the mean of finite values is finite.
    """
    if not values.ndim:
        return values
    if axis is not None and not -values.ndim <= axis < values.ndim:
        raise ShapeError(
            f"`axis` {axis} is out of range for losses of shape {values.shape}. "
            f"Use an axis from {-values.ndim} to {values.ndim - 1}."
        )
    size = values.size if axis is None else values.shape[axis]
    return jnp.sum(values / max(size, 1), axis)


def epsilon_of(dtype: np.dtype) -> float:
    """How far probabilities are kept from 0 and 1: Keras's 1e-7.

    In half precision the dtype's own epsilon, so that 1 - epsilon is not 1 and the
    derivative 1 / epsilon is finite.
    """
    is_half = jnp.issubdtype(dtype, jnp.floating) and jnp.dtype(dtype).itemsize < 4
    return float(jnp.finfo(dtype).eps) if is_half else 1e-7


def paired(
    y_true: jax.Array, y_pred: jax.Array, name: str
) -> tuple[jax.Array, jax.Array]:
    """Targets and predictions in one shape and one floating-point dtype."""
    shapes = y_true.shape, y_pred.shape
    y_true, y_pred = same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"{name} expected `y_true` and `y_pred` of the same shape; got {shapes[0]} "
            f"and {shapes[1]}. Reshape one of them: they are compared element by "
            "element, and only (n,) and (n, 1) are matched on their own."
        )
    y_pred = _widen(y_pred)
    return y_true.astype(y_pred.dtype), y_pred


def _widen(x: jax.Array) -> jax.Array:
    """At least float32; complex numbers stay complex."""
    return x.astype(jnp.promote_types(x.dtype, np.float32))


def _clip(p: jax.Array, epsilon: float) -> jax.Array:
    """Keep in epsilon to 1 - epsilon; derivative 1 at the bounds, as in TensorFlow."""
    low, high = (jnp.asarray(bound, p.dtype) for bound in (epsilon, 1 - epsilon))
    return jnp.where(p < low, low, jnp.where(p > high, high, p))
