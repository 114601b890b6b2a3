"""Ops that work on each element alone, and the arithmetic of two operands.

`unary` and `binary` make a function of an op's JAX function; `jt.math` uses them too.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError, ShapeError
from ..recording import arithmetic
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert, partner
from .conversion import operands, tensors

_BROADCAST = "Reshape one of them so that the shapes broadcast."


def unary(op: Op, summary: str, argument: str = "x") -> Callable[..., Tensor]:
    """The public function of an op with one input, which keywords call `argument`."""

    def apply(x: TensorLike, name: str | None = None) -> Tensor:
        return call(op, (x if x.__class__ is Tensor else convert(x, name=argument),))

    return _named(apply, op.name, summary, argument)


def binary(
    op: Op, summary: str, arguments: tuple[str, str] = ("x", "y")
) -> Callable[..., Tensor]:
    """The public function of an op with two operands, which broadcast."""

    def apply(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
        if x.__class__ is Tensor:
            if y.__class__ is Tensor:
                return call(op, (x, y))
            if y.__class__ is float:
                return call(op, (x, partner(x, y)))
        return call(op, operands(x, y))

    return _named(apply, op.name, summary, *arguments)


def _named(
    function: Any, name: str, summary: str, *arguments: str
) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = summary
    code = function.__code__  # parameters are known by their place in it, not by name
    others = code.co_varnames[len(arguments) :]
    function.__code__ = code.replace(co_varnames=(*arguments, *others))
    return function


def stepwise(name: str, function: Callable) -> Op:
    """An op that is constant between its steps: its gradient is `None`."""
    return Op(name, function, is_differentiable=False)


def of_two(name: str, function: Callable) -> Op:
    """An op with two operands."""
    return Op(name, function, hint=_BROADCAST)


def _first_wins(compare: Callable, choose: Callable) -> Callable:
    """`choose(x, y)`, whose whole gradient goes to x where `compare(x, y)`, else to y.

    So at a tie it is (1, 0), as in TensorFlow; JAX has (0.5, 0.5).
    """

    @jax.custom_jvp
    def chosen(x: jax.Array, y: jax.Array) -> jax.Array:
        return choose(x, y)

    @chosen.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        out = choose(*primals)
        tangent = jnp.where(compare(*primals), *tangents)
        return out, jnp.broadcast_to(tangent, out.shape)

    def promoted(x: jax.Array, y: jax.Array) -> jax.Array:
        dtype = jnp.result_type(x, y)
        return chosen(x.astype(dtype), y.astype(dtype))

    return promoted


def _add_all(*arrays: jax.Array) -> jax.Array:
    if len({array.shape for array in arrays}) > 1:
        raise ValueError("add_n does not broadcast")
    return functools.reduce(jnp.add, arrays)


def _truncate_divide(x: jax.Array, y: jax.Array) -> jax.Array:
    if jnp.issubdtype(jnp.result_type(x, y), jnp.integer):
        dtype = jnp.result_type(x, y)
        x, y = jnp.broadcast_arrays(x.astype(dtype), y.astype(dtype))
        return jax.lax.div(x, y)
    return jnp.trunc(x / y)


MAXIMUM = of_two("maximum", _first_wins(jnp.greater_equal, jnp.maximum))
MINIMUM = of_two("minimum", _first_wins(jnp.less_equal, jnp.minimum))
POWER = arithmetic.POWER
SQUARE = Op("square", jnp.square)
ADD_N = Op("add_n", _add_all, hint="All Tensors of the list must have the same shape.")

add = binary(arithmetic.ADD, "x + y.")
subtract = binary(arithmetic.SUBTRACT, "x - y.")
multiply = binary(arithmetic.MULTIPLY, "x * y.")
divide = binary(arithmetic.DIVIDE, "x / y; integers are divided as floats.")
maximum = binary(MAXIMUM, "The larger of x and y; at a tie the gradient goes to x.")
minimum = binary(MINIMUM, "The smaller of x and y; at a tie the gradient goes to x.")

abs = unary(arithmetic.ABS, "|x|; the gradient at 0 is 0.")
exp = unary(Op("exp", jnp.exp), "e to the power x.")
floor = unary(stepwise("floor", jnp.floor), "The largest integer <= x; no gradient.")
negative = unary(arithmetic.NEGATIVE, "-x.")
round = unary(
    stepwise("round", jnp.round), "The nearest integer, halves to even; no gradient."
)
sign = unary(Op("sign", jnp.sign), "-1, 0 or 1; the gradient is 0.")
sqrt = unary(
    Op("sqrt", jnp.sqrt, masks_zeros=True),
    "The square root; its slope at 0 is infinite, but 0 times that passes on as 0.",
)
square = unary(SQUARE, "x * x.")
truncatediv = binary(
    stepwise("truncatediv", _truncate_divide), "x / y rounded to 0; no gradient."
)
truncatemod = binary(
    of_two("truncatemod", jnp.fmod), "x - y * truncatediv(x, y): the sign is that of x."
)


def scalar_mul(scalar: TensorLike, x: TensorLike, name: str | None = None) -> Tensor:
    """A number times a Tensor.

    Raises:
        ShapeError: if `scalar` is no single number.
    """
    factor, given = operands(scalar, x)
    if factor._type.shape:
        raise ShapeError(
            f"`scalar` of scalar_mul() must be one number; got shape "
            f"{factor._type.shape}. Use jt.multiply() for arrays."
        )
    return call(arithmetic.MULTIPLY, (factor, given))


def pow(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """X to the power y.

    A `y` that is a Python int is structure, as in `x ** 2`: it is multiplied out.

    Note:
        At x = 0 and y = 0 the gradient by x is 0; TensorFlow has NaN.
    """
    if y.__class__ is int:
        x = convert(x, name="x")
        return call(arithmetic.INTEGER_POWER, (x,), {"exponent": y}, (y,))
    return call(POWER, operands(x, y))


def add_n(inputs: Iterable[TensorLike], name: str | None = None) -> Tensor:
    """The sum of Tensors of one shape.

    Raises:
        ArgumentError: for an empty list.
        ShapeError: if the shapes differ.
    """
    given = tensors(inputs, "inputs")
    if not given:
        raise ArgumentError(
            "add_n() needs at least one Tensor; got an empty list. "
            "Use jt.zeros(()) where there may be nothing to add."
        )
    return call(ADD_N, given)
