"""Weights of classes and of samples, as one array of weights for each output."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import ArgumentError, ArgumentTypeError, ShapeError
from .nesting import is_nested


def weigh(
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    output_names: list[str] | None = None,
) -> Any:
    """The weights of all samples, in the nesting of `y`; `None` if all count the same.

    Args:
        y: Labels, as arrays.
        sample_weight: An array for all outputs, or arrays in the nesting of `y`;
            outputs without one count fully.
        class_weight: `{class: weight}` for a single output; for several, these by
            name or in a list. Classes without a weight count fully, as in Keras.
            Multiplied with `sample_weight`.
        output_names: Names of the outputs, where `y` is a list or a single array.
    """
    if class_weight is None and sample_weight is None:
        return None
    if y is None:
        given = "class_weight" if sample_weight is None else "sample_weight"
        raise ArgumentError(
            f"`{given}` weighs the loss of each label, and there are none: `y` is None."
        )
    if not is_nested(y):
        return _product(sample_weight, y, _of_single(class_weight, output_names))
    keys, values = _outputs(y)
    samples = _by_output(sample_weight, keys, output_names, "sample_weight")
    classes = _classes_by_output(class_weight, keys, output_names)
    weights = [
        _product(mine, labels, own)
        for labels, mine, own in zip(values, samples, classes, strict=True)
    ]
    weights = [
        np.ones(labels.shape[0], np.float32) if weight is None else weight
        for labels, weight in zip(values, weights, strict=True)
    ]
    if isinstance(y, Mapping):
        return dict(zip(keys, weights, strict=True))
    return weights if isinstance(y, list) else tuple(weights)


def of_labels(y: Any, class_weight: Mapping[Any, float]) -> np.ndarray:
    """The weight of each label: class numbers (n,) or (n, 1), or one-hot rows.

    Raises:
        ShapeError: for labels with more axes.
        ArgumentTypeError: for classes or weights that are no numbers.

    Example:
        >>> of_labels(np.array([0, 1, 2]), {0: 0.5, 1: 2.0}).tolist()
        [0.5, 2.0, 1.0]
    """
    labels = np.asarray(y)
    if labels.ndim > 2:
        raise ShapeError(
            "`class_weight` expected labels of shape (samples,), (samples, 1) or "
            f"(samples, classes); got {labels.shape}. Give `sample_weight` instead."
        )
    if labels.ndim == 2:
        labels = labels.argmax(-1) if labels.shape[1] > 1 else labels[:, 0]
    labels = np.rint(labels).astype(np.int64)
    weights = np.ones(labels.shape, np.float32)
    for label, weight in class_weight.items():
        weights[labels == _integer(label)] = _number(weight, label)
    return weights


def _integer(label: Any) -> int:
    if isinstance(label, int | float | np.number) and float(label).is_integer():
        return int(label)
    raise ArgumentTypeError(
        f"`class_weight` maps class numbers to weights; got the class {label!r}. "
        "For example: {0: 1.0, 1: 5.0}."
    )


def _number(weight: Any, label: Any) -> float:
    if isinstance(weight, int | float | np.number):
        return float(weight)
    raise ArgumentTypeError(
        f"`class_weight[{label!r}]` must be a number; got {weight!r}. "
        "For example: {0: 1.0, 1: 5.0}."
    )


def _product(samples: Any, labels: Any, classes: Any) -> Any:
    """Weights of samples times weights of their classes, where both are given."""
    if classes is None:
        return samples
    weights = of_labels(labels, classes)
    if samples is None:
        return weights
    samples = np.asarray(samples)
    return samples * weights.reshape(-1, *[1] * (samples.ndim - 1))


def _of_single(
    class_weight: Any, names: list[str] | None
) -> Mapping[Any, float] | None:
    """The class weights of the only output, which may be named."""
    if class_weight is None:
        return None
    if isinstance(class_weight, list | tuple) and len(class_weight) == 1:
        (class_weight,) = class_weight
    if isinstance(class_weight, Mapping) and len(class_weight) == 1:
        ((name, inner),) = class_weight.items()
        if isinstance(inner, Mapping):
            _check_names([name], names or [name], "class_weight")
            class_weight = inner
    return _checked(class_weight)


def _classes_by_output(
    class_weight: Any, keys: list[Any], names: list[str] | None
) -> list[Any]:
    found = _by_output(class_weight, keys, names, "class_weight")
    if isinstance(class_weight, Mapping) and found[0] is class_weight:
        raise ArgumentError(
            f"`class_weight` is {class_weight!r} for {len(keys)} outputs; expected one "
            f"mapping for each, by name: {{{keys[0]!r}: {class_weight!r}}}."
        )
    return [None if given is None else _checked(given) for given in found]


def _checked(class_weight: Any) -> Mapping[Any, float]:
    if not isinstance(class_weight, Mapping):
        raise ArgumentTypeError(
            "`class_weight` must map class numbers to weights; got "
            f"{class_weight!r}. For example: {{0: 1.0, 1: 5.0}}."
        )
    return class_weight


def _outputs(y: Any) -> tuple[list[Any], list[Any]]:
    """Names (or numbers) and labels of the outputs."""
    keys = list(y) if isinstance(y, Mapping) else list(range(len(y)))
    values = [y[key] for key in keys]
    for key, value in zip(keys, values, strict=True):
        if is_nested(value) or value is None:
            raise ArgumentError(
                "Weights need one array of labels for each output; "
                f"`y[{key!r}]` is a {type(value).__name__}. Flatten `y`."
            )
    return keys, values


def _by_output(
    given: Any, keys: list[Any], names: list[str] | None, argument: str
) -> list[Any]:
    """What is given for each output; `None` where nothing is."""
    is_per_class = argument == "class_weight" and isinstance(given, Mapping)
    if is_per_class and not any(isinstance(v, Mapping) for v in given.values()):
        return [given] * len(keys)
    if isinstance(given, Mapping):
        known = keys if isinstance(keys[0], str) else names or keys
        _check_names(list(given), known, argument)
        return [given.get(name) for name in known]
    if isinstance(given, list | tuple):
        if len(given) != len(keys):
            raise ArgumentError(
                f"`{argument}` has {len(given)} entries for {len(keys)} outputs; "
                "give one for each, None where all count the same."
            )
        return list(given)
    return [given] * len(keys)


def _check_names(given: list[Any], known: list[Any], argument: str) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ArgumentError(
            f"`{argument}` names the output {unknown[0]!r}; there are {known}."
        )
