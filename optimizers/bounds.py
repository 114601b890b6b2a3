"""Bounds: what keeps the numbers of update rules finite."""

import jax
import jax.numpy as jnp

from ..framework.checked import is_between
from ..framework.errors import ArgumentError


def check_share(name: str, value: float) -> None:
    """Raise unless a share of what was before is at least 0 and less than 1.

    Raises:
        ArgumentError: names the argument.
    """
    if not is_between(value, 0, 1) or value >= 1:
        raise ArgumentError(
            f"`{name}` must be at least 0 and less than 1; got {value!r}."
        )


def bounded(gradient: jax.Array) -> jax.Array:
    """The gradient, as large as can be squared; an infinite one as it is.

    The square of a larger one is inf, and the next update inf - inf.
    """
    bound = 0.99 * float(jnp.finfo(gradient.dtype).max) ** 0.5
    is_too_large = (jnp.abs(gradient) > bound) & ~jnp.isinf(gradient)
    return jnp.where(is_too_large, jnp.sign(gradient) * bound, gradient)


def quotient(numerator: jax.Array, divisor: jax.Array) -> jax.Array:
    """The step numerator / divisor; none where the divisor is 0.

    It is where epsilon is 0 and the gradients were too (0/0 otherwise).
    """
    is_zero = divisor == 0
    return jnp.where(is_zero, 0, numerator / jnp.where(is_zero, 1, divisor))
