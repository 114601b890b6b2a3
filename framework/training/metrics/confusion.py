"""Confusions: right and wrong decisions at thresholds, as one histogram.

A prediction falls into the bucket of the number of thresholds that it exceeds. The
weights of the samples in each bucket, those of label 0 and of label 1 apart, are all
that counts at every threshold come from.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...checked import is_between
from ...elementwise_losses import same_rank
from ...errors import ArgumentError, ShapeError
from ...masking import mask_of
from ...recording.op import Op
from ...recording.signature import freeze
from ...recording.tensor import TensorLike, convert
from . import accumulation
from .running_sums import RunningSums
from .weighing import split_inputs, weights_for

LOWEST = -1e10
"""What predictions below the top k become, and the threshold that the others exceed."""


_FEW = 8
"""Thresholds up to which comparing with each is faster than a search."""


class Counts(NamedTuple):
    """Sums of weights at each threshold, in rising order."""

    true_positives: jax.Array
    false_positives: jax.Array
    true_negatives: jax.Array
    false_negatives: jax.Array


def counts_of(sums: jax.Array) -> Counts:
    """The counts at each threshold, from the histogram.

    Shapes:
        (2, 2, thresholds + 1, ...) -> four of (thresholds, ...)
    """
    buckets = accumulation.value(sums)
    above = jnp.flip(jnp.cumsum(jnp.flip(buckets[:, 1:], 1), 1), 1)
    below = jnp.cumsum(buckets[:, :-1], 1)
    return Counts(above[1], above[0], below[0], below[1])


def ratio(x: jax.Array, y: jax.Array) -> jax.Array:
    """X / y, and 0 where y is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


class Confusion(RunningSums, is_one_call=True):
    """A metric of decisions at thresholds.

    Between `RunningSums` and the metrics that count right and wrong decisions.

    Args:
        thresholds: In rising order.
        name: As in `Metric`.
        dtype: As in `Metric`.
        structure: What is done to predictions first; see `_histogram`.
    """

    def __init__(
        self,
        thresholds: Sequence[float],
        name: str | None,
        dtype: Any,
        **structure: Any,
    ) -> None:
        super().__init__(name, dtype)
        self._bounds = convert(np.asarray(thresholds, np.float32), name="thresholds")
        self._structure = structure
        self._frozen_structure = (freeze(structure),)

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            y_true: Labels; what is not 0 is a positive.
            y_pred: Predictions, as many as labels.
            sample_weight: Factor of each sample, or of each of its values.

        Raises:
            ShapeError: if labels or weights do not fit the predictions.
        """
        self._take(
            *(_UPDATE, (self._bounds, y_true, y_pred), _NAMES, sample_weight),
            *(mask_of(y_pred), self._structure, self._frozen_structure),
        )


_NAMES = ("thresholds", "y_true", "y_pred")


def _histogram(
    sums: jax.Array,
    *inputs: jax.Array,
    is_weighted: bool,
    is_masked: bool,
    top_k: int | None = None,
    class_id: int | None = None,
    is_clipped: bool = False,
    is_even: bool = False,
    from_logits: bool = False,
    is_by_label: bool = False,
    label_weights: tuple[float, ...] | None = None,
) -> jax.Array:
    """Take a batch into the histogram.

    Args:
        sums: Its buckets.
        inputs: Thresholds, labels, predictions, then weights and the mask if any.
        is_weighted: Whether there are weights.
        is_masked: Whether there is a mask.
        top_k: How many predictions of a row count; the others exceed no threshold.
        class_id: The class that counts alone.
        is_clipped: Whether predictions outside of 0 to 1 count as 0 and 1.
        is_even: Whether the thresholds divide 0 to 1 evenly.
        from_logits: Whether predictions are logits.
        is_by_label: Whether each column has a histogram of its own.
        label_weights: Factors of the columns.
    """
    (bounds, y_true, y_pred), weight = split_inputs(
        inputs, is_weighted, is_masked, sums.dtype
    )
    values, y_true = _fitting(y_pred.astype(sums.dtype), y_true)
    if label_weights is not None:
        weight = jnp.ones_like(values) if weight is None else weight
        weight = weights_for(values, weight) * jnp.asarray(label_weights, sums.dtype)
    weight = None if weight is None else weights_for(values, weight)
    if top_k is not None:
        values = _only_top(values, top_k)
    if class_id is not None:
        values, y_true = values[..., class_id], y_true[..., class_id]
        weight = None if weight is None else weight[..., class_id]
    if from_logits:
        values = jax.nn.sigmoid(values)
    if is_clipped:
        values = jnp.clip(values, 0, 1)
    place = y_true.astype(bool) * (bounds.size + 1) + _buckets(values, bounds, is_even)
    if is_by_label:
        place = place * values.shape[-1] + jnp.arange(values.shape[-1])
    return _add(sums, place.ravel(), None if weight is None else weight.ravel())


def _add(sums: jax.Array, place: jax.Array, weight: jax.Array | None) -> jax.Array:
    """Sums of buckets, and more weights, each at its place."""
    shape = sums.shape[1:]

    def summed(terms: jax.Array) -> jax.Array:
        return jax.ops.segment_sum(terms, place, math.prod(shape)).reshape(shape)

    if weight is None:  # a count is exact in any order
        count = summed(jnp.ones(place.shape, np.int32))
        return accumulation.add(sums, count.astype(sums.dtype))
    return accumulation.add_reduced(sums, weight, summed)


def _buckets(values: jax.Array, bounds: jax.Array, is_even: bool) -> jax.Array:
    """How many thresholds each value exceeds; none if it is not defined."""
    is_none = jnp.isnan(values)
    values = jnp.where(is_none, 0, values)
    if is_even:
        found = _even_buckets(values, bounds)
    else:
        method = "compare_all" if bounds.size <= _FEW else "scan_unrolled"
        found = jnp.searchsorted(bounds, values, side="left", method=method)
    return jnp.where(is_none, 0, found)


def _even_buckets(values: jax.Array, bounds: jax.Array) -> jax.Array:
    """The same for values from 0 to 1 and thresholds that divide it evenly.

    The quotient may be rounded to the next one, which the thresholds themselves show.
    """
    guess = jnp.ceil(values * (bounds.size - 1)).astype(np.int32)
    guess = jnp.clip(guess, 1, bounds.size - 1)
    is_beyond, is_before = bounds[guess] < values, bounds[guess - 1] >= values
    return guess + is_beyond.astype(np.int32) - is_before.astype(np.int32)


def _only_top(values: jax.Array, k: int) -> jax.Array:
    """The k largest values of each row; of equal ones the first."""
    if k > values.shape[-1]:
        raise ShapeError(
            f"`top_k` is {k}, but `y_pred` has shape {values.shape}, with "
            f"{values.shape[-1]} predictions in a row. Choose a smaller `top_k`."
        )
    _, places = jax.lax.top_k(values, k)
    is_top = jax.nn.one_hot(places, values.shape[-1], dtype=bool).any(-2)
    return jnp.where(is_top, values, LOWEST)


def _fitting(values: jax.Array, y_true: jax.Array) -> tuple[jax.Array, jax.Array]:
    shapes = y_true.shape, values.shape
    values, y_true = same_rank(values, y_true)
    if values.shape != y_true.shape:
        raise ShapeError(
            f"Labels and predictions must have the same shape; got `y_true` of shape "
            f"{shapes[0]} and `y_pred` of shape {shapes[1]}. Give a label of 0 or 1 "
            "for each prediction; of class numbers make these by one_hot."
        )
    return values, y_true


def parse_thresholds(thresholds: Any, default: float) -> list[float]:
    """Thresholds that a user gave: none, one or several.

    Raises:
        ArgumentError: for one that is not from 0 to 1.
    """
    if thresholds is None:
        return [default]
    given = thresholds if isinstance(thresholds, list | tuple) else [thresholds]
    for threshold in given:
        if not is_between(threshold, 0, 1):
            raise ArgumentError(
                f"`thresholds` must be from 0 to 1; got {threshold!r}. They are "
                "compared with probabilities; for logits give thresholds=0."
            )
    return [float(threshold) for threshold in given]


_UPDATE = Op("confusion", _histogram, writes=((0, 0),))
