"""F scores: precision and recall of each class in one number."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import registry
from ...checked import is_between, one_of
from ...errors import ArgumentError
from ...masking import mask_of
from ...recording.op import Op
from ...recording.tensor import TensorLike, convert
from . import accumulation
from .confusion import ratio
from .running_sums import RunningSums
from .weighing import columns_of, split_inputs

_MOST = 1e9  # its square is a float32
_AVERAGES = (None, "micro", "macro", "weighted")
_NOTHING = 1e-9
"""Predictions that are not larger are no class, even if they are the largest, as in
Keras."""


def _update(
    sums: jax.Array,
    *inputs: jax.Array,
    is_weighted: bool,
    is_masked: bool,
    threshold: float | None,
) -> jax.Array:
    """Add a batch: true positives, false positives, false negatives of each class."""
    (y_true, y_pred), weight = split_inputs(inputs, is_weighted, is_masked, sums.dtype)
    y_true, y_pred = y_true.astype(sums.dtype), y_pred.astype(sums.dtype)
    if threshold is None:
        largest = jnp.max(y_pred, -1, keepdims=True)
        found = (y_pred >= largest) & (jnp.abs(y_pred) > _NOTHING)
    else:
        found = y_pred > threshold
    right, wrong = jnp.where(found, y_true, 0), jnp.where(found, 1 - y_true, 0)
    terms = jnp.stack([right, wrong, y_true - right])
    terms = columns_of(y_true, weight) * terms
    axes = (1, 2) if sums.ndim == 2 else 1
    return accumulation.add_reduced(sums, terms, lambda terms: jnp.sum(terms, axes))


def _result(
    sums: jax.Array, *, dtype: np.dtype, average: str | None, beta: float
) -> jax.Array:
    right, wrong, missed = accumulation.value(sums)
    both = (1 + beta**2) * right
    score = ratio(both, both + beta**2 * missed + wrong)
    if average == "weighted":
        score = ratio(jnp.sum(score * (right + missed)), jnp.sum(right + missed))
    elif average is not None:
        score = jnp.mean(score)
    return score.astype(dtype)


_UPDATE = Op("f_score", _update, writes=((0, 0),))


@registry.register_class("metric")
class FBetaScore(RunningSums, is_one_call=True):
    """(1 + b**2) precision recall / (b**2 precision + recall), of each class.

    Args:
        average: What becomes of the scores of the classes: `None` (default) leaves
            them; "macro", their mean; "weighted", their mean weighted by how often the
            class is right; "micro", one score of all decisions together.
        beta: b, how much more recall counts than precision. Default 1.
        threshold: What predictions of a class must exceed, from 0 to 1. Default
            `None`: the largest prediction of a row is the class.
        name: Default "fbeta_score".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, classes) -> (), or (classes,) without average

    Raises:
        ArgumentError: for an unknown average, or a beta or threshold out of range.
        ShapeError: when shown anything but two matrices of the same shape.

    Note:
        A class that neither stands in the targets nor is predicted has the score 0, as
        in Keras.

    Example:
        >>> metric = FBetaScore(beta=2.0, threshold=0.5)
        >>> y_pred = [[0.2, 0.6], [0.2, 0.6], [0.6, 0.8]]
        >>> metric([[1, 1], [1, 0], [1, 1]], y_pred).numpy()
        array([0.384..., 0.909...], dtype=float32)
    """

    _direction = "up"
    _result = Op("f_score", _result)

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        one_of("average", average, _AVERAGES)
        if not is_between(beta, 0, _MOST) or beta == 0:
            raise ArgumentError(
                f"`beta` must be positive and at most {_MOST:.0e}; got {beta!r}. 1 "
                "weighs precision and recall alike."
            )
        is_share = is_between(threshold, 0, 1) and threshold != 0
        if threshold is not None and not is_share:
            raise ArgumentError(
                f"`threshold` must be above 0 and at most 1; got {threshold!r}. "
                "Without one the largest prediction of a row is the class."
            )
        super().__init__(name, dtype)
        self.average, self.beta, self.threshold = average, float(beta), threshold
        self._structure = {"threshold": None if threshold is None else float(threshold)}
        self._result_frozen = (self._dtype, average, self.beta)
        names = ("dtype", "average", "beta")
        self._result_options = dict(zip(names, self._result_frozen, strict=True))
        if average == "micro":
            self._add_sums((3,))

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            y_true: One-hot or multi-hot targets, a matrix.
            y_pred: Predictions, likewise.
            sample_weight: Factor of each sample.

        Raises:
            ShapeError: if targets or weights do not fit the predictions.
        """
        values = convert(y_true, name="y_true"), convert(y_pred, name="y_pred")
        self._settle_columns(values[0].shape, values[1].shape, 3)
        self._take(
            *(_UPDATE, values, ("y_true", "y_pred"), sample_weight, mask_of(y_pred)),
            *(self._structure, tuple(self._structure.values())),
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


@registry.register_class("metric")
class F1Score(FBetaScore):
    """2 precision recall / (precision + recall), of each class.

    Args:
        average: As in `FBetaScore`.
        threshold: As in `FBetaScore`.
        name: Default "f1_score".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, classes) -> (), or (classes,) without average

    Example:
        >>> metric = F1Score(average="macro")
        >>> float(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]]))
        0.333...
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        del config["beta"]
        return config
