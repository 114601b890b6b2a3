"""Several turns: the program of one turn of a loop, run some times in one launch.

A launch costs a small program more than its computation. So where the turns of a loop
are small, their program is a loop itself: it takes the data of up to `most` turns, and
how many of them there are. One turn is run by the same program, so that numbers do not
depend on how many turns were launched together.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .memory import equations
from .op import ArrayClass

# Elements of all homes, and of what a turn reads besides, which is copied twice; from
# there on a launch matters little.
_LARGEST_HOMES, _LARGEST_DATA = 131_072, 32_768
_MOST_COUNTS = 64


class Several:
    """A program of one turn as a program of several.

    Args:
        compute: What a turn computes, as `Program.run` is called. It may assign homes
            only.
        arguments: Those of the first launch.
        results: What a turn returns, as shapes and dtypes.
        most: How many turns it can take.

    Attributes:
        most: The same.
        run: Runs some turns; called with `arguments`.
        once: Runs one turn; called as `compute` is.
    """

    __slots__ = ("_counts", "_nothing", "most", "once", "run")

    def __init__(
        self, compute: Callable, arguments: Sequence[Any], results: Any, most: int
    ) -> None:
        self.most = most
        later = most - 1
        data = [*arguments[3], *arguments[4]]
        self._nothing = [_room(array, later) for array in data]
        if _are_on_device(arguments[3]):  # compiled now, not when turns come to wait
            self._nothing[: len(arguments[3])] = _stacked(
                [[array] * later for array in arguments[3]]
            )
        self._counts: dict[tuple, np.ndarray] = {}
        self.run = jax.jit(_looped(compute, results), donate_argnums=2)
        with jax.ensure_compile_time_eval():  # a tracer would outlive its trace
            alone = jax.device_put(self._count(1, (False,) * len(data)))
        self.once = functools.partial(self.run, alone, self._nothing)

    def arguments(
        self,
        homes: list[Any],
        kept: Sequence[list[Any]],
        numbers: Sequence[list[Any]],
    ) -> tuple[Any, ...]:
        """What `run` takes for some turns.

        Args:
            homes: The arrays that the first of them overwrites.
            kept: The arrays that each of them reads.
            numbers: Its Python numbers.
        """
        columns = [*zip(*kept, strict=True), *zip(*numbers, strict=True)]
        differs = tuple([len({*map(id, column)}) > 1 for column in columns])
        later = self._nothing
        if any(differs):
            later = self._later(columns, differs, len(kept[0]))
        count = self._count(len(kept), differs)
        return count, later, homes, [], [], kept[0], numbers[0], []

    def _count(self, turns: int, differs: tuple[bool, ...]) -> Any:
        """How many turns there are, and which arguments they do not share."""
        found = self._counts.get((turns, differs))
        if found is None:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            found = self._counts[turns, differs] = np.array([turns, *differs], np.int32)
        return found

    def _later(
        self, columns: Sequence[Sequence[Any]], differs: Sequence[bool], num_kept: int
    ) -> list[Any]:
        """What the turns after the first read, one array for each argument."""
        missing = self.most - len(columns[0])
        rows = [[*column[1:], *[column[-1]] * missing] for column in columns]
        found = list(self._nothing)
        start = 0
        if any(differs[:num_kept]) and all(map(_are_on_device, rows[:num_kept])):
            found[:num_kept] = _stacked(rows[:num_kept])  # of one kind: compiled once
            start = num_kept
        for place in range(start, len(rows)):
            if differs[place]:
                found[place] = np.stack([*map(np.asarray, rows[place])])
        return found


def several(compute: Callable, arguments: Sequence[Any], most: int) -> Several | None:
    """The program of several turns; `None` where turns are to be launched one by one.

    That is where they are large, where somebody outside learns when they run, and
    on accelerators, where a loop of unknown length waits for the host at each turn.

    Args:
        compute: As in `Several`.
        arguments: Likewise.
        most: Likewise.
    """
    homes, donated, read, kept, _, before = arguments
    if most < 2 or donated or read or before or not homes or jax.debug_nans.value:
        return None
    if jax.default_backend() != "cpu" or not all(map(_is_plain, [*homes, *kept])):
        return None
    if sum(map(_size, homes)) > _LARGEST_HOMES or sum(map(_size, kept)) > _LARGEST_DATA:
        return None
    one = jax.jit(compute, inline=True)
    program = one.trace(*arguments).jaxpr
    if program.effects or any(
        "callback" in equation.primitive.name for equation in equations(program.jaxpr)
    ):
        return None
    results = jax.eval_shape(one, *arguments)
    leaves = jax.tree.leaves(results)
    if any(leaf.weak_type for leaf in leaves):
        return None
    return Several(one, arguments, results, most)


def _looped(compute: Callable, results: Any) -> Callable:
    """The turns in a loop; the results of the last one are those of the program."""
    _, _, alone, buffers, _ = results

    def run(
        counts: Any,
        later: list[Any],
        homes: list[Any],
        donated: list[Any],
        read: list[Any],
        kept: list[Any],
        numbers: list[Any],
        before: list[Any],
    ) -> tuple:
        first = [*kept, *numbers]

        def turn(place: Any, carry: tuple) -> tuple:
            now = [
                _of_turn(place, counts[1 + n], array, rows)
                for n, (array, rows) in enumerate(zip(first, later, strict=True))
            ]
            data = now[: len(kept)], now[len(kept) :]
            homes, _, alone, buffers, _ = compute(
                carry[0], donated, read, *data, before
            )
            return homes, alone, buffers

        start = homes, *jax.tree.map(_zeros, (alone, buffers))
        found = jax.lax.fori_loop(0, counts[0], turn, start)
        return found[0], [], found[1], found[2], []

    return run


def _of_turn(place: Any, differs: Any, first: Any, rows: Any) -> Any:
    """An argument of one turn: the first turn's, or one of the rows."""
    row = jax.lax.dynamic_index_in_dim(rows, jnp.maximum(place - 1, 0), keepdims=False)
    return jnp.where((place > 0) & (differs > 0), row, first)


@jax.jit
def _stacked(columns: list[list[Any]]) -> list[Any]:
    return [jnp.stack(column) for column in columns]


def _zeros(kind: Any) -> Any:
    return jnp.zeros(kind.shape, kind.dtype)


def _room(array: Any, count: int) -> Any:
    """An array for the rows of later turns, where there are none."""
    with jax.ensure_compile_time_eval():
        return jax.device_put(np.zeros((count, *array.shape), array.dtype))


def _is_plain(array: Any) -> bool:
    """Whether it is an array of numbers on one device, with a dtype of its own."""
    if array.__class__ is ArrayClass:
        return (
            not array.weak_type
            and len(array.devices()) == 1
            and not jnp.issubdtype(array.dtype, jax.dtypes.extended)
        )
    return isinstance(array, np.ndarray)


def _are_on_device(arrays: Sequence[Any]) -> bool:
    return {*map(type, arrays)} == {ArrayClass}


def _size(array: Any) -> int:
    return math.prod(array.shape)
