"""FunctionLoss: a function of targets and predictions as a loss."""

from collections.abc import Callable
from typing import Any

from ..framework import registry
from ..framework.elementwise_losses import same_rank
from ..framework.errors import ArgumentTypeError
from ..framework.recording.tensor import TensorLike
from .loss import Loss


@registry.register("loss", ("FunctionLoss", "LossFunctionWrapper"))
class FunctionLoss(Loss):
    """Mean of fn(y_true, y_pred), as `compile(loss=fn)` has it.

    Args:
        fn: Takes targets and predictions; returns one value per sample, or a scalar.
        reduction: As in `Loss`.
        name: Default the function's.
        dtype: As in `Loss`.
        **kwargs: Further arguments of `fn`.

    Example:
        >>> cubed = FunctionLoss(lambda y_true, y_pred: abs(y_pred - y_true) ** 3)
        >>> float(cubed([0.0, 1.0], [2.0, 1.0]))
        4.0
    """

    def __init__(
        self,
        fn: Callable,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if not callable(fn):
            raise ArgumentTypeError(
                "`fn` of FunctionLoss must be a function of targets and predictions; "
                f"got {fn!r}."
            )
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> TensorLike:
        """What the function returns.

        Targets (n,) and predictions (n, 1) come to it as (n, 1) both, as in Keras;
        broadcast against each other they would be n * n differences.
        """
        return self.fn(*same_rank(y_true, y_pred), **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        fn = {"fn": registry.serialize(self.fn)}
        return super().get_config() | fn | self._fn_kwargs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FunctionLoss":
        """A loss made from what `get_config` returned."""
        return cls(**{**config, "fn": registry.deserialize("loss", config["fn"])})
