"""Activations, by Keras's names: each is one recorded op.

At a kink the derivative is TensorFlow's: that of relu at 0 is 0.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from . import math, registry
from .errors import ArgumentError
from .neural import activations as neural
from .ops.conversion import beside
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert


def _relu6(x: jax.Array) -> jax.Array:
    """Derivative 0 at both kinks, which `jnp.clip` would share between the sides."""
    return jnp.where(x >= 6, x.dtype.type(6), jax.nn.relu(x))


def _general_relu(
    x: jax.Array,
    negative_slope: jax.Array,
    threshold: jax.Array,
    *max_value: jax.Array,
) -> jax.Array:
    """`x` above the threshold, up to a maximum; a line through the threshold below.

    With a maximum there is a minimum, too: 0, also where the threshold is below it.
    """
    above = jnp.where(x <= threshold, jnp.zeros_like(x), x)
    for bound in max_value:
        above = jnp.where(above > bound, bound, above)
        above = jnp.where(above < 0, jnp.zeros_like(x), above)
    return jnp.where(x < threshold, negative_slope * (x - threshold), above)


def _sloped_relu6(x: jax.Array, negative_slope: jax.Array) -> jax.Array:
    """`relu6` with a slope below 0: at 6 its derivative is 0, that of others 1."""
    return jnp.where(x < 0, negative_slope * x, _relu6(x))


def _selu(x: jax.Array) -> jax.Array:
    """Derivative at 0 that of the right side; `jax.nn.selu` takes the left one's."""
    alpha, scale = 1.6732632423543772848, 1.0507009873554804934
    is_right = x >= 0
    left = alpha * jnp.expm1(jnp.where(is_right, 0, x))
    return scale * jnp.where(is_right, x, left)


def _leaky_relu(x: jax.Array, negative_slope: jax.Array) -> jax.Array:
    return jnp.where(x > 0, x, negative_slope * x)


_RELU = Op("relu", jax.nn.relu)
_GENERAL_RELU = Op("relu", _general_relu)
_SLOPED_RELU6 = Op("relu", _sloped_relu6)
_LEAKY_RELU = Op("leaky_relu", _leaky_relu)
_RELU6 = Op("relu6", _relu6)
_SIGMOID = Op("sigmoid", jax.nn.sigmoid)
_TANH = Op("tanh", jnp.tanh)
_SOFTMAX = Op("softmax", jax.nn.softmax, hint="`axis` must name an axis of the input.")
_LOG_SOFTMAX = Op(
    "log_softmax", jax.nn.log_softmax, hint="`axis` must name an axis of the input."
)
_SOFTPLUS = Op("softplus", jax.nn.softplus)
_SOFTSIGN = Op("softsign", jax.nn.soft_sign)
_ELU = Op("elu", jax.nn.elu)
_SELU = Op("selu", _selu)
_GELU = Op("gelu", jax.nn.gelu)
_EXPONENTIAL = Op("exponential", jnp.exp)
_HARD_SIGMOID = Op("hard_sigmoid", lambda x: _relu6(x + 3) / 6)
_HARD_SILU = Op("hard_silu", lambda x: x * (_relu6(x + 3) / 6))
_MISH = Op("mish", lambda x: x * jnp.tanh(jax.nn.softplus(x)))
_SILU = Op("silu", jax.nn.silu)


def linear(x: TensorLike) -> Any:
    """The input itself."""
    return x


def relu(
    x: TensorLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Tensor:
    """max(x, 0).

    Args:
        x: Input.
        negative_slope: Slope below the threshold. Default 0.
        max_value: Largest value. Default none.
        threshold: Up to here the value is `negative_slope * (x - threshold)`.

    Shapes:
        any shape -> the same shape
    """
    if x.__class__ is not Tensor:
        x = convert(x, name="x")
    if not threshold:
        if max_value is None and not negative_slope:
            return call(_RELU, (x,))
        if max_value is None:
            return leaky_relu(x, negative_slope)
        if max_value == 6:  # at 6 its derivative is 0, not 1
            if not negative_slope:
                return relu6(x)
            return call(_SLOPED_RELU6, (x, beside(x, negative_slope, "negative_slope")))
    numbers = {"negative_slope": negative_slope, "threshold": threshold}
    if max_value is not None:
        numbers["max_value"] = max_value
    given = [beside(x, number, name) for name, number in numbers.items()]
    return call(_GENERAL_RELU, (x, *given))


def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """`x` where positive, `negative_slope * x` elsewhere (Keras's default slope)."""
    if x.__class__ is not Tensor:
        x = convert(x, name="x")
    return call(_LEAKY_RELU, (x, beside(x, negative_slope, "negative_slope")))


def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)."""
    return call(_RELU6, (x if x.__class__ is Tensor else convert(x, name="x"),))


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + exp(-x))."""
    return call(_SIGMOID, (x if x.__class__ is Tensor else convert(x, name="x"),))


def tanh(x: TensorLike) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return call(_TANH, (x if x.__class__ is Tensor else convert(x, name="x"),))


def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, by default the last."""
    return _along(_SOFTMAX, x, axis)


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """X - log(sum(exp(x))) along an axis, by default the last."""
    return _along(_LOG_SOFTMAX, x, axis)


def softplus(x: TensorLike) -> Tensor:
    """log(1 + exp(x))."""
    return call(_SOFTPLUS, (x if x.__class__ is Tensor else convert(x, name="x"),))


def softsign(x: TensorLike) -> Tensor:
    """X / (1 + |x|)."""
    return call(_SOFTSIGN, (x if x.__class__ is Tensor else convert(x, name="x"),))


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`x` where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016)."""
    if x.__class__ is not Tensor:
        x = convert(x, name="x")
    if alpha == 1:
        return call(_ELU, (x,))
    return call(_ELU, (x, beside(x, alpha, "alpha")))


def selu(x: TensorLike) -> Tensor:
    """1.0507 * elu(x, 1.6733), which keeps mean 0 and variance 1.

    References:
        Klambauer et al., 2017, eq. 14.
    """
    return call(_SELU, (x if x.__class__ is Tensor else convert(x, name="x"),))


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """X * P(X <= x) with X normal; `approximate` replaces erf by tanh.

    References:
        Hendrycks and Gimpel, 2016, section 2.
    """
    if x.__class__ is not Tensor:
        x = convert(x, name="x")
    approximate = bool(approximate)
    return call(_GELU, (x,), {"approximate": approximate}, (approximate,))


def exponential(x: TensorLike) -> Tensor:
    """exp(x)."""
    return call(_EXPONENTIAL, (x if x.__class__ is Tensor else convert(x, name="x"),))


def hard_sigmoid(x: TensorLike) -> Tensor:
    """relu6(x + 3) / 6: piecewise linear, 0 up to -3 and 1 from 3 on."""
    return call(_HARD_SIGMOID, (x if x.__class__ is Tensor else convert(x, name="x"),))


def hard_silu(x: TensorLike) -> Tensor:
    """X * hard_sigmoid(x) (Howard et al., 2019, section 5.2)."""
    return call(_HARD_SILU, (x if x.__class__ is Tensor else convert(x, name="x"),))


def mish(x: TensorLike) -> Tensor:
    """X * tanh(softplus(x)) (Misra, 2019)."""
    return call(_MISH, (x if x.__class__ is Tensor else convert(x, name="x"),))


def silu(x: TensorLike) -> Tensor:
    """X * sigmoid(x), also called swish (Ramachandran et al., 2017)."""
    return call(_SILU, (x if x.__class__ is Tensor else convert(x, name="x"),))


swish = silu
hard_swish = hard_silu

for _function in (
    *(linear, relu, leaky_relu, relu6, sigmoid, tanh, softmax, log_softmax, softplus),
    *(softsign, elu, selu, gelu, exponential, hard_sigmoid, hard_silu, mish, silu),
):
    registry.register("activation", _function.__name__, _function)
registry.register("activation", "swish", silu)
registry.register("activation", "hard_swish", hard_silu)

# TensorFlow's functions are others; configs have names of their own for them.
for _function in (
    *(neural.crelu, neural.elu, neural.gelu, neural.leaky_relu, neural.log_softmax),
    *(neural.relu, neural.relu6, neural.selu, neural.silu, neural.softmax),
    *(neural.softplus, neural.softsign, math.sigmoid, math.tanh),
):
    registry.register("activation", f"nn.{_function.__name__}", _function)


formulas: dict[Any, Callable[[jax.Array], jax.Array]] = {
    linear: lambda x: x,
    softmax: jax.nn.softmax,
    log_softmax: jax.nn.log_softmax,
    **{
        function: op.function
        for function, op in (
            (relu, _RELU),
            (relu6, _RELU6),
            (sigmoid, _SIGMOID),
            (tanh, _TANH),
            (softplus, _SOFTPLUS),
            (elu, _ELU),
            (selu, _SELU),
            (silu, _SILU),
        )
    },
}
"""What some activations compute, for a layer that makes one op of it and its own."""


def get(identifier: Any) -> Any:
    """An activation from a name, config or function; `None` is `linear`.

    Raises:
        ArgumentError: for an unknown name.
    """
    if identifier is None:
        return linear
    return registry.get("activation", identifier)


def serialize(activation: Any) -> Any:
    """An activation as its name, or the config of an object that has one.

    Raises:
        ArgumentError: for a function that no name leads back to.
    """
    written = registry.serialize(activation)
    if inspect.isfunction(activation) and registry.find("activation", written) is not (
        activation
    ):
        raise ArgumentError(
            f"The name {written!r} leads to another activation than the one given. "
            "Register yours under a name of its own."
        )
    return written


def deserialize(config: Any) -> Any:
    """The activation that `serialize` wrote."""
    return get(config)


def _along(op: Op, x: TensorLike, axis: int | None) -> Tensor:
    if x.__class__ is not Tensor:
        x = convert(x, name="x")
    return call(op, (x,), {"axis": axis}, (axis,))
