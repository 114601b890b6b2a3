"""Initializers: the first values of a layer's weights, by Keras's names.

`initializer(shape, dtype)` draws at once, outside of any recording, and returns a
Tensor. One with a `seed` draws the same numbers at each call with the same shape;
one without takes the next key of the generator that `jt.random.set_seed` resets.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import registry, seeds
from .dtypes import as_dtype
from .errors import ArgumentError, ShapeError
from .recording.ingest import device_dtype
from .recording.tensor import ArrayLike, Tensor, from_array

_TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a unit normal that is cut off at -2 and 2 (Keras's digits)."""

_BLOCK = 1 << 20
"""Draws of more numbers are of blocks of this length, each from a key of its own."""

_BLOCK_KEYS = 1 << 31
"""The keys of later blocks: further than a stream of keys counts."""

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class Initializer:
    """Base of all initializers: subclass it and define `__call__` and `get_config`."""

    _arguments: tuple[str, ...] = ()

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Values of a shape and dtype, by default float32 as in Keras."""
        raise NotImplementedError(
            f"{type(self).__name__} must define __call__(self, shape, dtype=None)."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in self._arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Initializer":
        """An initializer made from what `get_config` returned."""
        return cls(**config)


@registry.register_class("initializer", "zero")
class Zeros(Initializer):
    """All zeros: the default for biases.

    Example:
        >>> Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Zeros of a shape."""
        return _on_device(np.zeros(_sizes(shape), _dtype(dtype)), dtype)


@registry.register_class("initializer", "one")
class Ones(Initializer):
    """All ones: the default for scales."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Ones of a shape."""
        return _on_device(np.ones(_sizes(shape), _dtype(dtype)), dtype)


@registry.register_class("initializer")
class Constant(Initializer):
    """All one number.

    Args:
        value: The number. Default 0, as in Keras.
    """

    _arguments = ("value",)

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """The value, repeated to a shape."""
        return _on_device(np.full(_sizes(shape), self.value, _dtype(dtype)), dtype)


@registry.register_class("initializer", "IdentityInitializer")
class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere.

    Args:
        gain: Factor of the identity matrix. Default 1, as in Keras.

    Raises:
        ShapeError: when called with a shape that is no matrix's.
    """

    _arguments = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """The scaled identity matrix of a shape."""
        shape = _sizes(shape)
        if len(shape) != 2:
            raise ShapeError(
                f"Identity makes matrices; got shape {shape}. Give a shape of two axes."
            )
        return _on_device(self.gain * np.eye(*shape), dtype)


@registry.register_class("initializer", "normal")
class RandomNormal(Initializer):
    """Normal distribution.

    Args:
        mean: Mean. Default 0, as in Keras.
        stddev: Standard deviation. Default 0.05, as in Keras.
        seed: Integer for the same numbers at each call; default the next key.
    """

    _arguments = ("seed", "mean", "stddev")

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None
    ) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = _seed(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Draws of a shape."""
        return _normal(self.seed, shape, self.mean, self.stddev, dtype)


@registry.register_class("initializer")
class TruncatedNormal(Initializer):
    """Normal distribution, cut off at two standard deviations from the mean.

    The draws therefore have standard deviation 0.88 `stddev`, as in Keras.

    Args:
        mean: Mean. Default 0, as in Keras.
        stddev: Standard deviation before the cut. Default 0.05, as in Keras.
        seed: Integer for the same numbers at each call; default the next key.
    """

    _arguments = ("seed", "mean", "stddev")

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None
    ) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = _seed(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Draws of a shape."""
        return _truncated_normal(self.seed, shape, self.mean, self.stddev, dtype)


@registry.register_class("initializer", "uniform")
class RandomUniform(Initializer):
    """Uniform distribution over [minval, maxval).

    Args:
        minval: Lower bound. Default -0.05, as in Keras.
        maxval: Upper bound. Default 0.05, as in Keras.
        seed: Integer for the same numbers at each call; default the next key.
    """

    _arguments = ("seed", "minval", "maxval")

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        self.minval = minval
        self.maxval = maxval
        self.seed = _seed(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Draws of a shape."""
        return _uniform(self.seed, shape, self.minval, self.maxval, dtype)


@registry.register_class("initializer", "OrthogonalInitializer")
class Orthogonal(Initializer):
    """Orthogonal rows or columns, whichever are fewer, each of length `gain`.

    The Q of the QR decomposition of a normal matrix, with the signs of R's diagonal,
    which makes it uniform among the orthogonal matrices. Axes before the last are
    taken as one.

    Args:
        gain: Length of the rows or columns. Default 1, as in Keras.
        seed: Integer for the same numbers at each call; default the next key.

    Raises:
        ShapeError: when called with a shape of fewer than two axes.

    References:
        Saxe et al., 2014, section 3.
    """

    _arguments = ("seed", "gain")

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain = gain
        self.seed = _seed(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Draws of a shape."""
        shape = _sizes(shape)
        if len(shape) < 2:
            raise ShapeError(
                f"Orthogonal needs at least two axes; got shape {shape}. "
                "Choose another initializer for vectors, such as Zeros."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(_draw(jax.random.normal, self.seed, tall, dtype))
        q = q * np.where(np.diag(r) < 0, -1, 1)
        q = q if rows >= columns else q.T
        return _on_device(self.gain * q.reshape(shape), dtype)


@registry.register_class("initializer")
class VarianceScaling(Initializer):
    """Draws whose variance is scale / n, with n the number of units.

    Args:
        scale: Numerator of the variance; positive. Default 1, as in Keras.
        mode: What n counts: "fan_in", the units that lead in; "fan_out", those that
            lead out; "fan_avg", their mean.
        distribution: "truncated_normal" (cut off at two standard deviations, and
            widened so that the variance is scale / n after the cut; "normal" means
            the same), "untruncated_normal" or "uniform".
        seed: Integer for the same numbers at each call; default the next key.
        input_axes, output_axes: Axes whose sizes multiply to the number of units that
            lead in and out; default by the shape, see `compute_fans`.

    Raises:
        ArgumentError: for a scale that is not positive, an unknown mode or
            distribution.

    References:
        Glorot and Bengio, 2010, eq. 16; He et al., 2015, eq. 10.
    """

    _arguments = ("seed", "scale", "mode", "distribution", "input_axes", "output_axes")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if not scale > 0:
            raise ArgumentError(
                f"`scale` must be positive; got {scale}. For zeros use Zeros()."
            )
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        _check_choice("mode", mode, _MODES)
        _check_choice("distribution", distribution, _DISTRIBUTIONS)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = _seed(seed)
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Draws of a shape."""
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        average = (fan_in + fan_out) / 2
        units = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": average}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, units))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return _uniform(self.seed, shape, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return _normal(self.seed, shape, 0.0, stddev, dtype)
        stddev /= _TRUNCATED_STDDEV
        return _truncated_normal(self.seed, shape, 0.0, stddev, dtype)


class _Preset(VarianceScaling):
    """A variance scaling whose class says the scale, mode and distribution.

    A level of its own, since in Keras these classes are variance scalings too.
    """

    _arguments = ("seed", "input_axes", "output_axes")
    _preset: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._preset, seed, input_axes, output_axes)


@registry.register_class("initializer")
class GlorotUniform(_Preset):
    """Uniform within sqrt(6 / (fan_in + fan_out)): the default for kernels.

    Args:
        seed, input_axes, output_axes: As in `VarianceScaling`.

    References:
        Glorot and Bengio, 2010, eq. 16.
    """

    _preset = (1.0, "fan_avg", "uniform")


@registry.register_class("initializer")
class GlorotNormal(_Preset):
    """Truncated normal of variance 2 / (fan_in + fan_out).

    Args:
        seed, input_axes, output_axes: As in `VarianceScaling`.

    References:
        Glorot and Bengio, 2010, eq. 12.
    """

    _preset = (1.0, "fan_avg", "truncated_normal")


@registry.register_class("initializer")
class HeUniform(_Preset):
    """Uniform within sqrt(6 / fan_in): for layers followed by relu.

    Args:
        seed, input_axes, output_axes: As in `VarianceScaling`.

    References:
        He et al., 2015, eq. 10.
    """

    _preset = (2.0, "fan_in", "uniform")


@registry.register_class("initializer")
class HeNormal(_Preset):
    """Truncated normal of variance 2 / fan_in: for layers followed by relu.

    Args:
        seed, input_axes, output_axes: As in `VarianceScaling`.

    References:
        He et al., 2015, eq. 10.
    """

    _preset = (2.0, "fan_in", "truncated_normal")


@registry.register_class("initializer")
class LecunUniform(_Preset):
    """Uniform within sqrt(3 / fan_in).

    Args:
        seed, input_axes, output_axes: As in `VarianceScaling`.

    References:
        LeCun et al., 1998, section 4.6.
    """

    _preset = (1.0, "fan_in", "uniform")


@registry.register_class("initializer")
class LecunNormal(_Preset):
    """Truncated normal of variance 1 / fan_in: for layers followed by selu.

    Args:
        seed, input_axes, output_axes: As in `VarianceScaling`.

    References:
        Klambauer et al., 2017, section 2.
    """

    _preset = (1.0, "fan_in", "truncated_normal")


# TensorFlow's names for those that it has at the top.
constant_initializer = Constant
ones_initializer = Ones
random_normal_initializer = RandomNormal
random_uniform_initializer = RandomUniform
zeros_initializer = Zeros


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal, orthogonal = TruncatedNormal, Orthogonal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal


def get(identifier: Any) -> Any:
    """An initializer from a name, config, class, function or array of values.

    Raises:
        ArgumentError: for an unknown name.
    """
    if isinstance(identifier, np.ndarray | jax.Array | ArrayLike | np.generic):
        return _given_values(identifier)
    return registry.get("initializer", identifier)


def serialize(initializer: Any) -> Any:
    """An initializer as its `{"class_name", "config"}`."""
    return registry.serialize(initializer)


def deserialize(config: dict[str, Any] | str) -> Any:
    """The initializer that `serialize` wrote."""
    return registry.deserialize("initializer", config)


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """How many units lead into and out of each unit, as Keras counts them.

    The last two axes of a kernel count channels in and out; the axes before them are
    the positions that a convolution sees, and multiply both. A vector's length is both.
    """
    shape = _sizes(shape)
    if input_axes is not None and output_axes is not None:
        return (
            math.prod(shape[axis] for axis in input_axes),
            math.prod(shape[axis] for axis in output_axes),
        )
    if not shape:
        return 1, 1
    positions = math.prod(shape[:-2])
    return positions * shape[-2:][0], positions * shape[-1]


def _given_values(values: Any) -> Callable[..., Tensor]:
    """An initializer that returns given values, if the shape is theirs."""
    host = np.array(values)

    def initialize(shape: Sequence[int], dtype: Any = None) -> Tensor:
        if _sizes(shape) != host.shape:
            raise ShapeError(
                f"The array given as initializer has shape {host.shape}; the weight "
                f"has shape {_sizes(shape)}. Give an array of the weight's shape."
            )
        return _on_device(host, dtype)

    return initialize


def _normal(
    seed: int | None, shape: Sequence[int], mean: float, stddev: float, dtype: Any
) -> Tensor:
    unit = _draw(jax.random.normal, seed, shape, dtype)
    return _on_device(mean + stddev * unit, dtype)


def _truncated_normal(
    seed: int | None, shape: Sequence[int], mean: float, stddev: float, dtype: Any
) -> Tensor:
    unit = _draw(_unit_truncated_normal, seed, shape, dtype)
    return _on_device(mean + stddev * unit, dtype)


def _unit_truncated_normal(key: jax.Array, shape: Any, dtype: Any) -> jax.Array:
    return jax.random.truncated_normal(key, -2, 2, shape, dtype)


def _uniform(
    seed: int | None, shape: Sequence[int], minval: float, maxval: float, dtype: Any
) -> Tensor:
    drawn = _draw(jax.random.uniform, seed, shape, dtype)
    drawn *= maxval - minval
    drawn += minval
    return _on_device(drawn, dtype)


def _draw(
    distribution: Callable[..., jax.Array],
    seed: int | None,
    shape: Sequence[int],
    dtype: Any,
) -> np.ndarray:
    """Draws of a shape on the host, in at least float32.

    XLA takes seconds to compile a draw of four axes, and as long for a hundred million
    numbers. So draws are of one axis, of a length that many shapes share, and cut: JAX
    draws each element by its position.
    """
    dtype, sizes = _dtype(dtype), _sizes(shape)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ArgumentError(
            f"Random initializers draw floating-point numbers; got dtype {dtype.name}. "
            "Use Zeros, Ones or Constant for other dtypes."
        )
    size = math.prod(sizes)
    length = min(1 << max(size - 1, 1023).bit_length(), _BLOCK)
    key = seeds.next_key() if seed is None else seeds.key_of(seed)
    with jax.ensure_compile_time_eval():  # values, also inside a user's jax.jit
        wide = jnp.promote_types(dtype, np.float32)
        drawn = np.empty(size, wide)
        for start in range(0, size, length):
            number = start // length
            of_block = jax.random.fold_in(key, _BLOCK_KEYS + number) if start else key
            block = np.asarray(distribution(of_block, (length,), wide))
            drawn[start : start + length] = block[: size - start]
    return drawn.reshape(sizes)


def _on_device(host: np.ndarray, dtype: Any) -> Tensor:
    """Values that were made here as a Tensor, by default float32."""
    with jax.ensure_compile_time_eval():
        return from_array(jnp.asarray(host.astype(_dtype(dtype), copy=False)))


def _seed(seed: int | None) -> int | None:
    return None if seed is None else seeds.as_seed(seed)


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape as integers.

    Raises:
        ShapeError: for a negative length, or more elements than an array can have.
    """
    lengths = tuple(map(operator.index, shape))
    if min(lengths, default=0) < 0 or math.prod(lengths) >= 2**62:
        raise ShapeError(
            f"There are no arrays of shape {lengths}. Check the sizes that the layer "
            "and its input were given."
        )
    return lengths


def _dtype(dtype: Any) -> np.dtype:
    """The dtype asked for; by default float32, as in Keras, also under x64."""
    return np.dtype("float32") if dtype is None else device_dtype(as_dtype(dtype))


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ArgumentError(
            f"`{name}` must be one of {', '.join(map(repr, choices))}; got {value!r}."
        )
