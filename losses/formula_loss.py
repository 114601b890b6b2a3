"""FormulaLoss: a loss that is one op: its formula, weights and reduction."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework.checked import is_between
from ..framework.errors import ArgumentError
from ..framework.masking import mask_of
from ..framework.recording.execution import call
from ..framework.recording.op import ArrayClass, Op
from ..framework.recording.signature import freeze
from ..framework.recording.tensor import (
    Tensor,
    TensorLike,
    convert,
    from_array,
    partner,
)
from .loss import REDUCTIONS, Loss, as_weights, reduce_values, result_dtype, spread

Formula = Callable[..., Any]


def loss_op(name: str, formula: Formula, mask: Formula | None = None) -> Op:
    """The op of a formula.

    Its inputs are targets, predictions, sample weights if `is_weighted`, the mask of
    the predictions if `is_masked`, then the formula's numbers.

    Args:
        name: What messages call it.
        formula: `(y_true, y_pred, *numbers, **structure)` to one value per sample.
        mask: `(y_true, y_pred, **structure)` to which of the values count, or `None`.
    """

    def loss(
        y_true: jax.Array,
        y_pred: jax.Array,
        *rest: jax.Array,
        reduction: str,
        dtype: np.dtype | None,
        is_weighted: bool,
        is_masked: bool = False,
        **structure: Any,
    ) -> jax.Array:
        weight = rest[0] if is_weighted else None
        given = rest[is_weighted] if is_masked else None
        numbers = rest[is_weighted + is_masked :]
        result = result_dtype(y_pred.dtype, dtype)
        y_pred = y_pred.astype(result)
        values = formula(y_true, y_pred, *numbers, **structure)
        counted = mask(y_true, y_pred, **structure) if mask else None
        if given is not None:
            given = spread(given, values.shape)
            counted = given if counted is None else counted & given
        return reduce_values(values, weight, reduction, counted).astype(result)

    return Op(name, loss)


class FormulaLoss(Loss):
    """A loss whose formula is known, so that a call records one op.

    Between `Loss` and the losses, since a user's own loss has only a `call`.

    Args:
        op: What `loss_op` made.
        name, reduction, dtype: As in `Loss`.
        numbers: The formula's numbers by name; inputs of the op, so that changing one
            does not compile again.
        structure: The formula's options by name; structure of the program.
    """

    def __init__(
        self,
        op: Op,
        name: str | None,
        reduction: str | None,
        dtype: Any,
        numbers: Mapping[str, float] | None = None,
        **structure: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self._op = op
        self._arguments = structure | dict(numbers or {})
        self._numbers = _nonzero(numbers or {})
        plain = {"reduction": REDUCTIONS[reduction], "dtype": self._dtype, **structure}
        self._options = plain | {"is_weighted": False}
        self._frozen = (freeze(self._options),)
        self._weighted_options = plain | {"is_weighted": True}
        self._weighted_frozen = (freeze(self._weighted_options),)
        self._has_own_call = type(self).call is not FormulaLoss.call

    def __call__(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> Tensor:
        """The loss of predictions; see `Loss.__call__`."""
        if self._has_own_call:
            return super().__call__(y_true, y_pred, sample_weight)
        if y_pred.__class__ is not Tensor:
            y_pred = convert(y_pred, name="y_pred")
            if mask_of(y_pred) is not None:
                return self._call_masked(y_true, y_pred, sample_weight)
        if y_true.__class__ is not Tensor:
            is_array = y_true.__class__ is ArrayClass
            y_true = from_array(y_true) if is_array else convert(y_true, name="y_true")
        self._inspect(y_true, y_pred)
        inputs = (y_true, y_pred)
        if sample_weight is None and not self._numbers:
            return call(self._op, inputs, self._options, self._frozen)
        numbers = [partner(y_pred, number) for number in self._numbers]
        if sample_weight is None:
            return call(self._op, (*inputs, *numbers), self._options, self._frozen)
        inputs = (*inputs, *as_weights(sample_weight), *numbers)
        return call(self._op, inputs, self._weighted_options, self._weighted_frozen)

    def _call_masked(
        self, y_true: TensorLike, y_pred: Tensor, sample_weight: TensorLike | None
    ) -> Tensor:
        """The loss of predictions some of which do not count."""
        options = self._options if sample_weight is None else self._weighted_options
        inputs = (convert(y_true, name="y_true"), y_pred, *as_weights(sample_weight))
        numbers = [partner(y_pred, number) for number in self._numbers]
        mask: Any = mask_of(y_pred)
        options = options | {"is_masked": True}
        return call(self._op, (*inputs, mask, *numbers), options, (freeze(options),))

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The loss of each sample, before weights and reduction."""
        options = self._options | {"reduction": "none"}
        return _call(self._op, y_true, y_pred, self._numbers, options)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | self._arguments

    def _inspect(self, y_true: Any, y_pred: Any) -> None:
        """Hook: look at values that are on the host anyway."""


def per_sample(
    op: Op,
    y_true: TensorLike,
    y_pred: TensorLike,
    numbers: Mapping[str, float] | None = None,
    **structure: Any,
) -> Tensor:
    """The loss of each sample: what the function of a loss returns."""
    options = {"reduction": "none", "dtype": None, **structure, "is_weighted": False}
    return _call(op, y_true, y_pred, _nonzero(numbers or {}), options)


def _call(
    op: Op,
    y_true: TensorLike,
    y_pred: TensorLike,
    numbers: Sequence[float],
    options: dict[str, Any],
) -> Tensor:
    y_pred = convert(y_pred, name="y_pred")
    inputs = (convert(y_true, name="y_true"), y_pred)
    scalars = [partner(y_pred, number) for number in numbers]
    return call(op, (*inputs, *scalars), options, (freeze(options),))


def _nonzero(numbers: Mapping[str, float]) -> tuple[float, ...]:
    """What a formula takes in; a number that is 0 leaves its part of it out."""
    return tuple(number for number in numbers.values() if number)


def option(name: str, doc: str) -> Any:
    """A property that shows one of the arguments a loss was made with."""

    def read(self: FormulaLoss) -> Any:
        return self._arguments[name]

    return property(read, doc=doc)


def smoothing(value: float) -> Mapping[str, float]:
    """`label_smoothing` as the number of a formula.

    Raises:
        ArgumentError: unless it is from 0 to 1.
    """
    if not is_between(value, 0, 1):
        raise ArgumentError(
            f"`label_smoothing` must be from 0 to 1; got {value!r}. 0 leaves the "
            "targets as they are."
        )
    return {"label_smoothing": value}


def on_host(x: Any) -> np.ndarray | None:
    """The values of a handle that holds a NumPy array, without waiting for anything."""
    value = x._value
    return value if value.__class__ is np.ndarray else None


def warn_of_logits(y_pred: Any, name: str, level: int) -> None:
    """Warn of probabilities outside of 0 to 1, where they are on the host.

    Args:
        y_pred: The predictions.
        name: The loss that expects probabilities.
        level: How many frames up the user's line is.
    """
    host = on_host(y_pred)
    if host is None or not host.size or not jnp.issubdtype(host.dtype, jnp.floating):
        return
    low, high = float(host.min()), float(host.max())
    if low < -1e-3 or high > 1 + 1e-3:
        warnings.warn(
            f"{name} expected probabilities in `y_pred`; got values from {low:.4g} to "
            f"{high:.4g}. If these are logits, pass from_logits=True.",
            stacklevel=level + 1,
        )
