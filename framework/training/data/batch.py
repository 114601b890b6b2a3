"""One batch of a stream: taken apart, copied, and held against the first one."""

import warnings
from collections.abc import Mapping
from typing import Any

import jax

from ...errors import ArgumentError, ArgumentTypeError, JaxtapeError, ShapeError
from ...recording.ingest import private_array
from ...recording.site import user_level
from .class_weights import weigh
from .nesting import (
    as_array,
    check_lengths,
    is_array,
    map_arrays,
    named_arrays,
    unwrapped,
)
from .source import PARTS


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Inputs, labels and weights of a batch; `None` for what it does not have.

    For `train_step` of your own; Keras's name.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        ArgumentError: for tuples of another length.

    Example:
        >>> jt.utils.unpack_x_y_sample_weight((1.0, 2.0))
        (1.0, 2.0, None)
    """
    if not isinstance(data, list | tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ArgumentError(
            f"Expected (x,), (x, y) or (x, y, sample_weight); got {len(data)} entries."
        )
    x, y, sample_weight, *_ = (*data, None, None)
    return x, y, sample_weight


def taken(given: Any, is_private: bool = False) -> tuple[Any, ...]:
    """A batch as it came from the user, as a tuple of private arrays.

    Copied here and now: a generator may overwrite its arrays when it is asked for the
    next batch.

    Args:
        given: An array or a dictionary, which are `x`, or a tuple or list of parts.
        is_private: Whether nobody else has the arrays, as when a process sent them.
    """
    is_empty = isinstance(given, list | tuple) and not given
    if isinstance(given, Mapping) or (is_array(given) and not is_empty):
        given = (given,)
    if not isinstance(given, list | tuple):
        raise ArgumentTypeError(
            f"A batch is a {type(given).__name__}; expected (x,), (x, y) or "
            "(x, y, sample_weight), of arrays."
        )
    if not 1 <= len(given) <= 3:
        raise ArgumentError(
            f"A batch has {len(given)} entries; expected (x,), (x, y) or "
            "(x, y, sample_weight). Several inputs are one entry: ((a, b), y)."
        )

    parts = list(given)
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()

    def copied(value: Any, name: str) -> Any:
        host = unwrapped(value)
        if not (is_private or isinstance(host, jax.Array)):
            host = private_array(host, name=name)
        return as_array(host, name)

    return tuple(map_arrays(copied, p, n) for p, n in zip(parts, PARTS, strict=False))


def located(error: JaxtapeError, place: str) -> JaxtapeError:
    """One of our errors, with the batch that it is about in its text."""
    return type(error)(f"In {place}: {error}")


class BatchCheck:
    """Holds every batch of a stream against the first one.

    Args:
        class_weight: Weights of classes, see `weigh`.
        output_names: Names of the outputs, for weights by name.
    """

    def __init__(
        self, class_weight: Any = None, output_names: list[str] | None = None
    ) -> None:
        self._class_weight = class_weight
        self._output_names = output_names
        self._first: Any = None
        self._has_warned = False

    def read(self, batch: tuple[Any, ...], place: str) -> tuple[Any, ...]:
        """The batch with the weights of its classes, if it is like the first one.

        Args:
            batch: Private arrays.
            place: What it is, for messages: `batch 3 of epoch 0 of the generator`.

        Raises:
            ArgumentError: for another structure, or no samples.
            ShapeError: for lengths that differ, or another number of axes.
        """
        try:
            check_lengths(dict(zip(PARTS, batch, strict=False)))
            batch = self._weighted(batch)
        except JaxtapeError as error:
            raise located(error, place) from None
        self._compare(batch, place)
        return batch

    def _weighted(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._class_weight is None and len(batch) < 3:
            return batch
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        weights = weigh(y, sample_weight, self._class_weight, self._output_names)
        return x, y, weights

    def _compare(self, batch: tuple[Any, ...], place: str) -> None:
        structure = jax.tree.structure(batch)
        arrays = dict(_named(batch))
        if self._first is None:
            self._first = structure, {name: a.shape for name, a in arrays.items()}
            return
        expected, shapes = self._first
        if structure != expected:
            raise ArgumentError(
                f"{capital(place)} holds {_listed(arrays)}; the first one held "
                f"{_listed(shapes)}. Give the same parts in each batch."
            )
        for name, array in arrays.items():
            self._compare_shape(name, array.shape, shapes[name], place)

    def _compare_shape(self, name: str, shape: Any, first: Any, place: str) -> None:
        if shape[1:] == first[1:]:
            return
        seen = (
            f"`{name}` of {place} has shape {tuple(shape)}; the first one had "
            f"{tuple(first)}."
        )
        if len(shape) != len(first):
            raise ShapeError(f"{seen} Give arrays with the same number of axes.")
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"{seen} Each new shape is compiled anew, which takes seconds. "
                "Pad to a few lengths.",
                stacklevel=user_level(),
            )


def require_labels(batch: tuple[Any, ...], reason: str) -> None:
    """Refuse a batch without labels where they are needed.

    Args:
        batch: `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
        reason: What needs them: `the loss 'mse'`.

    Raises:
        ArgumentError: if `y` is missing or None.
    """
    if len(batch) < 2 or batch[1] is None:
        raise ArgumentError(
            f"`y` is missing, and {reason} compares it with the model's outputs. "
            "Give fit(x, y), or batches of the form (x, y)."
        )


def _named(batch: tuple[Any, ...]) -> list[tuple[str, Any]]:
    parts = zip(PARTS, batch, strict=False)
    return [pair for name, part in parts for pair in named_arrays(part, name)]


def _listed(arrays: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in arrays)


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
