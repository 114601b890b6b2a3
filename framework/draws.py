"""What is drawn from a key: pure functions, and the ops made of them.

A draw is an op in two forms. `by_state` takes the state of a generator, which it
replaces; `by_seed` takes two integers and leaves nothing behind. In both the key is an
input, so that one program serves every step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .recording.op import Op

_IMPL = "threefry2x32"  # the same numbers on every device


def by_state(name: str, draw: Callable) -> Op:
    """An op that draws with the state's next key and gives the state that follows."""

    def function(state: jax.Array, *inputs: jax.Array, **options: Any) -> tuple:
        key = jax.random.wrap_key_data(state, impl=_IMPL)
        following, now = jax.random.split(key)
        return jax.random.key_data(following), draw(now, *inputs, **options)

    return Op(name, function, writes=((0, 0),))


def by_seed(name: str, draw: Callable, is_differentiable: bool = False) -> Op:
    """An op that draws with the key that two integers are."""

    def function(seed: jax.Array, *inputs: jax.Array, **options: Any) -> Any:
        words = seed.astype(jnp.uint32)
        return draw(jax.random.wrap_key_data(words, impl=_IMPL), *inputs, **options)

    hint = "`seed` must be two integers; the parameters must broadcast to the shape."
    return Op(name, function, is_differentiable=is_differentiable, hint=hint)


def normal(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    """Standard normal draws."""
    return jax.random.normal(key, shape, dtype)


def truncated(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    """Standard normal draws within two standard deviations."""
    return jax.random.truncated_normal(key, -2, 2, shape, dtype)


def uniform(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    """Draws from 0 to below 1."""
    return jax.random.uniform(key, shape, dtype)


def integers(
    key: jax.Array, low: jax.Array, high: jax.Array, *, shape: tuple, dtype: Any
) -> jax.Array:
    """Integers from `low` to below `high`."""
    return jax.random.randint(key, shape, low, high, dtype)


def categorical(
    key: jax.Array, logits: jax.Array, *, count: int, dtype: Any
) -> jax.Array:
    """Class numbers by their log-probabilities."""
    drawn = jax.random.categorical(key, logits, shape=(count, *logits.shape[:-1]))
    return jnp.moveaxis(drawn, 0, -1).astype(dtype)


def permutation(key: jax.Array, *, length: int) -> jax.Array:
    """The numbers below `length` in random order."""
    return jax.random.permutation(key, length)


def bits(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    """Integers of the whole range of a dtype."""
    unsigned = jnp.dtype(f"uint{8 * jnp.dtype(dtype).itemsize}")
    drawn = jax.random.bits(key, shape, unsigned)
    return jax.lax.bitcast_convert_type(drawn, dtype)


def poisson(key: jax.Array, rate: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    """Counts of rare events, by their mean number."""
    return jax.random.poisson(key, rate, shape).astype(dtype)


def binomial(
    key: jax.Array, counts: jax.Array, chance: jax.Array, *, shape: tuple, dtype: Any
) -> jax.Array:
    """How many of `counts` trials succeed."""
    counts = counts.astype(chance.dtype)
    return jax.random.binomial(key, counts, chance, shape).astype(dtype)


def gamma(
    key: jax.Array, alpha: jax.Array, beta: jax.Array, *, shape: tuple, dtype: Any
) -> jax.Array:
    """Gamma draws of shape parameter `alpha`, divided by `beta`."""
    return (jax.random.gamma(key, alpha, shape) / beta).astype(dtype)


def seeds(key: jax.Array, *, count: int) -> jax.Array:
    """Pairs of words, one in each row, that are keys of their own."""
    return jax.random.key_data(jax.random.split(key, count))


def folded(key: jax.Array, data: jax.Array) -> jax.Array:
    """Two words that belong to a key and a number."""
    return jax.random.key_data(jax.random.fold_in(key, data))


SPREAD = Op(
    "random",
    lambda x, width, start: (x * width + start).astype(x.dtype),
    hint="The parameters must broadcast to the shape that is drawn.",
)
GAMMA = by_seed("random_gamma", gamma, is_differentiable=True)
