"""`compiled_loss` and `compiled_metrics`: how a `train_step` of TensorFlow 2 asks."""

from collections.abc import Sequence
from typing import Any

from ..recording.tensor import Tensor
from .compiled import Compiled, number_of


class CompiledLoss:
    """The losses of `compile`, as a function.

    Args:
        compiled: What `compile` was given.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Tensor:
        """The loss of a batch, which is taken into the mean loss.

        Args:
            y_true: Targets.
            y_pred: Outputs.
            sample_weight: Factors of the samples.
            regularization_losses: Added to it; `model.losses`.
        """
        added = list(regularization_losses or ())
        loss = self._compiled.loss(added, y_true, y_pred, sample_weight)
        count = number_of(y_pred, None)
        self._compiled.loss_tracker.update_state(loss, sample_weight=count)
        return loss


class CompiledMetrics:
    """The metrics of `compile`, as one.

    Args:
        compiled: What `compile` was given.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._measures = compiled.measures

    @property
    def metrics(self) -> list[Any]:
        """The metric objects."""
        return self._measures.metrics

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into all of them."""
        self._measures.update(y_true, y_pred, sample_weight)
