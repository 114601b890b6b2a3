"""Losses of class scores, Poisson rates and squares, finite for scores of any size."""

from typing import Any

import jax
import jax.numpy as jnp

from ..ops.conversion import beside
from ..ops.indexing import check_indices
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert


def _cross_entropy(labels: jax.Array, logits: jax.Array, *, axis: int) -> jax.Array:
    return -jnp.sum(labels * jax.nn.log_softmax(logits, axis), axis)


def _sparse_cross_entropy(labels: jax.Array, logits: jax.Array) -> jax.Array:
    """NaN for a label that is no class, which nobody can check on the device."""
    log_probabilities = jax.nn.log_softmax(logits)
    is_class = (labels >= 0) & (labels < logits.shape[-1])
    places = jnp.where(is_class, labels, 0)[..., None]
    chosen = jnp.take_along_axis(log_probabilities, places, -1)[..., 0]
    return jnp.where(is_class, -chosen, jnp.nan)


def _sigmoid_cross_entropy(labels: jax.Array, logits: jax.Array) -> jax.Array:
    """Each softplus is small where it counts, so that no digits cancel."""
    softplus = jax.nn.softplus
    return labels * softplus(-logits) + (1 - labels) * softplus(logits)


def _weighted_cross_entropy(
    labels: jax.Array, logits: jax.Array, weight: jax.Array
) -> jax.Array:
    softplus = jax.nn.softplus
    return labels * weight * softplus(-logits) + (1 - labels) * softplus(logits)


def _poisson(targets: jax.Array, x: jax.Array, *, full: bool) -> jax.Array:
    """Stirling's formula for log(targets!) where the targets are above 1."""
    loss = jnp.exp(x) - x * targets
    if not full:
        return loss
    safe = jnp.where(targets > 1, targets, 1)
    stirling = safe * jnp.log(safe) - safe + jnp.log(2 * jnp.pi * safe) / 2
    return loss + jnp.where(targets > 1, stirling, 0)


def _l2_loss(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(x)) / 2


_SAME_SHAPES = "Labels and logits must have the same shape."
CROSS_ENTROPY = Op(
    "softmax_cross_entropy_with_logits", _cross_entropy, hint=_SAME_SHAPES
)
SPARSE_CROSS_ENTROPY = Op(
    "sparse_softmax_cross_entropy_with_logits",
    _sparse_cross_entropy,
    hint="Labels must have the shape of the logits without the last axis.",
)
SIGMOID_CROSS_ENTROPY = Op(
    "sigmoid_cross_entropy_with_logits", _sigmoid_cross_entropy, hint=_SAME_SHAPES
)
WEIGHTED_CROSS_ENTROPY = Op(
    "weighted_cross_entropy_with_logits", _weighted_cross_entropy, hint=_SAME_SHAPES
)
POISSON = Op("log_poisson_loss", _poisson, hint="Both must have the same shape.")
L2_LOSS = Op("l2_loss", _l2_loss)


def _given(value: TensorLike, name: str) -> Any:
    return value if value.__class__ is Tensor else convert(value, name=name)


def softmax_cross_entropy_with_logits(
    labels: TensorLike, logits: TensorLike, axis: int = -1, name: str | None = None
) -> Tensor:
    """-sum(labels * log_softmax(logits)) along `axis`.

    Args:
        labels: Probabilities of the classes.
        logits: Scores of the classes, of any size.
        axis: Where the classes are. Default last.
        name: No effect.

    Note:
        The gradient is that of the formula; TensorFlow's is right only where the
        labels sum to 1.
    """
    x = _given(logits, "logits")
    inputs = (beside(x, labels, "labels"), x)
    return call(CROSS_ENTROPY, inputs, {"axis": axis}, (axis,))


def sparse_softmax_cross_entropy_with_logits(
    labels: TensorLike, logits: TensorLike, name: str | None = None
) -> Tensor:
    """-log_softmax(logits)[labels]: the labels are class numbers.

    Shapes:
        (...), (..., classes) -> (...)

    Raises:
        OutOfRangeError: for a label that is no class, where labels are host data; on
            the device its loss is NaN.
    """
    x = _given(logits, "logits")
    classes = _given(labels, "labels")
    if x.ndim:
        place = f"the {x.shape[-1]} classes of logits of shape {x.shape}"
        name = "sparse_softmax_cross_entropy_with_logits"
        check_indices(classes, x.shape[-1], name, place)
    return call(SPARSE_CROSS_ENTROPY, (classes, x))


def sigmoid_cross_entropy_with_logits(
    labels: TensorLike, logits: TensorLike, name: str | None = None
) -> Tensor:
    """-labels * log(p) - (1 - labels) * log(1 - p) with p = sigmoid(logits)."""
    x = _given(logits, "logits")
    return call(SIGMOID_CROSS_ENTROPY, (beside(x, labels, "labels"), x))


def weighted_cross_entropy_with_logits(
    labels: TensorLike,
    logits: TensorLike,
    pos_weight: TensorLike,
    name: str | None = None,
) -> Tensor:
    """-pos_weight * labels * log(p) - (1 - labels) * log(1 - p), p = sigmoid(logits).

    Args:
        labels: 0 or 1, or in between.
        logits: Scores, of any size.
        pos_weight: Above 1 it raises recall, below 1 precision.
        name: No effect.
    """
    x = _given(logits, "logits")
    inputs = (beside(x, labels, "labels"), x, beside(x, pos_weight, "pos_weight"))
    return call(WEIGHTED_CROSS_ENTROPY, inputs)


def log_poisson_loss(
    targets: TensorLike,
    log_input: TensorLike,
    compute_full_loss: bool = False,
    name: str | None = None,
) -> Tensor:
    """exp(log_input) - targets * log_input, and with the full loss log(targets!).

    Args:
        targets: Counts.
        log_input: The logarithms of the expected counts.
        compute_full_loss: Whether to add log(targets!), by Stirling's formula (0 for
            targets up to 1). Default false: it has no gradient by `log_input`.
        name: No effect.
    """
    x, full = _given(log_input, "log_input"), bool(compute_full_loss)
    return call(POISSON, (beside(x, targets, "targets"), x), {"full": full}, (full,))


def l2_loss(t: TensorLike, name: str | None = None) -> Tensor:
    """sum(t ** 2) / 2."""
    return call(L2_LOSS, (_given(t, "t"),))
