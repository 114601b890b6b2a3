"""Launching: running a recording as a program or op by op, and committing its results.

A program returns what somebody still holds, and the new values of variables, whose old
buffers it is given to overwrite when nobody else can see them.
"""

import contextlib
import itertools
import operator
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import config
from ..errors import ExecutionError
from .cache import Cache
from .checking import Checker
from .compiling import Compiling
from .connection import carrying
from .keeping import Demand, usable
from .memory import LARGE, careful, is_lack_of_memory, lack_of_memory
from .node import Handle, Node, Recording, Segment
from .op import ArrayClass, concrete_classes
from .program import Pack, Program, final_writes
from .replay import as_typed, needed, replay, replay_op_by_op
from .schedule import is_nested
from .signature import applied, settings
from .slots import Slot, slots
from .snapshot import Snapshot
from .steps import steps

ATTEMPTS = 20  # at arguments that other threads update meanwhile
losses: dict[int, tuple[Program, Exception]] = {}
"""What failed after it took over buffers, by serials of recordings; `launch` tells."""
clock = itertools.count()
handle_of = operator.call
"""What a weak reference refers to, in one step of C."""
_reference = weakref.ref


def launch(recording: Recording, node: Node, segment: Segment | None) -> None:
    """Run by a program that is there, by a new one, or op by op."""
    if losses and recording.serial in losses:
        _raise_if_lost(recording, *losses.pop(recording.serial))
    slot: Slot | None = node.slot
    if slot is None or slot.is_dropped:
        slot = slots.find(recording)
    slot.used = next(clock)
    alive, handles = [], []
    found = map(handle_of, slot.take_results(recording.values))
    for number, handle in zip(slot.results, found, strict=True):
        if handle is not None:
            alive.append(number)
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


def explained(
    error: Exception, recording: Recording, path: Sequence[Node]
) -> Exception:
    """What to raise for an error of a launch; it names the user's line."""
    notes = getattr(error, "__notes__", ())
    if is_lack_of_memory(error) and not isinstance(error, ExecutionError):
        error = lack_of_memory(error)
    if any("recorded at" in note for note in notes):
        return error
    first, last = path[0].site, path[-1].site
    place = f"While running the calls recorded at {first}"
    place += "." if first == last else f" to {last}."
    if not isinstance(error, ExecutionError):  # what it needs is there still
        place = _failing_call(recording, path) or place
    error.add_note(place)
    return error


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
    _read_at_once(recording, slot)
    programs = slot.find_all(alive, demand)
    for program in programs:
        if _launch_program(recording, program, alive, handles):
            slot.prefer(program)
            return
    if not programs and not slot.is_hot():
        slot.asked = frozenset(alive)
        _launch_op_by_op(recording, slot, alive, handles)
        return
    compiling = Compiling(recording, alive, demand)
    start = time.perf_counter()
    with compiling:
        program = slot.compile(recording, alive, demand)
        try:
            launched = _launch_program(recording, program, alive, handles, is_new=True)
        except BaseException:
            slot.forget(program)  # the next launch is its first one again
            raise
    compiling.done(time.perf_counter() - start)
    assert launched, "a program fits the arguments that it was compiled for"


def _read_at_once(recording: Recording, slot: Slot) -> None:
    """Take the variables that are assigned one by one in their home at one moment.

    Another thread's update may lie between the calls that read them; the home is handed
    over once, as it is at present.
    """
    values, owners = recording.values, recording.owners
    present: dict[int, Snapshot] = {}
    for number in final_writes(slot.path)[0]:
        if values[number].__class__ is Snapshot and owners[number]._start >= 0:
            home = owners[number]._home
            values[number] = present.setdefault(id(home), home._value)


def _launch_program(
    recording: Recording,
    program: Program,
    alive: list[int],
    handles: list[Handle],
    is_new: bool = False,
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
    for attempt in range(ATTEMPTS):
        with updating:  # no other thread writes between the check and the commit
            arguments = _arguments(recording, program, snapshots, attempt > 0)
            if is_new:
                run = _first_run(recording, program, [only for (only,) in arguments])
            else:
                run = program.run
            try:
                # One C call launches and keeps the results: no signal comes between.
                outcome.extend(map(run, *arguments))
            except (ValueError, RuntimeError) as error:
                if attempt + 1 == ATTEMPTS or not was_donated(error):
                    if is_nested(error):
                        refuse_write_in_trace()
                    _raise_if_lost(recording, program, error)
                    raise
                _read_anew(
                    recording, [*program.kept, *(n for n, _, _ in program.layout)]
                )
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


def _first_run(recording: Recording, program: Program, arguments: Sequence[Any]) -> Any:
    """What to call where a program is run for the first time."""
    node = recording.node
    assert node is not None
    is_turn = recording.entry and not recording.absorbed and program.demand is None
    if is_turn and node.slot.is_step and program.repeat(arguments):
        return program.run
    return careful(program.run, arguments, copy_buffer)


def _arguments(
    recording: Recording,
    program: Program,
    snapshots: Sequence[Snapshot],
    is_repeated: bool,
) -> tuple[tuple[list], ...]:
    """What a program takes; what it overwrites is copied if anyone else sees it.

    Each list stands in a tuple of its own, as `map` takes the arguments of one call.
    One that was read anew may be what is overwritten: a repeated launch copies.
    """
    values, owners = recording.values, recording.owners
    count = program.num_overwritten
    is_safe = is_repeated
    if config.switches.safe_steps:
        is_safe = True
        steps.keep(recording)
    # Read while another thread updated, an argument may be the present value already.
    read = snapshots[count:]
    kept = [values[number] for number in program.kept]
    homes, donated = overwritten(
        [owners[number]._home for number in program.overwritten],
        [owners[number] for number in program.donated],
        read,
        kept,
        recording,
        is_safe,
    )
    return (
        (homes,),
        (donated,),
        ([snapshot.array for snapshot in read],),
        (kept,),
        (program.numbers.packed(values),),
        (_given(recording, program.demand) if program.demand else [],),
    )


def overwritten(
    homes: Sequence[Any],
    variables: Sequence[Any],
    read: Sequence[Snapshot],
    kept: Sequence[Any],
    recording: Recording | None = None,
    is_safe: bool = False,
) -> tuple[list[Any], list[Any]]:
    """The buffers that a program overwrites; a copy of each that anyone else sees.

    Args:
        homes: The homes that it overwrites.
        variables: The variables with buffers of their own that it overwrites.
        read: Other homes as it reads them.
        kept: The arrays that it reads.
        recording: What runs; any other that waits may have read a variable.
        is_safe: Whether nothing may be lost if it fails.
    """
    shared, own = [], []
    for home in homes:
        snapshot = home._value
        if snapshot.holders or is_safe or snapshot in read:
            shared.append(copy_buffer(snapshot.array))
        else:
            shared.append(snapshot.array)
    if not variables:
        return shared, own
    taken = {*map(id, kept)}
    for variable in variables:
        value, at = variable._value, variable._at[0]
        if (
            is_safe
            or not variable._may_donate(value)
            or not (at is None or at.is_done or at is recording)
            or id(value) in taken
        ):
            value = copy_buffer(value)
        own.append(value)
    return shared, own


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


def _read_anew(recording: Recording, numbers: Sequence[int]) -> None:
    """Take the present values of arguments whose buffers are gone."""
    for number in numbers:
        value, owner = recording.values[number], recording.owners[number]
        array = value.array if value.__class__ is Snapshot else value
        if isinstance(array, jax.Array) and array.is_deleted():
            recording.values[number] = owner._admitted()


copy_buffer = jax.jit(jnp.copy)
"""A buffer of its own with the same values."""


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
    owners = recording.owners
    for value in homes or finals:
        if value.__class__ is not ArrayClass:
            refuse_write_in_trace()
        break
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
    wanted = map(program.places.__getitem__, alive)
    given = [owners[number] for number in program.donated]
    give(handles, wanted, program, finals, alone, buffers, given)


def give(
    handles: Iterable[Handle | None],
    places: Iterable[int | None],
    program: Program,
    finals: Sequence[Any],
    alone: Sequence[Any],
    buffers: Sequence[Any],
    donated: Sequence[Any],
) -> None:
    """Give handles the results of a program, those that are there and have no value.

    Args:
        handles: `None` for a result that nobody holds.
        places: Where each comes out, as in `Program.places`.
        program: The program.
        finals: The new values of variables that it returned.
        alone: The results of their own.
        buffers: The small results, packed.
        donated: The variables of the new values.
    """
    pack = Pack(buffers, program.packed) if buffers else None
    for handle, place in zip(handles, places):  # noqa: B905 (0.1 us)
        if handle is None or handle._value is not None:
            continue
        if place is None:
            handle._value = pack
        elif place >= 0:
            handle._value = alone[place]
        else:
            handle._value = finals[-1 - place]
            donated[-1 - place]._share()


def refuse_write_in_trace() -> None:
    """Raise for a variable that is assigned where JAX traces."""
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
        if config.switches.safe_steps:
            steps.keep(recording)
        values = _replayed(recording, slot.path, [*alive, *finals])
        written = [
            (owners[number], values[final], final in alive)
            for number, final in zip(variables, finals, strict=True)
        ]
        if slot.num_bytes >= LARGE:  # a lack of memory shows before anything changes
            jax.block_until_ready([values[number] for number in [*alive, *finals]])
        try:
            _write_all(written)
        except BaseException:  # an interrupt came in between
            _write_all(written)
            raise
    for number, handle in zip(alive, handles, strict=True):
        handle._value = values[number]


def _replayed(
    recording: Recording, path: Sequence[Node], wanted: Sequence[int]
) -> dict[int, Any]:
    """Values by number, computed op by op; the wanted ones are among them.

    If another thread's update takes an argument meanwhile, all is computed once more,
    from its present value, while no thread can update.
    """
    owners = recording.owners
    nodes = needed(path, wanted)
    checker = Checker(owners) if config.switches.checks else None
    try:
        values = leaf_values(path, recording.values, owners)
        replay_op_by_op(nodes, values, checker)
    except (ValueError, RuntimeError) as error:
        if not was_donated(error):
            raise
        with updating:
            _read_anew(recording, [*owners])
            values = leaf_values(path, recording.values, owners)
            replay_op_by_op(nodes, values, checker)
    return values


def _write_all(written: Sequence[tuple[Handle, Any, bool]]) -> None:
    """Give variables their values, and note which are seen by a result too."""
    for owner, value, is_shared in written:
        owner._write(value)
        if is_shared:
            owner._share()


def _launch_in_trace(
    recording: Recording, slot: Slot, alive: list[int], handles: list[Handle]
) -> None:
    """Inside a user's own `jax.jit` or `jax.grad`: compute with its tracers.

    What no tracer reaches, such as calls from before, is a value that outlives it.
    """
    values = leaf_values(slot.path, recording.values, recording.owners)
    variables, _finals = final_writes(slot.path)
    if variables:
        refuse_write_in_trace()
    traced = {n for n, v in values.items() if v.__class__ not in concrete_classes}
    for node in slot.path:
        if not traced.isdisjoint(node.inputs):
            traced.update(range(node.first, node.end))
    apart = dict(values)
    with jax.ensure_compile_time_eval():
        replay_op_by_op(needed(slot.path, set(alive) - traced), apart)
    replay(needed(slot.path, traced.intersection(alive)), values)
    for number, handle in zip(alive, handles, strict=True):
        handle._value = (values if number in traced else apart)[number]


def read_elsewhere(recording: Recording, number: int) -> Any:
    """Compute a value that another thread has recorded, without running its recording.

    Returns `None` when it has run meanwhile, so that the value is there to take.
    """
    recording = recording.seen_elsewhere()
    with recording.guard:
        if recording.is_done:
            return None
        assert recording.node is not None
        path = recording.node.path()
        values = leaf_values(path, recording.values, recording.owners)
        with applied(recording.settings):
            replay_op_by_op(needed(path, [number]), values)
        return values[number]
