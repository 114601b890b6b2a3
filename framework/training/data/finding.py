"""What kind of data a user gave, and the Source for it."""

import operator
from typing import Any

from ...errors import ArgumentError, ArgumentTypeError
from .array_source import ArraySource
from .nesting import is_array, is_nested
from .source import Source


def find_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    steps: int | None = None,
    class_weight: Any = None,
    seed: int | None = None,
    output_names: list[str] | None = None,
    steps_name: str = "steps_per_epoch",
) -> Source:
    """The Source for what was given as `x`; all checks are done before it is returned.

    Args:
        x: Arrays.
        y: Labels, if `x` is arrays.
        sample_weight: Weights of samples, if `x` is arrays.
        batch_size: Samples of a batch, if `x` is arrays. Default 32, Keras's.
        shuffle: Whether every epoch has an order of its own.
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
    batch_size = _positive(batch_size, "batch_size", 32)
    steps = _positive(steps, steps_name, 100)
    if is_array(x) or is_nested(x):
        return ArraySource(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=bool(shuffle),
            steps=steps,
            class_weight=class_weight,
            seed=seed,
            output_names=output_names,
        )
    raise ArgumentTypeError(
        f"`x` is a {type(x).__name__}; expected arrays, a dataset or an iterable of "
        "batches. Convert it first, for example np.asarray(x)."
    )


def _positive(value: Any, name: str, example: int) -> int | None:
    """A count that was asked for, as a Python integer.

    Raises:
        ArgumentError: for what is no positive integer.
    """
    if value is None:
        return None
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ArgumentError(
            f"`{name}` must be a positive integer; got {value!r}. "
            f"For example: {name}={example}."
        )
    return count
