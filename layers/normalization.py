"""Normalization: features with mean 0 and variance 1 over the data."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import configs, registry
from ..framework.checked import integers, number
from ..framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, cast, convert
from ..framework.symbolic import known_shape

_SMALLEST = 1e-7  # the standard deviation that is divided by at least; Keras's


def _normalized(
    x: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    *,
    shape: tuple[int, ...],
    invert: bool,
) -> jax.Array:
    mean, variance = mean.reshape(shape), variance.reshape(shape)
    deviation = jnp.maximum(jnp.sqrt(variance), _SMALLEST)
    y = x * deviation + mean if invert else (x - mean) / deviation
    return y.astype(x.dtype)


NORMALIZE = Op("normalization", _normalized)


@registry.register("layer", "Normalization")
class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), with moments of the data that training uses.

    `adapt` finds them before training; BatchNormalization finds them in it.

    Args:
        axis: The axis of the features, each of which has a mean of its own; several,
            or `None` for one mean of all numbers. Default the last.
        mean: The mean, if it is known: a number, or one for each feature.
        variance: The variance; with `mean` or not at all.
        invert: Whether to undo it: y = x * sqrt(variance) + mean. Default false.

    Shapes:
        input (batch, ..., features) -> output the same; mean and variance (features,)

    Raises:
        ArgumentError: for one of `mean` and `variance` alone, or of other shapes.
        ShapeError: for inputs without this axis, of unknown length along it, or of
            another than the layer was built with.

    Example:
        >>> layer = jt.layers.Normalization()
        >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]]))
        >>> layer([[2.0, 20.0]]).numpy().tolist()
        [[1.0, 0.0]]
        >>> layer.mean.numpy().tolist(), layer.variance.numpy().tolist()
        ([[1.0, 20.0]], [[1.0, 100.0]])

    Note:
        Before `adapt` the mean is 0 and the variance 1. Moments are computed in
        float64, whatever the layer's dtype.
    """

    takes_one_input = True
    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        axes = () if axis is None else integers(self, "axis", axis)
        shapes = [None if part is None else np.shape(part) for part in (mean, variance)]
        if shapes[0] != shapes[1] or len(shapes[0] or ()) > len(axes):
            raise ArgumentError(
                "`mean` and `variance` of Normalization go together: numbers, or as "
                f"many as there are features along `axis`; got shapes {shapes[0]} and "
                f"{shapes[1]} for axis {axis}. Leave out both, and call adapt(data)."
            )
        self.axis = axes
        for argument, part in (("mean", mean), ("variance", variance)):
            for value in np.asarray([] if part is None else part).ravel():
                number(self, argument, value)
        self.input_mean, self.input_variance = mean, variance
        self.invert = bool(invert)
        self.adapt_mean = self.adapt_variance = self.count = None

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; what `adapt` found is in the weights."""
        return {
            **configs.config_of(self, Layer, left_out=("mean", "variance")),
            "mean": registry.plain(self.input_mean),
            "variance": registry.plain(self.input_variance),
        }

    def build(self, input_shape: Any) -> None:
        """Make the weights `mean` and `variance`, if they were not given."""
        ndim = len(input_shape)
        if any(
            not -ndim <= axis < ndim or not isinstance(input_shape[axis], int)
            for axis in self.axis
        ):
            raise ShapeError(
                f"Normalization('{self.name}') has a mean for each place along axis "
                f"{self.axis}, whose lengths must be known; got inputs of shape "
                f"{tuple(input_shape)}. Choose another `axis`."
            )
        self._kept = tuple(sorted(axis % ndim for axis in self.axis))
        self._shape = tuple(
            input_shape[place] if place in self._kept else 1 for place in range(ndim)
        )
        lengths = tuple(input_shape[place] for place in self._kept)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(
                lengths, "zeros", trainable=False, name="mean"
            )
            self.adapt_variance = self.add_weight(
                lengths, "ones", trainable=False, name="variance"
            )
            # Keras has it, too; it counts nothing.
            self.count = self.add_weight(
                (), "zeros", dtype="int32", trainable=False, name="count"
            )
            return
        given = np.shape(self.input_mean)
        expected = lengths[len(lengths) - len(given) :]
        if any(own not in (1, n) for own, n in zip(given, expected, strict=True)):
            raise ShapeError(
                f"Normalization('{self.name}') was given a mean of shape {given}; got "
                f"inputs of shape {tuple(input_shape)}, which need {lengths}. Give one "
                f"for each place along axis {self.axis}."
            )
        self._given = [
            np.broadcast_to(np.asarray(part, self.dtype), lengths)
            for part in (self.input_mean, self.input_variance)
        ]

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs normalised; integers become floats."""
        self._check(known_shape(inputs.shape))
        if not jnp.issubdtype(inputs.dtype, jnp.floating):
            inputs = cast(inputs, self.dtype)
        options: dict[str, Any] = {"shape": self._shape, "invert": self.invert}
        arguments = (inputs, *self._moments())
        return call(NORMALIZE, arguments, options, tuple(options.values()))

    @property
    def mean(self) -> Tensor | None:
        """The mean, with length 1 along other axes; `None` before there is any."""
        return self._moments()[0].reshape(self._shape) if self.built else None

    @property
    def variance(self) -> Tensor | None:
        """The variance in the same shape."""
        return self._moments()[1].reshape(self._shape) if self.built else None

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data.

        Args:
            data: An array, or an iterable of batches: a list of arrays, a generator, a
                PyDataset, a DataLoader, a tf.data.Dataset. Of a batch in a tuple, such
                as (x, y), the first part counts.

        Raises:
            ArgumentError: if `mean` was given, and for data without any batch.
            ArgumentTypeError: for anything but arrays.
            ShapeError: for batches of other features than the layer was built with.
        """
        if self.input_mean is not None:
            raise ArgumentError(
                f"Normalization('{self.name}') was given its mean, {self.input_mean}, "
                "so there is nothing to adapt. Leave out `mean` and `variance`."
            )
        total: tuple[Any, Any, Any] = (0, 0.0, 0.0)
        for batch in _batches(data):
            if not self.built:
                ndim = batch.ndim
                kept = {axis % ndim for axis in self.axis if -ndim <= axis < ndim}
                lengths = enumerate(batch.shape)
                self._build_for(tuple(n if at in kept else None for at, n in lengths))
            self._check(batch.shape)
            total = _joined(total, _moments(batch, self._offsets()))
        count, mean, squares = total
        if not count:
            raise ArgumentError(
                f"Normalization('{self.name}') was adapted to no data; got {data!r}. "
                "Give an array, or an iterable of at least one batch."
            )
        assert self.adapt_mean is not None
        assert self.adapt_variance is not None
        self.adapt_mean.assign(np.asarray(mean, self.dtype))
        self.adapt_variance.assign(np.asarray(squares / count, self.dtype))

    def _moments(self) -> Sequence[Any]:
        if self.input_mean is None:
            return self.adapt_mean, self.adapt_variance
        return [convert(part) for part in self._given]

    def _offsets(self) -> list[int]:
        """The axes that have means of their own, counted from the end."""
        return [place - len(self._shape) for place in self._kept]

    def _check(self, shape: Sequence[Any]) -> None:
        for offset in self._offsets():
            length = shape[offset] if -offset <= len(shape) else 0
            if length not in (None, self._shape[offset]):
                raise ShapeError(
                    f"Normalization('{self.name}') has {self._shape[offset]} means "
                    f"along axis {offset}; got shape {tuple(shape)}. Make a new layer "
                    "for other features."
                )


def _batches(data: Any) -> Iterator[np.ndarray]:
    """The batches of anything that `adapt` takes, as arrays."""
    if hasattr(data, "__array__"):
        yield np.asarray(data)
        return
    for part in data if hasattr(data, "__iter__") else [data]:
        array = part[0] if isinstance(part, tuple) and part else part
        if not hasattr(array, "__array__"):
            raise ArgumentTypeError(
                "adapt() takes an array, or an iterable of batches that are arrays; "
                f"got {type(array).__name__} {array!r}. Give np.array(data)."
            )
        yield np.asarray(array)


def _moments(x: np.ndarray, offsets: Sequence[int]) -> tuple[Any, Any, Any]:
    """How many numbers have a mean together, the means, and squares around them."""
    over = tuple(p for p in range(x.ndim) if p - x.ndim not in offsets)
    count = int(np.prod([x.shape[place] for place in over], dtype=np.int64))
    if not count:
        return 0, 0.0, 0.0
    squares = np.var(x, over, dtype=np.float64) * count
    return count, np.mean(x, over, dtype=np.float64), squares


def _joined(first: tuple, second: tuple) -> tuple[Any, Any, Any]:
    """Moments of two parts of the data together (Chan et al., 1979, eq. 2.1)."""
    count = first[0] + second[0]
    if not count:
        return first
    gap, share = second[1] - first[1], second[0] / count
    squares = first[2] + second[2] + gap**2 * first[0] * share
    return count, first[1] + gap * share, squares
