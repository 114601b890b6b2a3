"""Requests: what a tape is asked for, checked and flattened."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from . import nesting
from .errors import ArgumentError, ArgumentTypeError, ShapeError
from .recording.node import Handle
from .recording.site import user_level
from .recording.tensor import Tensor, convert, from_array


def flatten(
    structure: Any, role: str, caller: str = "gradient()"
) -> tuple[list[Any], Any]:
    """The handles in a structure, and how they nest, as `nested` takes it.

    Raises:
        ArgumentTypeError: for anything else in it.
    """
    if structure.__class__ is list:
        for handle in structure:
            if not isinstance(handle, Handle) or not handle._type.is_inexact:
                break
        else:
            return structure, None
    elif isinstance(structure, Handle) and structure._type.is_inexact:
        return [structure], _ALONE
    flat, tree = nesting.flatten(structure, is_leaf)
    for handle in flat:
        _check_handle(handle, role, caller)
        if not handle._type.is_inexact:
            _warn_of_integer(handle, role, caller)
    return flat, tree


_ALONE: Any = jax.tree.structure(0)  # of a handle by itself


def handles_in(structure: Any, role: str, caller: str) -> list[Any]:
    """The Tensors and Variables in a structure.

    Raises:
        ArgumentTypeError: for anything else in it.
    """
    handles = jax.tree.leaves(structure, is_leaf=is_leaf)
    for handle in handles:
        _check_handle(handle, role, caller)
    return handles


def single(handle: Any, role: str, caller: str) -> Any:
    """A handle that must not be a structure of them.

    Raises:
        ArgumentTypeError: for anything else.
    """
    if isinstance(handle, list | tuple | dict):
        raise ArgumentTypeError(
            f"{caller} expected one Tensor or Variable as {role}; got a "
            f"{type(handle).__name__} of {len(handle)}. Ask for each in a call of its "
            "own, on a tape with persistent=True."
        )
    flat, _ = flatten((handle,), role, caller)
    return flat[0]


def nested(tree: Any, found: Sequence[Any]) -> Any:
    """Results in the structure that was flattened."""
    if tree is None:  # a plain list
        return list(found)
    return found[0] if tree is _ALONE else jax.tree.unflatten(tree, found)


def is_leaf(value: Any) -> bool:
    """Whether a value stands in a structure for itself."""
    return value is None or isinstance(value, Handle)


def _check_handle(handle: Any, role: str, caller: str) -> None:
    if not isinstance(handle, Handle):
        raise ArgumentTypeError(
            f"{caller} expected a Tensor or Variable as {role}; got "
            f"{type(handle).__name__}. Only what jaxtape computed can be "
            "differentiated: convert inputs with jt.constant and watch them."
        )


def _warn_of_integer(handle: Any, role: str, caller: str) -> None:
    warnings.warn(
        f"The {role} of {caller} has dtype {handle.dtype.name}, so the derivative is "
        "None: only floating-point values have one. Cast it: jt.cast(x, 'float32').",
        stacklevel=user_level(),
    )


def weights_for(
    handles: Sequence[Any], given: Any, name: str, role: str, may_be_none: bool = False
) -> list[Tensor | None]:
    """For each handle the Tensor given for it, checked against its shape.

    Args:
        handles: Targets or sources.
        given: A structure with one entry for each.
        name: The argument's name, for messages.
        role: What the handles are called.
        may_be_none: Whether `None` may stand for an entry.
    """
    flat = jax.tree.leaves(given, is_leaf=is_leaf)
    if len(flat) != len(handles):
        fix = "; None stands for ones" if may_be_none else ""
        ending = "" if len(handles) == 1 else "s"
        raise ArgumentError(
            f"`{name}` has {len(flat)} entries for {len(handles)} {role}{ending}. "
            f"Give one Tensor for each {role}{fix}; a list of numbers counts as many "
            "entries, so write jt.constant([1.0, 2.0])."
        )
    found: list[Tensor | None] = []
    for position, (handle, value) in enumerate(zip(handles, flat, strict=True)):
        if value is None and may_be_none:
            found.append(None)
            continue
        weight = convert(value, name=f"{name}[{position}]")
        if weight.shape != handle.shape:
            raise ShapeError(
                f"`{name}[{position}]` has shape {weight.shape}, but its {role} has "
                f"shape {handle.shape}. Give it the {role}'s shape."
            )
        found.append(weight)
    return found


def wants_zeros(unconnected: Any) -> bool:
    """Whether zeros stand where no path leads from source to target."""
    if unconnected == "none":  # nearly always
        return False
    value = getattr(unconnected, "value", unconnected)
    if value not in ("none", "zero"):
        raise ArgumentError(
            f"`unconnected_gradients` must be 'none' or 'zero'; got {value!r}."
        )
    return value == "zero"


def ones(shape: tuple[int, ...], dtype: Any) -> Tensor:
    """What a target is weighted by where nothing else was asked for."""
    return from_array(np.ones(shape, dtype))


def zeros(shape: tuple[int, ...], dtype: Any) -> Tensor:
    """What stands for a derivative that is zero because there is no path."""
    return from_array(np.zeros(shape, dtype))
