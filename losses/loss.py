"""Loss: the base of all losses, and how the values of samples become one number."""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import registry
from ..framework.checked import one_of
from ..framework.elementwise_losses import mean, same_rank
from ..framework.errors import ArgumentError, ShapeError
from ..framework.masking import mask_of
from ..framework.recording.execution import call
from ..framework.recording.ingest import device_dtype
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike, cast, convert

REDUCTIONS = {
    "sum_over_batch_size": "mean",
    "mean": "mean",
    "sum": "sum",
    "mean_with_sample_weight": "weighted_mean",
    "none": "none",
    None: "none",
}
"""What `reduction` may be, and which of four ways it means."""


class Loss:
    """Base of all losses: subclass it and define `call`.

    Args:
        name: Default the class's name in snake_case.
        reduction: What becomes of the values of the samples: "sum_over_batch_size" or
            "mean", their mean; "sum"; "mean_with_sample_weight", their weighted mean;
            "none" or `None` leaves them. Default "sum_over_batch_size", as in Keras.
        dtype: What targets and predictions are cast to; default that of the
            predictions, or float32 where they are integers.

    Raises:
        ArgumentError: for an unknown reduction or a dtype that is no float's.

    Note:
        Keras's default `dtype` is float32. Here float16 predictions have a float16
        loss, computed in float32.

    Example:
        >>> class Cubed(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return abs(y_pred - y_true) ** 3
        >>> float(Cubed()([0.0, 1.0], [2.0, 1.0]))
        4.0
    """

    registry_kind: ClassVar[str] = "loss"

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        one_of("reduction", reduction, REDUCTIONS)
        self.name = name or registry.snake_case(type(self).__name__)
        self._reduction = reduction
        self._dtype = None if dtype is None else _float_dtype(dtype)

    @property
    def reduction(self) -> str | None:
        """What becomes of the values of the samples."""
        return self._reduction

    @property
    def dtype(self) -> np.dtype | None:
        """What targets and predictions are cast to; `None` is the predictions' own."""
        return self._dtype

    def __call__(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> Tensor:
        """The loss of predictions.

        Args:
            y_true: Targets.
            y_pred: Predictions. Steps that their mask leaves out do not count.
            sample_weight: Factor of each sample, or of each of its values.
        """
        y_pred = convert(y_pred, name="y_pred")
        mask = mask_of(y_pred)
        dtype = result_dtype(y_pred.dtype, self._dtype)
        y_pred = y_pred if y_pred.dtype == dtype else cast(y_pred, dtype)
        y_true = convert(y_true, name="y_true")
        y_true = y_true if y_true.dtype == dtype else cast(y_true, dtype)
        values = convert(self.call(y_true, y_pred), name="call's result")
        weights = as_weights(sample_weight)
        options = {
            "reduction": REDUCTIONS[self._reduction],
            "is_weighted": bool(weights),
        }
        inputs = (values, *weights, *(() if mask is None else (mask,)))
        return call(_REDUCE, inputs, options, tuple(options.values()))

    def call(self, y_true: Any, y_pred: Any) -> TensorLike:
        """The loss of each sample, before weights and reduction."""
        raise NotImplementedError(
            f"{type(self).__name__} must define call(self, y_true, y_pred)."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config: dict[str, Any] = {"name": self.name, "reduction": self._reduction}
        if self._dtype is not None:
            config["dtype"] = self._dtype.name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        """A loss made from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.get_config()}>"


def as_weights(sample_weight: TensorLike | None) -> Sequence[Any]:
    """The sample weights as the inputs of an op: one, or none."""
    if sample_weight is None:
        return ()
    return (convert(sample_weight, name="sample_weight"),)


def reduce_values(
    values: jax.Array,
    sample_weight: jax.Array | None,
    reduction: str,
    mask: jax.Array | None = None,
) -> jax.Array:
    """Weigh the values of the samples and reduce them.

    Args:
        values: One per sample, or per sample and step.
        sample_weight: Factors of the same shape, or of one that broadcasts to it.
        reduction: "mean", "sum", "weighted_mean" or "none".
        mask: Which values count, or which samples; the others leave sum and number.

    Returns:
        In at least float32. The mean of nothing is 0.

    Raises:
        ShapeError: for weights that are more than the values.
    """
    values = values.astype(jnp.promote_types(values.dtype, np.float32))
    if mask is not None and not values.ndim:
        mask = None  # the loss has reduced them itself
    if mask is not None:
        mask = spread(mask, values.shape)
        values = jnp.where(mask, values, 0)  # whatever stands there, NaN too
    weight = _masked(sample_weight, mask, reduction, values.dtype)
    if weight is not None:
        values, weight = _match(values, weight.astype(values.dtype))
        if reduction == "weighted_mean":
            weight = _shares(weight)
            reduction = "sum"
        values = values * weight
    if reduction == "none":
        return values
    return jnp.sum(values) if reduction == "sum" else mean(values)


def result_dtype(prediction_dtype: np.dtype, dtype: np.dtype | None) -> np.dtype:
    """The dtype asked for, else the predictions' if it is a float's, else float32."""
    if dtype is not None:
        return dtype
    is_inexact = jnp.issubdtype(prediction_dtype, jnp.inexact)
    return np.dtype(prediction_dtype) if is_inexact else np.dtype("float32")


def _masked(
    sample_weight: jax.Array | None,
    mask: jax.Array | None,
    reduction: str,
    dtype: np.dtype,
) -> jax.Array | None:
    """Weights that are 0 where the mask is; a mean is over what it leaves."""
    if mask is None:
        return sample_weight
    weight = mask.astype(dtype)
    if reduction == "mean":
        weight = _shares(weight) * mask.size
    if sample_weight is None:
        return weight
    weight, sample_weight = _match(weight, sample_weight.astype(dtype))
    return weight * sample_weight


def spread(mask: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """A mask of the first axes as one of all values.

    Raises:
        ShapeError: if its axes are not the first ones of the values.
    """
    if mask.shape != shape[: mask.ndim]:
        raise ShapeError(
            f"The predictions have a mask of shape {mask.shape}, which must be the "
            f"first axes of the losses; these have shape {shape}. A loss is a mean "
            "over the last axis: give predictions one axis more, such as (n, steps, 1)."
        )
    more = len(shape) - mask.ndim
    return jnp.broadcast_to(mask.reshape(*mask.shape, *[1] * more), shape)


def _match(values: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Both in the shape of the values."""
    shapes = values.shape, weight.shape
    values, weight = same_rank(values, weight)
    try:
        return values, jnp.broadcast_to(weight, values.shape)
    except ValueError:
        raise ShapeError(
            f"`sample_weight` must broadcast to the losses it weighs, which have shape "
            f"{shapes[0]}; got shape {shapes[1]}. For one weight per sample of a "
            "sequence give shape (samples, 1); for vectors of targets and predictions, "
            "whose loss is one number, give these as (n, 1)."
        ) from None


def _shares(weight: jax.Array) -> jax.Array:
    """Weights divided by their sum, as it is what a mean is made of; 0 if that is 0."""
    total = jnp.sum(weight)
    return jnp.where(total == 0, 0, weight / jnp.where(total == 0, 1, total))


def _float_dtype(dtype: Any) -> np.dtype:
    dtype = device_dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ArgumentError(
            f"`dtype` of a loss must be a floating-point type; got {dtype.name}. "
            "For example: 'float32'."
        )
    return dtype


def _reduce(
    values: jax.Array, *rest: jax.Array, reduction: str, is_weighted: bool
) -> jax.Array:
    weight = rest[0] if is_weighted else None
    mask = rest[-1] if len(rest) > is_weighted else None
    dtype = result_dtype(values.dtype, None)
    return reduce_values(values, weight, reduction, mask).astype(dtype)


_REDUCE = Op("loss_reduction", _reduce)
