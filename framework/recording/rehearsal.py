"""Rehearsals: turns of a loop that go as the turn before did, call by call.

A training loop calls the same ops on the same variables, turn after turn. When two
turns of a loop were alike, the next one is a `Rehearsal`: a recording that compares
each call with the one at the same place in the turn before, which is faster than to
record it, and in the end runs the same program. It knows nothing else. As soon as
anything more is asked of it, or another call comes, it *unfolds*: it becomes what it
would be if all calls so far had been recorded.
"""

import threading
import weakref
from asyncio import _get_running_loop  # in asyncio.__all__: None without a loop
from collections.abc import Sequence
from typing import Any

import jax

from .. import config
from .backlog import Turn, has_taken, launch_enough, take_in
from .derivative import GRADIENT
from .launching import clock, give, handle_of, losses, overwritten, updating
from .node import NOWHERE, Handle, Recording, here, nobody, serials, writes
from .op import ArrayClass, Op, concrete_classes
from .script import END, Part, Script, Step, Stretch, value_of_handle
from .signature import settings
from .snapshot import Snapshot

_switches = config.switches
_thread_number = threading.get_ident
_reference = weakref.ref
_NOBODY = frozenset({type(None)})
_NO = ([],)  # no residuals, for one call

make_pending: Any = Handle
"""Makes the Tensor of a recorded result; `tensor` sets it."""


class _Held:
    """Values of variables that are not overwritten as long as this lives."""

    __slots__ = ("_snapshots", "_variables")

    def __init__(self, part: Part) -> None:
        self._variables = part.variables
        self._snapshots = [home._value for home in part.read]
        self._hold(1)

    def _hold(self, count: int) -> None:
        for snapshot in self._snapshots:
            snapshot.holders += count
        for variable in self._variables:
            variable._hold(count)

    def __del__(self) -> None:
        self._hold(-1)


class Rehearsal(Recording):
    """A turn that goes as the one before, so far.

    Args:
        script: What the turn before called.
        tape: The tape that was entered.

    Attributes:
        script: The same; `None` when it has unfolded or run.
        step: The next call of it.
        thread: The thread whose turn it is.
        given: What the calls have brought in, besides variables.
        numbers: The number of the n-th of these, at place n.
        made: Weak references to the results.
        places: Those of the script when the turn began.
        before: What was in them then.
        writes_before: How often variables had been given values then.
        kept: The values of variables, when one was read.
        calls: What it has come to, while it unfolds.
        was_left: Whether the tape was left.
    """

    __slots__ = (
        "before",
        "calls",
        "given",
        "kept",
        "made",
        "numbers",
        "places",
        "script",
        "step",
        "thread",
        "was_left",
        "writes_before",
    )

    def __init__(self, script: Script, tape: Any) -> None:
        # What a recording has besides is there when it has unfolded.
        self.script: Script | None = script
        self.step = script.first
        self.thread = _thread_number()
        self.serial = next(serials)
        self.settings = script.settings
        self.numbers = script.numbers_given
        self.given: list[Handle] = []
        self.made: list[Any] = []
        self.writes_before = writes.count
        self.places = places = script.places  # another thread may replace the list
        self.before = [*map(value_of_handle, places)]
        self.kept: _Held | None = None
        self.calls: _Calls | None = None
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
            or (writes.count != self.writes_before and not self._is_still())
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
                given = self.given
                given.append(handle)
                handle._at = (self, self.numbers[len(given)])
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

    def skip(self, layer: Any, argument: Handle, how: tuple) -> Any:
        """The result of a layer's call whose own calls are known, or `None`."""
        step, made = self.step, self.made
        stretch = step.stretch
        if stretch is None:
            return None
        count = len(made)
        try:
            made.extend(stretch.hidden)
            self.step = stretch
            result = self.follow(layer, (argument,), how)
            if result is None and self.script is not None:  # it goes another way
                del made[count:]
                self.step = step
        except BaseException:  # an interrupt
            self._stray()
            raise
        return result

    def learn(
        self, first: Step, layer: Any, argument: Handle, how: tuple, result: Any
    ) -> None:
        """Take the calls since a step as one, if they are known by their argument.

        Args:
            first: The step before which the layer was called.
            layer: What stands for the layer that was called.
            argument: What it was called on.
            how: As in `Stretch`.
            result: What it returned.
        """
        script, stop = self.script, self.step
        if script is None or first is stop:
            return
        if result.__class__ is not argument.__class__:
            return
        steps = [first]
        while steps[-1].next is not stop:
            steps.append(steps[-1].next)
        last = steps[-1]
        place, number = argument._at
        if place is not self or result._at != (self, last.first) or last.kind is None:
            return
        begin: Any = first.node.parent
        taken = {n for step in steps for n in step.node.inputs if n < begin.end}
        given = {n for n in script.data if begin.end <= n < last.node.end}
        if (taken | given) - {number, *script.owners}:
            return  # it stands on other values of the turn, too
        others = sum(len(step.node.outputs) for step in steps) - 1
        expected = argument._type if given else number
        first.stretch = Stretch(first, last, layer, how, expected, others)

    def hand_over(self, number: int, handle: Handle) -> None:
        """From now on another handle waits for the last result."""
        if self.script is None:
            super().hand_over(number, handle)
        else:
            self.made[-1] = _reference(handle)

    def _is_still(self) -> bool:
        """Whether the variables have the values that they had when the turn began."""
        now = writes.count
        if self.script is None:
            return False
        if [*map(id, map(value_of_handle, self.places))] != [*map(id, self.before)]:
            return False
        self.writes_before = now
        return True

    def _several(self, step: Step) -> Any:
        """The results of a call that has not just one; an update has no handles."""
        results: list[Handle] = []
        if step.next is END:
            self.step = END
            return results
        made = self.made
        for kind, number in step.results:
            result = make_pending(kind, (self, number))
            made.append(_reference(result))
            results.append(result)
        self.step = step.next
        return results if step.tree is None else jax.tree.unflatten(step.tree, results)

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

    def differentiate(self, target: Any, sources: Sequence[Any]) -> list[Any] | None:
        """The results of a gradient that was taken here before, or `None`."""
        step, script = self.step, self.script
        if (
            step.op is not GRADIENT
            or script is None
            or here.recording is not self
            or not self.was_left
            or target._at != (self, script.goal)
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
        """Make the update that ends the turn; whether it was made.

        Called where this is the recording of the thread.
        """
        step, script = self.step, self.script
        if (
            script is None
            or step.next is not END
            or _switches.safe_steps
            or _switches.checks
            or self.follow(op, inputs, ()) is None
        ):
            return False
        try:
            part = script.part()
            return part is not None and self._launch(part, script)
        finally:
            if self.script is not None:  # it is recorded, as any call
                self.step = step

    def _launch(self, part: Part, script: Script) -> bool:
        """Run the program; false where the long way has to be taken."""
        others = part.take_others(self.made)
        if not _NOBODY.issuperset(map(type, map(handle_of, others))):
            for handle in map(handle_of, others):
                if handle is not None and handle._value is None:
                    return False  # asked for by nobody before
        outcome: list[tuple] = []
        run = part.program.run
        with updating:  # no other thread writes between the look and the commit
            if writes.count != self.writes_before and not self._is_still():
                return False
            self.kept = None  # lets go of what it holds at once
            if part.may_wait and script.pace.lets_wait() and self._wait(part, script):
                launch_enough()
                return True
            read = [home._value for home in part.read] if part.read else []
            kept = self._arguments(part)
            homes, donated = overwritten(part.homes, part.donated, read, kept)
            buffers = [snapshot.array for snapshot in read] if read else read
            numbers = self._numbers(part) if part.has_numbers else []
            try:
                # One C call launches and keeps the results: no signal comes between.
                outcome.extend(
                    map(run, (homes,), (donated,), (buffers,), (kept,), (numbers,), _NO)
                )
            except Exception as error:  # the long way meets it again, or tells of it
                if outcome:  # it has run: a signal handler has raised
                    raise
                if any(array.is_deleted() for array in (*homes, *donated)):
                    losses[self.serial] = part.program, error
                return False
            finally:
                if outcome:
                    try:
                        self._commit(part, script, outcome[0])
                    except BaseException:  # an interrupt came in between
                        if self.is_done:
                            self._let_go()
                        else:
                            self._commit(part, script, outcome[0])
                        raise
        return self.is_done

    def _wait(self, part: Part, script: Script) -> bool:
        """Let this turn be launched with the next ones; false if it cannot wait."""
        for variable in part.variables:
            variable._share()  # nobody may overwrite what is read later
        numbers = self._numbers(part) if part.has_numbers else []
        owed = [Snapshot.owed(home._type) for home in part.homes]
        made = part.take_made(self.made)
        turn = Turn(self._arguments(part), numbers, made, owed)
        made_under, homes = self.settings, part.homes
        is_taken = False
        try:
            is_taken = take_in(
                part.program, part.places, script.pace, made_under, homes, turn
            )
        finally:
            if is_taken or has_taken(turn):
                try:
                    self._end(script)
                except BaseException:  # an interrupt came in between
                    self._end(script)
                    raise
        return is_taken

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
            or self.kept is not None
            or self.was_left
            or here.recording is not self
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
            if writes.count != self.writes_before and not self._is_still():
                return False
            kept = _Held(part)
            buffers = [home._value.array for home in part.read]
            numbers = self._numbers(part) if part.has_numbers else []
            try:
                outcome = part.program.run(
                    [], [], buffers, self._arguments(part), numbers, []
                )
            except Exception:
                return False  # whatever it is, the long way meets it again
        _, finals, alone, buffers, _ = outcome
        self._give(part, finals, alone, buffers)
        self.kept = kept
        return True

    def _arguments(self, part: Part) -> list[Any]:
        """What a program reads: data of the turn, and variables of their own."""
        given = map(value_of_handle, self.given)
        return [*part.take([*given, *map(value_of_handle, part.variables)])]

    def _numbers(self, part: Part) -> list[Any]:
        """The Python numbers among the data, which travel together."""
        given = zip(part.data, map(value_of_handle, self.given), strict=True)
        return part.program.numbers.packed(dict(given))

    def _commit(self, part: Part, script: Script, outcome: tuple) -> None:
        """Give variables and handles their values, and let go of everything."""
        homes, finals, alone, buffers, _ = outcome
        if (homes or finals)[0].__class__ is not ArrayClass:
            return  # where JAX traces; the long way refuses it
        for home, array in zip(part.homes, homes):  # noqa: B905
            home._write(array)
        for variable, value in zip(part.donated, finals):  # noqa: B905
            variable._write(value)
        self._give(part, finals, alone, buffers)
        self._end(script)

    def _end(self, script: Script) -> None:
        """The turn has gone as the one before."""
        script.slot.used = next(clock)
        script.misses = script.loop.scripts_in_vain = 0
        self.node = script.node
        here.recording = None
        self.is_done = True
        self._let_go()

    def _give(self, part: Part, finals: list, alone: list, buffers: list) -> None:
        """Give handles their values."""
        handles = map(handle_of, part.take_made(self.made))
        places, program = part.places, part.program
        give(handles, places, program, finals, alone, buffers, part.donated)

    def __getattr__(self, name: str) -> Any:
        """What only a recording that was recorded has: become one."""
        if name not in _UNFOLDED:
            raise AttributeError(name)
        if self.is_done:
            _complete(self)
            self.finish()
        elif self.thread == _thread_number():
            self._unfold()
        else:
            return getattr(self.seen_elsewhere(), name)
        return getattr(self, name)

    def seen_elsewhere(self) -> Recording:
        """What other threads see: a copy, since this thread may go on at any moment."""
        with updating:  # the turn does not end meanwhile
            script = self.script
            if script is None or self.is_done:
                return self
            copy = Recording()
            calls = self.calls or _Calls(self, script)
            calls.record_in(copy, script, is_copy=True)
            copy.settings, copy.serial = self.settings, self.serial
            for number, value in enumerate(copy.values):  # its end does not take them
                if value.__class__ is Snapshot:
                    value.holders += 1
                elif number in script.owners:
                    script.owners[number]._share()
        return copy

    def _unfold(self) -> None:
        """Become what recording the calls so far would have made."""
        try:
            self._become()
        except BaseException:  # an interrupt came in between
            self._become()
            raise

    def _become(self) -> None:
        script = self.script
        if script is None:
            return
        if self.calls is None:
            self.calls = _Calls(self, script)
            script.misses += 1
        self.step = END
        self.calls.record_in(self, script)
        self._let_go()

    def _let_go(self) -> None:
        """It is an ordinary recording now, or has run."""
        self.script, self.step = None, END
        self.kept = self.calls = None
        self.given = self.made = self.places = self.before = []


def _complete(rehearsal: Recording) -> None:
    """Set what a rehearsal does without, as where nothing was recorded."""
    plain = Recording()
    for name in _UNFOLDED - {"node"}:  # that comes last, and says that it has unfolded
        setattr(rehearsal, name, getattr(plain, name))


class _Calls:
    """What a rehearsal has come to, to be recorded."""

    def __init__(self, rehearsal: Rehearsal, script: Script) -> None:
        self._step = rehearsal.step
        self._given, self._made = rehearsal.given, rehearsal.made
        pairs = zip(rehearsal.places, rehearsal.before, strict=True)
        self._values = {id(place): value for place, value in pairs}

    def record_in(
        self, recording: Recording, script: Script, is_copy: bool = False
    ) -> None:
        """Record the calls; the variables learn of it unless it is a copy."""
        node = script.node if self._step is END else self._step.node.parent
        assert node is not None
        owners: dict[int, Any] = {}
        values: list[Any] = [nobody] * node.end
        known: dict[int, int] = {}
        given = iter(self._given)
        for number in [n for call in node.path() for n, _ in call.leaves]:
            owner = script.owners.get(number)
            if owner is None:
                handle = owners[number] = next(given)
                values[number] = handle._value
                continue
            owners[number] = owner
            values[number] = self._value_of(owner)
            before = owner._at[0]
            if is_copy or before is recording:
                continue
            if before is None or before.is_done:
                owner._at = (recording, number)
            else:  # another thread records with it too, and must find its own number
                known[id(owner)] = number
                owner._share()
        results = [n for call in node.path() for n in range(call.first, call.end)]
        for number, reference in zip(results, self._made, strict=False):
            handle = reference()
            if handle is not None and handle._value is None:  # else it was read
                values[number] = reference
        for handle in given:  # of a call that was not followed
            if handle._at[0] is recording:
                handle._at = NOWHERE
        if not is_copy:
            _complete(recording)
        recording.known, recording.owners, recording.values = known, owners, values
        recording.entry = script.loop.entry
        recording.node = None if node.parent is None else node

    def _value_of(self, owner: Any) -> Any:
        """What a variable was when the turn began."""
        value = self._values.get(id(owner))
        return self._values[id(owner._home)] if value is None else value


_SET = frozenset({"depth", "is_done", "serial", "settings", "tapes", "task", "writes"})
"""What a rehearsal has of a recording; it has no more until it unfolds."""
_UNFOLDED = frozenset({*Recording.__slots__, "absorbed", "taps"}) - _SET
