"""Rehearsals: turns of a loop that go as the turn before did, call by call.

A training loop calls the same ops on the same variables, turn after turn. When two
turns of a loop were alike, the next one is a `Rehearsal`: a recording that compares
each call with the one at the same place in the turn before, which is faster than to
record it, and in the end runs the same program. It knows nothing else. As soon as
anything more is asked of it, or another call comes, it *unfolds*: it becomes what it
would be if all calls so far had been recorded.
"""

import itertools
import operator
import threading
import weakref
from asyncio import _get_running_loop  # in asyncio.__all__: None without a loop
from collections.abc import Sequence
from typing import Any

import jax

from .. import config
from .derivative import GRADIENT
from .form import COTANGENTS
from .home import Home
from .launching import (
    clock,
    copy_buffer,
    refuse_write_in_trace,
    updating,
)
from .node import (
    NOWHERE,
    Handle,
    Node,
    Recording,
    Segment,
    getter,
    here,
    nobody,
    serials,
)
from .op import ArrayClass, Op, concrete_classes
from .program import Pack, Program
from .signature import TensorType, settings
from .site import Entry
from .slots import Slot

_MOST_LOOPS = 256
_MOST_MISSES = 4
"""How many turns in a row may unfold before no more of them are rehearsed."""
_switches, _bounds = config.switches, config.bounds
_ERRORS = (ValueError, RuntimeError, TypeError)
"""What a launch raises; TypeError where a variable moves meanwhile."""
_thread_number = threading.get_ident
_reference = weakref.ref

make_pending: Any = Handle
"""Makes the Tensor of a recorded result; `tensor` sets it."""
_type_of_handle = operator.attrgetter("_type")


class _Step:
    """One call of the turn before.

    Attributes:
        node: What it was recorded as.
        op, frozen: What was called, and its options.
        inputs: For each input the variable or home itself, the number of a value, or
            the type of data that the call brings in.
        arity: How many inputs it has.
        first: The number of its first result.
        kind: The type of its result, if that is a single one.
        next: The call after it; after the last one a step that nothing takes.
    """

    __slots__ = ("arity", "first", "frozen", "inputs", "kind", "next", "node", "op")

    def __init__(
        self, node: Node, owners: dict[int, Any], numbers: Sequence[int]
    ) -> None:
        self.node = node
        self.op = node.op
        self.frozen = node.key[1]
        fresh = dict(node.leaves)
        self.inputs = tuple(
            owners[n] if n in owners else fresh.pop(n, numbers[n]) for n in node.inputs
        )
        self.arity = len(self.inputs)
        self.first = numbers[node.first]
        self.kind = node.outputs[0] if node.tree is None and node.outputs else None
        self.next = _END


class _End:
    """What comes after the last call."""

    op = None


_END: Any = _End()


class Script:
    """What a turn of a loop called.

    Attributes:
        loop: The loop.
        settings: The settings of JAX.
        first: The first step.
        node: The last call.
        slot: What is known of the structure.
        owners: The variables and homes that it stands on, by number.
        data: Numbers of what else the calls bring in, in order.
        stop: How many results the tape covers.
        covered: How many values it covers.
        cut: The call before which a value was read, so that all calls before it ran.
        cut_slot: What is known of the structure up to there.
        goal: The number of the gradient's target.
        sources: The `id`s of what the gradient is taken by.
        before_gradient: The call before the gradient.
        misses: How many turns have unfolded since one did not.
    """

    def __init__(
        self,
        recording: Recording,
        loop: "_Loop",
        path: Sequence[Node],
        stop: int,
        segment: Segment | None,
    ) -> None:
        self.loop = loop
        self.settings = recording.settings
        self.node = path[-1]
        self.slot: Slot = self.node.slot
        self.misses = 0
        leaves = [number for node in path for number, _ in node.leaves]
        self.owners: dict[int, Any] = {
            n: recording.owners[n] for n in leaves if recording.owners[n]._may_change
        }
        # The same objects everywhere, so that numbers are equal where they are one.
        numbers = self.numbers = list(range(self.node.end + 1))
        self.data = [numbers[n] for n in leaves if n not in self.owners]
        self._kinds = [owner._type for owner in self.owners.values()]
        steps = [_Step(node, self.owners, numbers) for node in path]
        for step, after in itertools.pairwise(steps):
            step.next = after
        self.first = steps[0]
        gradient = next(step.node for step in steps if step.op is GRADIENT)
        assert gradient.parent is not None
        self.before_gradient = gradient.parent
        _, _, _, _, goals, _, sources, _ = gradient.key
        self.goal = numbers[goals[0]]
        self.sources = [id(self.owners[number]) for (number,) in sources]
        self.covered = stop
        self.stop = sum(len(step.node.outputs) for step in steps if step.first < stop)
        self.cut: Any = None
        if segment is not None:
            self.cut = steps[segment.node.length]
            self.cut_slot: Slot = segment.node.slot
        self._part: _Part | None = None
        self._cut_part: _Part | None = None

    def is_of(self, owners: dict[int, Any]) -> bool:
        """Whether it stands on these variables."""
        return all(owners.get(n) is owner for n, owner in self.owners.items())

    def holds(self) -> bool:
        """Whether a turn may go as this one, as things stand."""
        return (
            self.misses <= _MOST_MISSES
            and self.node.length < _bounds.pending_nodes
            and _switches.execution != "op_by_op"
            and not self.slot.is_dropped
            and self.settings == settings()
            and [*map(_type_of_handle, self.owners.values())] == self._kinds
        )

    def part(self) -> "_Part | None":
        """What the turn runs, if it is there."""
        self._part = part = _renewed(self._part, self, self.slot)
        return part if part is not None and part.fits else None

    def cut_part(self) -> "_Part | None":
        """What runs where a value is read, if it is there."""
        self._cut_part = part = _renewed(self._cut_part, self, self.cut_slot)
        return part if part is not None and part.fits and not part.writes else None


class _Part:
    """Where the arguments of a program are in a turn, and where its results go.

    Attributes:
        program: The program.
        moves: How often variables had moved into homes when it was made.
        fits: Whether the variables are where the program expects them.
        homes, read: The homes that it overwrites, and those that it reads only.
        donated: The variables of their own that it overwrites.
        take: Takes what it reads from the data of a turn and the values of `variables`.
        take_made, places: Takes the results that it gives; where it gives them.
        take_others: Takes the results that it does not give.
    """

    def __init__(self, script: Script, slot: Slot, program: Program) -> None:
        owners = script.owners
        self.program = program
        self.moves = Home.moves
        self.fits = program.demand is None and all(
            group.fits(owners) for group in program.groups
        )
        if not self.fits:
            return
        homes: list[Home] = [owners[number]._home for number in program.members]
        self.homes = homes[: program.num_overwritten]
        self.read = homes[program.num_overwritten :]
        self.donated: list[Any] = [owners[number] for number in program.donated]
        self.writes = bool(self.homes or self.donated)
        fixed = [number for number in program.kept if number in owners]
        self.variables: list[Any] = [owners[number] for number in fixed]
        own = [*self.variables, *self.donated]
        self.fits = all(variable._home is None for variable in own)
        given = [*script.data, *fixed]
        self.take = getter([given.index(number) for number in program.kept])
        results = slot.results
        places = program.places
        self.take_made = getter([i for i, n in enumerate(results) if n in places])
        self.places = [places[number] for number in results if number in places]
        self.take_others = getter([i for i, n in enumerate(results) if n not in places])


def _renewed(part: _Part | None, script: Script, slot: Slot) -> _Part | None:
    """The part of the program that a slot has now."""
    programs = slot.programs
    if not programs:
        return None
    if part is None or part.program is not programs[0] or part.moves != Home.moves:
        return _Part(script, slot, programs[0])
    return part


class _Seen:
    """The values of variables when calls ran; they are kept as long as this lives."""

    __slots__ = ("_homes", "_snapshots", "_values", "_variables")

    def __init__(self, part: _Part) -> None:
        self._homes, self._variables = part.read, part.variables
        self._values = [variable._value for variable in part.variables]
        self._snapshots = [home._value for home in part.read]
        self._hold(1)

    def _hold(self, count: int) -> None:
        for snapshot in self._snapshots:
            snapshot.holders += count
        for variable in self._variables:
            variable._hold(count)

    def value_of(self, owner: Any) -> Any:
        """What a variable was; what it is, if these calls did not read it."""
        for owners, values in (
            (self._homes, self._snapshots),
            (self._variables, self._values),
        ):
            for candidate, value in zip(owners, values, strict=True):
                if candidate is owner or candidate is owner._home:
                    return value
        return owner._admitted()

    def are_still(self) -> bool:
        """Whether the variables have these values."""
        for home, snapshot in zip(self._homes, self._snapshots):  # noqa: B905
            if home._value is not snapshot:
                return False
        for variable, value in zip(self._variables, self._values):  # noqa: B905
            if variable._value is not value:
                return False
        return True

    def release(self) -> None:
        """The values are needed no longer."""
        self._hold(-1)
        self._homes, self._snapshots, self._variables = [], [], []

    __del__ = release


class Rehearsal(Recording):
    """A turn that goes as the one before, so far.

    Args:
        script: What the turn before called.
        tape: The tape that was entered.

    Attributes:
        script: The same; `None` when it has unfolded or run.
        step: The next call of it.
        thread: The thread whose turn it is.
        data, given: The values that the calls have brought in, and their handles.
        numbers: The numbers that these get.
        made: Weak references to the results.
        seen: What the variables were when a value was read.
        was_left: Whether the tape was left.
    """

    __slots__ = (
        "data",
        "given",
        "made",
        "numbers",
        "script",
        "seen",
        "step",
        "thread",
        "was_left",
    )

    def __init__(self, script: Script, tape: Any) -> None:
        # What a recording has besides is there when it has unfolded.
        self.script: Script | None = script
        self.step = script.first
        self.thread = _thread_number()
        self.serial = next(serials)
        self.settings = script.settings
        self.numbers = script.data
        self.data: list[Any] = []
        self.given: list[Handle] = []
        self.made: list[Any] = []
        self.seen: _Seen | None = None
        self.writes = {}
        self.tapes = [weakref.ref(tape)]
        self.depth = 1
        self.task = None
        self.is_done = self.was_left = False

    def follow(self, op: Op, inputs: Sequence[Handle], frozen: tuple) -> Any:
        """The results of a call that comes where it came before, or `None`."""
        step = self.step
        if (
            step.op is not op
            or step.frozen != frozen
            or step.arity != len(inputs)
            or self.settings != settings()
            or _get_running_loop() is not None
        ):
            return None
        try:
            for handle, expected in zip(inputs, step.inputs):  # noqa: B905 (0.3 us)
                if handle is expected:  # a variable or home
                    continue
                recording, number = handle._at
                if recording is self:
                    if number is not expected:
                        return self._stray()
                    continue
                value = handle._value
                if (
                    handle._type is not expected
                    or value.__class__ not in concrete_classes
                    or handle._may_change
                    or handle._origin is not None
                    or (recording is not None and not recording.is_done)
                ):
                    return self._stray()
                data = self.data
                self.given.append(handle)
                handle._at = (self, self.numbers[len(data)])
                data.append(value)
            kind = step.kind
            if kind is None:
                return self._several(step)
            result = make_pending(kind, (self, step.first))
            self.made.append(_reference(result))
            self.step = step.next
        except BaseException:  # an interrupt: half of a call has left its traces
            self._stray()
            raise
        return result

    def _several(self, step: _Step) -> Any:
        """The results of a call that has not just one; an update has no handles."""
        script: Any = self.script
        results: list[Handle] = []
        if step.next is not _END:
            numbers = script.numbers[step.first :]
            for kind, number in zip(step.node.outputs, numbers):  # noqa: B905
                result = make_pending(kind, (self, number))
                self.made.append(_reference(result))
                results.append(result)
        self.step = step.next
        if step.op is GRADIENT or step.next is _END:
            return results
        return jax.tree.unflatten(step.node.tree, results)

    def _stray(self) -> None:
        """This turn goes another way."""
        if self.script is not None:
            self._unfold()

    @property
    def is_abandoned(self) -> bool:
        """Whether Ctrl-C came before its tape had begun, which nobody will leave."""
        return self.script is not None and self.depth > 0 and self.tapes[0]() is None

    def leave(self) -> bool:
        """The tape is left; whether it was here before, too."""
        script = self.script
        if script is None or self.was_left or len(self.made) != script.stop:
            return False
        self.was_left = True
        self.depth = 0
        return True

    def differentiate(self, target: Any, sources: Any) -> list[Any] | None:
        """The results of a gradient that was taken here before, or `None`."""
        step, script = self.step, self.script
        if (
            step.op is not GRADIENT
            or script is None
            or not self.was_left
            or target._at != (self, script.goal)
            or sources.__class__ is not list
            or [*map(id, sources)] != script.sources
            or self.settings != settings()
            or _get_running_loop() is not None
        ):
            return None
        try:
            return self._several(step)
        except BaseException:
            self._stray()
            raise

    def perform(self, op: Op, inputs: Sequence[Handle]) -> bool:
        """Make the update that ends the turn; whether it was made."""
        results, script = self.follow(op, inputs, ()), self.script
        if (
            results is None
            or self.step is not _END
            or script is None
            or here.recording is not self
            or _switches.safe_steps
            or _switches.checks
        ):
            return False
        part = script.part()
        if part is None:
            return False
        seen = self.seen
        for reference in part.take_others(self.made):
            handle = reference()
            if handle is not None and (seen is None or handle._value is None):
                return False  # asked for by nobody before
        return self._launch(part, script)

    def _launch(self, part: _Part, script: Script) -> bool:
        """Run the program; false where the long way has to be taken."""
        outcome: list[tuple] = []
        program, seen = part.program, self.seen
        with updating:  # no other thread writes between the look and the commit
            if seen is not None:
                if not seen.are_still():
                    return False
                self.seen = seen.release()
            read = [home._value for home in part.read] if part.read else []
            homes, overwritten = [], []
            for home in part.homes:
                snapshot = home._value
                is_ours = not snapshot.holders and snapshot not in read
                homes.append(snapshot.array if is_ours else copy_buffer(snapshot.array))
            kept = self._kept(part)
            for variable in part.donated:
                value = variable._value
                is_ours = variable._may_donate(value) and id(value) not in map(id, kept)
                overwritten.append(value if is_ours else copy_buffer(value))
            buffers = [snapshot.array for snapshot in read] if read else read
            numbers = self._numbers(program)
            arguments = (homes,), (overwritten,), (buffers,), (kept,), (numbers,), ([],)
            try:
                # One C call launches and keeps the results: no signal comes between.
                outcome.extend(map(program.run, *arguments))
            except _ERRORS:
                return False  # whatever it is, the long way meets it again
            finally:
                if outcome:
                    try:
                        self._commit(part, script, outcome[0])
                    except BaseException:  # an interrupt came in between
                        self._commit(part, script, outcome[0])
                        raise
        return True

    def run_ahead(self) -> bool:
        """Run what comes before a value that is read where one was read before.

        Returns:
            Whether that could be done; if not, the calls so far are an ordinary
            recording.
        """
        script = self.script
        if (
            script is None
            or self.step is not script.cut
            or self.seen is not None
            or self.was_left
            or _switches.safe_steps
            or _switches.checks
        ):
            return False
        part = script.cut_part()
        if part is None:
            return False
        for reference in part.take_others(self.made):
            if reference() is not None:
                return False
        with updating:  # all of one moment, and no other thread takes a buffer
            seen = _Seen(part)
            buffers = [home._value.array for home in part.read]
            numbers = self._numbers(part.program)
            try:
                outcome = part.program.run(
                    [], [], buffers, self._kept(part), numbers, []
                )
            except _ERRORS:
                return False
        self._give(part, outcome)
        self.seen = seen
        return True

    def _kept(self, part: _Part) -> list[Any]:
        """What a program reads: data of the turn, and variables of their own."""
        kept = [*self.data]
        for variable in part.variables:
            kept.append(variable._value)
        return [*part.take(kept)]

    def _numbers(self, program: Program) -> list[Any]:
        """The Python numbers among the data, which travel together."""
        if program.numbers.is_empty:
            return []
        script: Any = self.script
        return program.numbers.packed(dict(zip(script.data, self.data, strict=True)))

    def _commit(self, part: _Part, script: Script, outcome: tuple) -> None:
        """Give variables and handles their values, and let go of everything."""
        homes, finals = outcome[:2]
        for value in homes or finals:
            if value.__class__ is not ArrayClass:
                refuse_write_in_trace()
            break
        for home, array in zip(part.homes, homes):  # noqa: B905
            home._write(array)
        for variable, value in zip(part.donated, finals):  # noqa: B905
            variable._write(value)
        self._give(part, outcome)
        script.slot.used = next(clock)
        script.misses = script.loop.scripts_in_vain = 0
        self.node = script.node
        here.recording = None
        self.is_done = True
        self.script = self.seen = None
        self.data, self.given, self.made = [], [], []

    def _give(self, part: _Part, outcome: tuple) -> None:
        """Give handles their values."""
        _, finals, alone, buffers, _ = outcome
        pack = Pack(buffers, part.program.packed) if buffers else None
        made = part.take_made(self.made)
        for reference, place in zip(made, part.places):  # noqa: B905
            handle = reference()
            if handle is None or handle._value is not None:
                continue
            if place is None:
                handle._value = pack
            elif place >= 0:
                handle._value = alone[place]
            else:
                handle._value = finals[-1 - place]
                part.donated[-1 - place]._share()

    def __getattr__(self, name: str) -> Any:
        """What only a recording that was recorded has: become one."""
        if name not in _UNFOLDED:
            raise AttributeError(name)
        if self.is_done:
            _fill(self)
            self.finish()
        elif self.thread == _thread_number():
            self._unfold()
        else:
            return getattr(self.seen_elsewhere(), name)
        return getattr(self, name)

    def seen_elsewhere(self) -> Recording:
        """What other threads see: a copy, since this thread may go on at any moment."""
        script = self.script
        calls = _Calls(self)
        if script is None or self.is_done:
            return self
        copy = Recording()
        calls.record_in(copy, script)
        copy.settings, copy.serial = self.settings, self.serial
        return copy

    def _unfold(self) -> None:
        """Become what recording the calls so far would have made."""
        script = self.script
        assert script is not None
        script.misses += 1
        _fill(self)
        count = _Calls(self).record_in(self, script)
        for handle in self.given[count:]:  # of a call that was not followed
            if handle._at[0] is self:
                handle._at = NOWHERE
        for number, owner in self.owners.items():
            before = owner._at[0]
            if before is self:
                continue
            if before is None or before.is_done:
                owner._at = (self, number)
            else:  # another thread records with it too, and must find its own number
                self.known[id(owner)] = number
                owner._share()
        self.script, self.step, self.seen = None, _END, None
        self.data = self.given = self.made = []


def _fill(recording: Recording) -> None:
    """Set what a rehearsal does without, as where nothing was recorded."""
    recording.node = None
    recording.values = []
    recording.owners, recording.known, recording.absorbed = {}, {}, {}
    recording.taps, recording.origins = {}, {}
    recording.pulls, recording.results = {}, {}
    recording.held = []
    recording.entry = ()
    recording.is_traced = recording.has_settled = False
    recording.guard = threading.RLock()
    recording.failure = None


class _Calls:
    """What a rehearsal has come to, to be recorded."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._step = rehearsal.step
        self._given, self._data = rehearsal.given, rehearsal.data
        self._made, self._seen = rehearsal.made, rehearsal.seen

    def record_in(self, recording: Recording, script: Script) -> int:
        """Record the calls; how many of the given handles they have taken in."""
        node = script.node if self._step is _END else self._step.node.parent
        assert node is not None
        recording.entry = script.loop.entry
        if node.parent is None:
            return 0
        recording.node = node
        values: list[Any] = [nobody] * node.end
        seen = self._seen
        count = 0
        for number, _ in _leaves(node):
            owner = script.owners.get(number)
            if owner is None:
                recording.owners[number] = self._given[count]
                values[number] = self._data[count]
                count += 1
            else:
                recording.owners[number] = owner
                values[number] = (
                    owner._admitted() if seen is None else seen.value_of(owner)
                )
        results = [n for call in node.path() for n in range(call.first, call.end)]
        for number, reference in zip(results, self._made, strict=False):
            handle = reference()
            if handle is not None and handle._value is None:  # else it was read
                values[number] = reference
        recording.values = values
        return count


def _leaves(node: Node) -> list[tuple[int, TensorType]]:
    return [leaf for call in node.path() for leaf in call.leaves]


_UNFOLDED = frozenset({*Recording.__slots__, "absorbed", "taps"})


class _Loop:
    """What is known of the turns of one loop.

    Attributes:
        entry: Where it enters its tape.
        node: The last call of the last turn that was recorded.
        script: What a turn calls, if two were alike.
        scripts_in_vain: How many scripts were made since a turn went as one of them.
        other: A loop that enters its tape at the same line, but was called elsewhere.
    """

    __slots__ = ("entry", "node", "other", "script", "scripts_in_vain")

    def __init__(self, entry: Entry, other: "_Loop | None") -> None:
        self.entry = entry
        self.node: Node | None = None
        self.script: Any = lambda: None
        self.scripts_in_vain = 0
        self.other = other


class _Loops:
    """The loops that were met, by where they enter their tapes."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, int], _Loop] = {}
        self._count = 0

    def find(self, entry: Entry) -> Script | None:
        """The script of the loop that enters its tape here, if its turns are alike."""
        code, offset = entry[0]
        loop = self._by_place.get((id(code), offset))
        while loop is not None and loop.entry != entry:
            loop = loop.other
        script = None if loop is None else loop.script()
        if script is None or _get_running_loop() is not None or not script.holds():
            return None
        return script

    def note(self, recording: Recording, node: Node) -> Script | None:
        """A turn ends with this update; its script, when it was as the one before.

        Only the optimizer holds it, for it holds the variables.
        """
        tape = recording.tapes[0]() if len(recording.tapes) == 1 else None
        if tape is None or not tape._entry or recording.outer is not None:
            return None
        loop = self._at(tape._entry)
        if loop.node is not node:
            loop.node = node
            return None
        known = loop.script()
        if known is not None and known.node is node and known.is_of(recording.owners):
            return None
        # To make a script takes as long as some turns, and where models take turns
        # each meets the script of another.
        script = None
        if loop.scripts_in_vain <= _MOST_MISSES:
            script = _script_of(recording, loop, node)
        if script is not None:
            loop.scripts_in_vain += 1
            loop.script = weakref.ref(script)
        return script

    def _at(self, entry: Entry) -> _Loop:
        code, offset = entry[0]
        first = loop = self._by_place.get((id(code), offset))
        while loop is not None and loop.entry != entry:
            loop = loop.other
        if loop is None:
            self._count += 1
            if self._count > _MOST_LOOPS:
                self._by_place.clear()
                self._count, first = 1, None
            loop = self._by_place[id(code), offset] = _Loop(entry, first)
        return loop


loops = _Loops()


def _script_of(recording: Recording, loop: _Loop, node: Node) -> Script | None:
    """The script of a recording, if turns that are like it can be followed."""
    if (
        recording.taps
        or recording.writes
        or recording.origins
        or recording.pulls
        or recording.results
        or recording.is_traced
        or recording.has_settled
        or recording.task is not None
        or len(recording.absorbed) > 1
    ):
        return None
    segment = None
    for segment, numbers in recording.absorbed.items():
        is_first = numbers == [*range(segment.node.end)] and segment.entry == loop.entry
        if not is_first or segment.pulls or segment.absorbed or segment.origins:
            return None
    slot: Slot | None = node.slot
    path = node.path()
    gradients = [step for step in path if step.op is GRADIENT]
    if slot is None or slot.is_dropped or len(gradients) != 1:
        return None
    if any(step.op is None or step.op.reads for step in path[:-1]):
        return None
    gradient = gradients[0]
    _, spans, watched, watches_variables, goals, seeds, sources, form = gradient.key
    owners = recording.owners
    stop = max([stop for _, stop in spans], default=0)
    covered = [step for step in path if step.first < stop]
    if (
        not all(any(a <= step.first < b for a, b in spans) for step in covered)
        or watched
        or not watches_variables
        or len(goals) != 1
        or seeds != (None,)
        or form is not COTANGENTS
        or not all(gradient.options["slice_"].is_connected)
        or any(len(numbers) != 1 for numbers in sources)
        or not all(n in owners and owners[n]._may_change for (n,) in sources)
        or (segment is not None and segment.node.length >= len(path) - 1)
    ):
        return None
    return Script(recording, loop, path, stop, segment)
