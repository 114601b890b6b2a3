"""Cross-entropies as metrics, by the formulas of the losses."""

from typing import Any, ClassVar

import jax

from ... import elementwise_losses as formulas
from ... import registry
from ...checked import integer, number, optional_integer
from ...recording.op import Op
from .formula_mean import FormulaMean, option
from .mean import mean_op


def _counted(
    y_true: jax.Array,
    y_pred: jax.Array,
    *,
    axis: int,
    ignore_class: int | None,
    from_logits: bool,
) -> jax.Array | None:
    if ignore_class is None:
        return None
    return formulas.labels_of(y_true, y_pred.shape, axis) != ignore_class


@registry.register_class("metric", "bce", "BCE")
class BinaryCrossentropy(FormulaMean):
    """Mean of -(y log p + (1 - y) log(1 - p)), p the probability of 1.

    Args:
        name: Default "binary_crossentropy".
        dtype: As in `Metric`.
        from_logits: Whether `y_pred` holds logits. Default false, as in Keras.
        label_smoothing: s moves targets to y (1 - s) + s / 2. Default 0.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(BinaryCrossentropy(from_logits=True)([[1.0]], [[0.0]]))
        0.693...
    """

    _update: ClassVar[Op] = mean_op("binary_crossentropy", formulas.binary_crossentropy)
    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            *(name, dtype),
            from_logits=bool(from_logits),
            label_smoothing=number(self, "label_smoothing", label_smoothing),
        )

    from_logits = option("from_logits", "Whether `y_pred` holds logits.")
    label_smoothing = option("label_smoothing", "How far targets are moved.")


@registry.register_class("metric")
class CategoricalCrossentropy(FormulaMean):
    """Mean of -sum(y log p), with one-hot targets.

    Args:
        name: Default "categorical_crossentropy".
        dtype: As in `Metric`.
        from_logits: Whether `y_pred` holds logits. Default false, as in Keras.
        label_smoothing: s moves targets to y (1 - s) + s / classes. Default 0.
        axis: The axis of the classes. Default the last.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> ()

    Example:
        >>> metric = CategoricalCrossentropy(from_logits=True)
        >>> float(metric([[0.0, 1.0]], [[0.0, 0.0]]))
        0.693...
    """

    _update: ClassVar[Op] = mean_op(
        "categorical_crossentropy", formulas.categorical_crossentropy
    )
    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            *(name, dtype),
            from_logits=bool(from_logits),
            label_smoothing=number(self, "label_smoothing", label_smoothing),
            axis=integer(self, "axis", axis),
        )

    from_logits = option("from_logits", "Whether `y_pred` holds logits.")
    label_smoothing = option("label_smoothing", "How far targets are moved.")
    axis = option("axis", "The axis of the classes.")


@registry.register_class("metric")
class SparseCategoricalCrossentropy(FormulaMean):
    """Mean of -log p[label], targets class numbers.

    Args:
        name: Default "sparse_categorical_crossentropy".
        dtype: As in `Metric`.
        from_logits: Whether `y_pred` holds logits. Default false, as in Keras.
        ignore_class: Label of samples that do not count. Default none.
        axis: The axis of the classes. Default the last.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Note:
        A label that is no class makes the result NaN. Keras counts samples of
        `ignore_class` as 0 in the mean; here they do not count, as in the loss.

    Example:
        >>> metric = SparseCategoricalCrossentropy(from_logits=True)
        >>> float(metric([1], [[0.0, 0.0]]))
        0.693...
    """

    _update: ClassVar[Op] = mean_op(
        "sparse_categorical_crossentropy",
        formulas.sparse_categorical_crossentropy,
        _counted,
    )
    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            *(name, dtype),
            from_logits=bool(from_logits),
            ignore_class=optional_integer(self, "ignore_class", ignore_class),
            axis=integer(self, "axis", axis),
        )

    from_logits = option("from_logits", "Whether `y_pred` holds logits.")
    ignore_class = option("ignore_class", "Label of samples that do not count.")
    axis = option("axis", "The axis of the classes.")
