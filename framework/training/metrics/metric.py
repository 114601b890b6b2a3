"""Metric: the base of all metrics, a module that remembers what it was shown."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import jax
import numpy as np

from ... import initializers
from ...dtypes import as_dtype
from ...errors import ArgumentError
from ...module import Module
from ...recording import execution
from ...recording.ingest import device_dtype
from ...recording.node import current
from ...recording.tensor import Tensor
from ...variable import Variable


class Metric(Module):
    """Base of all metrics: subclass it, define `update_state` and `result`.

    A metric gathers what it is shown in variables, batch by batch, and says in
    `result()` what that comes to. It may be updated in a plain loop, under a tape, in
    a `jt.function` and in recorded loops: all that it knows is in its variables, made
    by `add_variable` in the constructor and changed by `assign`. No gradient goes
    through an update, and outside of a tape an update is one program.

    Args:
        name: Default the class's name in snake_case with a running number.
        dtype: What `result` returns, and the default of `add_variable`. Default
            float32.

    Raises:
        ArgumentError: for a 64-bit dtype while `jt.config.enable_x64()` is off.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest", dtype=None):
        ...         super().__init__(name, dtype)
        ...         self.seen = self.add_variable((), "zeros", name="seen")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         errors = jt.abs(jt.constant(y_true) - jt.constant(y_pred))
        ...         self.seen.assign(jt.maximum(self.seen, jt.reduce_max(errors)))
        ...     def result(self):
        ...         return self.seen.value
        >>> metric = Largest()
        >>> metric.update_state([0.0, 1.0], [2.0, 1.5])
        >>> float(metric.result())
        2.0
    """

    starts_itself = False

    registry_kind: ClassVar[str] = "metric"
    """Where the registry has the classes that configs name."""

    holds_weights: ClassVar[bool] = False

    _direction: str | None = None
    """Which way is better, "up" or "down"; what has none is asked for by its name."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name)
        self._dtype = device_dtype(as_dtype(dtype or "float32"))

    def __init_subclass__(cls, is_one_call: bool = False, **options: Any) -> None:
        """Make an update one program.

        Args:
            is_one_call: Whether `update_state` calls a single op, which is one program
                by itself.
            options: For other bases.
        """
        super().__init_subclass__(**options)
        own = cls.__dict__.get("update_state")
        if own is not None and not is_one_call:
            cls.update_state = _as_region(own)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the result."""
        return self._dtype

    def add_variable(
        self,
        shape: Sequence[int] | int = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this metric, which no tape watches.

        Args:
            shape: Its shape. Default scalar.
            initializer: Name or callable that gives the first value. Default zeros.
                `reset_state` sets zeros whatever it is, as in Keras.
            dtype: Element type. Default the metric's.
            aggregation: No effect; there for Keras's sake.
            name: Default "variable".
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        kind = device_dtype(as_dtype(dtype or self._dtype))
        draw = initializers.get("zeros" if initializer is None else initializer)
        # A metric may be made, or first updated, inside a function that JAX traces.
        with execution.detached(), jax.ensure_compile_time_eval():
            variable = Variable(
                lambda: draw(shape, kind),
                trainable=False,
                name=f"{self.name}/{name or 'variable'}",
                dtype=kind,
            )
        self._added = [*self.__dict__.get("_added", ()), variable]
        return variable

    def add_weight(
        self,
        shape: Sequence[int] | int = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Another name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, *args: Any, **options: Any) -> None:
        """Take in a batch. Subclasses must define it."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `update_state`. Define "
            "`def update_state(self, y_true, y_pred, sample_weight=None): ...`."
        )

    def result(self) -> Any:
        """What all batches since the last reset come to: a scalar, or a dictionary."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `result`. Define `def result(self): ...` "
            "and return a Tensor."
        )

    def reset_state(self) -> None:
        """Forget all batches: set every variable to zeros."""
        for variable in self.variables:
            zeros = np.zeros(variable.shape, variable.dtype)
            variable.assign(zeros, read_value=False)

    def reset_states(self) -> None:
        """Another name of `reset_state`."""
        self.reset_state()

    def merge_state(self, metrics: Iterable["Metric"]) -> None:
        """Take in what other metrics of this kind have been shown, by adding it.

        Args:
            metrics: Metrics of the same class, made with the same arguments.

        Raises:
            ArgumentError: for a metric whose variables are others.
        """
        for other in metrics:
            pairs = self._beside(other)
            for mine, theirs in pairs:
                mine.assign_add(theirs.value, read_value=False)

    def _beside(self, other: "Metric") -> list[tuple[Variable, Variable]]:
        """My variables with those of another metric."""
        mine, theirs = self.variables, other.variables
        if [v.shape for v in mine] != [v.shape for v in theirs]:
            raise ArgumentError(
                f"{type(self).__name__}('{self.name}') has variables of shapes "
                f"{[v.shape for v in mine]} and cannot take in the state of {other}, "
                f"which has {[v.shape for v in theirs]}. Merge metrics of one class "
                "that were made with the same arguments and have seen data."
            )
        return list(zip(mine, theirs, strict=True))

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Update, then return the result."""
        self.update_state(*args, **options)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "dtype": self._dtype.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A metric made from what `get_config` returned, which has seen nothing."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def __str__(self) -> str:
        return repr(self)


def _as_region(update: Callable) -> Callable:
    """An update whose calls are recorded, and run as one program where it ends."""

    @functools.wraps(update)
    def updating(self: Metric, *args: Any, **options: Any) -> Tensor | None:
        recording = current()
        is_region = not recording.depth
        # A step that waits for its update to run takes in the metric's.
        waits = recording.node is not None and recording.node.parent is not None
        if is_region:
            recording.depth = 1
        try:
            result = update(self, *args, **options)
        finally:
            if is_region:
                current().depth -= 1
        if is_region and not waits:
            execution.run(current())
        return result

    return updating
