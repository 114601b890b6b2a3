"""AUC: the area under a curve of decisions at all thresholds."""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ... import registry
from ...checked import integer, number, one_of, optional_integer, text
from ...errors import ArgumentError, ArgumentTypeError, ShapeError
from ...recording.op import Op
from ...recording.tensor import TensorLike, convert
from .confusion import Confusion, Counts, counts_of, parse_thresholds, ratio

_BEYOND = 1e-7
"""How far the first and the last threshold are beyond 0 and 1, as in Keras."""

_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = {
    "interpolation": lambda x, y: (x + y) / 2,
    "minoring": jnp.minimum,
    "majoring": jnp.maximum,
}


def _area(
    sums: jax.Array,
    *,
    dtype: np.dtype,
    curve: str,
    method: str,
    label_weights: tuple[float, ...] | None,
) -> jax.Array:
    counts = counts_of(sums)
    if curve == "PR" and method == "interpolation":
        parts = _interpolated(counts)
    else:
        x, y = _POINTS[curve](counts)
        parts = (x[:-1] - x[1:]) * _SUMMATIONS[method](y[:-1], y[1:])
    areas = jnp.sum(parts, 0)
    if label_weights is None:
        return jnp.mean(areas).astype(dtype)
    weights = jnp.asarray(label_weights, areas.dtype)
    return ratio(jnp.sum(areas * weights), jnp.sum(weights)).astype(dtype)


def _roc(counts: Counts) -> tuple[jax.Array, jax.Array]:
    negatives = counts.false_positives + counts.true_negatives
    positives = counts.true_positives + counts.false_negatives
    rate = ratio(counts.false_positives, negatives)
    return rate, ratio(counts.true_positives, positives)


def _precision_recall(counts: Counts) -> tuple[jax.Array, jax.Array]:
    found = counts.true_positives + counts.false_positives
    positives = counts.true_positives + counts.false_negatives
    recall = ratio(counts.true_positives, positives)
    return recall, ratio(counts.true_positives, found)


def _gains(counts: Counts) -> tuple[jax.Array, jax.Array]:
    """Recall and precision, each as a gain over taking all for positive."""
    true, false, negative, missed = counts
    odds = ratio(true + missed, negative + false)
    is_none = true == 0
    recall = jnp.where(is_none, 0, 1 - odds * ratio(missed, true))
    precision = jnp.where(is_none, 1, 1 - odds * ratio(false, true))
    return jnp.maximum(recall, 0), precision


def _interpolated(counts: Counts) -> jax.Array:
    """Areas between thresholds: precision over recall, positives changing linearly.

    With t true and p all positives, t = slope p + rest between two thresholds, and the
    integral of t / p by t is slope (dt + rest log(p_low / p_high)).
    """
    true = counts.true_positives
    positives = true + counts.false_negatives
    found = true + counts.false_positives
    change = true[:-1] - true[1:]
    slope = ratio(change, found[:-1] - found[1:])
    rest = true[1:] - slope * found[1:]
    has_log = (found[:-1] > 0) & (found[1:] > 0)
    quotient = jnp.where(has_log, ratio(found[:-1], found[1:]), 1)
    area = slope * (change + rest * jnp.log(jnp.where(has_log, quotient, 1)))
    return ratio(area, positives[1:])


_MOST = 10**6  # thresholds: more would cost memory, and no curve is that fine
_POINTS = {"ROC": _roc, "PR": _precision_recall, "PRGAIN": _gains}


@registry.register_class("metric")
class AUC(Confusion, is_one_call=True):
    """The area under the curve that decisions at many thresholds make.

    That of the ROC curve is the share of pairs of a positive and a negative in which
    the positive has the larger prediction. Predictions are counted in buckets between
    thresholds, so the area is that of a curve through these points: with n thresholds
    that are spread like the predictions it is right to about 1 / n.

    Args:
        num_thresholds: How many there are, evenly spread over 0 to 1. Default 200, as
            in Keras.
        curve: "ROC": true positive rate over false positive rate; "PR": precision over
            recall; "PRGAIN": their gains over what chance gives. Default "ROC".
        summation_method: "interpolation": of ROC the trapezoids, of PR the curve along
            which both kinds of positives change linearly; "minoring" and "majoring": a
            bound from below and above. Default "interpolation".
        name: Default "auc" with a running number.
        dtype: As in `Metric`.
        thresholds: Thresholds of your own instead, from 0 to 1; the two ends are added.
        multi_label: Whether each column has an area of its own, of which the mean
            counts. Default false: all entries are one set of decisions.
        num_labels: Number of columns; default that of the first batch.
        label_weights: Weight of each column: in the mean with `multi_label`, else of
            its decisions.
        from_logits: Whether predictions are logits. Default false.

    Shapes:
        y_true, y_pred (batch, ...) -> ()

    Raises:
        ArgumentError: for an unknown curve or summation, less than 2 thresholds or
            more than a million, one that is not from 0 to 1, or `num_labels` without
            `multi_label`.
        ShapeError: with `multi_label`, for predictions that are no matrix.

    Note:
        Where there are only positives or only negatives it is 0, as in Keras.

    Example:
        >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.75

    References:
        Davis and Goadrich, 2006, section 4 (interpolation of PR).
        Flach and Kull, 2015 (PRGAIN).
    """

    _result: ClassVar[Op] = Op("auc", _area)
    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        inner = _inner_thresholds(num_thresholds, thresholds)
        weights = _weights(self, label_weights)
        super().__init__(
            *([-_BEYOND, *inner, 1 + _BEYOND], name, dtype),
            is_clipped=True,
            is_even=thresholds is None,
            from_logits=bool(from_logits),
            is_by_label=bool(multi_label),
            label_weights=None if multi_label else weights,
        )
        self.num_thresholds = len(inner) + 2
        self.curve = one_of("curve", text(self, "curve", curve).upper(), _CURVES)
        method = text(self, "summation_method", summation_method).lower()
        self.summation_method = one_of("summation_method", method, _SUMMATIONS)
        self._given_thresholds = None if thresholds is None else inner
        self.multi_label = bool(multi_label)
        self.num_labels = optional_integer(self, "num_labels", num_labels)
        self.label_weights, self.from_logits = weights, bool(from_logits)
        averaged = weights if multi_label else None
        self._result_options = {
            "dtype": self._dtype,
            "curve": self.curve,
            "method": method,
            "label_weights": averaged,
        }
        self._result_frozen = (self._dtype, self.curve, method, averaged)
        if num_labels is not None and not multi_label:
            raise ArgumentError(
                f"`num_labels` is {num_labels}, but `multi_label` is false. Set it, or "
                "leave `num_labels` out."
            )
        if num_labels is not None and num_labels < 1:
            raise ArgumentError(f"`num_labels` must be at least 1; got {num_labels}.")
        if not multi_label or num_labels is not None:
            labels = () if num_labels is None else (num_labels,)
            self._add_sums((2, self.num_thresholds + 1, *labels))

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, with the two that were added."""
        return self._bounds.numpy().tolist()

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take in a batch; see `Confusion.update_state`."""
        if self.multi_label:
            y_pred = convert(y_pred, name="y_pred")
            self._settle_labels(y_pred.shape)
        super().update_state(y_true, y_pred, sample_weight)

    def _settle_labels(self, shape: tuple[int, ...]) -> None:
        """Make a histogram for each column, if there is none yet."""
        columns = None if self._sums is None else self._sums.shape[-1]
        if len(shape) != 2 or columns not in (None, shape[-1]):
            raise ShapeError(
                f"AUC('{self.name}') with multi_label=True expected predictions of "
                f"shape (samples, {columns or 'labels'}); got shape {shape}. Without "
                "it, predictions may have any shape."
            )
        if self._sums is None:
            self._add_sums((2, self.num_thresholds + 1, shape[-1]))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        weights = self.label_weights
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if weights is None else list(weights),
            "from_logits": self.from_logits,
        }
        if self._given_thresholds is not None:
            config["thresholds"] = self._given_thresholds
        return config


def _inner_thresholds(count: int, given: Sequence[float] | None) -> list[float]:
    if given is not None:
        is_list = hasattr(given, "__iter__") and not isinstance(given, str)
        return sorted(parse_thresholds(list(given) if is_list else [given], 0.5))
    if not 2 <= integer(None, "num_thresholds", count) <= _MOST:
        raise ArgumentError(
            f"`num_thresholds` must be from 2 to {_MOST:,}; got {count}. The default "
            "is 200."
        )
    return [(place + 1) / (count - 1) for place in range(count - 2)]


def _weights(owner: object, given: Any) -> tuple[float, ...] | None:
    if given is None:
        return None
    if not hasattr(given, "__iter__") or isinstance(given, str):
        raise ArgumentTypeError(
            f"`label_weights` must be a list of numbers; got {given!r}."
        )
    return tuple(number(owner, "label_weights", weight) for weight in given)
