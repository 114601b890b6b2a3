"""LearningRateSchedule: the step size as a function of the number of updates."""

from typing import Any, ClassVar

from ...framework import registry
from ...framework.errors import ArgumentError
from ...framework.module import accepted_arguments


class LearningRateSchedule:
    """Base of schedules: a subclass says in `__call__` which rate a step has.

    It is given to an optimizer as its `learning_rate`, and becomes a part of the
    program of the update: nothing is launched or compiled for a new rate.

    Example:
        >>> class Halving(jt.optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.5 ** jt.cast(step, "float32")
        >>> float(Halving()(3))
        0.125
    """

    registry_kind: ClassVar[str] = "schedule"
    """Where the registry has the classes that configs name."""

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many updates, counted from 0."""
        raise NotImplementedError(
            f"{type(self).__name__} has no formula: define __call__(self, step), which "
            "returns the learning rate."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, from the attributes of the same names.

        Raises:
            ArgumentError: for an argument that is no attribute.
        """
        return {name: self._written(name) for name in accepted_arguments(type(self))}

    def _written(self, name: str) -> Any:
        if not hasattr(self, name):
            raise ArgumentError(
                f"{type(self).__name__} has no attribute `{name}`, which is an "
                f"argument of its constructor, so its config cannot be made. Keep it "
                f"in __init__ (self.{name} = {name}), or define get_config."
            )
        return registry.plain(getattr(self, name))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A schedule from what `get_config` returned."""
        return cls(**{name: registry.restored(part) for name, part in config.items()})


def check_positive(schedule: LearningRateSchedule, name: str, value: float) -> None:
    """Raise unless a number of steps is positive; the fraction done would be 0/0.

    Raises:
        ArgumentError: names the schedule and the argument.
    """
    if not value > 0:
        raise ArgumentError(
            f"{type(schedule).__name__} expected a positive `{name}`, a number of "
            f"updates; got {value}. For a rate that does not change, give the "
            "optimizer a number."
        )
