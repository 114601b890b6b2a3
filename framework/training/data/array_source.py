"""Samples in memory (or in a file that is mapped into it), shuffled by number."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...seeds import next_order_seed
from .class_weights import weigh
from .nesting import (
    as_array,
    check_lengths,
    has_device_dtype,
    map_arrays,
    named_arrays,
    narrowed,
)
from .ordering import permutation, place_of
from .source import PARTS, Source


class ArraySource(Source):
    """Arrays with a common first axis, cut into batches in an order of their own.

    The order of an epoch follows from `seed` and the epoch's number alone, so that a
    resumed run sees the same batches. With `steps` below the number of batches an
    epoch goes on where the one before ended, as in Keras; the epoch that reaches the
    end is shorter.

    Args:
        x: Inputs: an array, or arrays in lists, tuples and dictionaries.
        y: Labels, likewise.
        sample_weight: Weights of samples, an array or one for each output.
        batch_size: Default 32, Keras's; with `steps`, as many as they need.
        shuffle: Whether every epoch has an order of its own.
        steps: Batches of an epoch at most.
        class_weight: Weights of classes.
        seed: Of the order; default one from `jt.random`'s seed.
        output_names: Names of the outputs, for weights by name.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int | None = None,
        shuffle: bool = False,
        steps: int | None = None,
        class_weight: Any = None,
        seed: int | None = None,
        output_names: list[str] | None = None,
    ) -> None:
        given = {"x": x, "y": y, "sample_weight": sample_weight}
        parts = {name: map_arrays(as_array, v, name) for name, v in given.items()}
        self.num_samples = count = check_lengths(parts)
        weights = weigh(parts["y"], parts["sample_weight"], class_weight, output_names)
        self.batch_size = batch_size or (-(-count // steps) if steps else 32)
        self._in_pass = -(-count // self.batch_size)  # batches of all samples
        self.num_batches = min(steps or self._in_pass, self._in_pass)
        if shuffle:
            self.seed = next_order_seed() if seed is None else seed
        self._parts = _batch_of(parts["x"], parts["y"], weights)
        self._last: tuple[Any, np.ndarray] | None = None
        self._host: tuple[Any, ...] | None = None

    @property
    def arrays(self) -> tuple[Any, ...] | None:
        """All samples; `None` if a mapped file has to be narrowed batch by batch."""
        leaves = [array for _, array in named_arrays(self._parts, "x")]
        return self._parts if all(map(has_device_dtype, leaves)) else None

    def order(self, epoch: int) -> np.ndarray | None:
        """The numbers of an epoch's samples; `None` for all of them in order."""
        assert self.num_batches
        assert self.batch_size
        assert self.num_samples
        if self.seed is None and self.num_batches == self._in_pass:
            return None
        number, position = place_of(epoch, self.num_batches, self._in_pass)
        start = position * self.batch_size
        stop = start + self.num_batches * self.batch_size
        return self._pass(number)[start:stop]

    def _pass(self, number: int) -> np.ndarray:
        """The order of one pass over all samples; the last one asked for is kept."""
        assert self.num_samples
        if self.seed is None:
            return np.arange(self.num_samples, dtype=np.int32)
        key = (self.seed, number)
        if self._last is None or self._last[0] != key:
            self._last = key, permutation(self.seed, number, self.num_samples)
        return self._last[1]

    def batches(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """The batches of an epoch, each copied from the arrays."""
        assert self.batch_size
        assert self.num_samples
        order = self.order(epoch)
        count = self.num_samples if order is None else len(order)
        if self._host is None:
            self._host = tuple(map_arrays(_on_host, p, "x") for p in self._parts)
        for start in range(first * self.batch_size, count, self.batch_size):
            stop = min(start + self.batch_size, count)
            rows = slice(start, stop) if order is None else order[start:stop]
            yield _rows_of(self._host, rows)


def _batch_of(x: Any, y: Any, weights: Any) -> tuple[Any, ...]:
    if weights is not None:
        return (x, y, weights)
    return (x,) if y is None else (x, y)


def _on_host(array: Any, name: str) -> np.ndarray:
    return np.asarray(array)


def _rows_of(parts: tuple[Any, ...], rows: slice | np.ndarray) -> tuple[Any, ...]:
    """Some samples of all arrays."""

    def taken(array: np.ndarray, name: str) -> np.ndarray:
        return _taken(array, rows, name)

    return tuple(map_arrays(taken, p, n) for p, n in zip(parts, PARTS, strict=False))


def take_rows(
    array: np.ndarray, rows: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Some samples, by their numbers, which must be within; put into `out` if given."""
    if array.flags.c_contiguous and array.flags.aligned:
        # "clip" writes without a buffer of its own.
        return np.take(array, rows, axis=0, out=out, mode="clip")
    taken = array[rows]  # np.take would copy the whole array first
    if out is None:
        return taken
    out[...] = taken
    return out


def _taken(array: np.ndarray, rows: slice | np.ndarray, name: str) -> np.ndarray:
    """Some samples as an array of their own."""
    if isinstance(rows, slice):
        taken = np.array(array[rows], order="C")
    else:
        taken = take_rows(array, rows)
    return taken if has_device_dtype(taken) else narrowed(taken, name)
