"""What kind of data a user gave, and the Source for it."""

import operator
import sys
from typing import Any

import numpy as np

from ...errors import ArgumentError, ArgumentTypeError
from .array_source import ArraySource
from .batch import unpack_x_y_sample_weight
from .loaders import is_tf_dataset, kind_of, stream
from .nesting import is_array, is_nested
from .py_dataset import PyDataset
from .py_dataset_source import PyDatasetSource
from .source import Source
from .splitting import Samples


def find_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | None = False,
    steps: int | None = None,
    class_weight: Any = None,
    seed: int | None = None,
    output_names: list[str] | None = None,
    steps_name: str = "steps_per_epoch",
) -> Source:
    """The Source for what was given as `x`; all checks are done before it is returned.

    Args:
        x: Arrays, a PyDataset, a DataLoader, a tf.data.Dataset, or any iterable of
            batches.
        y: Labels, if `x` is arrays.
        sample_weight: Weights of samples, if `x` is arrays.
        batch_size: Samples of a batch, if `x` is arrays. Default 32, Keras's.
        shuffle: Whether every epoch has an order of its own; `None` for what can have
            one here, arrays and a PyDataset.
        steps: Batches of an epoch; default all.
        class_weight: Weights of classes, for each output or for a single one.
        seed: Of the order; default one from `jt.random`'s seed.
        output_names: Names of the model's outputs, for weights by name.
        steps_name: What the caller's argument is called that is `steps` here.

    Raises:
        ArgumentError: for values that cannot be used, ShapeError for lengths that
            differ, ArgumentTypeError for data of an unknown kind.
    """
    if isinstance(x, Source):
        return x
    if x is None:
        raise ArgumentError(
            "`x` is None; expected arrays, a dataset or an iterable of batches. "
            "Check what loads the data."
        )
    if isinstance(x, Samples):
        _refuse_beside("data set", {"y": y, "sample_weight": sample_weight})
        batch_size = x.batch_size if batch_size is None else batch_size
        x, y, sample_weight = unpack_x_y_sample_weight(x.parts)
    batch_size = _positive(batch_size, "batch_size", 32)
    steps = _positive(steps, steps_name, 100)
    weights = {"class_weight": class_weight, "output_names": output_names}
    if is_array(x) or is_nested(x):
        shuffle = shuffle is None or _truth(shuffle)
        return ArraySource(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            steps=steps,
            seed=seed,
            **weights,
        )
    if isinstance(x, PyDataset):
        given = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
        _refuse_beside("PyDataset", given)
        shuffle = shuffle is None or _truth(shuffle)
        return PyDatasetSource(x, shuffle=shuffle, steps=steps, seed=seed, **weights)
    if not hasattr(x, "__iter__") or isinstance(x, str | bytes):
        raise ArgumentTypeError(
            f"`x` is a {type(x).__name__}; expected arrays, a dataset or an iterable "
            "of batches. Convert it first, for example np.asarray(x)."
        )
    given = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
    if not is_tf_dataset(x):
        given["class_weight"] = class_weight
    if shuffle is not None and _truth(shuffle):
        given["shuffle"] = shuffle
    _refuse_beside(kind_of(x), given)
    return stream(x, steps, **weights)


_INSTEAD = {
    "y": "yield (x, y)",
    "sample_weight": "yield (x, y, sample_weight)",
    "batch_size": "yield batches of that size",
    "class_weight": "yield (x, y, sample_weight) with the weight of each class",
    "shuffle": "yield the batches in the order they are to be used in",
}


def _refuse_beside(kind: str, given: dict[str, Any]) -> None:
    """Refuse arguments that the data hold themselves."""
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"`{name}` cannot be given together with a {kind}, which holds it "
                f"itself; got {_short(value)}. Let the {kind} {_INSTEAD[name]}."
            )


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"an array of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) < 60 else f"a {type(value).__name__}"


def _truth(shuffle: Any) -> bool:
    if not isinstance(shuffle, bool | np.bool_):
        raise ArgumentError(f"`shuffle` must be True or False; got {shuffle!r}.")
    return bool(shuffle)


def _positive(value: Any, name: str, example: int) -> int | None:
    """A count that was asked for, as a Python integer.

    Raises:
        ArgumentError: for what is no positive integer, or larger than an index can be.
    """
    if value is None:
        return None
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if not 1 <= count <= sys.maxsize:
        raise ArgumentError(
            f"`{name}` must be a positive integer; got {value!r}. "
            f"For example: {name}={example}."
        )
    return count
