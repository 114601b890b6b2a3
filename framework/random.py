"""`jt.random`: random numbers from a state that is a Variable.

Each draw takes the state's next key and replaces it, as one recorded op: so forward
pass and gradient see the same numbers, programs advance the state themselves, and a
checkpoint that holds the state resumes the stream. The functions `stateless_*` take a
seed of two integers instead, and give the same numbers for the same seed.
"""

import secrets
import threading
from collections import OrderedDict
from typing import Any

from . import seeds
from .errors import ArgumentTypeError
from .generator import Generator as Generator
from .generator import digest, key_data
from .recording.tensor import Tensor, TensorLike
from .seeds import as_seed
from .stateless import fold_in as fold_in
from .stateless import split as split
from .stateless import stateless_binomial as stateless_binomial
from .stateless import stateless_categorical as stateless_categorical
from .stateless import stateless_gamma as stateless_gamma
from .stateless import stateless_normal as stateless_normal
from .stateless import stateless_poisson as stateless_poisson
from .stateless import stateless_truncated_normal as stateless_truncated_normal
from .stateless import stateless_uniform as stateless_uniform

_STREAMS = 256  # generators kept for the `seed` of single calls


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

    def state(self) -> dict[str, Any]:
        """Where all streams are; see `get_state`."""
        main = self.find(None)
        with self.guard:
            by_seed = dict(self.by_seed)
        return {
            "seed": self.seed,
            "keys": seeds.state(),
            "main": main.state.numpy(),
            "by_seed": {seed: own.state.numpy() for seed, own in by_seed.items()},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Let all streams go on from there."""
        main = self.find(None)
        with self.guard:
            self.seed = state["seed"]
            kept = {seed: self.by_seed.get(seed) for seed in state["by_seed"]}
            self.by_seed = OrderedDict(
                (seed, own or Generator(seed)) for seed, own in kept.items()
            )
            main.reset(state["main"])
            for seed, own in self.by_seed.items():
                own.reset(state["by_seed"][seed])
        seeds.set_state(*state["keys"])

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
    return int.from_bytes(digest(f"{first},{second}", 16), "big")


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


def get_state() -> dict[str, Any]:
    """Where all streams are that `set_seed` starts: a dictionary for `set_state`.

    Example:
        >>> state = jt.random.get_state()
        >>> a = jt.random.normal((2,))
        >>> jt.random.set_state(state)
        >>> bool((jt.random.normal((2,)) == a).all())
        True
    """
    return _streams.state()


def set_state(state: dict[str, Any]) -> None:
    """Let all streams go on from where `get_state` was called."""
    _streams.set_state(state)


def get_global_generator() -> Generator:
    """The generator that draws where no `seed` is given."""
    return _streams.find(None)


def set_global_generator(generator: Generator) -> None:
    """Let another generator draw where no `seed` is given.

    Raises:
        ArgumentTypeError: for what is no generator.
    """
    if not isinstance(generator, Generator):
        raise ArgumentTypeError(
            f"set_global_generator() takes a jt.random.Generator; got {generator!r}."
        )
    _streams.main = generator


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


def poisson(
    shape: Any,
    lam: TensorLike,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Counts of rare events, from the Poisson distribution.

    Args:
        shape: How many for each element of `lam`.
        lam: Mean counts.
        dtype: Of the result. Default float32.
        seed: Draws from a stream of its own, which `set_seed` starts anew.
        name: No effect.

    Shapes:
        shape + lam.shape
    """
    return _streams.find(seed).poisson(shape, lam, dtype)


def gamma(
    shape: Any,
    alpha: TensorLike,
    beta: TensorLike = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draws from the gamma distribution, whose gradients reach both parameters.

    Args:
        shape: How many for each pair of parameters.
        alpha: Shape parameter.
        beta: Inverse scale. Default 1.
        dtype: A float dtype. Default float32.
        seed: Draws from a stream of its own, which `set_seed` starts anew.
        name: No effect.

    Shapes:
        shape + the common shape of alpha and beta
    """
    return _streams.find(seed).gamma(shape, alpha, beta, dtype)
