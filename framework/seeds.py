"""Random keys for what is drawn outside of any recording: the first weights of layers.

A small generator on the host. `jt.random.set_seed` resets it together with the seed
state of the recorded draws.
"""

import contextlib
import functools
import hashlib
import operator
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import ArgumentTypeError

_KEY_SEEDS = 1 << 32


class _Generator:
    """Counts the keys that were taken since the seed was set."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.set_seed(secrets.randbits(64))

    def set_seed(self, seed: int) -> None:
        with self._guard:
            self._seed = seed
            self._taken = self._orders = 0

    def state(self) -> tuple[int, int, int]:
        """The seed, and how many keys and orders were taken since it was set."""
        with self._guard:
            return self._seed, self._taken, self._orders

    def set_state(self, seed: int, taken: int, orders: int = 0) -> None:
        with self._guard:
            self._seed, self._taken, self._orders = seed, taken, orders

    def next_text(self) -> str:
        """Names the next key; no two calls return the same text."""
        with self._guard:
            self._taken += 1
            return f"{self._seed}/{self._taken}"

    def next_order_text(self) -> str:
        """Names the next order of samples."""
        with self._guard:
            self._orders += 1
            return f"{self._seed}/order {self._orders}"


_generator = _Generator()


class _Apart(threading.local):
    """The generator that a thread takes its keys from, if not from the common one."""

    generator: _Generator | None = None


_apart = _Apart()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Take no keys from the sequence while a block runs in this thread.

    For first weights that nobody keeps: those of a model that is loaded.
    """
    before = _apart.generator
    _apart.generator = _Generator()
    try:
        yield
    finally:
        _apart.generator = before


def state() -> tuple[int, int, int]:
    """The seed, and how many keys and orders were taken; `set_state` takes them."""
    return _generator.state()


def set_state(seed: int, taken: int, orders: int = 0) -> None:
    """Go on from where `state` was called."""
    _generator.set_state(seed, taken, orders)


def set_seed(seed: int) -> None:
    """Start the sequence of keys that belongs to a seed.

    Args:
        seed: Any integer; different ones start different sequences.

    Raises:
        ArgumentTypeError: for what is no integer.
    """
    _generator.set_seed(as_seed(seed))


def next_key() -> jax.Array:
    """The next key of the sequence; each is given out once, also across threads."""
    return _hashed_key((_apart.generator or _generator).next_text())


def next_order_seed() -> int:
    """A seed below 2**63 for the next order of samples.

    Orders are counted apart from keys, so that first weights do not depend on whether
    a data set was shuffled before they were drawn.
    """
    text = _generator.next_order_text()
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def key_of(seed: int) -> jax.Array:
    """The key of a seed: `jax.random.key(seed)` where JAX keeps all its digits.

    JAX takes a seed modulo 2**32 while x64 is off, so that 2**32 would draw what 0
    draws; seeds outside of 0 to 2**32 - 1 are hashed instead.
    """
    if 0 <= seed < _KEY_SEEDS:
        with jax.ensure_compile_time_eval():
            return jax.random.key(np.uint32(seed))
    return _hashed_key(str(seed))


def as_seed(seed: int) -> int:
    """A seed as a Python integer.

    Raises:
        ArgumentTypeError: for what is no integer.
    """
    try:
        return operator.index(seed)
    except TypeError:
        raise ArgumentTypeError(
            f"`seed` must be an integer; got {seed!r} ({type(seed).__name__}). "
            "For example: 0."
        ) from None


def _hashed_key(text: str) -> jax.Array:
    """A key made of the digest of a text, in the size that JAX's generator has."""
    with jax.ensure_compile_time_eval():  # a value, also inside a user's jax.jit
        config: Any = jax.config  # its options are set by name
        size = 4 * _key_words(config.jax_default_prng_impl)
        digest = hashlib.blake2b(text.encode(), digest_size=size).digest()
        return jax.random.wrap_key_data(jnp.asarray(np.frombuffer(digest, np.uint32)))


@functools.cache
def _key_words(impl: str) -> int:
    """How many 32-bit words a key of JAX's generator has."""
    return jax.random.key_data(jax.random.key(0, impl=impl)).size
