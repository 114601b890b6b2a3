"""What a run consists of besides a model's structure: every variable by a name.

Names start with a folder: `weights` for the model's variables, `generators` for random
streams that layers own, `optimizer` for counts and slots, `random` for the streams
behind `jt.random`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import random
from ..errors import ArgumentError, FileContentError
from ..generator import Generator
from ..module import Module
from ..variable import Variable

WEIGHTS, OPTIMIZER = "weights", "optimizer"
_GENERATORS, _RANDOM = "generators", "random"
_MAIN, _STREAMS = f"{_RANDOM}/main", f"{_RANDOM}/streams"


def of_model(model: Module) -> dict[str, Variable]:
    """The variables of a model, and the states of generators that its layers own."""
    found = {
        f"{WEIGHTS}/{path}": part for path, part in model.variables_by_path().items()
    }
    for path, module in model.modules_by_path().items():
        for name, generator in _generators_of(module):
            found["/".join(filter(None, (_GENERATORS, path, name)))] = generator.state
    return found


def _generators_of(module: Module) -> Iterator[tuple[str, Generator]]:
    for attribute, value in list(module.__dict__.items()):
        if not attribute.startswith("_kept_"):
            yield from _generators_in(attribute, value)


def _generators_in(name: str, value: Any) -> Iterator[tuple[str, Generator]]:
    if isinstance(value, Generator):
        yield name, value
    elif isinstance(value, list | tuple | dict):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _generators_in(f"{name}/{str(key).replace('/', '_')}", part)


def of_optimizer(optimizer: Any, model: Module) -> dict[str, Variable]:
    """The variables of an optimizer, its slots by the paths of what they belong to.

    Raises:
        ArgumentError: if it has slots of variables that are not the model's.
    """
    paths = {id(part): path for path, part in model.variables_by_path().items()}
    strangers = [
        variable.name
        for group in optimizer.groups()
        for variable in group
        if id(variable) not in paths
    ]
    if strangers:
        raise ArgumentError(
            f"Optimizer '{optimizer.name}' has updated variables that are not in "
            f"{type(model).__name__} '{model.name}': {', '.join(strangers[:5])}. Make "
            "them attributes of the model, or pass include_optimizer=False."
        )
    return {
        f"{OPTIMIZER}/{name}": variable
        for name, variable in optimizer.variables_for(paths).items()
    }


def groups_by_path(optimizer: Any, model: Module) -> list[list[str]]:
    """The paths of the variables that an optimizer was built with, in its order."""
    paths = {id(part): path for path, part in model.variables_by_path().items()}
    return [[paths[id(part)] for part in group] for group in optimizer.groups()]


def of_random() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The streams behind `jt.random`: what goes into the document, and arrays."""
    state = random.get_state()
    facts = {
        "seed": state["seed"],
        "keys": list(state["keys"]),
        "streams": list(state["by_seed"]),
    }
    arrays = {f"{_STREAMS}/{seed}": words for seed, words in state["by_seed"].items()}
    return facts, {_MAIN: state["main"], **arrays}


def restore_random(facts: Any, arrays: Mapping[str, np.ndarray], path: str) -> None:
    """Let the streams behind `jt.random` go on from where `of_random` was called.

    Raises:
        FileContentError: if something is missing.
    """
    try:
        seed, keys, streams = facts["seed"], facts["keys"], facts["streams"]
        state = {
            "seed": None if seed is None else int(seed),
            "keys": (int(keys[0]), int(keys[1])),
            "main": _words(arrays[_MAIN]),
            "by_seed": {
                int(seed): _words(arrays[f"{_STREAMS}/{seed}"]) for seed in streams
            },
        }
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FileContentError(
            f"{path} does not say where the random streams are: {error!r}. It was not "
            "written by model.save()."
        ) from None
    random.set_state(state)


def streams_kept(model: Module) -> Callable[[], None]:
    """Remember where all random streams are; what puts them back there."""
    common = random.get_state()
    own = [
        (generator.state, generator.state.numpy())
        for module in model.modules_by_path().values()
        for _, generator in _generators_of(module)
    ]

    def put_back() -> None:
        random.set_state(common)
        for variable, value in own:
            variable.assign(value)

    return put_back


def is_of_training(name: str) -> bool:
    """Whether a name is of the optimizer or of a stream behind `jt.random`."""
    return name.startswith(f"{OPTIMIZER}/") or is_random(name)


def is_random(name: str) -> bool:
    """Whether a name is that of a stream behind `jt.random`."""
    return name.startswith(f"{_RANDOM}/")


def _words(array: np.ndarray) -> np.ndarray:
    if array.shape != (2,) or array.dtype != np.uint32:
        raise ValueError(f"two uint32 words expected, got {array.dtype}{array.shape}")
    return array
