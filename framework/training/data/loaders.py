"""Iterables as sources: generators, PyTorch's DataLoader, TensorFlow's datasets.

Other libraries' classes are known by their methods; none is imported.
"""

import multiprocessing
from typing import Any

from ...errors import ArgumentError
from .stream_source import StreamSource


def is_tf_dataset(x: Any) -> bool:
    """Whether `x` is a `tf.data.Dataset`."""
    return hasattr(x, "as_numpy_iterator") and hasattr(x, "cardinality")


def is_data_loader(x: Any) -> bool:
    """Whether `x` is a PyTorch `DataLoader`."""
    return hasattr(x, "dataset") and hasattr(x, "batch_size") and hasattr(x, "__iter__")


def kind_of(x: Any) -> str:
    """What messages call a stream of batches."""
    if is_tf_dataset(x):
        return "tf.data.Dataset"
    if is_data_loader(x):
        return "DataLoader"
    return "generator" if hasattr(x, "__next__") else type(x).__name__


def stream(x: Any, steps: int | None, **weights: Any) -> StreamSource:
    """The source of an iterable.

    Args:
        x: Iterable of batches.
        steps: Batches of an epoch.
        weights: `class_weight` and `output_names` of the source.

    Raises:
        ArgumentError: for a DataLoader whose workers would be forked.
    """
    origin = f"the {kind_of(x)}"
    if is_tf_dataset(x):
        iterate, count = x.as_numpy_iterator, _counted(int(x.cardinality()))
        return StreamSource(
            iterate, origin, is_once=False, steps=steps, num_batches=count, **weights
        )
    batch_size = None
    if is_data_loader(x):
        _refuse_fork(x)
        batch_size = x.batch_size if isinstance(x.batch_size, int) else None
    if hasattr(x, "__name__"):
        origin += f" {x.__name__}()"
    return StreamSource(
        lambda: iter(x),
        origin,
        is_once=hasattr(x, "__next__"),
        steps=steps,
        num_batches=_length(x),
        batch_size=batch_size,
        **weights,
    )


def _counted(cardinality: int) -> int | None:
    """TensorFlow's number of batches, which is negative if unknown or endless."""
    return cardinality if cardinality >= 0 else None


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except (TypeError, NotImplementedError):  # a DataLoader may have no length
        return None


def _refuse_fork(loader: Any) -> None:
    """Refuse workers that would be forked: JAX's threads are lost in them.

    A lock that one of the threads held stays locked in the child for ever, and the
    loader waits for the child.
    """
    workers = getattr(loader, "num_workers", 0)
    context = getattr(loader, "multiprocessing_context", None) or multiprocessing
    method = context.get_start_method(allow_none=True)
    if workers and (method or multiprocessing.get_all_start_methods()[0]) == "fork":
        raise ArgumentError(
            f"The DataLoader has num_workers={workers}, which are forked; a process "
            "that was forked after JAX started can hang for ever. Use spawn: "
            "DataLoader(..., multiprocessing_context='spawn'), or num_workers=0."
        )
