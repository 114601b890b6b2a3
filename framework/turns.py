"""Turns: one turn of a recorded loop, as all kinds of loops share it.

What the body of a loop calls is recorded once, on placeholders, as a body of its own.
Tensors and Variables from around it become operands; what it assigns, random states
among it, is carried from turn to turn and assigned after the loop.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from . import config
from .errors import ShapeError
from .recording.body import Computation, is_handle
from .recording.cache import Cache
from .recording.op import Op
from .recording.signature import TensorType
from .recording.tensor import convert

_ops: Cache[Op] = Cache(lambda: config.bounds.op_programs)


class Turn:
    """One turn of a loop: what its body computes and assigns.

    Attributes:
        captured, assign: As of the body's computation.
        tree: How the body's results nest.
        types: Types of the results.
        key: Its structure, hashable.
    """

    def __init__(self, computation: Computation, tree: Any) -> None:
        self._computation = computation
        self.tree = tree
        self.types = computation.types
        self.captured = computation.captured
        self.key = computation.key
        self.assign = computation.assign

    def formula(self) -> "Turn":
        """The same without what it captured: for programs, which outlive that."""
        return Turn(self._computation.formula(), self.tree)

    def carried(self, start: int, count: int) -> frozenset[int]:
        """Positions of the loop's operands that a derivative can reach.

        Args:
            start: Position of the turn's first operand among the loop's.
            count: How many of them are the state, which is the result of no turns.
        """
        positions = {*range(count), *self._computation.carried}
        return frozenset(start + position for position in positions)

    @property
    def op_names(self) -> set[str]:
        """The names of the ops that it calls."""
        return self._computation.op_names

    @property
    def assigns(self) -> bool:
        """Whether the body assigns Variables or draws random numbers."""
        return bool(self._computation.assigned)

    def first_written(self, around: Sequence[Any]) -> list[Any]:
        """The values before the loop of the variables that it assigns."""
        return [around[position] for position in self._computation.assigned]

    def compute(
        self, arguments: Sequence[Any], around: Sequence[Any], written: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Results, and the next values of the variables that it assigns."""
        now = list(around)
        for position, value in zip(self._computation.assigned, written, strict=True):
            now[position] = value
        found = self._computation.compute(*arguments, *now)
        count = self._computation.num_results
        return found[:count], found[count:]


def flat_tensors(structure: Any, name: str) -> tuple[list[Any], Any]:
    """The leaves of a structure as Tensors, and how they nest."""
    flat, tree = jax.tree.flatten(structure, is_leaf=is_handle)
    return [convert(leaf, name=name) for leaf in flat], tree


def elements_of(elems: Any, name: str) -> tuple[list[Any], Any]:
    """What a loop goes over, flat; all of one length."""
    flat, tree = flat_tensors(elems, "elems")
    lengths = {element.shape[:1] for element in flat}
    if len(lengths) != 1 or () in lengths:
        shapes = ", ".join(str(element.shape) for element in flat) or "none"
        raise ShapeError(
            f"{name}() expected `elems` with a first axis of one length to go over; "
            f"got shapes {shapes}. Give Tensors of shape (steps, ...)."
        )
    return flat, tree


def check_first(flat: Sequence[Any], name: str) -> None:
    """Refuse to start from the first element of what has none.

    Raises:
        ShapeError: if there is no element.
    """
    if not len(flat[0]):
        raise ShapeError(
            f"{name}() expected at least one element, for the first is the first "
            f"state; got `elems` of shape {flat[0].shape}. Give an `initializer`."
        )


def fits(kind: TensorType, carried: TensorType) -> bool:
    """Whether a result may go on as a value that is carried from turn to turn.

    A narrower or wider number may, as into a Variable; a fraction goes into no int.
    """
    return kind.shape == carried.shape and (
        jnp.promote_types(carried.dtype, kind.dtype) == carried.dtype
        or any(
            jnp.issubdtype(kind.dtype, group) and jnp.issubdtype(carried.dtype, group)
            for group in (jnp.floating, jnp.integer, jnp.complexfloating)
        )
    )


def shown(kinds: Sequence[TensorType]) -> str:
    """Types as messages show them."""
    texts = [f"{kind.dtype.name}{list(kind.shape)}" for kind in kinds]
    return ", ".join(texts) or "nothing"


def as_carry(values: Sequence[Any], kinds: Sequence[TensorType]) -> list[Any]:
    """Values in the dtypes that are carried from turn to turn."""
    return [jnp.asarray(v, k.dtype) for v, k in zip(values, kinds, strict=True)]


def op_of(key: Hashable, name: str, function: Callable, carried: frozenset[int]) -> Op:
    """The op of a loop; the same one for the same structure."""
    found = _ops.get(key)
    if found is None:
        found = _ops.add(key, Op(name, function, carried=carried, is_user=True))
    return found
