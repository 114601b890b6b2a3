"""Measures: the metrics of a model's outputs, as `compile` was given them."""

from collections.abc import Sequence
from typing import Any

import jax

from .. import registry
from ..errors import ArgumentTypeError
from ..recording.node import Handle
from .metrics import (
    MeanMetricWrapper,
    Metric,
    resolve_accuracy,
    resolve_crossentropy,
)
from .outputs import by_output, name_outputs


class Measures:
    """Metrics for each output, which know their classes once they saw a batch.

    Args:
        metrics: Names, functions or objects, in a list; or such lists by output.
        weighted_metrics: The same, for metrics that sample weights count in.
        names: Names of the model's outputs, if it has any.

    Attributes:
        keys: Their keys in logs.
    """

    def __init__(
        self, metrics: Any, weighted_metrics: Any, names: Sequence[str] | None
    ) -> None:
        self._given = (metrics, weighted_metrics)
        self._names = names
        self._found: list[tuple[str, Metric, bool]] | None = None
        self.keys: list[str] = []
        for given in self._given:
            _check(given)

    @property
    def is_known(self) -> bool:
        """Whether the metric objects are there."""
        return self._found is not None

    @property
    def metrics(self) -> list[Metric]:
        """The metric objects, unweighted before weighted ones for each output."""
        return [metric for _, metric, _ in self._found or ()]

    def results(self) -> dict[str, Any]:
        """What the metrics say now, by the keys of logs."""
        found = {}
        for key, metric in zip(self.keys, self.metrics, strict=True):
            value = metric.result()
            found.update(value if isinstance(value, dict) else {key: value})
        return found

    def build(self, y: Any, y_pred: Any) -> None:
        """Make the metric objects, "accuracy" by the shapes of targets and outputs."""
        if self._found is not None:
            return
        outputs = name_outputs(y_pred, self._names)
        names = list(outputs)
        targets = by_output(y, names, "y", _is_tensor)
        lists = [
            by_output(_nested(given, len(names)), names, what, _is_list_of_one)
            for given, what in zip(
                self._given, ("metrics", "weighted_metrics"), strict=True
            )
        ]
        found, keys = [], []
        for name in names:
            for given, is_weighted in zip(lists, (False, True), strict=True):
                for identifier in _as_list(given[name]):
                    metric = _made(identifier, targets[name], outputs[name])
                    found.append((name, metric, is_weighted))
                    keys.append(identifier if isinstance(identifier, str) else None)
        self._found = found
        self.keys = _keys_of(found, keys, len(names) > 1)

    def update(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Take a batch into account; the first one makes the metric objects."""
        self.build(y, y_pred)
        outputs = name_outputs(y_pred, self._names)
        names = list(outputs)
        targets = by_output(y, names, "y", _is_tensor)
        weights = by_output(
            sample_weight, names, "sample_weight", _is_tensor, repeats=True
        )
        for name, metric, is_weighted in self._found or ():
            if targets[name] is None:
                continue
            weight = weights[name] if is_weighted else None
            metric.update_state(targets[name], outputs[name], sample_weight=weight)


def _keys_of(
    found: Sequence[tuple[str, Metric, bool]],
    given: Sequence[str | None],
    has_many: bool,
) -> list[str]:
    """The keys of logs, each once.

    Args:
        found: Output, metric, and whether it is weighted.
        given: The names that they were asked for by, which are their keys, as in Keras.
        has_many: Whether keys begin with the output's name.
    """
    keys: list[str] = []
    for (name, metric, is_weighted), asked in zip(found, given, strict=True):
        key = asked or metric.name
        before = f"{name}_" if has_many else ""
        is_taken = before + key in keys and is_weighted
        key = f"{before}weighted_{key}" if is_taken else before + key
        stem, number = key, 1
        while key in keys:
            key, number = f"{stem}_{number}", number + 1
        keys.append(key)
    return keys


def _made(identifier: Any, y: Any, y_pred: Any) -> Metric:
    """The metric object of an identifier, a name for "accuracy" being resolved."""
    if isinstance(identifier, Metric):
        return identifier
    name = identifier if isinstance(identifier, str) else None
    resolve = RESOLVED.get(name) if name else None
    if resolve is not None:
        return resolve(y.shape, y_pred.shape)(name=name)
    found = registry.get("metric", identifier)
    if isinstance(found, Metric):
        found.name = name or found.name
        return found
    name = name or getattr(found, "name", None) or getattr(found, "__name__", None)
    return MeanMetricWrapper(found, name=name)


def _nested(given: Any, num_outputs: int) -> Any:
    """A list of metrics as the list of the only output."""
    if isinstance(given, list | tuple) and num_outputs == 1:
        is_deep = len(given) == 1 and isinstance(given[0], list | tuple)
        return list(given) if is_deep else [list(given)]
    return given


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _check(given: Any) -> None:
    """Look up names at once, so that a misspelt one is an error of `compile`."""
    if given is None:
        return
    if isinstance(given, dict):
        given = list(given.values())
    if not isinstance(given, list | tuple):
        raise ArgumentTypeError(
            f"`metrics` must be a list such as ['accuracy'], or a dictionary by the "
            f"names of the outputs; got {type(given).__name__} {given!r}."
        )
    for part in given:
        if isinstance(part, list | tuple | dict):
            _check(part)
        elif isinstance(part, str):
            if part not in RESOLVED:
                registry.find("metric", part)
        elif part is not None and not callable(part) and not isinstance(part, Metric):
            raise ArgumentTypeError(
                f"A metric must be a name, a function of (y_true, y_pred) or a "
                f"jt.metrics.Metric; got {part!r}."
            )


RESOLVED = {
    "accuracy": resolve_accuracy,
    "acc": resolve_accuracy,
    "crossentropy": resolve_crossentropy,
    "ce": resolve_crossentropy,
}
"""Names of what depends on the shapes of targets and outputs."""


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Handle | jax.ShapeDtypeStruct)


def _is_list_of_one(value: Any) -> bool:
    return not isinstance(value, list | tuple | dict)
