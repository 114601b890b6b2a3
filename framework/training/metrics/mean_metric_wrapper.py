"""MeanMetricWrapper: the mean of a function of one's own."""

from collections.abc import Callable
from typing import Any

from ... import registry
from ...masking import mask_of
from ...recording.tensor import TensorLike
from .mean import Mean


@registry.register_class("metric")
class MeanMetricWrapper(Mean):
    """The mean over samples of fn(y_true, y_pred).

    Args:
        fn: Returns a value for each sample, or for each of its parts.
        name: Default that of the class with a running number.
        dtype: As in `Metric`.
        **kwargs: Further arguments of `fn`.

    Example:
        >>> def distance(y_true, y_pred):
        ...     return jt.abs(jt.subtract(y_true, y_pred))
        >>> float(MeanMetricWrapper(distance)([0.0, 1.0], [2.0, 2.0]))
        1.5
    """

    def __init__(
        self,
        fn: Callable[..., TensorLike],
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take in a batch; see `Mean.update_state`."""
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        self._take_values(values, sample_weight, mask_of(y_pred))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        further = {name: registry.serialize(v) for name, v in self._fn_kwargs.items()}
        return super().get_config() | {"fn": registry.serialize(self._fn)} | further

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MeanMetricWrapper":
        """A metric made from what `get_config` returned, which has seen nothing.

        A function is looked up among the losses and the `custom_objects`.
        """
        return cls(**config | {"fn": registry.get("loss", config["fn"])})
