"""Samples in two parts: to train on, and to look at."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import ArgumentError, ArgumentTypeError
from ...seeds import as_seed, next_order_seed
from .nesting import as_array, check_lengths, is_array, is_nested, map_arrays
from .ordering import permutation
from .py_dataset import PyDataset
from .source import PARTS

_Parts = tuple[Any, Any, Any]


def split_validation(
    x: Any, y: Any, sample_weight: Any, validation_split: float
) -> tuple[_Parts, _Parts]:
    """The first samples to train on and the last to validate on, as in Keras.

    Args:
        x: Inputs: arrays.
        y: Labels, or None.
        sample_weight: Weights, or None.
        validation_split: The share of the samples to validate on, between 0 and 1.

    Returns:
        `(x, y, sample_weight)` of each part, as views.

    Raises:
        ArgumentError: for a share that leaves one part empty.
        ArgumentTypeError: if `x` is no arrays.
    """
    is_number = isinstance(validation_split, int | float | np.number)
    if not is_number or not 0 < validation_split < 1:
        raise ArgumentError(
            "`validation_split` must be a number between 0 and 1; got "
            f"{validation_split!r}. For example: 0.2."
        )
    if not (is_array(x) or is_nested(x)):
        raise ArgumentError(
            f"`validation_split` splits arrays; `x` is a {type(x).__name__}. "
            "Give `validation_data` instead, for example from jt.utils.split_dataset."
        )
    parts = {
        name: map_arrays(as_array, given, name)
        for name, given in zip(PARTS, (x, y, sample_weight), strict=True)
    }
    count = check_lengths(parts)
    place = math.floor(count * (1 - validation_split))
    if place in (0, count):
        raise ArgumentError(
            f"`validation_split` {validation_split} of {count} samples leaves {place} "
            f"to train on and {count - place} to validate on. Give more samples, or "
            "another share."
        )
    arrays = parts.values()
    return _rows(arrays, slice(place)), _rows(arrays, slice(place, None))


def _rows(parts: Iterable[Any], rows: Any) -> Any:
    return tuple(map_arrays(lambda array, _: array[rows], part, "x") for part in parts)


class Samples(PyDataset):
    """Arrays that `fit` takes as one object; made by `split_dataset`.

    Args:
        parts: `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
        batch_size: Of the batches; default 32, Keras's.
    """

    def __init__(self, parts: tuple[Any, ...], batch_size: int = 32) -> None:
        super().__init__(workers=0)
        self.parts = parts
        self.batch_size = batch_size
        self.num_samples = check_lengths(dict(zip(PARTS, parts, strict=False)))

    def batch(self, batch_size: int) -> "Samples":
        """The same samples in batches of another size."""
        return Samples(self.parts, batch_size)

    def __len__(self) -> int:
        return -(-self.num_samples // self.batch_size)

    def __getitem__(self, number: int) -> Any:
        start = number * self.batch_size
        return _rows(self.parts, slice(start, start + self.batch_size))


class _Batches(PyDataset):
    """Some batches of another PyDataset."""

    def __init__(self, dataset: PyDataset, numbers: list[int]) -> None:
        super().__init__(
            dataset.workers,
            dataset.use_multiprocessing,
            dataset.max_queue_size,
            timeout=dataset.timeout,
        )
        self._dataset, self._numbers = dataset, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Any:
        return self._dataset[self._numbers[number]]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[PyDataset, PyDataset]:
    """Two parts of arrays or of a PyDataset, each for `fit` or `evaluate`.

    Args:
        dataset: An array, a tuple `(x, y)` or `(x, y, sample_weight)` of arrays, or a
            PyDataset, of which whole batches are split.
        left_size: Of the first part: a share between 0 and 1, or a number of samples
            (of batches for a PyDataset). Default what `right_size` leaves.
        right_size: Of the second part, likewise.
        shuffle: Whether samples are drawn at random. Default no, as in Keras.
        seed: Of the drawing; default one from `jt.random`'s seed.

    Returns:
        Two PyDatasets. Those of arrays have batches of 32 samples; `part.batch(64)`
        has other ones.

    Raises:
        ArgumentError: for sizes that do not fit.
        ArgumentTypeError: for data of another kind.

    Example:
        >>> left, right = jt.utils.split_dataset((np.arange(10.0), np.arange(10)), 0.8)
        >>> left.num_samples, right[0][1].tolist()
        (8, [8, 9])

    Note:
        Keras returns datasets of TensorFlow or PyTorch.
    """
    is_batched = isinstance(dataset, PyDataset) and not isinstance(dataset, Samples)
    parts = () if is_batched else _parts_of(dataset)
    count = dataset.num_batches if is_batched else check_lengths(_named(parts))
    if count is None:
        raise ArgumentError(
            f"{type(dataset).__name__} has no end (num_batches is None), so that no "
            "share of it can be taken."
        )
    place, end = _sizes(left_size, right_size, count)
    order = np.arange(count)
    if shuffle:
        order = permutation(
            next_order_seed() if seed is None else as_seed(seed), 0, count
        )
    left, right = order[:place], order[place:end]
    if is_batched:
        return _Batches(dataset, left.tolist()), _Batches(dataset, right.tolist())
    return Samples(_rows(parts, left)), Samples(_rows(parts, right))


def _named(parts: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(PARTS, parts, strict=False))


def _parts_of(dataset: Any) -> tuple[Any, ...]:
    if isinstance(dataset, Samples):
        return dataset.parts
    if is_array(dataset) or isinstance(dataset, dict):
        dataset = (dataset,)
    if not isinstance(dataset, list | tuple) or not 1 <= len(dataset) <= 3:
        raise ArgumentTypeError(
            "`dataset` must be an array, a tuple (x, y) or (x, y, sample_weight) of "
            f"arrays, or a PyDataset; got {type(dataset).__name__}."
        )
    named = zip(PARTS, dataset, strict=False)
    return tuple(map_arrays(as_array, part, name) for name, part in named)


def _sizes(left: Any, right: Any, count: int) -> tuple[int, int]:
    """Where the first part ends, and where the second does."""
    first = _number(left, "left_size", count)
    second = _number(right, "right_size", count)
    if first is None and second is None:
        raise ArgumentError(
            "Both `left_size` and `right_size` are None; give one of them, for "
            "example left_size=0.8."
        )
    first = count - (second or 0) if first is None else first
    second = count - first if second is None else second
    if first < 1 or second < 1 or first + second > count:
        raise ArgumentError(
            f"`left_size` {left!r} and `right_size` {right!r} of {count} are parts of "
            f"{first} and {second}; each needs at least 1, and both at most {count}."
        )
    return first, first + second


def _number(size: Any, name: str, count: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, float) and 0 < size < 1:
        return round(size * count)
    if isinstance(size, int) and not isinstance(size, bool) and 0 < size < count:
        return size
    raise ArgumentError(
        f"`{name}` must be a share between 0 and 1 or a whole number below {count}; "
        f"got {size!r}."
    )
