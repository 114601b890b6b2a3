"""Draws from a seed of two integers: the same numbers for the same seed."""

from typing import Any

import jax
import jax.numpy as jnp

from . import draws
from .draws import GAMMA, by_seed
from .errors import ArgumentError, ArgumentTypeError, ShapeError
from .generator import spread
from .ops.conversion import beside, requested_dtype, sizes
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import Tensor, TensorLike, convert

NORMAL = by_seed("stateless_normal", draws.normal)
TRUNCATED = by_seed("stateless_truncated_normal", draws.truncated)
UNIFORM = by_seed("stateless_uniform", draws.uniform)
INTEGERS = by_seed("stateless_uniform", draws.integers)
BITS = by_seed("stateless_uniform", draws.bits)
CATEGORICAL = by_seed("stateless_categorical", draws.categorical)
POISSON = by_seed("stateless_poisson", draws.poisson)
BINOMIAL = by_seed("stateless_binomial", draws.binomial)
SPLIT = by_seed("split", draws.seeds)
FOLD_IN = by_seed("fold_in", draws.folded)


def stateless_normal(
    shape: Any,
    seed: TensorLike,
    mean: TensorLike = 0.0,
    stddev: TensorLike = 1.0,
    dtype: Any = "float32",
    name: str | None = None,
    alg: Any = None,
) -> Tensor:
    """Normal draws; see `jt.random.normal`.

    Args:
        shape: Of the result.
        seed: Two integers, data and not structure.
        mean: Centre; broadcasts to `shape`.
        stddev: Standard deviation; broadcasts to `shape`.
        dtype: A float dtype. Default float32.
        name: No effect.
        alg: No effect.

    Raises:
        ShapeError: if the seed is not two integers.
        ArgumentError: for a dtype of no floats.
    """
    return spread(_floats(NORMAL, shape, seed, dtype), stddev, mean)


def stateless_truncated_normal(
    shape: Any,
    seed: TensorLike,
    mean: TensorLike = 0.0,
    stddev: TensorLike = 1.0,
    dtype: Any = "float32",
    name: str | None = None,
    alg: Any = None,
) -> Tensor:
    """Normal draws within two standard deviations; as `stateless_normal`."""
    return spread(_floats(TRUNCATED, shape, seed, dtype), stddev, mean)


def stateless_uniform(
    shape: Any,
    seed: TensorLike,
    minval: TensorLike = 0,
    maxval: TensorLike = None,
    dtype: Any = "float32",
    name: str | None = None,
    alg: Any = None,
) -> Tensor:
    """Uniform draws from `minval` to below `maxval`.

    Args:
        shape: Of the result.
        seed: Two integers.
        minval: Least value. Default 0; `None` for integers of the whole range.
        maxval: Upper end, not reached. Default 1 for floats; integers need it, or
            `None` for both.
        dtype: A float or integer dtype. Default float32.
        name: No effect.
        alg: No effect.

    Raises:
        ArgumentError: for integers with only one end.
        ShapeError: if the seed is not two integers.
    """
    wanted, extents = requested_dtype(dtype), sizes(shape, "shape")
    options, frozen = {"shape": extents, "dtype": wanted}, (extents, wanted)
    if not jnp.issubdtype(wanted, jnp.integer):
        low = 0 if minval is None else minval
        high = 1.0 if maxval is None else maxval
        return spread(_floats(UNIFORM, shape, seed, wanted), high - low, low)
    if minval is None and maxval is None:
        return call(BITS, (_seed(seed),), options, frozen)
    if minval is None or maxval is None:
        raise ArgumentError(
            f"stateless_uniform() needs `minval` and `maxval` for dtype {wanted.name}, "
            f"or neither; got {minval!r} and {maxval!r}."
        )
    low, high = convert(minval, wanted, "minval"), convert(maxval, wanted, "maxval")
    return call(INTEGERS, (_seed(seed), low, high), options, frozen)


def stateless_categorical(
    logits: TensorLike,
    num_samples: int,
    seed: TensorLike,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Class numbers, each drawn with probability softmax(logits).

    Shapes:
        (..., classes) -> (..., num_samples); int32, int64 if x64 is enabled
    """
    if dtype is None:
        dtype = jax.dtypes.canonicalize_dtype("int64")
    (count,), wanted = sizes(num_samples, "num_samples"), requested_dtype(dtype)
    inputs = (_seed(seed), convert(logits, name="logits"))
    return call(CATEGORICAL, inputs, {"count": count, "dtype": wanted}, (count, wanted))


def stateless_gamma(
    shape: Any,
    seed: TensorLike,
    alpha: TensorLike,
    beta: TensorLike = None,
    dtype: Any = "float32",
    name: str | None = None,
) -> Tensor:
    """Gamma draws, whose gradients reach both parameters.

    Args:
        shape: Of the result; the parameters broadcast to it.
        seed: Two integers.
        alpha: Shape parameter.
        beta: Inverse scale. Default 1.
        dtype: A float dtype. Default float32.
        name: No effect.
    """
    first = convert(alpha, dtype, "alpha")
    second = beside(first, 1.0 if beta is None else beta, "beta")
    return _drawn(GAMMA, (_seed(seed), first, second), shape, dtype)


def stateless_poisson(
    shape: Any,
    seed: TensorLike,
    lam: TensorLike,
    dtype: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """Counts of rare events with means `lam`, which broadcast to `shape`."""
    return _drawn(POISSON, (_seed(seed), convert(lam, name="lam")), shape, dtype)


def stateless_binomial(
    shape: Any,
    seed: TensorLike,
    counts: TensorLike,
    probs: TensorLike,
    output_dtype: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """How many of `counts` trials succeed, each with probability `probs`."""
    chance = convert(probs, name="probs")
    inputs = (_seed(seed), beside(chance, counts, "counts"), chance)
    return _drawn(BINOMIAL, inputs, shape, output_dtype)


def split(seed: TensorLike, num: int = 2, alg: Any = None) -> Tensor:
    """New seeds from one, each in a row.

    Shapes:
        (2,) -> (num, 2)
    """
    (count,) = sizes(num, "num")
    return call(SPLIT, (_seed(seed),), {"count": count}, (count,))


def fold_in(seed: TensorLike, data: TensorLike, alg: Any = None) -> Tensor:
    """A new seed from one and a number, such as that of a step."""
    return call(FOLD_IN, (_seed(seed), convert(data, name="data")))


def _seed(seed: TensorLike) -> Any:
    words = convert(seed, name="seed")
    if not jnp.issubdtype(words.dtype, jnp.integer):
        raise ArgumentTypeError(
            f"`seed` must be two integers; got dtype {words.dtype.name}. "
            "For example: [0, 1]."
        )
    if words.shape != (2,):
        raise ShapeError(
            f"`seed` must be two integers; got shape {words.shape}. "
            "For example: [0, 1]."
        )
    return words


def _floats(op: Op, shape: Any, seed: TensorLike, dtype: Any) -> Tensor:
    wanted = requested_dtype(dtype)
    if not jnp.issubdtype(wanted, jnp.floating):
        raise ArgumentError(
            f"Cannot draw {wanted.name} numbers from a continuous distribution. "
            "Use a float dtype."
        )
    return _drawn(op, (_seed(seed),), shape, wanted)


def _drawn(op: Op, inputs: tuple, shape: Any, dtype: Any) -> Any:
    wanted, extents = requested_dtype(dtype), sizes(shape, "shape")
    options = {"shape": extents, "dtype": wanted}
    return call(op, inputs, options, (extents, wanted))
