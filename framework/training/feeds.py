"""Feeds: the batches of a source as arrays that programs go through.

Samples in memory are put on the device once, and batches are gathered there by number.
What comes batch by batch is stacked, as many batches as are ready, up to a limit.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config, nesting
from ..recording.op import ArrayClass
from .data import Source

_STACKED_BYTES = 4 * 2**20
"""Bytes of batches that are launched together: more would not make a launch cheaper."""
_MOST_STACKED = 32
_PATIENCE = 0.05
"""Seconds after which batches that come slowly are launched with those that came."""


@dataclasses.dataclass
class Portion:
    """Batches of one shape, in arrays.

    Args:
        tree: How a batch nests.
        arrays: What `Steps` takes: the order, the counts, the samples or batches.
        start: Number of the first batch to take.
        stop: Number after the last one.
        is_ordered: Whether the first array is the order.
        is_masked: Whether the next one has the counts.
        batch_size: Samples of a batch, with those that do not count.
    """

    tree: Any
    arrays: list[Any]
    start: int
    stop: int
    is_ordered: bool
    is_masked: bool
    batch_size: int

    @property
    def batch(self) -> Any:
        """Types of a batch, nested."""
        leaves = self.arrays[self.is_ordered + self.is_masked :]
        kinds = [
            jax.ShapeDtypeStruct(
                (self.batch_size, *leaf.shape[1:])
                if self.is_ordered
                else leaf.shape[1:],
                leaf.dtype,
            )
            for leaf in leaves
        ]
        return jax.tree.unflatten(self.tree, kinds)


def feed_for(source: Source, pads: bool, most: int | None) -> "Feed":
    """The feed that suits a source.

    Args:
        source: Where the batches come from.
        pads: Whether a last, smaller batch may be filled up and masked.
        most: How many batches to launch together, if the user said so.
    """
    arrays = source.arrays
    if arrays is not None and source.batch_size is not None:
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
        if size <= config.bounds.resident_bytes:
            return Resident(source, pads)
    return Streamed(source, pads, most)


_MOST_FILLED = 1024
"""Length up to which a batch is filled up that is the only one."""


class Feed:
    """The portions of each epoch."""

    def __init__(self, source: Source, pads: bool) -> None:
        self._source, self._pads = source, pads

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch, `None` if only its end will tell."""
        return self._source.num_batches

    def portions(self, epoch: int, first: int = 0) -> Iterator[Portion]:
        """The portions of an epoch, from batch number `first` on."""
        raise NotImplementedError


class Resident(Feed):
    """All samples on the device; a batch is gathered there by its samples' numbers."""

    def __init__(self, source: Source, pads: bool) -> None:
        super().__init__(source, pads)
        leaves, self._tree = nesting.flatten(source.arrays)
        self._leaves = [_on_device(leaf) for leaf in leaves]
        self._last: tuple[Any, list[Portion]] | None = None

    def portions(self, epoch: int, first: int = 0) -> Iterator[Portion]:
        """The full batches, and the last one by itself if it is not filled up."""
        order = self._source.order(epoch)
        if order is None:
            if self._last is None:
                number = self._source.num_samples or 0
                self._last = (None, self._cut(np.arange(number, dtype=np.int32)))
            portions = self._last[1]
        else:
            portions = self._cut(order)
        done = 0
        for portion in portions:
            if first < done + portion.stop:
                start = max(first - done, 0)
                yield dataclasses.replace(portion, start=start)
            done += portion.stop

    def _cut(self, order: np.ndarray) -> list[Portion]:
        size = self._source.batch_size
        assert size is not None
        num_full, rest = divmod(len(order), size)
        if rest and self._pads and (num_full or size <= _MOST_FILLED):
            filled = np.resize(order[-rest:], size)  # the same samples again
            order = np.concatenate([order[: num_full * size], filled])
            counts = np.full(num_full + 1, size, np.int32)
            counts[-1] = rest
            return [self._portion(order, size, counts)]
        portions = []
        if num_full:
            portions.append(self._portion(order[: num_full * size], size, None))
        if rest:
            portions.append(self._portion(order[num_full * size :], rest, None))
        return portions

    def _portion(
        self, order: np.ndarray, size: int, counts: np.ndarray | None
    ) -> Portion:
        numbers = jax.device_put(order.reshape(-1, size).astype(np.int32))
        masked = [] if counts is None else [jax.device_put(counts)]
        return Portion(
            tree=self._tree,
            arrays=[numbers, *masked, *self._leaves],
            start=0,
            stop=len(order) // size,
            is_ordered=True,
            is_masked=counts is not None,
            batch_size=size,
        )


class Streamed(Feed):
    """Batches as they come; those of one shape that are ready go together."""

    def __init__(self, source: Source, pads: bool, most: int | None) -> None:
        super().__init__(source, pads)
        self._most = most

    def portions(self, epoch: int, first: int = 0) -> Iterator[Portion]:
        """Groups of batches, each stacked."""
        batches = iter(self._source.batches(epoch, first))
        waiting: Any = next(batches, None)
        while waiting is not None:
            leaves, tree = nesting.flatten(waiting)
            most = self._most or _how_many(leaves)
            group = [leaves]
            until = time.monotonic() + _PATIENCE
            waiting = None
            while len(group) < most and time.monotonic() < until:
                waiting = next(batches, None)
                if waiting is None:
                    break
                others, other_tree = nesting.flatten(waiting)
                if other_tree != tree or not _alike(leaves, others):
                    break
                group.append(others)
                waiting = None
            yield self._stacked(group, tree, most)
            if waiting is None:
                waiting = next(batches, None)

    def _stacked(self, group: Sequence[Sequence[Any]], tree: Any, most: int) -> Portion:
        """Batches behind one another, with room for as many as there may be."""
        columns = []
        for leaves in zip(*group, strict=True):
            first = np.asarray(leaves[0])
            column = np.zeros((most, *first.shape), first.dtype)
            for place, leaf in enumerate(leaves):
                column[place] = leaf
            columns.append(jax.device_put(column))
        size = columns[0].shape[1] if columns[0].ndim > 1 else 1
        return Portion(tree, columns, 0, len(group), False, False, size)


def single(batch: Any) -> Portion:
    """One batch as a portion."""
    leaves, tree = nesting.flatten(batch)
    arrays = [_on_device(leaf)[None] for leaf in leaves]
    return Portion(tree, arrays, 0, 1, False, False, len(leaves[0]))


def _on_device(leaf: Any) -> jax.Array:
    """A copy on the device that nobody else has."""
    if leaf.__class__ is ArrayClass:
        return leaf
    return jnp.array(leaf).block_until_ready()  # it is copied when this is done


def _how_many(leaves: Sequence[Any]) -> int:
    size = sum(leaf.nbytes for leaf in leaves)
    return max(1, min(_MOST_STACKED, _STACKED_BYTES // max(size, 1)))


def _alike(leaves: Sequence[Any], others: Sequence[Any]) -> bool:
    return all(
        one.shape == other.shape and one.dtype == other.dtype
        for one, other in zip(leaves, others, strict=True)
    )
