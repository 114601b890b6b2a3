"""Comparisons and logic; their gradients are `None`."""

import jax.numpy as jnp

from ..recording import arithmetic
from .elementwise import binary, stepwise, unary

equal = binary(arithmetic.EQUAL, "Whether x == y.")
not_equal = binary(arithmetic.NOT_EQUAL, "Whether x != y.")
less = binary(arithmetic.LESS, "Whether x < y.")
less_equal = binary(arithmetic.LESS_EQUAL, "Whether x <= y.")
greater = binary(arithmetic.GREATER, "Whether x > y.")
greater_equal = binary(arithmetic.GREATER_EQUAL, "Whether x >= y.")
logical_and = binary(stepwise("logical_and", jnp.logical_and), "Whether x and y.")
logical_or = binary(stepwise("logical_or", jnp.logical_or), "Whether x or y.")
logical_xor = binary(
    stepwise("logical_xor", jnp.logical_xor), "Whether one of x and y, not both."
)
logical_not = unary(stepwise("logical_not", jnp.logical_not), "Whether not x.")
