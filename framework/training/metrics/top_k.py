"""Top-k accuracies: how often the class is among the k largest predictions."""

import operator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ... import registry
from ...checked import integer
from ...elementwise_losses import labels_of
from ...errors import ArgumentError
from ...ops.searching import IN_TOP_K
from ...recording.op import Op
from ...recording.tensor import Tensor, TensorLike
from .accuracy import one_hot_shapes
from .formula_mean import FormulaMean, option, values_of, values_op
from .mean import mean_op


def _is_in_top(labels: jax.Array, y_pred: jax.Array, k: int) -> jax.Array:
    rows = y_pred.reshape(-1, y_pred.shape[-1])
    found = IN_TOP_K.function(labels.ravel().astype(np.int32), rows, k=k)
    return found.reshape(labels.shape)


def _top_k(y_true: jax.Array, y_pred: jax.Array, *, k: int) -> jax.Array:
    one_hot_shapes(y_true, y_pred, "top_k_categorical_accuracy")
    return _is_in_top(jnp.argmax(y_true, -1), y_pred, k)


def _sparse_top_k(
    y_true: jax.Array, y_pred: jax.Array, *, k: int, from_sorted_ids: bool
) -> jax.Array:
    name = "sparse_top_k_categorical_accuracy"
    labels = labels_of(y_true, y_pred.shape, -1, name)
    if from_sorted_ids:
        return jnp.any(labels[..., None] == y_pred[..., :k], -1)
    return _is_in_top(labels, y_pred, k)


_VALUES = values_op("top_k_categorical_accuracy", _top_k)
_SPARSE_VALUES = values_op("sparse_top_k_categorical_accuracy", _sparse_top_k)


@registry.register_class("metric")
class TopKCategoricalAccuracy(FormulaMean):
    """How often the class is among the k largest predictions, with one-hot targets.

    It is where fewer than k predictions are larger than its own. A row that is not
    finite is wrong.

    Args:
        k: How many places count. Default 5.
        name: Default "top_k_categorical_accuracy".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> ()

    Raises:
        ArgumentError: unless k is positive.

    Example:
        >>> metric = TopKCategoricalAccuracy(k=2)
        >>> float(metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.5, 0.1, 0.4]]))
        0.5
    """

    _update: ClassVar[Op] = mean_op("top_k_categorical_accuracy", _top_k)
    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype, k=_places(k))

    k = option("k", "How many places count.")


@registry.register_class("metric")
class SparseTopKCategoricalAccuracy(FormulaMean):
    """How often the class is among the k largest predictions, targets class numbers.

    Args:
        k: How many places count. Default 5.
        name: Default "sparse_top_k_categorical_accuracy".
        dtype: As in `Metric`.
        from_sorted_ids: Whether `y_pred` holds class numbers, the best one first,
            instead of scores of all classes. Default false.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Raises:
        ArgumentError: unless k is positive.

    Example:
        >>> metric = SparseTopKCategoricalAccuracy(k=2)
        >>> float(metric([2, 1], [[0.1, 0.9, 0.8], [0.5, 0.1, 0.4]]))
        0.5
    """

    _update: ClassVar[Op] = mean_op("sparse_top_k_categorical_accuracy", _sparse_top_k)
    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            *(name, dtype), k=_places(k), from_sorted_ids=bool(from_sorted_ids)
        )

    k = option("k", "How many places count.")
    from_sorted_ids = option("from_sorted_ids", "Whether `y_pred` is class numbers.")


def top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5
) -> Tensor:
    """1 where the class is among the k largest predictions, else 0.

    Shapes:
        y_true, y_pred (batch, ..., classes) -> (batch, ...)
    """
    return values_of(_VALUES, y_true, y_pred, k=_places(k))


def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """1 where the class number is among the k largest predictions, else 0.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes)
        -> (batch, ...)
    """
    options = {"k": _places(k), "from_sorted_ids": bool(from_sorted_ids)}
    return values_of(_SPARSE_VALUES, y_true, y_pred, **options)


def _places(k: int) -> int:
    if integer(None, "k", k) < 1:
        raise ArgumentError(
            f"`k` must be at least 1; got {k}. It is the number of largest predictions "
            "among which the class counts as found."
        )
    return operator.index(k)
