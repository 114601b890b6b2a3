"""Update: one op that assigns a set of variables and their slots.

Small variables live in homes, each slot of theirs in a home of the same layout, so that
an update rule that works element by element runs once for a whole home.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import config
from ..framework.errors import ShapeError
from ..framework.recording import execution
from ..framework.recording.node import current
from ..framework.recording.op import Op
from ..framework.recording.tensor import convert
from ..framework.variable import Variable

_MAX_STEP = np.iinfo(np.int32).max


class Update:
    """The update of a set of variables as one recorded call.

    Args:
        name: Of the optimizer, for messages.
        change: Computes new values and slots from old ones; see `Formula.change`.
        variables: What is updated.
        slots: The slots of each variable.
        uses_homes: Whether whole homes may be handed to `change`.
    """

    def __init__(
        self,
        name: str,
        change: Callable,
        variables: list[Variable],
        slots: list[list[Variable]],
        uses_homes: bool = True,
    ) -> None:
        self._variables = variables  # held, so that no `id` is reused
        self._involved = [*variables, *(slot for own in slots for slot in own)]
        units = (
            _units(variables, slots)
            if uses_homes
            else [
                (v, own, [n])
                for n, (v, own) in enumerate(zip(variables, slots, strict=True))
            ]
        )
        self._targets = [part for target, own, _ in units for part in (target, *own)]
        rule = _Rule(change, variables, units)
        self._op = Op(
            f"{name}.apply_gradients",
            rule.compute,
            writes=tuple((n, n) for n in range(1 + len(self._targets))),
        )

    def run(self, iterations: Variable, inputs: list[Any]) -> None:
        """Record the update, and run the step that it ends.

        Args:
            iterations: Counts the updates.
            inputs: The gradients, then the learning rate if it is a variable.
        """
        recording = current()
        if recording.writes and any(
            id(variable) in recording.writes for variable in self._involved
        ):
            execution.run(recording)  # homes are taken as they were before
        execution.update(self._op, (iterations, *self._targets, *inputs))


class _Rule:
    """The computation of an update: structure only, since programs keep it alive."""

    def __init__(
        self, change: Callable, variables: Sequence[Variable], units: Sequence[tuple]
    ) -> None:
        self._change = change
        self._kinds = [(v.name, v.shape, v.dtype) for v in variables]
        self._units = [
            (
                target._type.dtype,
                [part._type.dtype for part in own],
                positions,
                isinstance(target, Variable),
                target.constraint if isinstance(target, Variable) else None,
            )
            for target, own, positions in units
        ]

    def compute(self, step: jax.Array, *arrays: jax.Array) -> list[jax.Array]:
        """New values of `iterations`, and of all targets and slots, in order."""
        left = list(arrays)
        values, slots = [], []
        for _, kinds, _, _, _ in self._units:
            values.append(left.pop(0))
            slots.append([left.pop(0) for _ in kinds])
        gradients = self._checked(left[: len(self._kinds)])
        rates = left[len(self._kinds) :]
        new_values, new_slots = self._change(
            step, values, gradients, slots, rates, self._joined
        )
        results = [jnp.minimum(step, _MAX_STEP - 1) + 1]
        for unit, value, state in zip(self._units, new_values, new_slots, strict=True):
            dtype, kinds, _, _, constraint = unit
            value = value.astype(dtype)
            if constraint is not None:
                value = convert(constraint(convert(value)))._array()
            results.append(value)
            results.extend(
                new.astype(kind) for new, kind in zip(state, kinds, strict=True)
            )
        return results

    def _checked(self, gradients: Sequence[jax.Array]) -> list[jax.Array]:
        """The gradients in the dtypes of their variables.

        Raises:
            ShapeError: if a shape differs; it would be broadcast otherwise.
        """
        for gradient, (name, shape, _) in zip(gradients, self._kinds, strict=True):
            if gradient.shape != shape:
                raise ShapeError(
                    f"The gradient of Variable '{name}' has shape {gradient.shape}, "
                    f"and the variable has shape {shape}. "
                    "Are gradients and variables in the same order?"
                )
        return [
            gradient.astype(dtype)
            for gradient, (_, _, dtype) in zip(gradients, self._kinds, strict=True)
        ]

    def _joined(self, gradients: list[jax.Array]) -> list[jax.Array]:
        """The gradients of each unit, laid out like its values."""
        return [
            gradients[positions[0]]
            if is_single
            else jnp.concatenate([jnp.ravel(gradients[n]) for n in positions])
            for _, _, positions, is_single, _ in self._units
        ]


def settle(variables: Sequence[Variable], slots: Sequence[list[Variable]]) -> None:
    """Let small variables live together, and each of their slots likewise."""
    groups: dict[tuple, list[tuple[Variable, list[Variable]]]] = {}
    filled: dict[tuple, int] = {}
    for variable, own in zip(variables, slots, strict=True):
        if not _is_movable(variable, own):
            continue
        kind = (variable.dtype, len(own))
        filled[kind] = filled.get(kind, 0) + variable.size
        chunk = filled[kind] // config.bounds.home_size
        groups.setdefault((*kind, chunk), []).append((variable, own))
    for group in groups.values():
        if len(group) > 1:
            execution.move_in([variable for variable, _ in group])
            for parts in zip(*(own for _, own in group), strict=True):
                execution.move_in(parts)


def _is_movable(variable: Variable, slots: list[Variable]) -> bool:
    """Whether it is small and at home nowhere, and its slots are shaped like it."""
    return (
        variable._home is None
        and variable.constraint is None
        and variable.size <= config.bounds.packed_size
        and all(
            slot.shape == variable.shape and slot.dtype == variable.dtype
            for slot in slots
        )
    )


def _units(
    variables: Sequence[Variable], slots: Sequence[list[Variable]]
) -> list[tuple[Any, list[Any], list[int]]]:
    """`(target, slots, positions)`: homes that are updated as a whole, or variables."""
    place = {id(variable): number for number, variable in enumerate(variables)}
    units: list[tuple[Any, list[Any], list[int]]] = []
    seen: set[int] = set()
    for variable, own in zip(variables, slots, strict=True):
        home = variable._home
        if home is not None and id(home) in seen:
            continue
        if home is not None and _is_whole(home, place, slots):
            seen.add(id(home))
            positions = [place[id(member)] for member in home.members]
            units.append((home, [slot._home for slot in own], positions))
        else:
            units.append((variable, own, [place[id(variable)]]))
    return units


def _is_whole(
    home: Any, place: dict[int, int], slots: Sequence[list[Variable]]
) -> bool:
    """Whether all members are updated, and their slots live in homes laid out alike."""
    if any(id(member) not in place for member in home.members):
        return False
    for parts in zip(*(slots[place[id(m)]] for m in home.members), strict=True):
        slot_home = parts[0]._home
        if slot_home is None or not slot_home.is_home_of(parts):
            return False
    return True
