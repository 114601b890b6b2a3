"""Matching arrays on disk with the variables they are for: all or nothing."""

import contextlib
import difflib
import warnings
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..errors import FileContentError
from ..recording import execution
from ..recording.launching import updating
from ..recording.node import current
from ..recording.site import user_level
from ..variable import Variable
from .tensor_file import Entry

_MOST_LISTED = 20


def differences(
    owner: str,
    entries: Mapping[str, Entry],
    variables: Mapping[str, Variable],
    is_exact: bool = False,
) -> dict[str, str]:
    """The names at which a file and variables do not match, each with a line on how.

    Args:
        owner: What has the variables, for messages.
        entries: What the file holds.
        variables: What it is for.
        is_exact: Whether every dtype must be the same; otherwise floats may have
            another width.
    """
    missing = [name for name in variables if name not in entries]
    extra = [name for name in entries if name not in variables]
    found = {
        name: f"missing in the file: {name} {_kind(variables[name])}"
        f"{_near(name, extra)}"
        for name in missing
    }
    for name in extra:
        near = _near(name, missing or list(variables))
        found[name] = f"not in {owner}: {name} {_kind(entries[name])}{near}"
    for name in variables.keys() & entries.keys():
        given, wanted = entries[name], variables[name]
        is_fit = given.shape == wanted.shape
        if not is_fit or not _fits(given.dtype, wanted.dtype, is_exact):
            found[name] = (
                f"{name}: {_kind(given)} in the file, {_kind(wanted)} expected"
            )
    return found


def refusal(
    path: str, owner: str, found: Mapping[str, str], advice: str
) -> FileContentError:
    """The error that lists all differences."""
    lines = sorted(found.values())
    shown = lines[:_MOST_LISTED]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more")
    listed = "".join(f"\n  {line}" for line in shown)
    return FileContentError(
        f"{path} does not fit {owner}; nothing was changed:{listed}\n{advice}"
    )


def _kind(value: Any) -> str:
    return f"{value.dtype.name}{list(value.shape)}"


def _near(name: str, others: list[str]) -> str:
    close = difflib.get_close_matches(name, others, n=2, cutoff=0.5)
    return f" (closest: {', '.join(close)})" if close else ""


def _fits(given: np.dtype, wanted: np.dtype, is_exact: bool) -> bool:
    if given == wanted or (given, wanted) == (np.int32, np.int64):
        return True  # counts are wider while 64-bit types are on
    are_floats = all(jnp.issubdtype(kind, jnp.floating) for kind in (given, wanted))
    return are_floats and not is_exact


def converted(
    path: str, arrays: Mapping[str, np.ndarray], variables: Mapping[str, Variable]
) -> dict[str, np.ndarray]:
    """The arrays in the dtypes of their variables; says so where digits are lost.

    Raises:
        FileContentError: if a finite value would become infinite.
    """
    found: dict[str, np.ndarray] = {}
    narrowed: list[str] = []
    for name, array in arrays.items():
        wanted = variables[name].dtype
        with np.errstate(over="ignore", invalid="ignore"):
            found[name] = array.astype(wanted, copy=False)
        if not _loses_digits(array.dtype, wanted):
            continue
        narrowed.append(f"{name} ({array.dtype.name} to {wanted.name})")
        lost = np.isinf(found[name]) & np.isfinite(array)
        if lost.any():
            raise FileContentError(
                f"{path}: '{name}' has {array.dtype.name} values up to "
                f"{np.abs(array[lost]).max():.3g}, which {wanted.name} cannot hold. "
                "Nothing was changed; give the layer a wider dtype."
            )
    if narrowed:
        warnings.warn(
            f"{path} holds wider floats than the model, which were rounded: "
            f"{', '.join(narrowed[:_MOST_LISTED])}.",
            stacklevel=user_level(),
        )
    return found


def _loses_digits(given: np.dtype, wanted: np.dtype) -> bool:
    if given == wanted or given.kind == "i":
        return False
    before, after = jnp.finfo(given), jnp.finfo(wanted)
    return before.nmant > after.nmant or before.maxexp > after.maxexp


def values_of(variables: Mapping[str, Variable]) -> dict[str, np.ndarray]:
    """The values of variables at one moment; no step of another thread comes between.

    They stay as they are: what they show is not overwritten by later steps.
    """
    with updating:
        return {name: variable._read() for name, variable in variables.items()}


def assign(arrays: Mapping[str, np.ndarray], variables: Mapping[str, Variable]) -> None:
    """Give variables their values: all of them, whatever signal comes in between."""
    execution.run(current())  # what was recorded before reads the old values
    pairs = [(variables[name], array) for name, array in arrays.items()]
    with contextlib.ExitStack() as held:
        # Each variable's lock before the common one, as in its own methods.
        for lock in sorted({variable._lock for variable, _ in pairs}, key=id):
            held.enter_context(lock)
        held.enter_context(updating)  # no other thread's step sees half of it
        try:
            _assign_all(pairs)
        except BaseException:
            _assign_all(pairs)
            raise


def _assign_all(pairs: list[tuple[Variable, np.ndarray]]) -> None:
    with execution.detached():
        for variable, array in pairs:
            variable.assign(array, read_value=False)
