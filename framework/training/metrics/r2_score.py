"""R2Score: the share of the variance of targets that predictions explain."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import registry
from ...checked import integer, one_of
from ...errors import ArgumentError
from ...masking import mask_of
from ...recording.execution import call
from ...recording.op import Op
from ...recording.tensor import TensorLike, convert
from . import accumulation
from .confusion import ratio
from .metric import Metric
from .running_sums import RunningSums
from .weighing import columns_of, split_inputs

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


def _update(
    sums: jax.Array,
    shift: jax.Array,
    *inputs: jax.Array,
    is_weighted: bool,
    is_masked: bool,
) -> tuple[jax.Array, jax.Array]:
    """Add a batch: weights, targets, their squares, squared errors, numbers.

    Targets count from a shift, the mean of the first batch: the squares of targets
    that are far from 0 would leave no digits for their variance.
    """
    (y_true, y_pred), weight = split_inputs(inputs, is_weighted, is_masked, sums.dtype)
    y_true, y_pred = y_true.astype(sums.dtype), y_pred.astype(sums.dtype)
    weight = columns_of(y_true, weight)
    mean = ratio(jnp.sum(weight * y_true, 0), jnp.sum(weight, 0))
    shift = jnp.where(accumulation.value(sums)[0] == 0, mean, shift)
    from_shift, error = y_true - shift, y_true - y_pred
    parts = (from_shift, jnp.square(from_shift), jnp.square(error))
    is_counted = weight != 0
    terms = [jnp.where(is_counted, weight * part, 0) for part in parts]
    terms = jnp.stack([weight, *terms, is_counted.astype(sums.dtype)])
    sums = accumulation.add_reduced(sums, terms, lambda terms: jnp.sum(terms, 1))
    return sums, shift


def _merge(
    sums: jax.Array, shift: jax.Array, others: jax.Array, other_shift: jax.Array
) -> tuple[jax.Array, jax.Array]:
    weight, from_shift, squares, errors, number = accumulation.value(others)
    shift = jnp.where(accumulation.value(sums)[0] == 0, other_shift, shift)
    step = other_shift - shift
    squares = squares + step * (2 * from_shift + weight * step)
    from_shift = from_shift + weight * step
    terms = jnp.stack([weight, from_shift, squares, errors, number])
    return accumulation.add(sums, terms), shift


def _result(
    sums: jax.Array, *, dtype: np.dtype, aggregation: str | None, regressors: int
) -> jax.Array:
    weight, from_shift, squares, errors, number = accumulation.value(sums)
    variance = jnp.maximum(squares - ratio(jnp.square(from_shift), weight), 0)
    # Targets that are all the same: 1 if they are met, as in scikit-learn.
    same = jnp.where((errors == 0) & (weight > 0), 1.0, 0.0)
    score = jnp.where(variance == 0, same, 1 - ratio(errors, variance))
    if aggregation == "uniform_average":
        score = jnp.mean(score)
    elif aggregation == "variance_weighted_average":
        score = ratio(jnp.sum(variance * score), jnp.sum(variance))
    if regressors:
        left = jnp.sum(number) - regressors - 1
        adjusted = 1 - (1 - score) * (left + regressors) / jnp.where(left > 0, left, 1)
        score = jnp.where(left > 0, adjusted, score)
    return score.astype(dtype)


_WRITES = ((0, 0), (1, 1))
_UPDATE = Op("r2_score", _update, writes=_WRITES)
_MERGE = Op("merge_state", _merge, writes=_WRITES)


@registry.register_class("metric")
class R2Score(RunningSums, is_one_call=True):
    """1 - sum((y_true - y_pred)**2) / sum((y_true - mean(y_true))**2).

    1 for perfect predictions, 0 for what always predicts the mean.

    Args:
        class_aggregation: What becomes of the scores of the columns:
            "uniform_average" (default), their mean; "variance_weighted_average", their
            mean weighted by the variance of their targets; `None` leaves them.
        num_regressors: Number of independent variables, for the adjusted score.
            Default 0, which does not adjust; nor is there anything to adjust where
            there are no more numbers than that.
        name: Default "r2_score".
        dtype: As in `Metric`.

    Shapes:
        y_true, y_pred (batch, columns) -> (), or (columns,) without aggregation

    Raises:
        ArgumentError: for an unknown aggregation or negative `num_regressors`.
        ShapeError: when shown anything but two matrices of the same shape.

    Note:
        Where all targets are the same it is 1 if they are met and else 0, as in
        scikit-learn; Keras has NaN and 0.

    Example:
        >>> metric = R2Score()
        >>> float(metric([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]))
        0.571...
    """

    _direction = "up"
    _result = Op("r2_score", _result)

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        one_of("class_aggregation", class_aggregation, _AGGREGATIONS)
        if integer(self, "num_regressors", num_regressors) < 0:
            raise ArgumentError(
                f"`num_regressors` must not be negative; got {num_regressors}. 0 is "
                "the plain score."
            )
        super().__init__(name, dtype)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self._shift = None
        options = (self._dtype, class_aggregation, num_regressors)
        names = ("dtype", "aggregation", "regressors")
        self._result_options = dict(zip(names, options, strict=True))
        self._result_frozen = options

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            y_true: Targets, a matrix.
            y_pred: Predictions, likewise.
            sample_weight: Factor of each sample, or of each of its values.

        Raises:
            ShapeError: if targets or weights do not fit the predictions.
        """
        values = convert(y_true, name="y_true"), convert(y_pred, name="y_pred")
        self._settle_columns(values[0].shape, values[1].shape, 5)
        if self._shift is None:
            shape, kind = self._sums.shape[2:], self._sums.dtype
            self._shift = self.add_variable(shape, "zeros", kind, name="shift")
        self._take(
            *(_UPDATE, values, ("y_true", "y_pred"), sample_weight),
            *(mask_of(y_pred), {}, (), (self._shift,)),
        )

    def merge_state(self, metrics: Iterable[Metric]) -> None:
        """Take in what other metrics of this kind have been shown; see `Metric`."""
        for other in metrics:
            (sums, others), (shift, other_shift) = self._beside(other)
            call(_MERGE, (sums, shift, others, other_shift))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
