"""Compiled: what `compile` was given, and the programs that were made of it."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import jax

from ..recording.body import is_handle
from ..recording.site import user_level
from ..recording.tensor import convert
from ..tape import GradientTape
from .data import unpack_x_y_sample_weight
from .measures import Measures
from .metrics import Mean
from .objective import Objective
from .programs import Steps, mask_rows


class Compiled:
    """How a model is trained, and the state of its metrics.

    Args:
        arguments: Those of `compile`, by name.
        names: Names of the model's outputs, if it has any.

    Attributes:
        arguments: Those of `compile`.
        objective: The losses; `None` without.
        measures: The metrics of the outputs.
        loss_tracker: The mean loss of the samples.
        counted: Which samples of the present batch count; `None` for all.
        programs: The steps by mode and kind of data.
        pace: Seconds of a step by the same keys, as far as known.
    """

    def __init__(self, arguments: dict[str, Any], names: Sequence[str] | None) -> None:
        self.arguments = arguments
        self._names = names
        loss, weights = arguments["loss"], arguments["loss_weights"]
        self.objective = None if loss is None else Objective(loss, weights, names)
        self.measures = Measures(
            arguments["metrics"], arguments["weighted_metrics"], names
        )
        self.loss_tracker = Mean(name="loss")
        self.counted: Any = None
        self._trackers: dict[str, Mean] = {}
        self.programs: dict[Any, Steps] = {}
        self.pace: dict[Any, float] = {}

    def __deepcopy__(self, memo: dict) -> "Compiled":
        # Metrics are state: a copy has its own.
        return Compiled(copy.deepcopy(self.arguments, memo), self._names)

    def __reduce__(self) -> Any:
        return Compiled, (self.arguments, self._names)

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, those of several outputs, then the metrics."""
        return [self.loss_tracker, *self._trackers.values(), *self.measures.metrics]

    @property
    def keys(self) -> list[str]:
        """The keys of logs: the loss, the losses of several outputs, the metrics."""
        return ["loss", *self._trackers, *self.measures.keys]

    def results(self) -> dict[str, Any]:
        """What the metrics say, by the keys of logs."""
        losses = {key: mean.result() for key, mean in self._trackers.items()}
        return {"loss": self.loss_tracker.result(), **losses, **self.measures.results()}

    def loss(self, added: list[Any], y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The losses of all outputs and those that are added, summed."""
        if self.objective is not None:
            parts, weighted = self.objective.parts(y, y_pred, sample_weight)
            if len(parts) > 1:
                self._track(parts, y_pred)
            added = [*weighted, *added]
        if not added:
            return None
        total = added[0]
        for value in added[1:]:
            total = total + value
        return total

    def _track(self, parts: dict[str, Any], y_pred: Any) -> None:
        count = number_of(y_pred, self.counted)
        for name, value in parts.items():
            key = f"{name}_loss"
            if key not in self._trackers:
                self._trackers[key] = Mean(name=key)
            self._trackers[key].update_state(value, sample_weight=count)


def number_of(structure: Any, counted: Any) -> Any:
    """How many samples there are, or of them count."""
    if counted is not None:
        return convert(counted.astype("float32")).sum()
    leaves = jax.tree.leaves(structure, is_leaf=is_handle)
    first = next((leaf for leaf in leaves if is_handle(leaf) and leaf.shape), None)
    return 1.0 if first is None else float(first.shape[0])


def predict(model: Any, x: Any, training: bool = False) -> Any:
    """Call a model, with `training` if its `call` has that argument."""
    return model(x, training=training) if model._takes_training else model(x)


def learn(model: Any, data: Any, counted: Any = None) -> tuple[Any, Any, Any, Any]:
    """A step of training: gradients of the loss, an update, the mean loss.

    Args:
        model: A compiled model.
        data: Inputs, targets and sample weights.
        counted: Which samples count; default all.

    Returns:
        Inputs, targets, outputs and sample weights, for the metrics.
    """
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    with GradientTape() as tape:
        y_pred = predict(model, x, True)
        loss = _loss_of(model, (x, y, y_pred, sample_weight, True), counted)
    variables = model.trainable_variables
    if variables:
        gradients = tape.gradient(loss, variables)
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    else:
        warnings.warn(
            f"Model '{model.name}' has no trainable variables: fit() computes its loss "
            "and metrics only. Is `trainable` false?",
            stacklevel=user_level(),
        )
    return x, y, y_pred, sample_weight


def judge(model: Any, data: Any, counted: Any = None) -> tuple[Any, Any, Any, Any]:
    """A step of evaluation: the mean loss; arguments and results as of `learn`."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    y_pred = predict(model, x, False)
    _loss_of(model, (x, y, y_pred, sample_weight, False), counted)
    return x, y, y_pred, sample_weight


def _loss_of(model: Any, arguments: tuple, counted: Any) -> Any:
    """The loss of a batch, which is taken into the mean."""
    compiled = model._require_compiled("fit")
    y_pred = arguments[2]
    if counted is not None:
        mask_rows(y_pred, counted)
    compiled.counted = counted
    try:
        loss = model.compute_loss(*arguments)
    finally:
        compiled.counted = None
    compiled.loss_tracker.update_state(loss, sample_weight=number_of(y_pred, counted))
    return loss
