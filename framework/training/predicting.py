"""Predicting: the outputs of a model for all samples, in their order."""

import collections
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from .. import config, nesting
from ..errors import ArgumentError
from ..function import Function
from ..recording.body import is_handle
from ..recording.tensor import convert
from .data import Source, find_source
from .padding import may_pad
from .programs import as_data

_BATCH_BYTES = 4 * 2**20
"""Bytes of samples that are computed at once where nobody asks for a batch size."""
_LEAST = 32
_IN_FLIGHT = 2


def predict(
    model: Any, x: Any, batch_size: int | None, steps: int | None, callbacks: Any
) -> Any:
    """The outputs for all samples, nested as the model returns them.

    Args:
        model: Any model.
        x: Inputs, or a source of batches.
        batch_size: Samples at once. Default as many as 4 MiB hold, at least 32.
        steps: Batches at most.
        callbacks: A `CallbackList`.
    """
    source = _source(x, batch_size, steps)
    model._check_data("predict", source.arrays)
    callbacks.params["steps"] = source.num_batches
    callbacks.on_predict_begin()
    waiting: collections.deque[tuple[Any, int]] = collections.deque()
    done: list[Any] = []
    trees: list[Any] = []
    try:
        for number, (batch, count) in enumerate(_padded(model, source)):
            callbacks.on_predict_batch_begin(number)
            outputs = run(model, batch)
            waiting.append((outputs, count))
            if callbacks.watches_predict_batches or len(waiting) > _IN_FLIGHT:
                _take(waiting, done, trees)
            if callbacks.watches_predict_batches:
                found = jax.tree.unflatten(trees[-1], done[-1])
                callbacks.on_predict_batch_end(number, {"outputs": found})
            if callbacks.shows_progress:
                callbacks.on_predict_progress(number + 1, dict)
        while waiting:
            _take(waiting, done, trees)
    finally:
        source.close()
    callbacks.on_predict_end()
    if not done:
        raise ArgumentError("predict() got no batch: the source of data is empty.")
    columns = [_joined(column) for column in zip(*done, strict=True)]
    return jax.tree.unflatten(trees[0], columns)


def predict_on_batch(model: Any, x: Any) -> Any:
    """The outputs of one batch, as NumPy arrays."""
    if not isinstance(x, np.ndarray | jax.Array):
        arrays = find_source(x).arrays
        if arrays is None:
            raise ArgumentError(
                f"predict_on_batch() takes arrays; got {type(x).__name__}. For a "
                "source of batches there is predict(x)."
            )
        x = arrays[0]
    outputs = run(model, (x,))
    if is_handle(outputs):
        return outputs.numpy()
    return nesting.map_leaves(lambda part: convert(part).numpy(), outputs, is_handle)


def run(model: Any, batch: tuple) -> Any:
    """The outputs of one batch, by the program that is kept for such batches."""
    if config.runs_eagerly() or model.run_eagerly:
        leaves, tree = nesting.flatten(batch)
        given = jax.tree.unflatten(tree, map(convert, leaves))
        return model.predict_step(as_data(given))
    leaves, tree = nesting.flatten(batch)
    programs = model.__dict__.setdefault("_kept_predicting", Programs())
    return programs.of(model, tree)(*leaves)


class Programs:
    """The functions that predict, by how a batch nests."""

    def __init__(self) -> None:
        self._functions: dict[Any, Function] = {}

    def __deepcopy__(self, memo: dict) -> "Programs":
        return Programs()

    def __reduce__(self) -> Any:
        return Programs, ()

    def of(self, model: Any, tree: Any) -> Function:
        """The function for batches that nest so."""
        found = self._functions.get(tree)
        if found is None:
            roots = [model, model.predict_step]
            found = Function(functools.partial(_step, roots, tree))
            self._functions[tree] = found
        return found


def _step(roots: list[Any], tree: Any, *leaves: Any) -> Any:
    model = roots[0]
    return model.predict_step(as_data(jax.tree.unflatten(tree, leaves)))


def _source(x: Any, batch_size: int | None, steps: int | None) -> Source:
    source = find_source(x, batch_size=batch_size, steps=steps, steps_name="steps")
    arrays = source.arrays
    if batch_size is None and steps is None and arrays is not None:
        leaves = jax.tree.leaves(arrays)
        size = sum(leaf.nbytes for leaf in leaves) // max(source.num_samples or 1, 1)
        least = max(_LEAST, _BATCH_BYTES // max(size, 1))
        count = min(least, source.num_samples or 1)
        if count > _LEAST:
            source = find_source(x, batch_size=count)
    return source


def _padded(model: Any, source: Source) -> Iterator[tuple[Any, int]]:
    """Batches, a smaller last one filled up, with the number of samples that count."""
    size = None
    pads = may_pad(model, "predict")
    for batch in source.batches(0):
        leaves, tree = nesting.flatten(batch)
        count = leaves[0].shape[0] if leaves and leaves[0].ndim else 1
        size = count if size is None else size
        if pads and count < size:
            leaves = [np.resize(leaf, (size, *leaf.shape[1:])) for leaf in leaves]
        yield jax.tree.unflatten(tree, leaves), count


def _take(waiting: Any, done: list[Any], trees: list[Any]) -> None:
    """Wait for the outputs of the batch that was launched first."""
    outputs, count = waiting.popleft()
    flat, tree = nesting.flatten(outputs, is_handle)
    done.append([_rows(convert(output).numpy(), count) for output in flat])
    trees.append(tree)


def _rows(output: np.ndarray, count: int) -> np.ndarray:
    return output[:count] if output.ndim else output


def _joined(column: Any) -> np.ndarray:
    if len(column) == 1:
        return np.array(column[0])
    return np.concatenate([np.atleast_1d(part) for part in column])
