"""TensorFlow's activations, with its names and its slopes at kinks.

Those of `jt.activations` are Keras's, which has other arguments and defaults.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ..ops.conversion import beside
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert


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


def _crelu(x: jax.Array, *, axis: int) -> jax.Array:
    return jnp.concatenate([jax.nn.relu(x), jax.nn.relu(-x)], axis)


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
CRELU = Op("crelu", _crelu, hint="`axis` must name an axis of the features.")


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


def crelu(features: TensorLike, axis: int = -1, name: str | None = None) -> Tensor:
    """relu(features) and relu(-features) side by side along `axis`, by default last.

    References:
        Shang et al., 2016, section 2.
    """
    return call(CRELU, (_given(features),), {"axis": axis}, (axis,))


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
