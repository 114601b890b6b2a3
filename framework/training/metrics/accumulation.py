"""Sums that stay exact over millions of samples, in float32.

A running sum is two numbers: the sum as float32 has it, and what that has lost by
rounding, so that neither a counter sticks at 2**24 nor an error grows with the number
of updates. Pure JAX: arrays in, arrays out.

References:
    Knuth, 1969, section 4.2.2 (the error of an addition).
    Rump, Ogita and Oishi, 2008, algorithm 3.3 (parts that are summed without error).
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

_BLOCK = 256
"""Terms whose leading parts are summed at once: each keeps 24 - 8 of its bits there,
and the sum of the rests is wrong by less than 2**-24 of the largest term."""


def add(sums: jax.Array, terms: jax.Array) -> jax.Array:
    """A running sum, and a term more.

    An infinite or undefined sum stays what it is.

    Args:
        sums: The sums at place 0 of the first axis, what they have lost at place 1.
        terms: What to add, of the sums' shape without that axis.
    """
    total, lost = sums
    # XLA does not reassociate: these differences are not 0 but the rounding error.
    new = total + terms
    from_terms = new - total
    lost = lost + ((total - (new - from_terms)) + (terms - from_terms))
    lost = jnp.where(jnp.isfinite(new), lost, 0)
    leading = new + lost
    rest = lost - (leading - new)
    return jnp.stack([leading, jnp.where(jnp.isfinite(new), rest, 0)])


def value(sums: jax.Array) -> jax.Array:
    """What a running sum comes to."""
    return sums[0] + sums[1]


def add_all(sums: jax.Array, terms: jax.Array) -> jax.Array:
    """A scalar running sum, and all elements of an array more."""
    for part in _summed(terms.ravel()):
        sums = add(sums, part)
    return sums


def add_reduced(
    sums: jax.Array, terms: jax.Array, reduce: Callable[[jax.Array], jax.Array]
) -> jax.Array:
    """Running sums, and sums of some of the terms more.

    Args:
        sums: As in `add`.
        terms: Any array.
        reduce: Sums terms of this shape to the sums' shape, in any order.
    """
    leading, rest = _parted(terms, terms.size)
    middle, rest = _parted(rest, terms.size)
    for part in (leading, middle, rest):
        sums = add(sums, reduce(part))
    return sums


def _summed(terms: jax.Array) -> list[jax.Array]:
    """Few numbers with the sum of many."""
    if terms.size <= 1:
        return [*terms]
    if terms.size <= _BLOCK:
        return [jnp.sum(part) for part in _parted(terms, terms.size)]
    rows = math.ceil(terms.size / _BLOCK)
    terms = jnp.pad(terms, (0, rows * _BLOCK - terms.size)).reshape(rows, _BLOCK)
    sums = [jnp.sum(part, 1) for part in _parted(terms, _BLOCK)]
    return _summed(jnp.concatenate(sums))


def _parted(terms: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Leading parts, any `count` of which have an exact sum, and what is left."""
    largest = jnp.max(jnp.abs(terms), initial=0)
    top = _power_of_two(largest) * (2.0 ** (1 + (count - 1).bit_length()))
    leading = (terms + top) - top
    # Infinite and undefined terms, and sums beyond the largest number, have no parts.
    leading = jnp.where(jnp.isfinite(top), leading, terms)
    return leading, jnp.where(leading == terms, 0, terms - leading)


def _power_of_two(x: jax.Array) -> jax.Array:
    """The largest power of two up to x: its bits without those of the fraction."""
    kind = jnp.finfo(x.dtype)
    whole = np.dtype(f"uint{kind.bits}")
    bits = jax.lax.bitcast_convert_type(x, whole)
    exponent = bits & whole.type(((1 << kind.nexp) - 1) << kind.nmant)
    return jax.lax.bitcast_convert_type(exponent, x.dtype)
