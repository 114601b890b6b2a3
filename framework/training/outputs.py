"""Outputs: the names of a model's outputs, and what was given for each of them."""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError


def name_outputs(y_pred: Any, names: Sequence[str] | None) -> dict[str, Any]:
    """The outputs of a model by name.

    Args:
        y_pred: A Tensor, or a list, tuple or dictionary of them.
        names: Names of the outputs in a list, if the model has any.

    Raises:
        ArgumentError: for outputs that are nested deeper.
    """
    if isinstance(y_pred, dict):
        found = dict(y_pred)
    elif isinstance(y_pred, list | tuple):
        numbered = [f"output_{number}" for number in range(1, len(y_pred) + 1)]
        known = numbered if names is None or len(names) != len(y_pred) else names
        found = dict(zip(known, y_pred, strict=True))
    else:
        found = {names[0] if names and len(names) == 1 else "output": y_pred}
    for name, output in found.items():
        if isinstance(output, list | tuple | dict) or not hasattr(output, "shape"):
            raise ArgumentError(
                f"A model that is trained by fit() returns a Tensor, or a list or "
                f"dictionary of Tensors; output {name!r} is a {type(output).__name__}. "
                "Return it as an entry of its own, or override train_step."
            )
    return found


def by_output(
    given: Any,
    names: Sequence[str],
    what: str,
    is_one: Callable[[Any], bool],
    repeats: bool = False,
) -> dict[str, Any]:
    """What was given for each output, by the outputs' names; `None` for nothing.

    Args:
        given: One value, a list with one for each output, or a dictionary by name.
        names: Of the outputs.
        what: What messages call it.
        is_one: Whether a value is for one output.
        repeats: Whether one value is for every output.

    Raises:
        ArgumentError: if the number or the names are not those of the outputs.
    """
    if given is None:
        return dict.fromkeys(names)
    if isinstance(given, dict):
        return _by_name(given, names, what)
    if is_one(given):
        if len(names) > 1 and not repeats:
            raise ArgumentError(
                f"The model has {len(names)} outputs ({', '.join(names)}); got one "
                f"value of `{what}`. Give a list with one for each, `None` where there "
                "is none, or a dictionary."
            )
        return dict.fromkeys(names, given)
    values = list(given)
    if len(values) != len(names):
        raise ArgumentError(
            f"`{what}` must have one entry for each of the {len(names)} outputs "
            f"({', '.join(names)}); got {len(values)}."
        )
    return dict(zip(names, values, strict=True))


def _by_name(given: dict, names: Sequence[str], what: str) -> dict[str, Any]:
    unknown = [name for name in given if name not in names]
    if unknown and len(names) == 1 and len(given) == 1:
        return dict.fromkeys(names, next(iter(given.values())))
    if unknown:
        raise ArgumentError(
            f"`{what}` names {unknown[0]!r}, but the outputs of the model are "
            f"{', '.join(map(repr, names))}."
        )
    return {name: given.get(name) for name in names}
