"""Accuracies: how often predictions are right."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ... import registry
from ...checked import number
from ...elementwise_losses import labels_of, same_rank
from ...errors import ShapeError
from ...recording.op import Op
from ...recording.tensor import Tensor, TensorLike
from .formula_mean import FormulaMean, option, values_of, values_op
from .mean import mean_op


def _fitting(
    y_true: jax.Array, y_pred: jax.Array, name: str, hint: str
) -> tuple[jax.Array, jax.Array]:
    """Targets and predictions in one shape."""
    shapes = y_true.shape, y_pred.shape
    y_true, y_pred = same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"{name} expected `y_true` and `y_pred` of the same shape; got {shapes[0]} "
            f"and {shapes[1]}. {hint}"
        )
    return y_true, y_pred


def _accuracy(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    hint = "Give class numbers; of probabilities take SparseCategoricalAccuracy."
    return jnp.equal(*_fitting(y_true, y_pred, "accuracy", hint))


def _binary_accuracy(
    y_true: jax.Array, y_pred: jax.Array, *, threshold: float
) -> jax.Array:
    hint = "Reshape one of them; only (n,) and (n, 1) are matched on their own."
    y_true, y_pred = _fitting(y_true, y_pred, "binary_accuracy", hint)
    wide = y_pred.astype(jnp.promote_types(y_pred.dtype, np.float32))
    return y_true == (wide > threshold).astype(y_true.dtype)


def one_hot_shapes(y_true: jax.Array, y_pred: jax.Array, name: str) -> None:
    """Refuse targets that are not as many as the predictions.

    Raises:
        ShapeError: naming both shapes.
    """
    if y_true.shape != y_pred.shape or not y_pred.ndim:
        raise ShapeError(
            f"{name} expected one-hot `y_true` of the shape of `y_pred`; got "
            f"{y_true.shape} and {y_pred.shape}. For class numbers use sparse_{name}."
        )


def _categorical_accuracy(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    one_hot_shapes(y_true, y_pred, "categorical_accuracy")
    return jnp.argmax(y_true, -1) == jnp.argmax(y_pred, -1)


def _sparse_categorical_accuracy(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    labels = labels_of(y_true, y_pred.shape, -1, "sparse_categorical_accuracy")
    return labels == jnp.argmax(y_pred, -1).astype(labels.dtype)


_BINARY = values_op("binary_accuracy", _binary_accuracy)
_CATEGORICAL = values_op("categorical_accuracy", _categorical_accuracy)
_SPARSE = values_op("sparse_categorical_accuracy", _sparse_categorical_accuracy)


@registry.register_class("metric")
class Accuracy(FormulaMean):
    """How often predictions equal targets: the mean of y_true == y_pred.

    For class numbers on both sides. What `compile(metrics=["accuracy"])` means is
    chosen by shapes; see `resolve_accuracy`.

    Args:
        name: Default "accuracy".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
        0.75
    """

    _update: ClassVar[Op] = mean_op("accuracy", _accuracy)
    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@registry.register_class("metric")
class BinaryAccuracy(FormulaMean):
    """How often the sides of a threshold are right: the mean of y_true == (y_pred > t).

    Args:
        name: Default "binary_accuracy".
        dtype: As in `Metric`.
        threshold: t. Default 0.5, for probabilities; for logits give 0.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Example:
        >>> float(BinaryAccuracy()([[1], [0]], [[0.8], [0.6]]))
        0.5
    """

    _update: ClassVar[Op] = mean_op("binary_accuracy", _binary_accuracy)
    _direction = "up"

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: Any = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, dtype, threshold=number(self, "threshold", threshold))

    threshold = option("threshold", "What predictions of 1 are greater than.")


@registry.register_class("metric")
class CategoricalAccuracy(FormulaMean):
    """How often the largest prediction is that of the class, with one-hot targets.

    Probabilities and logits give the same.

    Args:
        name: Default "categorical_accuracy".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> ()

    Example:
        >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
        0.5
    """

    _update: ClassVar[Op] = mean_op("categorical_accuracy", _categorical_accuracy)
    _direction = "up"

    def __init__(
        self, name: str | None = "categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register_class("metric")
class SparseCategoricalAccuracy(FormulaMean):
    """How often the largest prediction is that of the class, targets class numbers.

    Probabilities and logits give the same.

    Args:
        name: Default "sparse_categorical_accuracy".
        dtype: As in `Metric`.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Raises:
        ShapeError: when shown other targets, such as one-hot ones.

    Example:
        >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
        0.5
    """

    _update: ClassVar[Op] = mean_op(
        "sparse_categorical_accuracy", _sparse_categorical_accuracy
    )
    _direction = "up"

    def __init__(
        self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)


def binary_accuracy(
    y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5
) -> Tensor:
    """1 where y_true is (y_pred > threshold), else 0: of the shape of `y_pred`."""
    return values_of(
        _BINARY, y_true, y_pred, threshold=number(None, "threshold", threshold)
    )


def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where the largest prediction is that of the class, else 0.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> (batch, ...)
    """
    return values_of(_CATEGORICAL, y_true, y_pred)


def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where the largest prediction is that of the class number, else 0.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes)
        -> (batch, ...)
    """
    return values_of(_SPARSE, y_true, y_pred)
