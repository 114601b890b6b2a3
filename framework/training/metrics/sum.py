"""Sum of values over all batches."""

from typing import Any, ClassVar

import jax
import numpy as np

from ... import registry
from ...masking import mask_of
from ...recording.op import Op
from ...recording.tensor import Tensor, TensorLike
from . import accumulation
from .running_sums import RunningSums
from .weighing import split_inputs, weighed


def _add(
    sums: jax.Array, *inputs: jax.Array, is_weighted: bool, is_masked: bool
) -> jax.Array:
    (values,), weight = split_inputs(inputs, is_weighted, is_masked, sums.dtype)
    values = values.astype(sums.dtype)
    terms = values if weight is None else weighed(values, weight)[0]
    return accumulation.add_all(sums, terms)


def _sum_result(sums: jax.Array, *, dtype: np.dtype) -> jax.Array:
    return accumulation.value(sums).astype(dtype)


_ADD = Op("sum", _add, writes=((0, 0),))
_RESULT = Op("sum_result", _sum_result)


@registry.register_class("metric")
class Sum(RunningSums, is_one_call=True):
    """sum(weight * value) of all values since the last reset.

    Args:
        name: Default "sum".
        dtype: As in `Metric`.

    Example:
        >>> total = Sum()
        >>> total.update_state([1.0, 3.0], sample_weight=[2.0, 1.0])
        >>> float(total.result())
        5.0
    """

    _result: ClassVar[Op] = _RESULT

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._add_sums(())

    def update_state(
        self, values: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Take in values; see `Mean.update_state`."""
        self._take(_ADD, (values,), ("values",), sample_weight, mask_of(values), {}, ())

    @property
    def total(self) -> Tensor:
        """The sum of all values, each times its weight."""
        return self._sums[0] + self._sums[1]
