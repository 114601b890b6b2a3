"""`jt.random.Generator`: a stream of random numbers whose state is a Variable."""

import hashlib
import secrets
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import draws
from .draws import GAMMA, SPREAD, by_state
from .errors import ArgumentError, ShapeError
from .ops import gather
from .ops.conversion import beside, requested_dtype, sizes
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert
from .seeds import as_seed
from .variable import Variable

DRAW_NORMAL = by_state("random_normal", draws.normal)
DRAW_TRUNCATED = by_state("truncated_normal", draws.truncated)
DRAW_UNIFORM = by_state("random_uniform", draws.uniform)
DRAW_INTEGERS = by_state("random_uniform", draws.integers)
DRAW_CATEGORICAL = by_state("random_categorical", draws.categorical)
DRAW_PERMUTATION = by_state("random_shuffle", draws.permutation)
DRAW_BITS = by_state("uniform_full_int", draws.bits)
DRAW_POISSON = by_state("random_poisson", draws.poisson)
DRAW_BINOMIAL = by_state("random_binomial", draws.binomial)
DRAW_SEEDS = by_state("make_seeds", draws.seeds)


class Generator:
    """A stream of random numbers; its state is a Variable.

    Args:
        seed: An integer of any size; distinct ones give distinct streams. Default
            fresh entropy from the operating system.

    Raises:
        ArgumentTypeError: for a seed that is no integer.

    Example:
        >>> generator = jt.random.Generator(seed=1)
        >>> generator.normal((2,)).shape
        (2,)

    Note:
        The numbers are not TensorFlow's: the generator is JAX's threefry.
    """

    def __init__(self, seed: int | None = None) -> None:
        # A generator may first be needed inside a function that JAX traces.
        with jax.ensure_compile_time_eval():
            self.state = Variable(key_data(seed), trainable=False, name="random_state")

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> "Generator":
        """The generator of a seed; `alg` has no effect."""
        return cls(as_seed(seed))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> "Generator":
        """A generator of fresh entropy; `alg` has no effect."""
        return cls()

    @classmethod
    def from_state(cls, state: TensorLike, alg: Any = None) -> "Generator":
        """A generator that goes on from the `state` of another one.

        Raises:
            ShapeError: if that is no state, two words.
        """
        words = _words(state)
        made = cls(0)
        made.state.assign(words)
        return made

    def reset(self, state: TensorLike) -> None:
        """Go on from a `state`, such as that of another generator.

        Raises:
            ShapeError: if that is no state, two words.
        """
        self.state.assign(_words(state))

    def reset_from_seed(self, seed: int | None) -> None:
        """Start the stream of `seed`."""
        self.state.assign(key_data(seed))

    def make_seeds(self, count: int = 1) -> Tensor:
        """Seeds for the functions `stateless_*`, one in each column.

        Shapes:
            (2, count)
        """
        (number,) = sizes(count, "count")
        found = self._draw(DRAW_SEEDS, (), {"count": number}, (number,))
        return found.T

    def split(self, count: int = 1) -> list["Generator"]:
        """New generators, independent of this one and of each other."""
        states = self.make_seeds(count).T.numpy()
        return [Generator.from_state(state) for state in states]

    def normal(
        self,
        shape: Any,
        mean: TensorLike = 0.0,
        stddev: TensorLike = 1.0,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Tensor:
        """Draws from the normal distribution; see `jt.random.normal`."""
        drawn = self._draw_floats(DRAW_NORMAL, shape, dtype)
        return spread(drawn, stddev, mean)

    def truncated_normal(
        self,
        shape: Any,
        mean: TensorLike = 0.0,
        stddev: TensorLike = 1.0,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Tensor:
        """Normal draws within two standard deviations; see `jt.random`."""
        drawn = self._draw_floats(DRAW_TRUNCATED, shape, dtype)
        return spread(drawn, stddev, mean)

    def uniform(
        self,
        shape: Any,
        minval: TensorLike = 0,
        maxval: TensorLike = None,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Tensor:
        """Uniform draws; see `jt.random.uniform`."""
        wanted = requested_dtype(dtype)
        if jnp.issubdtype(wanted, jnp.integer):
            return self._draw_integers(sizes(shape, "shape"), minval, maxval, wanted)
        drawn = self._draw_floats(DRAW_UNIFORM, shape, wanted)
        high = 1.0 if maxval is None else maxval
        return spread(drawn, high - minval, minval)

    def categorical(
        self, logits: TensorLike, num_samples: int, dtype: Any = None
    ) -> Tensor:
        """Class numbers drawn by log-probability; see `jt.random.categorical`."""
        x = convert(logits, name="logits")
        if dtype is None:
            dtype = jax.dtypes.canonicalize_dtype("int64")
        (count,), wanted = sizes(num_samples, "num_samples"), requested_dtype(dtype)
        options = {"count": count, "dtype": wanted}
        return self._draw(DRAW_CATEGORICAL, (x,), options, (count, wanted))

    def shuffle(self, value: TensorLike) -> Tensor:
        """The rows in random order; see `jt.random.shuffle`."""
        x = convert(value, name="value")
        length = len(x)
        order = self._draw(DRAW_PERMUTATION, (), {"length": length}, (length,))
        return gather(x, order)

    def uniform_full_int(
        self, shape: Any, dtype: Any = None, name: str | None = None
    ) -> Tensor:
        """Integers of the whole range of a dtype, by default uint32 (x64: uint64).

        Raises:
            ArgumentError: for a dtype of no integers.
        """
        if dtype is None:
            dtype = jax.dtypes.canonicalize_dtype("uint64")
        wanted, extents = requested_dtype(dtype), sizes(shape, "shape")
        if not jnp.issubdtype(wanted, jnp.integer):
            raise ArgumentError(
                f"uniform_full_int() draws integers; got dtype {wanted.name}."
            )
        options = {"shape": extents, "dtype": wanted}
        return self._draw(DRAW_BITS, (), options, (extents, wanted))

    def binomial(
        self,
        shape: Any,
        counts: TensorLike,
        probs: TensorLike,
        dtype: Any = "int32",
        name: str | None = None,
    ) -> Tensor:
        """How many of `counts` trials succeed, each with probability `probs`."""
        extents, wanted = sizes(shape, "shape"), requested_dtype(dtype)
        chance = convert(probs, name="probs")
        inputs = (beside(chance, counts, "counts"), chance)
        options = {"shape": extents, "dtype": wanted}
        return self._draw(DRAW_BINOMIAL, inputs, options, (extents, wanted))

    def poisson(self, shape: Any, lam: TensorLike, dtype: Any = "float32") -> Tensor:
        """Counts with mean `lam`; see `jt.random.poisson`."""
        rate, wanted = convert(lam, name="lam"), requested_dtype(dtype)
        extents = sizes(shape, "shape") + rate.shape
        options = {"shape": extents, "dtype": wanted}
        return self._draw(DRAW_POISSON, (rate,), options, (extents, wanted))

    def gamma(
        self,
        shape: Any,
        alpha: TensorLike,
        beta: TensorLike = None,
        dtype: Any = "float32",
    ) -> Tensor:
        """Gamma draws, whose gradients reach both parameters; see `jt.random.gamma`."""
        first, wanted = convert(alpha, dtype, "alpha"), requested_dtype(dtype)
        second = beside(first, 1.0 if beta is None else beta, "beta")
        extents = sizes(shape, "shape") + np.broadcast_shapes(first.shape, second.shape)
        seed = self.make_seeds(1)[:, 0]
        options = {"shape": extents, "dtype": wanted}
        return call(GAMMA, (seed, first, second), options, (extents, wanted))

    def _draw(self, op: Op, inputs: tuple, options: dict, frozen: tuple) -> Any:
        with self.state._lock:
            return call(op, (self.state, *inputs), options, frozen)[1]

    def _draw_floats(self, op: Op, shape: Any, dtype: Any) -> Any:
        extents, wanted = sizes(shape, "shape"), requested_dtype(dtype)
        if not jnp.issubdtype(wanted, jnp.floating):
            raise ArgumentError(
                f"Cannot draw {wanted.name} numbers from a continuous distribution. "
                "Use a float dtype, or jt.random.uniform(..., dtype='int32')."
            )
        return self._draw(
            op, (), {"shape": extents, "dtype": wanted}, (extents, wanted)
        )

    def _draw_integers(
        self, shape: tuple, low: TensorLike, high: TensorLike, dtype: np.dtype
    ) -> Any:
        if high is None:
            raise ArgumentError(
                f"uniform() needs `maxval` for dtype {dtype.name}; it is not reached. "
                "For dice: jt.random.uniform((10,), 1, 7, dtype='int32')."
            )
        if isinstance(low, int) and isinstance(high, int) and low >= high:
            raise ArgumentError(
                f"uniform() needs `minval` below `maxval`; got {low} and {high}. "
                "`maxval` is not reached."
            )
        bounds = (convert(low, dtype, "minval"), convert(high, dtype, "maxval"))
        options = {"shape": shape, "dtype": dtype}
        return self._draw(DRAW_INTEGERS, bounds, options, (shape, dtype))


def spread(drawn: Tensor, width: TensorLike, start: TensorLike) -> Tensor:
    """`drawn * width + start`, in the dtype drawn; gradients reach both."""
    inputs = (drawn, beside(drawn, width, "stddev"), beside(drawn, start, "mean"))
    return call(SPREAD, inputs)


def key_data(seed: int | None) -> np.ndarray:
    """The state that a seed starts from: two words, a hash of the whole integer.

    JAX takes seeds modulo 2**32; here 0, 2**32 and 2**40 differ.

    Raises:
        ArgumentTypeError: for a seed that is no integer.
    """
    if seed is None:
        return np.frombuffer(secrets.token_bytes(8), np.uint32)
    return np.frombuffer(digest(str(as_seed(seed)), 8), np.uint32)


def digest(text: str, size: int) -> bytes:
    """The hash of a text."""
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def _words(state: TensorLike) -> Any:
    words = convert(state, name="state")
    if words.shape != (2,):
        raise ShapeError(
            f"`state` must be two words, as `generator.state` is; got shape "
            f"{words.shape}. For a seed use reset_from_seed() or from_seed()."
        )
    return words.astype("uint32")
