"""`jt.random`: random numbers from a state that is a Variable.

Each draw takes the state's next key and replaces it, as one recorded op: so forward
pass and gradient see the same numbers, programs advance the state themselves, and a
checkpoint that holds the state resumes the stream.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import seeds
from .errors import ArgumentError
from .ops import gather
from .ops.conversion import beside, requested_dtype, sizes
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert
from .seeds import as_seed
from .variable import Variable

_IMPL = "threefry2x32"  # the same numbers on every device
_STREAMS = 256  # generators kept for the `seed` of single calls


def _drawing(name: str, draw: Any) -> Op:
    """An op that draws with the state's next key and gives the state that follows."""

    def function(state: jax.Array, *inputs: jax.Array, **options: Any) -> tuple:
        key = jax.random.wrap_key_data(state, impl=_IMPL)
        following, now = jax.random.split(key)
        return jax.random.key_data(following), draw(now, *inputs, **options)

    return Op(name, function, writes=((0, 0),))


def _normal(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    return jax.random.normal(key, shape, dtype)


def _truncated(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    return jax.random.truncated_normal(key, -2, 2, shape, dtype)


def _uniform(key: jax.Array, *, shape: tuple, dtype: Any) -> jax.Array:
    return jax.random.uniform(key, shape, dtype)


def _integers(
    key: jax.Array, low: jax.Array, high: jax.Array, *, shape: tuple, dtype: Any
) -> jax.Array:
    return jax.random.randint(key, shape, low, high, dtype)


def _categorical(
    key: jax.Array, logits: jax.Array, *, count: int, dtype: Any
) -> jax.Array:
    drawn = jax.random.categorical(key, logits, shape=(count, *logits.shape[:-1]))
    return jnp.moveaxis(drawn, 0, -1).astype(dtype)


def _permutation(key: jax.Array, *, length: int) -> jax.Array:
    return jax.random.permutation(key, length)


DRAW_NORMAL = _drawing("random_normal", _normal)
DRAW_TRUNCATED = _drawing("truncated_normal", _truncated)
DRAW_UNIFORM = _drawing("random_uniform", _uniform)
DRAW_INTEGERS = _drawing("random_uniform", _integers)
DRAW_CATEGORICAL = _drawing("random_categorical", _categorical)
DRAW_PERMUTATION = _drawing("random_shuffle", _permutation)
SPREAD = Op(
    "random",
    lambda x, width, start: (x * width + start).astype(x.dtype),
    hint="The parameters must broadcast to the shape that is drawn.",
)


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
    """

    def __init__(self, seed: int | None = None) -> None:
        # A generator may first be needed inside a function that JAX traces.
        with jax.ensure_compile_time_eval():
            self.state = Variable(key_data(seed), trainable=False, name="random_state")

    def reset(self, seed: int | None = None) -> None:
        """Start the stream of `seed`."""
        self.state.assign(key_data(seed))

    def normal(
        self,
        shape: Any,
        mean: TensorLike = 0.0,
        stddev: TensorLike = 1.0,
        dtype: Any = "float32",
    ) -> Tensor:
        """Draws from the normal distribution; see `jt.random.normal`."""
        drawn = self._draw_floats(DRAW_NORMAL, shape, dtype)
        return _spread(drawn, stddev, mean)

    def truncated_normal(
        self,
        shape: Any,
        mean: TensorLike = 0.0,
        stddev: TensorLike = 1.0,
        dtype: Any = "float32",
    ) -> Tensor:
        """Normal draws within two standard deviations; see `jt.random`."""
        drawn = self._draw_floats(DRAW_TRUNCATED, shape, dtype)
        return _spread(drawn, stddev, mean)

    def uniform(
        self,
        shape: Any,
        minval: TensorLike = 0,
        maxval: TensorLike = None,
        dtype: Any = "float32",
    ) -> Tensor:
        """Uniform draws; see `jt.random.uniform`."""
        wanted = requested_dtype(dtype)
        if jnp.issubdtype(wanted, jnp.integer):
            return self._draw_integers(sizes(shape, "shape"), minval, maxval, wanted)
        drawn = self._draw_floats(DRAW_UNIFORM, shape, wanted)
        high = 1.0 if maxval is None else maxval
        return _spread(drawn, high - minval, minval)

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


def _spread(drawn: Tensor, width: TensorLike, start: TensorLike) -> Tensor:
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
    return np.frombuffer(_digest(str(as_seed(seed)), 8), np.uint32)


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


class _Streams:
    """The generator behind `jt.random`, and those of single calls' seeds."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.main: Generator | None = None
        self.by_seed: OrderedDict[int, Generator] = OrderedDict()
        self.guard = threading.Lock()

    def start(self, seed: int | None) -> None:
        """Begin all streams anew."""
        data = key_data(seed)
        seeds.set_seed(secrets.randbits(64) if seed is None else seed)
        with self.guard:
            self.seed = seed
            self.by_seed.clear()
        if self.main is not None:
            self.main.state.assign(data)

    def find(self, seed: int | None) -> Generator:
        """The generator of a call with this `seed`, made when it is first needed."""
        with self.guard:
            if seed is None:
                if self.main is None:
                    self.main = Generator(self.seed)
                return self.main
            seed = as_seed(seed)
            generator = self.by_seed.pop(seed, None)
            if generator is None:
                generator = Generator(_joined(self.seed, seed))
            self.by_seed[seed] = generator
            if len(self.by_seed) > _STREAMS:
                self.by_seed.popitem(last=False)
            return generator


def _joined(first: int | None, second: int) -> int:
    """One seed of two."""
    return int.from_bytes(_digest(f"{first},{second}", 16), "big")


_streams = _Streams()


def set_seed(seed: int | None) -> None:
    """Start all streams anew: of the functions here, and of layers' first weights.

    Args:
        seed: An integer of any size; distinct ones give distinct streams. `None`
            takes fresh entropy.

    Raises:
        ArgumentTypeError: for a seed that is no integer.

    Example:
        >>> jt.random.set_seed(1)
        >>> a = jt.random.normal((2,))
        >>> jt.random.set_seed(1)
        >>> bool((jt.random.normal((2,)) == a).all())
        True
    """
    _streams.start(seed)


def normal(
    shape: Any,
    mean: TensorLike = 0.0,
    stddev: TensorLike = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draws from the normal distribution.

    Args:
        shape: Of the result.
        mean: Centre; broadcasts to `shape`.
        stddev: Standard deviation; broadcasts to `shape`.
        dtype: A float dtype. Default float32.
        seed: Draws from a stream of its own, which `set_seed` starts anew.
        name: No effect.
    """
    return _streams.find(seed).normal(shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any,
    mean: TensorLike = 0.0,
    stddev: TensorLike = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal draws within two standard deviations of the mean; arguments as `normal`.

    `stddev` is that of the distribution before it is cut.
    """
    return _streams.find(seed).truncated_normal(shape, mean, stddev, dtype)


def uniform(
    shape: Any,
    minval: TensorLike = 0,
    maxval: TensorLike = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform draws from `minval` to below `maxval`.

    Args:
        shape: Of the result.
        minval: Least value. Default 0.
        maxval: Upper end, not reached. Default 1 for floats; integers need it.
        dtype: A float or integer dtype. Default float32.
        seed: Draws from a stream of its own, which `set_seed` starts anew.
        name: No effect.

    Raises:
        ArgumentError: for integers without `maxval`.
    """
    return _streams.find(seed).uniform(shape, minval, maxval, dtype)


def categorical(
    logits: TensorLike,
    num_samples: int,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Class numbers, each drawn with probability softmax(logits).

    Args:
        logits: Log-probabilities, up to a constant.
        num_samples: How many for each row.
        dtype: An integer dtype. Default int32, int64 if x64 is enabled.
        seed: Draws from a stream of its own, which `set_seed` starts anew.
        name: No effect.

    Shapes:
        (..., classes) -> (..., num_samples)
    """
    return _streams.find(seed).categorical(logits, num_samples, dtype)


def shuffle(
    value: TensorLike, seed: int | None = None, name: str | None = None
) -> Tensor:
    """The rows of `value` in random order."""
    return _streams.find(seed).shuffle(value)
