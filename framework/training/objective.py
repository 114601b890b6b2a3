"""Objective: the losses of a model's outputs, as `compile` was given them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import registry
from ..errors import ArgumentError, ArgumentTypeError
from ..recording.node import Handle
from ..recording.tensor import Tensor, convert
from .outputs import by_output, name_outputs


class Objective:
    """A loss for each output, weighted and summed.

    Args:
        loss: Name, function or object; or a list or dictionary of them, by output.
        loss_weights: A factor for each, in a list or dictionary. Default 1.
        names: Names of the model's outputs, if it has any.

    Raises:
        ArgumentError: for an unknown name, with the closest known one.
        ArgumentTypeError: for what is no loss.
    """

    def __init__(
        self, loss: Any, loss_weights: Any, names: Sequence[str] | None
    ) -> None:
        self._given, self._weights, self._names = loss, loss_weights, names
        self._losses = _resolved(loss)
        _check_weights(loss_weights)

    @property
    def losses(self) -> list[Any]:
        """All loss objects, each once."""
        found = self._losses
        values = found.values() if isinstance(found, dict) else found
        values = values if isinstance(found, dict | list) else [found]
        return [loss for loss in values if loss is not None]

    def check_labels(self, y: Any, y_pred: Any) -> None:
        """Refuse labels on the host that are no classes, before anything is compiled.

        Args:
            y: All targets, as arrays.
            y_pred: Shapes and dtypes of the outputs for a batch.

        Raises:
            ArgumentError: for the first such label, with its row.
        """
        outputs = name_outputs(y_pred, self._names)
        names = list(outputs)
        losses = by_output(self._losses, names, "loss", _is_loss, repeats=True)
        targets = by_output(y, names, "y", lambda value: hasattr(value, "shape"))
        for name, loss in losses.items():
            check = getattr(loss, "check_labels", None)
            given = targets[name]
            if check is not None and isinstance(given, np.ndarray):
                check(convert(given), (len(given), *outputs[name].shape[1:]))

    def parts(
        self, y: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """The loss of each output by its name, and all of them with their factors.

        Args:
            y: Targets, nested as the outputs, or by their names.
            y_pred: The outputs.
            sample_weight: Factors of the samples: for all outputs, or for each.

        Raises:
            ArgumentError: if targets, losses or weights are not those of the outputs,
                or a loss is not one number.
        """
        outputs = name_outputs(y_pred, self._names)
        names = list(outputs)
        losses = by_output(self._losses, names, "loss", _is_loss, repeats=True)
        factors = by_output(self._weights, names, "loss_weights", _is_number)
        targets = by_output(y, names, "y", _is_tensor)
        weights = by_output(
            sample_weight, names, "sample_weight", _is_tensor, repeats=True
        )
        found, weighted = {}, []
        for name, loss in losses.items():
            if loss is None:
                continue
            if targets[name] is None:
                raise ArgumentError(
                    f"The loss of output {name!r} needs targets; got no `y` for it. "
                    "Give fit(x, y), or batches (x, y)."
                )
            value = loss(targets[name], outputs[name], sample_weight=weights[name])
            if value.shape != ():
                raise ArgumentError(
                    f"The loss of output {name!r} must be one number; "
                    f"{loss.name} returned shape {value.shape}. Use a `reduction`."
                )
            found[name] = value
            factor = factors[name]
            weighted.append(value if factor is None else value * float(factor))
        return found, weighted


def _resolved(loss: Any) -> Any:
    if isinstance(loss, dict):
        return {name: _as_loss(part) for name, part in loss.items()}
    if isinstance(loss, list | tuple):
        return [_as_loss(part) for part in loss]
    return _as_loss(loss)


def _as_loss(loss: Any) -> Any:
    """A loss object from what stands for one; functions become objects too."""
    found = registry.get("loss", loss)
    if found is None or hasattr(found, "reduction"):
        return found
    if not callable(found):
        raise ArgumentTypeError(
            f"`loss` must be a name such as 'mse', a function of (y_true, y_pred) or a "
            f"jt.losses.Loss; got {type(loss).__name__} {loss!r}."
        )
    if getattr(found, "__module__", "").partition(".")[0] == __name__.partition(".")[0]:
        words = found.__name__.split("_")  # its class is one op, and checks labels
        return registry.find("loss", "".join(map(str.capitalize, words)))()
    return registry.find("loss", "FunctionLoss")(found)


def _check_weights(loss_weights: Any) -> None:
    values = loss_weights
    if isinstance(loss_weights, dict):
        values = list(loss_weights.values())
    for value in values if isinstance(values, list | tuple) else [values]:
        if value is not None and not _is_number(value):
            raise ArgumentTypeError(
                f"`loss_weights` must be numbers, in a list or a dictionary by the "
                f"names of the outputs; got {loss_weights!r}."
            )


def _is_loss(value: Any) -> bool:
    return not isinstance(value, list | tuple | dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Handle)
