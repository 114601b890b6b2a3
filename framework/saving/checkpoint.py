"""Where a training is, as one folder: every variable of a run, and facts beside them.

The folder is written as that of a saved model: whole or not at all, and what is read
back is checked. It holds no structure of a model: the program that goes on makes it.
"""

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from .. import registry
from ..errors import FileContentError, MissingFileError
from ..module import apart_from_weights
from ..recording.launching import updating
from ..variable import Variable
from ..versions import __version__
from . import directory, disk, matching, state

_METRICS, _EXTRA = "metrics", "extra"
_KIND = "a checkpoint of fit()"


def exists(path: str) -> bool:
    """Whether a folder holds a checkpoint."""
    try:
        directory.read(path)
    except MissingFileError:
        return False
    return True


def write(path: str, model: Any, metrics: Iterable[Any], facts: dict[str, Any]) -> None:
    """Write where the training of a model is.

    Args:
        path: The folder.
        model: Its variables, its optimizer's, and the random streams are written.
        metrics: Whose variables are, too.
        facts: What else is to be known, nested; numbers, texts and arrays.

    Raises:
        FileAccessError: if the system refuses; what was there before is unchanged.
    """
    leaves, tree = _parted(facts)
    variables = _variables(model, metrics)
    with updating:  # all of one step, also where other threads train
        arrays = matching.values_of(variables)
        random, streams = state.of_random()
    content = {
        "jaxtape": __version__,
        "kind": _KIND,
        "random": random,
        "slots": [state.groups_by_path(part, model) for part in _optimizers(model)],
        "facts": tree,
    }
    extra = {f"{_EXTRA}/{number}": array for number, array in enumerate(leaves)}
    with disk.telling(f"Saving to {path}", "What was there before is unchanged."):
        directory.write(path, content, {**arrays, **streams, **extra})


def remove(path: str) -> None:
    """Remove a checkpoint, and the folder if nothing else is in it.

    Killed in between, there is none.
    """
    with disk.telling(f"Removing {path}", "The checkpoint is there still."):
        directory.remove(path)


def facts_of(path: str) -> dict[str, Any]:
    """What was noted beside the variables.

    Raises:
        FileContentError: if it is no checkpoint, or a damaged one.
    """
    content, arrays = _read(path)
    return _joined(content["facts"], arrays.values)


def restore(path: str, model: Any, metrics: Iterable[Any]) -> None:
    """Give all variables the values that were written, to the bit; or none.

    Args:
        path: The folder.
        model: A model with weights and slots, like the one that was written.
        metrics: Like those that were.

    Raises:
        FileContentError: if names, shapes or dtypes are not those of the model.
    """
    content, arrays = _read(path)
    _make_slots(model, content["slots"])
    variables = _variables(model, metrics)
    given = {
        name: entry
        for name, entry in arrays.entries.items()
        if not state.is_random(name) and not name.startswith(f"{_EXTRA}/")
    }
    owner = f"{type(model).__name__} '{model.name}', as it is compiled now,"
    if found := matching.differences(owner, given, variables, is_exact=True):
        advice = "Make model, optimizer and metrics as they were, or use a new folder."
        raise matching.refusal(arrays.path, owner, found, advice)
    values = {name: arrays.values[name] for name in given}
    matching.assign(matching.converted(arrays.path, values, variables), variables)
    place = os.path.join(path, directory.DOCUMENT)
    state.restore_random(content["random"], arrays.values, place)


def _read(path: str) -> tuple[dict[str, Any], Any]:
    with disk.telling(f"Loading {path}", "Nothing was changed."):
        content, arrays = directory.read(path)
    if content.get("kind") != _KIND or not isinstance(content.get("random"), dict):
        raise FileContentError(
            f"{path} holds a saved model, not {_KIND}. Give BackupAndRestore a folder "
            "of its own."
        )
    return content, arrays


def _variables(model: Any, metrics: Iterable[Any]) -> dict[str, Variable]:
    found = state.of_model(model)
    for number, optimizer in enumerate(_optimizers(model)):
        for name, variable in state.of_optimizer(optimizer, model).items():
            found[f"{number}/{name}"] = variable
    for number, metric in enumerate(metrics):
        for place, variable in enumerate(metric.variables):
            found[f"{_METRICS}/{number}/{place}"] = variable
    return found


def _optimizers(model: Any) -> list[Any]:
    """The model's optimizer, and those that are its attributes."""
    found = [model.optimizer, *apart_from_weights(model, "optimizer")]
    return list({id(part): part for part in found if part is not None}.values())


def _make_slots(model: Any, groups: list[list[list[str]]]) -> None:
    """Let optimizers make the slots that they had, for the same variables."""
    known = model.variables_by_path()
    for optimizer, rows in zip(_optimizers(model), groups, strict=False):
        for row in rows:
            optimizer.build([known[path] for path in row if path in known])


def _parted(facts: Any) -> tuple[list[np.ndarray], Any]:
    """The arrays in a structure, and the structure with their places instead."""
    arrays: list[np.ndarray] = []

    def part(value: Any) -> Any:
        if isinstance(value, np.ndarray | jax.Array):
            arrays.append(np.asarray(value))
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            return {"dict": {key: part(inner) for key, inner in value.items()}}
        if isinstance(value, list | tuple):
            return [part(inner) for inner in value]
        if isinstance(value, float | np.floating) and not math.isfinite(value):
            return {"float": repr(float(value))}  # which JSON has not
        return registry.serialize(value)

    structure = part(facts)
    return arrays, structure


def _joined(structure: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(structure, list):
        return [_joined(part, arrays) for part in structure]
    if isinstance(structure, dict) and "array" in structure:
        return arrays[f"{_EXTRA}/{structure['array']}"]
    if isinstance(structure, dict) and "float" in structure:
        return float(structure["float"])
    if isinstance(structure, dict) and "dict" in structure:
        inner = structure["dict"].items()
        return {key: _joined(part, arrays) for key, part in inner}
    return registry.restored(structure)
