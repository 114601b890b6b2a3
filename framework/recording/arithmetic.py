"""The ops behind operators, indexing and methods of Tensor and Variable."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .checking import outside
from .op import Op

_BROADCAST = "Reshape one of them so that the shapes broadcast."

ADD = Op("add", jnp.add, hint=_BROADCAST)
SUBTRACT = Op("subtract", jnp.subtract, hint=_BROADCAST)
MULTIPLY = Op("multiply", jnp.multiply, hint=_BROADCAST)
DIVIDE = Op("divide", jnp.true_divide, hint=_BROADCAST)


def _floor_divide(x: jax.Array, y: jax.Array) -> jax.Array:
    """The quotient rounded down: 1 // 0.1 is 10, as in TensorFlow; JAX has 9."""
    if jnp.issubdtype(jnp.result_type(x, y), jnp.inexact):
        return jnp.floor(x / y)
    return jnp.floor_divide(x, y)


def _mod(x: jax.Array, y: jax.Array) -> jax.Array:
    dtype = jnp.result_type(x, y)
    if not jnp.issubdtype(dtype, jnp.floating):
        return jnp.mod(x, y)
    return _mod_real(x.astype(dtype), y.astype(dtype))


@jax.custom_jvp
def _mod_real(x: jax.Array, y: jax.Array) -> jax.Array:
    """Its derivative by y is -floor(x / y), as in TensorFlow."""
    return jnp.mod(x, y)


@_mod_real.defjvp
def _mod_real_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x, y), (dx, dy) = primals, tangents
    out = _mod_real(x, y)
    return out, jnp.broadcast_to(dx - jnp.floor(x / y) * dy, out.shape)


FLOOR_DIVIDE = Op("floordiv", _floor_divide, is_differentiable=False, hint=_BROADCAST)
MOD = Op("floormod", _mod, hint=_BROADCAST)
NEGATIVE = Op("negative", jnp.negative)
INVERT = Op("invert", jnp.invert, is_differentiable=False)
EQUAL = Op("equal", jnp.equal, is_differentiable=False, hint=_BROADCAST)
NOT_EQUAL = Op("not_equal", jnp.not_equal, is_differentiable=False, hint=_BROADCAST)
LESS = Op("less", jnp.less, is_differentiable=False, hint=_BROADCAST)
LESS_EQUAL = Op("less_equal", jnp.less_equal, is_differentiable=False, hint=_BROADCAST)
GREATER = Op("greater", jnp.greater, is_differentiable=False, hint=_BROADCAST)
GREATER_EQUAL = Op(
    "greater_equal", jnp.greater_equal, is_differentiable=False, hint=_BROADCAST
)
AND = Op("logical_and", jnp.bitwise_and, is_differentiable=False, hint=_BROADCAST)
OR = Op("logical_or", jnp.bitwise_or, is_differentiable=False, hint=_BROADCAST)
XOR = Op("logical_xor", jnp.bitwise_xor, is_differentiable=False, hint=_BROADCAST)
IDENTITY = Op("identity", lambda x: x)


def _abs(x: jax.Array) -> jax.Array:
    """|x| with derivative sign(x): 0 at 0, as in TensorFlow; JAX has 1 there."""
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        return jnp.abs(x)
    return _abs_real(x)


@jax.custom_jvp
def _abs_real(x: jax.Array) -> jax.Array:
    return jnp.abs(x)


@_abs_real.defjvp
def _abs_real_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x,), (tangent,) = primals, tangents
    return jnp.abs(x), jnp.sign(x) * tangent


ABS = Op("abs", _abs)


def _power(x: jax.Array, y: jax.Array) -> jax.Array:
    """X ** y with derivative 0 by y where x <= 0, as in TensorFlow; JAX has NaN."""
    dtype = jnp.result_type(x, y)
    if not jnp.issubdtype(dtype, jnp.floating):
        return jnp.power(x, y)
    return _power_real(x.astype(dtype), y.astype(dtype))


@jax.custom_jvp
def _power_real(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.power(x, y)


@_power_real.defjvp
def _power_real_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x, y), (dx, dy) = primals, tangents
    out = _power_real(x, y)
    slope = jnp.where(y == 0, 0, y * _power_real(x, jnp.where(y == 0, 1, y - 1)))
    log = jnp.log(jnp.where(x > 0, x, 1))
    return out, jnp.broadcast_to(slope * dx + out * log * dy, out.shape)


POWER = Op("pow", _power, hint=_BROADCAST)


def _integer_power(x: jax.Array, *, exponent: int) -> jax.Array:
    return x**exponent


INTEGER_POWER = Op("pow", _integer_power)


def _cast(x: jax.Array, *, dtype: Any) -> jax.Array:
    if jnp.issubdtype(x.dtype, jnp.complexfloating) and not jnp.issubdtype(
        dtype, jnp.complexfloating
    ):
        x = jnp.real(x)
    return x.astype(dtype)


CAST = Op("cast", _cast)


def _matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b)


MATMUL = Op(
    "matmul",
    _matmul,
    hint=(
        "The last axis of the first must equal the second-to-last of the second; "
        "jt.transpose(x) swaps the axes of a matrix."
    ),
)
RESHAPE = Op(
    "reshape",
    lambda x, *, shape: jnp.reshape(x, shape),
    hint="The number of elements must stay the same; one axis may be -1.",
)
TRANSPOSE = Op("transpose", lambda x, *, perm: jnp.transpose(x, perm))


def _reduction(function: Any) -> Any:
    def reduce(x: jax.Array, *, axis: Any, keepdims: bool) -> jax.Array:
        return function(x, axis=axis, keepdims=keepdims)

    return reduce


def _extreme(function: Callable) -> Callable:
    """The largest or smallest element; equal ones share the gradient.

    That of NaN is NaN for all elements, as in TensorFlow. By JAX's rule it is 0 or NaN,
    according to whether XLA has simplified a product with zeros.
    """

    def reduce(x: jax.Array, *, axis: Any, keepdims: bool) -> jax.Array:
        if not jnp.issubdtype(x.dtype, jnp.floating):
            return function(x, axis=axis, keepdims=keepdims)
        return extreme(x, axis, keepdims)

    @functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
    def extreme(x: jax.Array, axis: Any, keepdims: bool) -> jax.Array:
        return function(x, axis=axis, keepdims=keepdims)

    @extreme.defjvp
    def _(axis: Any, keepdims: bool, primals: tuple, tangents: tuple) -> tuple:
        (x,), (tangent,) = primals, tangents
        out = function(x, axis=axis, keepdims=True)
        is_chosen = (x == out).astype(x.dtype)
        count = jnp.sum(is_chosen, axis, keepdims=True)
        share = jnp.where(jnp.isnan(out), jnp.nan, is_chosen / count)
        total = jnp.sum(tangent * share, axis, keepdims=keepdims)
        return (out if keepdims else jnp.squeeze(out, axis)), total

    return reduce


_AXES = "`axis` must name axes that the input has."
SUM = Op("reduce_sum", _reduction(jnp.sum), hint=_AXES)
MEAN = Op("reduce_mean", _reduction(jnp.mean), hint=_AXES)
MAX = Op("reduce_max", _extreme(jnp.max), hint=_AXES)
MIN = Op("reduce_min", _extreme(jnp.min), hint=_AXES)
PROD = Op("reduce_prod", _reduction(jnp.prod), hint=_AXES)
ANY = Op("reduce_any", _reduction(jnp.any), is_differentiable=False, hint=_AXES)
ALL = Op("reduce_all", _reduction(jnp.all), is_differentiable=False, hint=_AXES)


def _assign(variable: jax.Array, value: jax.Array) -> jax.Array:
    """The new value in a buffer of its own, in the variable's dtype."""
    return jnp.copy(value.astype(variable.dtype))


ASSIGN = Op("assign", _assign, writes=((0, 0),))
ASSIGN_ADD = Op("assign_add", lambda v, x: v + x.astype(v.dtype), writes=((0, 0),))
ASSIGN_SUB = Op("assign_sub", lambda v, x: v - x.astype(v.dtype), writes=((0, 0),))


def _select(x: jax.Array, *numbers: jax.Array, parts: tuple) -> jax.Array:
    """Index `x`; `parts` says for each axis what its index is made of.

    A part is `("at",)`: an integer from `numbers`; `("span", size, step)`: `size`
    elements from an integer start; `("all",)`, `("new",)`; `("array",)`: an array of
    integers or booleans from `numbers`.
    """
    left = list(numbers)
    has_arrays = any(part[0] == "array" for part in parts)
    chosen: list[Any] = []
    axis = 0
    for part in parts:
        if part[0] == "span":
            x = _span(x, left.pop(0), part[1], part[2], axis)
            chosen.append(slice(None))
        elif part[0] == "new":
            chosen.append(None)
            continue
        elif part[0] == "all":
            chosen.append(slice(None))
        else:
            chosen.append(left.pop(0))
        axis += 1
    if has_arrays:
        return x[tuple(chosen)]
    return _at_numbers(x, chosen)


def _at_numbers(x: jax.Array, chosen: Sequence[Any]) -> jax.Array:
    """Index by integers, whole axes and new axes."""
    axis = 0
    for index in chosen:
        if index is None:
            x = jnp.expand_dims(x, axis)
        elif not isinstance(index, slice):
            x = jax.lax.dynamic_index_in_dim(x, index, axis, keepdims=False)
            continue
        axis += 1
    return x


def _span(x: jax.Array, start: jax.Array, size: int, step: int, axis: int) -> jax.Array:
    """`size` elements from `start` on, by slices: a gather's pullback is a scatter."""
    if step == 1 or not size:
        return jax.lax.dynamic_slice_in_dim(x, start, size, axis)
    length = abs(step) * (size - 1) + 1
    if length < x.shape[axis]:
        lowest = start if step > 0 else start - (length - 1)
        x = jax.lax.dynamic_slice_in_dim(x, lowest, length, axis)
    x = jax.lax.slice_in_dim(x, 0, length, abs(step), axis)
    return x if step > 0 else jax.lax.rev(x, (axis,))


def _bad_select(inputs: Sequence[Any], options: dict) -> str | None:
    """Negative ones count from the end here; a slice's start is known to fit."""
    x, *numbers = inputs
    left = list(numbers)
    axis = 0
    for part in options["parts"]:
        if part[0] == "span":
            left.pop(0)
        elif part[0] in ("at", "array"):
            place = f"axis {axis} of shape {x.shape}"
            length = x.shape[axis]
            wrong = outside(left.pop(0), length, place, lowest=-length)
            if wrong is not None:
                return wrong
        axis += part[0] != "new"
    return None


def _bad_place(inputs: Sequence[Any], options: dict) -> str | None:
    x, _, *numbers = inputs
    return _bad_select((x, *numbers), options)


SELECT = Op("getitem", _select, bad_index=_bad_select)


def _place(x: jax.Array, value: jax.Array, *numbers: jax.Array, parts: tuple) -> Any:
    """`x` with the indexed part replaced: the positions are selected like values."""
    positions = jnp.arange(x.size, dtype=jnp.int32).reshape(x.shape)
    chosen = _select(positions, *numbers, parts=parts)
    value = jnp.broadcast_to(value.astype(x.dtype), chosen.shape)
    return x.reshape(-1).at[chosen.reshape(-1)].set(value.reshape(-1)).reshape(x.shape)


ASSIGN_AT = Op("assign", _place, writes=((0, 0),), bad_index=_bad_place)
