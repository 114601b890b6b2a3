"""`jt.nn`: TensorFlow's functions for networks, and the rest of `jax.nn`.

What TensorFlow has under a name has its conventions; every other name of `jax.nn` is
lifted on first use.
"""

from typing import Any

import jax
import jax.numpy as jnp

from .errors import ArgumentError
from .math import l2_normalize as l2_normalize
from .math import log_sigmoid as log_sigmoid
from .math import sigmoid as sigmoid
from .math import tanh as tanh
from .math import top_k as top_k
from .mirror import mirror
from .ops import gather
from .ops.conversion import beside, sizes
from .ops.indexing import check_indices
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert

__getattr__, __dir__ = mirror(globals(), jax.nn)


def _relu6(x: jax.Array) -> jax.Array:
    """Derivative 0 on both bounds, as in TensorFlow; JAX has 0.5."""
    is_inside = (x > 0) & (x < 6)
    return jnp.where(is_inside, x, jax.lax.stop_gradient(jnp.clip(x, 0, 6)))


def _leaky_relu(x: jax.Array, alpha: jax.Array) -> jax.Array:
    return jnp.where(x > 0, x, alpha * x)


def _selu(x: jax.Array) -> jax.Array:
    """Derivative `scale` at 0, as in TensorFlow; JAX has `scale * alpha`.

    The constants are those of Klambauer et al., 2017, section 2.
    """
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    below = jnp.expm1(jnp.where(x >= 0, 0, x))
    return scale * jnp.where(x >= 0, x, alpha * below)


def _softmax(x: jax.Array, *, axis: int) -> jax.Array:
    return jax.nn.softmax(x, axis)


def _log_softmax(x: jax.Array, *, axis: int) -> jax.Array:
    return jax.nn.log_softmax(x, axis)


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


def _l2_loss(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(x)) / 2


def _moments(x: jax.Array, *, axes: Any, keepdims: bool) -> list[jax.Array]:
    return [
        jnp.mean(x, axis=axes, keepdims=keepdims),
        jnp.var(x, axis=axes, keepdims=keepdims),
    ]


_SAME_SHAPES = "Labels and logits must have the same shape."
RELU = Op("relu", jax.nn.relu)
RELU6 = Op("relu6", _relu6)
LEAKY_RELU = Op("leaky_relu", _leaky_relu)
ELU = Op("elu", jax.nn.elu)
SELU = Op("selu", _selu)
SILU = Op("silu", lambda x, beta: x * jax.nn.sigmoid(beta * x))
SOFTPLUS = Op("softplus", jax.nn.softplus)
SOFTSIGN = Op("softsign", jax.nn.soft_sign)
GELU = Op("gelu", lambda x, *, approximate: jax.nn.gelu(x, approximate))
SOFTMAX = Op("softmax", _softmax, hint="`axis` must name an axis of the logits.")
LOG_SOFTMAX = Op("log_softmax", _log_softmax, hint=SOFTMAX.hint)
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
L2_LOSS = Op("l2_loss", _l2_loss)
MOMENTS = Op("moments", _moments, hint="`axes` must name axes of x.")


def relu(features: TensorLike, name: str | None = None) -> Tensor:
    """max(features, 0), with gradient 0 at 0."""
    return call(RELU, (_given(features),))


def relu6(features: TensorLike, name: str | None = None) -> Tensor:
    """min(max(features, 0), 6), with gradient 0 at both bounds."""
    return call(RELU6, (_given(features),))


def leaky_relu(
    features: TensorLike, alpha: TensorLike = 0.2, name: str | None = None
) -> Tensor:
    """`features` where positive, else `alpha * features`; TensorFlow's default 0.2."""
    x = _given(features)
    return call(LEAKY_RELU, (x, beside(x, alpha, "alpha")))


def elu(features: TensorLike, name: str | None = None) -> Tensor:
    """`features` where positive, else exp(features) - 1."""
    return call(ELU, (_given(features),))


def selu(features: TensorLike, name: str | None = None) -> Tensor:
    """The scaled elu that keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return call(SELU, (_given(features),))


def silu(
    features: TensorLike, beta: TensorLike = 1.0, name: str | None = None
) -> Tensor:
    """Features * sigmoid(beta * features), also called swish."""
    x = _given(features)
    return call(SILU, (x, beside(x, beta, "beta")))


swish = silu


def softplus(features: TensorLike, name: str | None = None) -> Tensor:
    """log(1 + exp(features))."""
    return call(SOFTPLUS, (_given(features),))


def softsign(features: TensorLike, name: str | None = None) -> Tensor:
    """Features / (1 + |features|)."""
    return call(SOFTSIGN, (_given(features),))


def gelu(
    features: TensorLike, approximate: bool = False, name: str | None = None
) -> Tensor:
    """Features * P(N <= features) for a standard normal N.

    Args:
        features: Input.
        approximate: Whether to use the formula with tanh. Default false, as in
            TensorFlow; `jax.nn.gelu` has true.
        name: No effect.
    """
    approximate = bool(approximate)
    return call(GELU, (_given(features),), {"approximate": approximate}, (approximate,))


def softmax(
    logits: TensorLike, axis: int | None = None, name: str | None = None
) -> Tensor:
    """exp(logits) / sum(exp(logits)) along `axis`, by default the last."""
    place = -1 if axis is None else axis
    return call(SOFTMAX, (_given(logits, "logits"),), {"axis": place}, (place,))


def log_softmax(
    logits: TensorLike, axis: int | None = None, name: str | None = None
) -> Tensor:
    """log(softmax(logits)), finite for all finite logits."""
    place = -1 if axis is None else axis
    return call(LOG_SOFTMAX, (_given(logits, "logits"),), {"axis": place}, (place,))


def _given(value: TensorLike, name: str = "features") -> Any:
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


def l2_loss(t: TensorLike, name: str | None = None) -> Tensor:
    """sum(t ** 2) / 2."""
    return call(L2_LOSS, (_given(t, "t"),))


def moments(
    x: TensorLike,
    axes: Any,
    shift: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> list[Tensor]:
    """Mean and variance over `axes`; `shift` has no effect."""
    over, keep = sizes(axes, "axes"), bool(keepdims)
    return call(
        MOMENTS, (_given(x, "x"),), {"axes": over, "keepdims": keep}, (over, keep)
    )


def embedding_lookup(
    params: TensorLike, ids: TensorLike, max_norm: Any = None, name: str | None = None
) -> Tensor:
    """The rows of `params` in the order of `ids`; `max_norm` must be `None`."""
    if max_norm is not None:
        raise ArgumentError(
            f"embedding_lookup() takes no `max_norm`; got {max_norm!r}. Clip the rows: "
            "jt.clip_by_norm(jt.gather(params, ids), max_norm, axes=[-1])."
        )
    return gather(params, ids)
