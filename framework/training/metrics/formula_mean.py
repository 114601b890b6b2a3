"""FormulaMean: a metric that is the mean of a known formula."""

from typing import Any, ClassVar

import jax
import numpy as np

from ...masking import mask_of
from ...recording.execution import call
from ...recording.op import Op
from ...recording.signature import freeze
from ...recording.tensor import Tensor, TensorLike, convert
from .mean import Formula, Mean


class FormulaMean(Mean, is_one_call=True):
    """The mean of a formula of targets and predictions, as one op.

    Between `Mean` and the metrics of this folder, each of which has a formula.

    Args:
        name, dtype: As in `Metric`.
        structure: The formula's options by name.
    """

    _update: ClassVar[Op]
    """What `mean_op` made."""

    def __init__(self, name: str | None, dtype: Any, **structure: Any) -> None:
        super().__init__(name, dtype)
        self._structure = structure
        self._frozen_structure = (freeze(structure),)

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            y_true: Targets.
            y_pred: Predictions. Where they carry a mask, what it leaves out does not
                count.
            sample_weight: Factor of each sample, or of each of its values.

        Raises:
            ShapeError: if targets or weights do not fit the predictions.
        """
        self._take(
            *(self._update, (y_true, y_pred), ("y_true", "y_pred"), sample_weight),
            *(mask_of(y_pred), self._structure, self._frozen_structure),
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | self._structure


def option(name: str, doc: str) -> Any:
    """A property that shows one of the formula's options."""

    def read(self: FormulaMean) -> Any:
        return self._structure[name]

    return property(read, doc=doc)


def values_op(name: str, formula: Formula) -> Op:
    """The op of a formula alone, which answers in float32 what is true."""

    def values(y_true: jax.Array, y_pred: jax.Array, **structure: Any) -> jax.Array:
        return formula(y_true, y_pred, **structure).astype(np.float32)

    return Op(name, values, is_differentiable=False)


def values_of(
    op: Op, y_true: TensorLike, y_pred: TensorLike, **structure: Any
) -> Tensor:
    """What the function of a metric returns: a value for each sample."""
    inputs = (convert(y_true, name="y_true"), convert(y_pred, name="y_pred"))
    return call(op, inputs, structure, (freeze(structure),))
