"""RunningSums: the base of metrics that come from sums over samples."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ...errors import NotBuiltError, ShapeError
from ...recording.execution import call
from ...recording.op import Op
from ...recording.tensor import Tensor, TensorLike, convert
from ...variable import Variable
from . import accumulation
from .metric import Metric


class RunningSums(Metric):
    """A metric whose state is one array of sums, each with what it has lost.

    Between `Metric` and the metrics of this folder: an update is one op on one
    variable, and the sums stay exact however many batches there are.
    """

    _result: ClassVar[Op]
    """`(sums, dtype=)` to the result."""

    def __init__(self, name: str | None, dtype: Any) -> None:
        super().__init__(name, dtype)
        self._sums: Any = None  # a Variable, once the number of columns is known
        self._result_options: dict[str, Any] = {"dtype": self._dtype}
        self._result_frozen: tuple = (self._dtype,)

    def _add_sums(self, shape: Sequence[int]) -> None:
        """Make the sums, of this shape, in at least float32."""
        kind = jnp.promote_types(self._dtype, "float32")
        self._sums = self.add_variable((2, *shape), "zeros", kind, name="sums")

    def _settle_columns(
        self, y_true: tuple[int, ...], y_pred: tuple[int, ...], rows: int
    ) -> None:
        """Make the sums of the columns of matrices, if there are none yet.

        Args:
            y_true: Shape of the targets.
            y_pred: Shape of the predictions.
            rows: How many sums there are of each column.

        Raises:
            ShapeError: if these are no matrices of the same shape, or have other
                columns than those before.
        """
        columns = None if self._sums is None else self._sums.shape[2:]
        is_known = not columns or columns == y_pred[-1:]
        if len(y_pred) != 2 or y_true != y_pred or not is_known:
            wanted = columns[0] if columns else "columns"
            raise ShapeError(
                f"{type(self).__name__}('{self.name}') expected two matrices of shape "
                f"(samples, {wanted}); got `y_true` of shape {y_true} and `y_pred` of "
                f"shape {y_pred}. Reshape vectors to (samples, 1)."
            )
        if self._sums is None:
            self._add_sums((rows, *y_pred[-1:]))

    def _take(
        self,
        op: Op,
        values: Sequence[TensorLike],
        names: Sequence[str],
        sample_weight: TensorLike | None,
        mask: Tensor | None,
        options: dict[str, Any],
        frozen: tuple,
        further: Sequence[Variable] = (),
    ) -> None:
        """Call an op that assigns the sums.

        Args:
            op: From the sums, values, weights and the mask, if there are any, to sums.
            values: What the metric is shown.
            names: What messages call them.
            sample_weight: How much of it counts.
            mask: What of it counts.
            options: Of the op, beside `is_weighted` and `is_masked`.
            frozen: `options` in hashable form.
            further: Variables that it assigns beside the sums.
        """
        inputs: list[Any] = [self._sums, *further]
        inputs += [convert(x, name=n) for x, n in zip(values, names, strict=True)]
        is_weighted, is_masked = sample_weight is not None, mask is not None
        if is_weighted:
            inputs.append(convert(sample_weight, name="sample_weight"))
        if is_masked:
            inputs.append(mask)
        options = {**options, "is_weighted": is_weighted, "is_masked": is_masked}
        call(op, inputs, options, (*frozen, is_weighted, is_masked))

    def result(self) -> Tensor:
        """What all batches since the last reset come to."""
        if self._sums is None:
            raise NotBuiltError(
                f"{type(self).__name__}('{self.name}') has no result yet: the number "
                "of columns is not known before the first batch. Call update_state "
                "first."
            )
        options, frozen = self._result_options, self._result_frozen
        return call(self._result, (self._sums,), options, frozen)

    def merge_state(self, metrics: Iterable[Metric]) -> None:
        """Take in what other metrics of this kind have been shown; see `Metric`."""
        for other in metrics:
            for mine, theirs in self._beside(other):
                call(_MERGE, (mine, theirs))


def _merge(sums: jax.Array, others: jax.Array) -> jax.Array:
    return accumulation.add(accumulation.add(sums, others[0]), others[1])


_MERGE = Op("merge_state", _merge, writes=((0, 0),))
