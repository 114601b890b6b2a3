"""Mean of values over all batches: what most metrics are."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ... import registry
from ...masking import mask_of
from ...recording.op import Op
from ...recording.tensor import Tensor, TensorLike
from . import accumulation
from .running_sums import RunningSums
from .weighing import per_sample, split_inputs, weighed, weights_for

Formula = Callable[..., Any]


def mean_op(name: str, formula: Formula, counted: Formula | None = None) -> Op:
    """The op that takes the mean of a formula further.

    Args:
        name: What messages call it.
        formula: From the values that the metric is shown, and the options of its
            structure, to one value for each sample or for each of its parts.
        counted: From the same to which of the values count, or `None` for all.
    """

    def update(
        sums: jax.Array,
        *inputs: jax.Array,
        is_weighted: bool,
        is_masked: bool,
        **structure: Any,
    ) -> jax.Array:
        inputs, weight = split_inputs(inputs, is_weighted, is_masked, sums.dtype)
        values = formula(*inputs, **structure)
        counts = counted(*inputs, **structure) if counted else None
        if counts is not None:
            counts = counts.astype(sums.dtype)
            weight = counts if weight is None else weights_for(values, weight) * counts
        if weight is None:
            count = jnp.asarray(values.shape[0] if values.ndim else 1, sums.dtype)
            return jnp.stack(
                [
                    _add_unweighted(sums[:, 0], values),
                    accumulation.add(sums[:, 1], count),
                ],
                axis=1,
            )
        terms, weight = weighed(values.astype(sums.dtype), weight)
        total = accumulation.add_all(sums[:, 0], per_sample(terms))
        count = accumulation.add_all(sums[:, 1], per_sample(weight))
        return jnp.stack([total, count], axis=1)

    return Op(name, update, writes=((0, 0),))


def _add_unweighted(sums: jax.Array, values: jax.Array) -> jax.Array:
    if values.dtype == bool and values.ndim == 1:  # a count is exact in any order
        count = jnp.sum(values, dtype=np.int32)
        return accumulation.add(sums, count.astype(sums.dtype))
    return accumulation.add_all(sums, per_sample(values.astype(sums.dtype)))


def mean_result(name: str, formula: Formula = lambda mean: mean) -> Op:
    """The op of a result that comes from the mean; 0 of nothing."""

    def result(sums: jax.Array, *, dtype: np.dtype) -> jax.Array:
        total, count = accumulation.value(sums)
        is_empty = count == 0
        mean = jnp.where(is_empty, 0, total / jnp.where(is_empty, 1, count))
        return formula(mean).astype(dtype)

    return Op(name, result)


_OP = mean_op("mean", lambda values: values)


@registry.register_class("metric")
class Mean(RunningSums, is_one_call=True):
    """sum(weight * value) / sum(weight) of all values since the last reset.

    Right to 1e-6 over any number of batches: sums are kept with what float32 loses.

    Args:
        name: Default "mean".
        dtype: As in `Metric`.

    Note:
        The mean of nothing, or with weights that are all 0, is 0. A value whose weight
        is 0 does not count, even if it is NaN. Keras has two variables, `total` and
        `count`; here both are parts of one, and these attributes show them.

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> mean.update_state([8.0], sample_weight=[2.0])
        >>> float(mean.result())
        5.0
    """

    _result: ClassVar[Op] = mean_result("mean_result")

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._add_sums((2,))

    @property
    def total(self) -> Tensor:
        """The sum of all values, each times its weight."""
        return self._sums[0, 0] + self._sums[1, 0]

    @property
    def count(self) -> Tensor:
        """The sum of all weights, 1 for each sample without one."""
        return self._sums[0, 1] + self._sums[1, 1]

    def update_state(
        self, values: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Take in values.

        Args:
            values: A number, or some for each sample; the mean of a sample counts.
            sample_weight: Factor of each sample, or of each of its values.

        Raises:
            ShapeError: for weights that do not broadcast to the values.
        """
        self._take_values(values, sample_weight, mask_of(values))

    def _take_values(
        self, values: TensorLike, sample_weight: TensorLike | None, mask: Any
    ) -> None:
        self._take(_OP, (values,), ("values",), sample_weight, mask, {}, ())
