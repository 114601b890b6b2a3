"""Program: a compiled structure, and how arguments travel into it and results out.

Small variables come in their common homes, Python numbers together, and small results
leave in one buffer.
"""

import dataclasses
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from .home import cut_in_trace, put_in_trace
from .keeping import Demand, Kept, keep
from .node import Node, Recording, getter
from .replay import Pullbacks, as_typed, needed, replay, values_taken
from .schedule import compiler_options
from .several import Several, several
from .signature import SCALAR, TensorType, settings
from .snapshot import Snapshot, cut, where_it_is
from .steady import Steady


class StructureError(Exception):
    """A program was given arrays of other types, or under other settings."""


class Pack:
    """Small results of one launch that share a buffer for each dtype.

    An output buffer costs more than the few numbers in it, so results that are held
    but mostly never read leave the program together and are cut out when read.
    """

    __slots__ = ("buffers", "places")

    def __init__(self, buffers: Sequence[Any], places: dict[int, tuple]) -> None:
        self.buffers = buffers
        self.places = places

    def take(self, number: int) -> jax.Array:
        """One result as an array of its own."""
        index, start, shape = self.places[number]
        return where_it_is(cut, self.buffers[index], start, shape)

    def take_host(self, number: int) -> np.ndarray:
        """One result on the host."""
        index, start, shape = self.places[number]
        size = int(np.prod(shape))
        return np.asarray(self.buffers[index])[start : start + size].reshape(shape)


Layout = tuple[tuple[int, int, int], ...]
"""`(number, group, start)` of each argument that lives in a home: arguments of one
group share a home, and `start` is where in it, or -1 for the home itself."""


def layout_of(recording: Recording, numbers: Sequence[int]) -> Layout:
    """Which arguments live together in homes, and where."""
    groups: dict[int, int] = {}
    found = []
    for number in numbers:
        value = recording.values[number]
        if value.__class__ is Snapshot:
            group = groups.setdefault(id(value), len(groups))
            found.append((number, group, recording.owners[number]._start))
    return tuple(found)


class Program:
    """A compiled structure: arguments in, wanted results and new variable values out.

    Attributes:
        layout: Which arguments it cuts out of homes.
        members: For each home a number that stands for it, overwritten ones first.
        overwritten, num_overwritten: Those of the homes it overwrites; how many.
        donated, kept: Numbers of the other arguments, overwritten and read only.
        demand: What it keeps for gradients, or is given by what ran before.
        how_kept: How the pullbacks that it keeps are put together.
        groups: Which arguments share each of the homes.
        alone: Takes all the others from a list of values.
        numbers: The Python numbers among the arguments, which travel together.
        places: Where each wanted result comes out: an index among those that travel
            alone, `None` for one in the pack, negative for new variable values.
        packed: For `Pack`: buffer, start and shape by number.
        run: The compiled function.
        several: The same for several turns of a loop, where they are launched together.
    """

    __slots__ = (
        "_body",
        "alone",
        "demand",
        "donated",
        "groups",
        "how_kept",
        "kept",
        "layout",
        "members",
        "num_overwritten",
        "numbers",
        "overwritten",
        "packed",
        "places",
        "run",
        "several",
    )

    def __init__(
        self,
        path: Sequence[Node],
        wanted: frozenset[int],
        layout: Layout,
        demand: Demand | None = None,
    ) -> None:
        types = path[-1].types()
        self.demand = demand
        keeps, given, _ = demand or Demand()
        written = dict(zip(*final_writes(path), strict=True))
        kept_results = [n for node, _ in keeps for n in range(node.first, node.end)]
        nodes = needed(path, wanted.union(written.values(), kept_results))
        done = {node for node, _ in given}
        nodes = [node for node in nodes if node not in done]
        used = {*wanted, *(number for node in nodes for number in values_taken(node))}
        used.update(number for _, kept in given for number in kept.arguments())
        leaves = [n for node in path for n, _ in node.leaves if n in used]
        spots = {n: (group, start) for n, group, start in layout if n in used}
        overwritten = dict.fromkeys(spots[n][0] for n in written if n in spots)
        groups = dict.fromkeys([*overwritten, *(group for group, _ in spots.values())])
        order = {group: position for position, group in enumerate(groups)}
        self.layout = tuple((n, order[g], start) for n, (g, start) in spots.items())
        self.groups = [_Group(self.layout, group) for group in range(len(order))]
        self.num_overwritten = len(overwritten)
        self.members = [
            next(n for n, spot in spots.items() if spot[0] == group) for group in groups
        ]
        self.overwritten = self.members[: self.num_overwritten]
        self.donated = [n for n in written if n not in spots]
        others = [n for n in leaves if n not in spots and n not in written]
        self.numbers = _Numbers(
            [n for n in others if _is_typed_scalar(types[n])], types
        )
        self.kept = [n for n in others if not _is_typed_scalar(types[n])]
        self.alone = getter([*self.donated, *self.kept])
        finals = [written[number] for number in self.donated]
        own = {final: -1 - i for i, final in enumerate(finals)}
        alone, shared = _sort_results(sorted(wanted.difference(own)), types)
        self.packed = {
            number: (index, start, types[number].shape)
            for index, group in enumerate(shared)
            for number, start in _starts(group, types)
        }
        self.places: dict[int, int | None] = dict.fromkeys(self.packed)
        self.places.update((number, i) for i, number in enumerate(alone))
        self.places.update(own)
        body = _Body(
            nodes=nodes,
            types=types,
            settings=settings(),
            groups=list(groups),
            spots=spots,
            overwritten=list(overwritten),
            donated=self.donated,
            kept=self.kept,
            numbers=self.numbers,
            demand=demand or Demand(),
            arguments=leaves,
            written=written,
            finals=finals,
            alone=alone,
            shared=shared,
        )
        self._body = body
        self.how_kept = body.how_kept
        options = None
        if self.donated:
            options = compiler_options(types[number] for number in alone)
        self.run: Callable = jax.jit(
            body.compute, donate_argnums=(0, 1), compiler_options=options
        )
        self.several: Several | None = None

    def repeat(self, arguments: Sequence[Any]) -> bool:
        """Become the program of a loop's turn, which runs several at once.

        Args:
            arguments: What `run` is about to be called with, for the first time.

        Returns:
            Whether that is worth while.
        """
        most = config.bounds.turns
        self.several = several(self._body.compute, arguments, most)
        if self.several is not None:
            self.run = self.several.once
        return self.several is not None

    def refuse_others(self) -> None:
        """From now on refuse arrays of other types, and other settings."""
        self._body.is_strict = True

    def fits(self, layout: Layout) -> bool:
        """Whether arguments that live so can be handed over as they are."""
        mine = {number for number, _, _ in self.layout}
        plain = {*self.kept, *self.donated}
        given = [spot for spot in layout if spot[0] in mine or spot[0] in plain]
        return _canonical(given) == _canonical(self.layout)


@dataclasses.dataclass(eq=False)
class _Body:
    """What a program computes; it knows nothing of the `Program` that runs it.

    Attributes:
        nodes: The calls that run, in order.
        types: Types of all values, by number.
        settings: The settings of JAX that it is made under.
        groups, overwritten: Of the homes: overwritten ones first, then those read.
        spots: Group and start of each argument that is cut out of a home.
        arguments: Numbers of all arguments.
        written: The last value of each assigned variable, by the variable's number.
        finals, alone, shared: Numbers of the results: new values of variables that
            live in no home, results with a buffer of their own, and those that share.
        how_kept: How the pullbacks that it keeps are put together, once it is traced.
        is_strict: Whether arrays of other types are refused. Only what calls a program
            without having looked at them needs that.
    """

    nodes: list[Node]
    types: list[TensorType]
    settings: tuple
    groups: list[int]
    spots: dict[int, tuple[int, int]]
    overwritten: list[int]
    donated: list[int]
    kept: list[int]
    numbers: "_Numbers"
    demand: Demand
    arguments: list[int]
    written: dict[int, int]
    finals: list[int]
    alone: list[int]
    shared: list[list[int]]
    how_kept: dict[int, Kept] = dataclasses.field(default_factory=dict)
    is_strict: bool = False

    def compute(
        self,
        overwritten: list,
        donated: list,
        read: list,
        kept: list,
        packed: list,
        before: list,
    ) -> tuple:
        """The new homes, new variable values, results alone and packed, residuals."""
        homes = dict(zip(self.groups, [*overwritten, *read], strict=True))
        values = self._arguments(homes, donated, kept, packed)
        *residuals, results = before or [()]
        values.update(zip(self.demand.results, results, strict=True))
        known = {
            node: (how.positions, how.pullback(arrays, values.__getitem__))
            for (node, how), arrays in zip(self.demand.given, residuals, strict=True)
        }
        pulls = replay(self.nodes, values, known, self.demand.keeps)
        return (
            [self._new_home(homes[group], group, values) for group in self.overwritten],
            [values[number] for number in self.finals],
            [values[number] for number in self.alone],
            [
                jnp.concatenate([jnp.ravel(values[number]) for number in group])
                for group in self.shared
            ],
            self._residuals(pulls, values),
        )

    def _arguments(
        self, homes: dict[int, Any], donated: list, kept: list, packed: list
    ) -> dict[int, Any]:
        """All arguments by number.

        Raises:
            StructureError: if they are not what the program was made for.
        """
        types = self.types
        if self.is_strict and (
            self.settings != settings()
            or any(
                not types[number].is_type_of(argument)
                for number, argument in zip(self.kept, kept, strict=True)
            )
        ):
            raise StructureError
        values = dict(zip(self.donated, donated, strict=True))
        for number, (group, start) in self.spots.items():
            values[number] = _member(homes[group], start, types[number])
        for number, argument in zip(self.kept, kept, strict=True):
            values[number] = as_typed(argument, types[number])
        for number, scalar in self.numbers.unpacked(packed):
            values[number] = as_typed(scalar, types[number])
        return values

    def _new_home(self, array: Any, group: int, values: dict[int, Any]) -> Any:
        """A home with the new values of the members that were assigned."""
        for number, final in self.written.items():
            if number in self.spots and self.spots[number][0] == group:
                start = self.spots[number][1]
                array = (
                    values[final]
                    if start < 0
                    else put_in_trace(array, start, values[final])
                )
        return array

    def _residuals(self, pulls: Pullbacks, values: dict[int, Any]) -> list[list[Any]]:
        """The arrays of each pullback that is kept, without those of arguments."""
        arguments = {number: values[number] for number in self.arguments}
        left = []
        for node, _ in self.demand.keeps:
            how, arrays = keep(*pulls[node], arguments)
            self.how_kept[node.first] = how
            left.append(arrays)
        return left


class _Group:
    """The arguments of a program that share a home, and where in it they start."""

    __slots__ = ("_starts", "count", "take")

    def __init__(self, layout: Layout, group: int) -> None:
        mine = [(number, start) for number, at, start in layout if at == group]
        self.count = len(mine)
        self.take = getter([number for number, _ in mine])
        self._starts = tuple(start for _, start in mine)

    def snapshot(self, values: list[Any], owners: dict[int, Any]) -> Snapshot | None:
        """The home's snapshot, or `None` if the arguments live otherwise now."""
        members = self.take(values)
        found = members[0]
        if (
            found.__class__ is Snapshot
            and members.count(found) == len(members)
            and self.fits(owners)
        ):
            return found
        return None

    def fits(self, owners: dict[int, Any]) -> bool:
        """Whether the arguments are where they were in the home."""
        return tuple(map(_start_of, self.take(owners))) == self._starts


_start_of = operator.attrgetter("_start")


def _canonical(layout: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The same layout with its groups numbered in order of appearance."""
    groups: dict[int, int] = {}
    return [(n, groups.setdefault(g, len(groups)), s) for n, g, s in layout]


def _is_typed_scalar(kind: TensorType) -> bool:
    """Whether an argument is a Python number that stands in for a known dtype."""
    return (
        kind.role == SCALAR
        and not kind.weak_type
        and (jnp.issubdtype(kind.dtype, jnp.floating) or kind.dtype == np.int32)
    )


class _Numbers:
    """Python numbers as one argument for each kind, floats and integers.

    A number on its own costs a launch about 2 microseconds; numbers that come again are
    handed over as an array that is on the device already.
    """

    __slots__ = ("_groups", "_steady", "_take")

    def __init__(self, numbers: Sequence[int], types: Sequence[TensorType]) -> None:
        integers = [n for n in numbers if types[n].dtype.kind == "i"]
        floats = [n for n in numbers if types[n].dtype.kind != "i"]
        wide = np.float64 if jax.enable_x64.value else np.float32
        groups = ((integers, np.int32), (floats, wide))
        self._groups = [(group, dtype) for group, dtype in groups if group]
        self._take = [getter(group) for group, _ in self._groups]
        self._steady = [Steady() for _ in self._groups]

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not self._groups

    def packed(self, values: Any) -> list[Any]:
        """The arguments, from values by number: those of a recording."""
        arrays = []
        for position, take in enumerate(self._take):
            numbers = take(values)
            array = self._steady[position].get(numbers)
            if array is None:
                dtype = self._groups[position][1]
                array = np.array(numbers, dtype)
                # Zeros of two signs compare equal.
                if dtype is np.int32 or 0 not in numbers:
                    self._steady[position].note(numbers, array)
            arrays.append(array)
        return arrays

    def unpacked(self, arrays: Sequence[Any]) -> list[tuple[int, Any]]:
        """Each number's value inside the program."""
        return [
            (number, array[position])
            for (numbers, _), array in zip(self._groups, arrays, strict=True)
            for position, number in enumerate(numbers)
        ]


def _member(array: Any, start: int, kind: TensorType) -> Any:
    return array if start < 0 else cut_in_trace(array, start, kind.shape)


def final_writes(path: Sequence[Node]) -> tuple[list[int], list[int]]:
    """Numbers of the variables that a path assigns, and of their last values."""
    root: dict[int, int] = {}
    final: dict[int, int] = {}
    for node in path:
        assert node.op is not None
        if node.op.is_settled:
            continue
        for output, position in node.op.reads:
            before = node.inputs[position]
            variable = root.get(before, before)
            root[node.first + output] = variable
            final.pop(variable, None)
            if (output, position) in node.op.writes:  # or else by way of its home
                final[variable] = node.first + output
    return list(final), list(final.values())


def _sort_results(
    numbers: Sequence[int], types: Sequence[TensorType]
) -> tuple[list[int], list[list[int]]]:
    """Split results into those that travel alone and groups that share a buffer.

    Groups are filled as homes are, so that gradients that are held share the buffer
    that the update reads. Scalars have a buffer of their own, so that keeping a loss
    for long does not keep the gradients of its step.
    """
    groups: dict[tuple, list[int]] = {}
    filled: dict[Any, int] = {}
    alone = []
    for number in numbers:
        kind = types[number]
        if 0 < kind.size <= config.bounds.packed_size:
            size = filled[kind.dtype] = filled.get(kind.dtype, 0) + kind.size
            chunk = size // config.bounds.home_size if kind.shape else -1
            groups.setdefault((kind.dtype, chunk), []).append(number)
        else:
            alone.append(number)
    shared = []
    for group in groups.values():
        (shared.append if len(group) > 1 else alone.extend)(group)
    return alone, shared


def _starts(group: Sequence[int], types: Sequence[TensorType]) -> list[tuple[int, int]]:
    """Where each member of a group starts in their buffer."""
    ends = itertools.accumulate((types[number].size for number in group), initial=0)
    return list(zip(group, ends, strict=False))
