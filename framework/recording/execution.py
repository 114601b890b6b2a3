"""Execution: when a recording runs, as which program, and what becomes of the results.

A structure that is seen for the first time runs op by op; seen again, it is compiled
whole. A program returns what somebody still holds, and the new values of variables,
whose old buffers it is given to overwrite when nobody else can see them.
"""

import contextlib
import itertools
import operator
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from ..errors import ExecutionError
from .cache import Cache
from .compiling import note_duration, note_length, note_sizes
from .home import Home, cut_in_trace, put_in_trace
from .keeping import Demand, Kept, keep, usable
from .node import (
    NOWHERE,
    Handle,
    Node,
    Recording,
    Segment,
    begin,
    current,
    getter,
    here,
    nobody,
    record,
    resume,
)
from .op import ArrayClass, Op
from .replay import (
    GRADIENT,
    as_typed,
    carrying,
    needed,
    replay,
    replay_op_by_op,
    values_taken,
)
from .signature import SCALAR, TensorType, applied, settings
from .snapshot import Snapshot, cut, where_it_is

make_pending: Callable[..., Any] = Handle
"""Makes the Tensor of a recorded result; `tensor` sets it."""
make_value: Callable[..., Any] = Handle
"""Makes the Tensor of an array; `tensor` sets it."""

_clock = itertools.count()
_MANY = 4
_STEADY = 8  # times that numbers came again before they are kept on the device
_ATTEMPTS = 20  # at arguments that other threads update meanwhile
_reference = weakref.ref
_bounds = config.bounds


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
    """

    __slots__ = (
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
        keeps, given, results = demand or Demand()
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
        donated, kept, scalars = self.donated, self.kept, self.numbers
        self.how_kept: dict[int, Kept] = {}
        leaf_numbers = [n for node in path for n, _ in node.leaves]

        def whole(
            homes: list,
            overwrite: list,
            read: list,
            arguments: list,
            packed: list,
            before: list,
        ) -> tuple:
            arrays = dict(zip(groups, [*homes, *read], strict=True))
            values = dict(zip(donated, overwrite, strict=True))
            for number, (group, start) in spots.items():
                values[number] = _member(arrays[group], start, types[number])
            for number, argument in zip(kept, arguments, strict=True):
                values[number] = as_typed(argument, types[number])
            for number, scalar in scalars.unpacked(packed):
                values[number] = as_typed(scalar, types[number])
            *residuals, known = before or [{}]
            values.update(zip(results, known, strict=True))
            pulls = replay(
                nodes,
                values,
                {
                    node: (how.positions, how.pullback(arrays, values.__getitem__))
                    for (node, how), arrays in zip(given, residuals, strict=True)
                },
                keeps,
            )
            there = {n: values[n] for n in leaf_numbers if n in values}
            left = []
            for node, _ in keeps:
                self.how_kept[node.first], arrays = keep(*pulls[node], there)
                left.append(arrays)
            return (
                [_new_home(arrays[g], g, spots, written, values) for g in overwritten],
                [values[number] for number in finals],
                [values[number] for number in alone],
                [
                    jnp.concatenate([jnp.ravel(values[number]) for number in group])
                    for group in shared
                ],
                left,
            )

        self.run = jax.jit(whole, donate_argnums=(0, 1))

    def fits(self, layout: Layout) -> bool:
        """Whether arguments that live so can be handed over as they are."""
        mine = {number for number, _, _ in self.layout}
        plain = {*self.kept, *self.donated}
        given = [spot for spot in layout if spot[0] in mine or spot[0] in plain]
        return _canonical(given) == _canonical(self.layout)


class _Group:
    """The arguments of a program that share a home, and where in it they start."""

    __slots__ = ("_starts", "_take")

    def __init__(self, layout: Layout, group: int) -> None:
        mine = [(number, start) for number, at, start in layout if at == group]
        self._take = getter([number for number, _ in mine])
        self._starts = tuple(start for _, start in mine)

    def snapshot(self, values: list[Any], owners: dict[int, Any]) -> Snapshot | None:
        """The home's snapshot, or `None` if the arguments live otherwise now."""
        members = self._take(values)
        found = members[0]
        if (
            found.__class__ is Snapshot
            and members.count(found) == len(members)
            and tuple(map(_start_of, self._take(owners))) == self._starts
        ):
            return found
        return None


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

    A number on its own costs a launch about 2 microseconds; numbers that stay the same
    are handed over as an array that is on the device already.
    """

    __slots__ = ("_groups", "_last", "_take")

    def __init__(self, numbers: Sequence[int], types: Sequence[TensorType]) -> None:
        integers = [n for n in numbers if types[n].dtype.kind == "i"]
        floats = [n for n in numbers if types[n].dtype.kind != "i"]
        wide = np.float64 if jax.enable_x64.value else np.float32
        groups = ((integers, np.int32), (floats, wide))
        self._groups = [(group, dtype) for group, dtype in groups if group]
        self._take = [getter(group) for group, _ in self._groups]
        self._last: list[tuple[Any, int, Any]] = [((), 0, None)] * len(self._take)

    def packed(self, values: Sequence[Any]) -> list[Any]:
        """The arguments, from the values of a recording."""
        arrays = []
        for position, take in enumerate(self._take):
            numbers = take(values)
            before, times, array = self._last[position]
            # Zeros have two signs that compare equal.
            if numbers != before or 0 in numbers:
                times, array = 0, None
            if array is None:
                array = np.array(numbers, self._groups[position][1])
                kept = jax.device_put(array) if times == _STEADY else None
                self._last[position] = (numbers, times + 1, kept)
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


def _new_home(
    array: Any,
    group: int,
    spots: dict[int, tuple[int, int]],
    written: dict[int, int],
    values: dict[int, Any],
) -> Any:
    """A home with the new values of the members that were assigned."""
    for number, final in written.items():
        if number in spots and spots[number][0] == group:
            start = spots[number][1]
            array = (
                values[final]
                if start < 0
                else put_in_trace(array, start, values[final])
            )
    return array


def final_writes(path: Sequence[Node]) -> tuple[list[int], list[int]]:
    """Numbers of the variables that a path assigns, and of their last values."""
    root: dict[int, int] = {}
    final: dict[int, int] = {}
    for node in path:
        assert node.op is not None
        for output, position in () if node.op.is_settled else node.op.writes:
            before = node.inputs[position]
            variable = root.get(before, before)
            root[node.first + output] = variable
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


def is_update(node: Node) -> bool:
    """Whether a call only assigns variables: its results have no handles."""
    assert node.op is not None
    return len(node.op.writes) == len(node.outputs) > 1


class Slot:
    """What is known of one structure: its programs, and what was asked of it."""

    __slots__ = (
        "asked",
        "guard",
        "is_dropped",
        "is_step",
        "num_bytes",
        "path",
        "programs",
        "results",
        "seen",
        "take_results",
        "used",
    )

    def __init__(self, path: list[Node]) -> None:
        self.path = path
        self.is_dropped = False
        self.programs: list[Program] = []
        self.asked: frozenset[int] | None = None
        self.guard = threading.RLock()
        self.used = 0
        self.seen = 0
        self.results = [
            number
            for node in path
            if not is_update(node)
            for number in range(node.first, node.end)
        ]
        self.take_results = getter(self.results)
        kinds = path[-1].types()
        self.num_bytes = sum(kind.size * kind.dtype.itemsize for kind in kinds)
        has_gradient = any(node.op is GRADIENT for node in path)
        self.is_step = has_gradient and bool(final_writes(path)[0])

    def find(
        self, alive: Sequence[int], demand: Demand | None = None
    ) -> Program | None:
        """The program that returns all of `alive`, the latest used first."""
        for program in self.programs:
            if program.demand == demand and program.places.keys() >= set(alive):
                return program
        return None

    def is_hot(self) -> bool:
        """Whether the structure is worth compiling now."""
        if config.switches.execution != "auto":
            return config.switches.execution == "compiled"
        is_large = len(self.path) > config.bounds.compile_at_sight
        if self.asked is not None:
            # A large one, mostly a loop without end that was cut, takes minutes to
            # compile and a second to run op by op.
            self.seen += 1
            return self.is_step or not is_large or self.seen >= _MANY
        return self.is_step and not is_large

    def compile(
        self, recording: Recording, alive: Sequence[int], demand: Demand | None
    ) -> Program:
        """A program for `alive`; the second one returns all that was ever asked for.

        A later, wider one replaces the second, so there are never more than two for
        one layout of the arguments.
        """
        leaves = [number for node in self.path for number, _ in node.leaves]
        layout = layout_of(recording, leaves)
        with self.guard:
            alike = [p for p in self.programs if p.demand == demand]
            same = [program for program in alike if program.fits(layout)]
            for program in same:
                if all(n in program.places for n in alive):
                    return program
            wanted = frozenset(alive)
            if same:
                wanted = wanted.union(self.asked or ())
            program = Program(self.path, wanted, layout, demand)
            for replaced in same[1:]:
                self.programs.remove(replaced)
            slots.make_room_for_program()
            self.programs.append(program)
            del self.programs[:-4]
            self.asked = frozenset(alive).union(self.asked or ())
            return program


class _Slots:
    """All structures that were seen, bounded; the least recently used go first."""

    def __init__(self) -> None:
        self._by_key: dict[tuple, Slot] = {}
        self._guard = threading.RLock()

    def find(self, recording: Recording) -> Slot:
        """The slot of a recording's structure."""
        node = recording.node
        assert node is not None
        slot = node.slot
        if slot is None or slot.is_dropped:
            path = node.path()
            key = (recording.settings, *(step.key for step in path))
            with self._guard:
                slot = self._by_key.get(key)
                if slot is None:
                    self._make_room()
                    slot = self._by_key[key] = Slot(path)
            node.slot = slot
        return slot

    def make_room_for_program(self) -> None:
        """Let go of the programs that were not used for longest."""
        compiled = [slot for slot in list(self._by_key.values()) if slot.programs]
        count = sum(len(slot.programs) for slot in compiled)
        for slot in sorted(compiled, key=lambda slot: slot.used):
            if count < max(1, config.bounds.programs):
                break
            count -= len(slot.programs)
            slot.programs = []
            slot.asked = None

    def _make_room(self) -> None:
        """Let go of the structures that were not used for longest."""
        if len(self._by_key) >= 16 * config.bounds.programs:
            by_age = sorted(self._by_key.items(), key=lambda item: item[1].used)
            for key, slot in by_age[: len(by_age) // 2]:
                slot.programs = []
                slot.is_dropped = True  # its nodes look again
                del self._by_key[key]

    def clear(self) -> None:
        """Forget every program."""
        with self._guard:
            for slot in self._by_key.values():
                slot.programs = []
                slot.is_dropped = True
            self._by_key.clear()

    def __len__(self) -> int:
        return sum(len(slot.programs) for slot in self._by_key.values())


slots = _Slots()


def call(
    op: Op,
    inputs: Sequence[Handle],
    options: dict[str, Any] | None = None,
    frozen: tuple = (),
) -> Any:
    """Call an op: record it if there is a reason, run it at once if not.

    The reasons: a tape or a region is open, or an argument is itself pending.

    Args:
        op: What to call.
        inputs: Its arrays.
        options: Its options that are structure.
        frozen: `options` in hashable form, as `signature.freeze` makes it.

    Returns:
        Tensors nested as the op's results.
    """
    recording = here.recording
    if recording is None or recording.task is not None:
        recording = current()
    if (
        not recording.depth
        and not _is_pending(recording, inputs)
        and not (op.writes and _is_read_there(recording, op, inputs))
    ):
        return _run_now(op, inputs, options or {}, frozen)
    if recording.node is not None and recording.settings != settings():
        run(recording)
        recording = current()
    if op.writes and recording.has_settled:
        run(recording)  # it holds an earlier value of the variable
        recording = current()
    node = record(recording, op, inputs, options, frozen)
    if node.tree is None:
        values = recording.values
        made: Any = make_pending(node.outputs[0], (recording, len(values)))
        values.append(_reference(made))
    else:
        made = jax.tree.unflatten(node.tree, add_results(recording, node))
    if op.writes:
        _note_writes(recording, node, inputs)
    if node.length >= _bounds.pending_nodes:
        note_length(recording)
        run(recording)
    return made


def move_in(variables: Sequence[Any]) -> Home:
    """Give variables a home; what is pending reads them from there."""
    home = Home(variables)  # reads them, which may run what is pending
    recording = current()
    for variable, before in zip(home.members, home.before, strict=True):
        for number in recording.numbers_of(variable):
            if recording.values[number] is before:
                recording.values[number] = home._value
    home.before = ()
    return home


def update(recording: Recording, op: Op, inputs: Sequence[Handle]) -> None:
    """Record a call that only assigns variables, and end the program with it."""
    if recording.has_settled:
        run(recording)
        recording = current()
    node = record(recording, op, inputs, None, ())
    recording.values.extend([nobody] * len(node.outputs))
    run(recording)


def add_results(recording: Recording, node: Node) -> list[Handle]:
    """Make the handles of a call's results; the recording knows them weakly."""
    values = recording.values
    made = []
    for kind in node.outputs:
        handle = make_pending(kind, (recording, len(values)))
        values.append(_reference(handle))
        made.append(handle)
    return made


def _is_pending(recording: Recording, inputs: Sequence[Handle]) -> bool:
    """Whether an argument waits for a recording to run."""
    writes = recording.writes
    for handle in inputs:
        if handle._value is None or (writes and id(handle) in writes):
            return True
    return False


def _is_read_there(recording: Recording, op: Op, inputs: Sequence[Handle]) -> bool:
    """Whether what waits has read a variable that a call assigns."""
    return any(recording.numbers_of(inputs[position]) for _, position in op.writes)


def _note_writes(recording: Recording, node: Node, inputs: Sequence[Handle]) -> None:
    """Let the variables that a call assigns be read from its results."""
    assert node.op is not None
    for output, position in node.op.writes:
        variable = inputs[position]
        before = recording.numbers_of(variable)
        after = node.first + output
        recording.taps[id(variable)] = [*before, after]
        recording.known[id(variable)] = after
        recording.writes[id(variable)] = (variable, after)
        variable._at = (recording, after)


def _run_now(
    op: Op, inputs: Sequence[Handle], options: dict[str, Any], frozen: tuple
) -> Any:
    """Compute at once, one op as one program."""
    program = op.compiled(options, frozen)
    out: Any = None
    for attempt in range(_ATTEMPTS):
        try:
            out = program(*map(_argument, inputs))
            break
        except (TypeError, ValueError, IndexError, RuntimeError) as error:
            if attempt + 1 < _ATTEMPTS and was_donated(error):
                continue  # another thread updated a variable meanwhile
            misfit = op.misfit([handle._type for handle in inputs], error)
            if misfit is error:
                raise
            raise misfit from None
    if op.writes:
        leaves = jax.tree.leaves(out)
        if any(leaf.__class__ is not ArrayClass for leaf in leaves):
            _refuse_write_in_trace()
        for output, position in op.writes:
            inputs[position]._write(leaves[output])
            inputs[position]._share()  # the result below has the same buffer
    if isinstance(out, jax.Array):
        return make_value(out)
    return jax.tree.map(make_value, out)


def _argument(handle: Handle) -> Any:
    """A value as `replay_op_by_op` hands it over, so that the program is the same."""
    value = handle._array()
    if value.__class__ is float and not handle._type.weak_type:
        return handle._type.dtype.type(value)
    return value


@contextlib.contextmanager
def detached() -> Iterator[None]:
    """Run a block at once, outside of what is being recorded around it."""
    around = current()
    begin()
    try:
        yield
        run(current())
    finally:
        resume(around)


def is_current(recording: Recording) -> bool:
    """Whether a recording is the one of this thread or task."""
    return current() is recording


def run(recording: Recording) -> None:
    """Run everything that a recording holds; what is still held becomes a value.

    Raises:
        ExecutionError: if the program cannot be compiled or run. Variables then have
            the values from before the recording, unless the message says otherwise.
    """
    node = recording.node
    if node is None or node.parent is None:
        return
    missing = node.end - len(recording.values)
    if missing > 0:  # a call was interrupted before its results were noted
        recording.values.extend([nobody] * missing)
    with recording.guard:
        after = begin(recording.depth) if here.recording is recording else None
        segment = None
        if recording.tapes:
            segment = _hand_over(recording, after)
        if segment is None and recording.origins:
            # Nobody will ask for what was recorded once more here.
            recording.absorbed, recording.origins = {}, {}
        try:
            _launch(recording, node, segment)
        except Exception as error:
            _name_place(error, recording, node.path())
            recording.failure = error
            for variable, _ in recording.writes.values():
                variable._at = NOWHERE
            raise
        finally:
            recording.finish()


def _hand_over(recording: Recording, after: Recording | None) -> Segment | None:
    """Let live tapes keep the part that they cover, and go on in what follows."""
    tapes = recording.live_tapes()
    segment = Segment(recording) if tapes else None
    for tape in tapes:
        tape._cut(recording, segment, after)
    return segment


def _launch(recording: Recording, node: Node, segment: Segment | None) -> None:
    """Run by a program that is there, by a new one, or op by op."""
    slot: Slot | None = node.slot
    if slot is None or slot.is_dropped:
        slot = slots.find(recording)
    slot.used = next(_clock)
    alive, handles = [], []
    numbers = slot.results
    for position, reference in enumerate(slot.take_results(recording.values)):
        handle = reference()
        if handle is not None:
            alive.append(numbers[position])
            handles.append(handle)
    if segment is not None:
        origin = _reference(segment)
        for number, handle in zip(alive, handles, strict=True):
            handle._origin = (origin, number)
    demand = None
    if segment is not None or recording.pulls:
        demand = _demand(recording, slot, segment, alive)
    if recording.is_traced:
        _launch_in_trace(recording, slot, alive, handles)
    elif recording.settings != settings():
        with applied(recording.settings):  # those that its calls were made under
            _launch_here(recording, slot, alive, handles, demand)
    else:
        program = slot.find(alive, demand)
        if program is None or not _launch_program(recording, program, alive, handles):
            _launch_here(recording, slot, alive, handles, demand)
    if segment is not None and demand is not None:
        segment.pulls = recording.pulls


def _demand(
    recording: Recording, slot: Slot, segment: Segment | None, alive: list[int]
) -> Demand | None:
    """What a program is to keep for the live tapes, or need not run again."""
    if recording.pulls:
        pulls, results = recording.pulls, recording.results
        positions = {number: kept.positions for number, (kept, _) in pulls.items()}
        nodes = usable(
            slot.path, [*alive, *final_writes(slot.path)[1]], positions, results
        )
        if nodes:
            given = tuple([(node, pulls[node.first][0]) for node in nodes])
            return Demand(given=given, results=tuple(results))
    elif segment is not None and slot.num_bytes >= config.bounds.kept_bytes:
        tapes = recording.live_tapes()
        covered = tuple([tape._coverage(segment) for tape in tapes])
        key = (slot, covered, tuple(recording.origins))
        keeps = _carrying.get(key)
        if keeps is None:
            found = carrying(slot.path, covered, recording.origins)
            keeps = _carrying.add(key, (found,))
        if keeps[0]:
            return Demand(keeps=keeps[0])
    return None


_carrying: Cache[tuple] = Cache(lambda: config.bounds.op_programs)


def _name_place(error: Exception, recording: Recording, path: Sequence[Node]) -> None:
    """Add to an error that names no line the user's line of the call that fails."""
    if any("recorded at" in note for note in getattr(error, "__notes__", ())):
        return
    first, last = path[0].site, path[-1].site
    place = f"While running the calls recorded at {first}"
    place += "." if first == last else f" to {last}."
    if not isinstance(error, ExecutionError):  # what it needs is there still
        place = _failing_call(recording, path) or place
    error.add_note(place)


def _failing_call(recording: Recording, path: Sequence[Node]) -> str | None:
    """Run the calls one by one up to the one that fails; what it is and where."""
    try:
        values = leaf_values(path, recording.values, recording.owners)
    except Exception:  # its arguments are gone
        return None
    for node in path:
        try:
            replay_op_by_op([node], values)
            jax.block_until_ready([values[n] for n in range(node.first, node.end)])
        except Exception:
            return f"In {node.op}, recorded at {node.site}."
    return None


def _launch_here(
    recording: Recording,
    slot: Slot,
    alive: list[int],
    handles: list[Handle],
    demand: Demand | None,
) -> None:
    """Run by a new program, or op by op."""
    program = slot.find(alive, demand)
    if program is not None and _launch_program(recording, program, alive, handles):
        return
    if program is None and not slot.is_hot():
        slot.asked = frozenset(alive)
        _launch_op_by_op(recording, slot, alive, handles)
        return
    note_sizes(slot.path)
    start = time.perf_counter()
    program = slot.compile(recording, alive, demand)
    launched = _launch_program(recording, program, alive, handles)
    note_duration(slot.path, time.perf_counter() - start)
    assert launched, "a program fits the arguments that it was compiled for"


def _launch_program(
    recording: Recording, program: Program, alive: list[int], handles: list[Handle]
) -> bool:
    """Run a program; false if arguments live elsewhere than it expects."""
    values, owners = recording.values, recording.owners
    snapshots: list[Any] = []
    for group in program.groups:
        snapshot = group.snapshot(values, owners)
        if snapshot is None:
            return False
        snapshots.append(snapshot)
    if Snapshot in map(type, program.alone(values)):
        return False
    outcome: list[tuple] = []
    for attempt in range(_ATTEMPTS):
        with updating:  # no other thread writes between the check and the commit
            arguments = _arguments(recording, program, snapshots)
            try:
                # One C call launches and keeps the results: no signal comes between.
                outcome.extend(map(program.run, *arguments))
            except (ValueError, RuntimeError) as error:
                if attempt + 1 == _ATTEMPTS or not was_donated(error):
                    _raise_if_lost(recording, program, error)
                    raise
                _read_anew(recording, program)
                snapshots = [values[number] for number in program.members]
            finally:
                if outcome:
                    try:
                        _commit(recording, program, alive, handles, *outcome[0])
                    except BaseException:  # an interrupt came in between
                        _commit(recording, program, alive, handles, *outcome[0])
                        raise
        if outcome:
            break
    return True


updating = threading.RLock()


def _arguments(
    recording: Recording, program: Program, snapshots: Sequence[Snapshot]
) -> tuple[tuple[list], ...]:
    """What a program takes; what it overwrites is copied if anyone else sees it.

    Each list stands in a tuple of its own, as `map` takes the arguments of one call.
    """
    values, owners = recording.values, recording.owners
    count = program.num_overwritten
    is_safe = config.switches.safe_steps
    homes, overwritten = [], []
    for number in program.overwritten:
        home = owners[number]._home
        snapshot = home._value
        is_ours = home._may_donate(snapshot) and not is_safe
        homes.append(snapshot.array if is_ours else _copy(snapshot.array))
    for number in program.donated:
        owner = owners[number]
        value = owner._value
        is_ours = owner._may_donate(value) and not is_safe
        overwritten.append(value if is_ours else _copy(value))
    return (
        (homes,),
        (overwritten,),
        ([snapshot.array for snapshot in snapshots[count:]],),
        ([values[number] for number in program.kept],),
        (program.numbers.packed(values),),
        (_given(recording, program.demand) if program.demand else [],),
    )


def _given(recording: Recording, demand: Demand) -> list[list[Any]]:
    """The residuals of each call that does not run, and the results that are there."""
    if not demand.given:
        return []
    residuals = [recording.pulls[node.first][1] for node, _ in demand.given]
    return [*residuals, [recording.results[number] for number in demand.results]]


def was_donated(error: Exception) -> bool:
    """Whether a launch failed because another thread's update took a buffer."""
    text = str(error)
    return "deleted" in text or "Invalid buffer passed" in text


def _raise_if_lost(recording: Recording, program: Program, error: Exception) -> None:
    """Name the variables whose buffers a failed launch has taken with it."""
    owners: list[Any] = [recording.owners[number] for number in program.donated]
    homes = [recording.owners[n]._home for n in program.members]
    members = [member for home in homes for member in home.members]
    lost = [
        variable.name
        for variable, array in (
            *((owner, owner._value) for owner in owners),
            *((member, member._home._value.array) for member in members),
        )
        if isinstance(array, jax.Array) and array.is_deleted()
    ]
    if lost:
        names = ", ".join(f"'{name}'" for name in lost)
        raise ExecutionError(
            f"The step failed on the device ({error}) after it had taken over the "
            f"buffers of these variables, whose values are lost: {names}. Assign them "
            "again, for example with model.set_weights() from a saved copy."
        ) from error


def _read_anew(recording: Recording, program: Program) -> None:
    """Take the present values of arguments whose buffers are gone."""
    for number in (*program.kept, *(n for n, _, _ in program.layout)):
        value, owner = recording.values[number], recording.owners[number]
        array = value.array if value.__class__ is Snapshot else value
        if isinstance(array, jax.Array) and array.is_deleted():
            recording.values[number] = owner._admitted()


_copy = jax.jit(jnp.copy)


def _commit(
    recording: Recording,
    program: Program,
    alive: list[int],
    handles: list[Handle],
    homes: Sequence[Any],
    finals: Sequence[Any],
    alone: Sequence[Any],
    buffers: Sequence[Any],
    left: Sequence[list[Any]],
) -> None:
    """Give variables and handles their values."""
    owners, places = recording.owners, program.places
    if left:
        how = program.how_kept.items()
        recording.pulls = {
            number: (kept, arrays)
            for (number, kept), arrays in zip(how, left, strict=True)
        }
    for number, array in zip(program.overwritten, homes, strict=True):
        owners[number]._home._write(array)
    for number, value in zip(program.donated, finals, strict=True):
        owners[number]._write(value)
    pack = Pack(buffers, program.packed) if buffers else None
    for number, handle in zip(alive, handles, strict=True):
        place = places[number]
        if place is None:
            handle._value = pack
        elif place >= 0:
            handle._value = alone[place]
        else:
            handle._value = finals[-1 - place]
            owners[program.donated[-1 - place]]._share()


def _refuse_write_in_trace() -> None:
    raise ExecutionError(
        "A Variable was assigned inside a function that JAX traces, where the new "
        "value cannot outlive the trace. Return the value from the function and "
        "assign it outside."
    )


def leaf_values(
    path: Sequence[Node], values: Sequence[Any], owners: dict[int, Any]
) -> dict[int, Any]:
    """All arguments of a path as arrays of their own, by number."""
    found = {}
    for node in path:
        for number, kind in node.leaves:
            value = values[number]
            if value.__class__ is Snapshot:
                start = owners[number]._start
                value = value.array if start < 0 else value.take(start, kind.shape)
            found[number] = as_typed(value, kind)
    return found


def _launch_op_by_op(
    recording: Recording, slot: Slot, alive: list[int], handles: list[Handle]
) -> None:
    variables, finals = final_writes(slot.path)
    owners = recording.owners
    with updating if variables else contextlib.nullcontext():
        for number in variables:  # another thread may have written meanwhile
            recording.values[number] = owners[number]._admitted()
        values = leaf_values(slot.path, recording.values, owners)
        replay_op_by_op(needed(slot.path, [*alive, *finals]), values)
        written = [
            (owners[number], values[final], final in alive)
            for number, final in zip(variables, finals, strict=True)
        ]
        try:
            _write_all(written)
        except BaseException:  # an interrupt came in between
            _write_all(written)
            raise
    for number, handle in zip(alive, handles, strict=True):
        handle._value = values[number]


def _write_all(written: Sequence[tuple[Handle, Any, bool]]) -> None:
    """Give variables their values, and note which are seen by a result too."""
    for owner, value, is_shared in written:
        owner._write(value)
        if is_shared:
            owner._share()


def _launch_in_trace(
    recording: Recording, slot: Slot, alive: list[int], handles: list[Handle]
) -> None:
    """Inside a user's own `jax.jit` or `jax.grad`: compute with its tracers."""
    values = leaf_values(slot.path, recording.values, recording.owners)
    variables, _finals = final_writes(slot.path)
    if variables:
        _refuse_write_in_trace()
    replay(needed(slot.path, alive), values)
    for number, handle in zip(alive, handles, strict=True):
        handle._value = values[number]


def read_elsewhere(recording: Recording, number: int) -> Any:
    """Compute a value that another thread has recorded, without running its recording.

    Returns `None` when it has run meanwhile, so that the value is there to take.
    """
    with recording.guard:
        if recording.is_done:
            return None
        assert recording.node is not None
        path = recording.node.path()
        values = leaf_values(path, recording.values, recording.owners)
        with applied(recording.settings):
            replay_op_by_op(needed(path, [number]), values)
        return values[number]
