"""The backlog: turns of a loop that have ended and wait to be launched together.

Nobody sees that they wait. Whoever reads a variable that they assign, or a result of
one of them, launches them first: until then the home of the variables has a `Snapshot`
without an array, and a result has no value. A signal handler or `__del__` that comes in
the middle of a launch, in the same thread, reads values that are computed beside it.
"""

import operator
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ..errors import ExecutionError
from . import snapshot as snapshots
from .home import Home
from .launching import give, handle_of, updating
from .memory import is_lack_of_memory, lack_of_memory
from .node import Handle, writes
from .op import ArrayClass
from .program import Pack, Program
from .several import Several
from .signature import applied, settings
from .snapshot import Snapshot

_LONG = 0.005  # seconds that turns may wait for the next one
_PATIENCE = 32  # turns that are launched alone before some may wait again
_PARTS = frozenset({"jax", "jaxlib", "jaxtape", "numpy"})
_now = time.perf_counter
_holders_of = operator.attrgetter("holders")


class Pace:
    """How many turns of one loop are launched together: as many as nobody waits for."""

    __slots__ = ("_alone", "_launched", "most")

    def __init__(self) -> None:
        self.most = 2
        self._alone = 0
        self._launched = 0  # since somebody has waited

    def lets_wait(self) -> bool:
        """Whether the next turn may wait for the one after it."""
        if self.most > 1:
            return True
        self._alone += 1
        if self._alone < _PATIENCE:
            return False
        self._alone, self.most = 0, 2
        return True

    def go_on(self, count: int, most: int) -> None:
        """So many turns are launched, for which nobody has waited."""
        self._launched += count
        self.most = min(2 * count, most)

    def slow_down(self, count: int, most: int) -> None:
        """Somebody waits for so many turns."""
        self.most = max(1, min(self._launched + count, most))
        self._launched = 0


class Turn(NamedTuple):
    """What a turn reads, and who waits for what it makes.

    Attributes:
        kept: The arrays that it reads.
        numbers: The Python numbers.
        made: Weak references to its results.
        owed: The homes' values after it, which have no arrays yet.
    """

    kept: list[Any]
    numbers: list[Any]
    made: Sequence[Any]
    owed: list[Snapshot]

    def is_seen(self) -> bool:
        """Whether somebody holds a result that has no value yet."""
        for handle in map(handle_of, self.made):
            if handle is not None and handle._value is None:
                return True
        return False


class _Backlog:
    """Turns of one loop, which assign the same homes by the same program.

    Attributes:
        program: The program.
        places: Where each result of a turn comes out of it.
        pace: That of the loop.
        settings: The settings of JAX that the turns were made under.
        under_way: The last turn of a launch, what waits after it, and its outcome.
        arrays: The homes' arrays before the first turn.
        turns: The turns, in order.
        since: When the first of them ended, or all before it were launched.
    """

    __slots__ = (
        "arrays",
        "pace",
        "places",
        "program",
        "settings",
        "since",
        "turns",
        "under_way",
    )

    def __init__(
        self,
        program: Program,
        places: Sequence[int | None],
        pace: Pace,
        settings: tuple,
        arrays: list[Any],
    ) -> None:
        self.program = program
        self.places = places
        self.pace = pace
        self.settings = settings
        self.arrays = arrays
        self.turns: list[Turn] = []
        self.since = _now()
        self.under_way: tuple[Turn, list[Turn], list[tuple]] | None = None

    def goes_on(self, program: Program, values: list[Snapshot]) -> bool:
        """Whether a turn of this program, on homes of these values, can wait here."""
        last = self.turns[-1:]  # none where a signal handler has just read
        if program is not self.program or not last or values != last[0].owed:
            return False
        return not any(map(_holders_of, values))

    def launch(self, count: int) -> None:
        """Run so many turns; what somebody holds of the results becomes a value.

        A launch gives the results of its last turn only, so that a turn whose results
        are held is the last of a launch.

        Raises:
            ExecutionError: if a turn cannot run. The homes have the values from before
                it then, and the turns after it are forgotten.
            Exception: what a signal handler has raised. What has not run yet waits on.
        """
        ends = [n for n in range(1, count) if self.turns[n - 1].is_seen()]
        if ends:
            self.pace.slow_down(ends[0], self.several.most)
        goal = len(self.turns) - count
        try:
            done = 0
            for end in [*ends, count]:
                while done < end:
                    number = min(end - done, self.several.most)
                    self._run(number)
                    done += number
        except Exception as error:
            if _is_from_outside(error):
                raise
            self._launch_singly(goal)

    def _launch_singly(self, goal: int) -> None:
        """After a launch has failed, run up to the turn that cannot."""
        try:
            while len(self.turns) > goal:
                self._run(1)
        except Exception as error:
            if not _is_from_outside(error):
                self._fail(error)
            raise

    @property
    def several(self) -> Several:
        """The program, as one that runs several turns."""
        several = self.program.several
        assert several is not None
        return several

    def _run(self, count: int) -> None:
        turns, left = self.turns[:count], self.turns[count:]
        outcome: list[tuple] = []
        self.under_way = turns[-1], left, outcome
        try:
            self._call(self.arrays, turns, outcome)
        finally:
            try:
                self.catch_up()
            except BaseException:  # an interrupt came in between
                self.catch_up()
                raise
            finally:
                self.under_way = None

    def catch_up(self) -> None:
        """Commit what has been launched, also for a signal handler that reads now."""
        if self.under_way is not None:
            turn, left, outcome = self.under_way
            if outcome and not _is_traced(outcome):
                self._commit(turn, left, *outcome[0])

    def _call(
        self, arrays: list[Any], turns: Sequence[Turn], outcome: list[tuple]
    ) -> None:
        """Launch, as where the turns were made; the results come into `outcome`."""
        if self.settings == settings():
            self._call_here(arrays, turns, outcome)
        else:
            with applied(self.settings):
                self._call_here(arrays, turns, outcome)
        if _is_traced(outcome):
            outcome.clear()
            with jax.ensure_compile_time_eval():
                self._call_here(arrays, turns, outcome)

    def _call_here(
        self, arrays: list[Any], turns: Sequence[Turn], outcome: list[tuple]
    ) -> None:
        arguments = self.several.arguments(
            arrays,
            [turn.kept for turn in turns],
            [turn.numbers for turn in turns],
        )
        # One C call launches and keeps the results: no signal comes between.
        outcome.extend(map(self.several.run, *[(each,) for each in arguments]))

    def beside(self, number: int) -> tuple:
        """What the launch of the turns up to this one would return; changes nothing.

        For a signal handler or `__del__` that reads in the middle of a launch. It may
        be interrupted by the next one, so nothing is compiled for it.
        """
        turns, homes = self.turns[: number + 1], self.arrays
        outcome: list[tuple] = []
        for start in range(0, len(turns), self.several.most):
            copies = [jax.device_put(np.array(array)) for array in homes]
            outcome.clear()
            self._call(copies, turns[start : start + self.several.most], outcome)
            homes = outcome[0][0]
        return outcome[0]

    def _commit(
        self,
        turn: Turn,
        left: list[Turn],
        homes: list,
        finals: list,
        alone: list,
        buffers: list,
        residuals: list,
    ) -> None:
        self.turns, self.arrays = left, homes
        handles = map(handle_of, turn.made)
        give(handles, self.places, self.program, finals, alone, buffers, ())
        if not left:
            self._end(turn)

    def _end(self, turn: Turn) -> None:
        """The homes have the values that were owed to them after this turn."""
        for snapshot, array in zip(turn.owed, self.arrays, strict=True):
            snapshot.array = array
        if _place.waiting is self:
            _place.waiting = None

    def _fail(self, error: Exception) -> None:
        """Raise, after the homes have got the values from before the turns."""
        count = len(self.turns)
        self._end(self.turns[-1])
        if is_lack_of_memory(error):
            error = lack_of_memory(error)
        lost = any(array.is_deleted() for array in self.arrays)
        what = (
            "the values of their variables are lost. Assign them again, for example "
            "with model.set_weights() from a saved copy"
            if lost
            else "their variables have the values from before. Run them again"
        )
        which = "turn of a loop" if count == 1 else f"{count} turns of a loop"
        raise ExecutionError(
            f"The last {which}, launched late, failed ({error}); {what}. With "
            "jt.config.bounds.turns = 1 each turn is launched on its own."
        ) from error


def _is_traced(outcome: list[tuple]) -> bool:
    """Whether a launch has made tracers, inside of a user's own `jax.jit`."""
    return outcome[0][0][0].__class__ is not ArrayClass


def _is_from_outside(error: BaseException) -> bool:
    """Whether a signal handler raised it, or the stack was full: nothing has failed."""
    if isinstance(error, RecursionError | MemoryError):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] not in _PARTS


class _Place:
    """Where turns wait: those of one loop in the process.

    Attributes:
        waiting: They.
        is_busy: Whether the thread that holds `updating` changes them just now.
    """

    waiting: _Backlog | None = None
    is_busy = False


_place = _Place()


def take_in(
    program: Program,
    places: Sequence[int | None],
    pace: Pace,
    made_under: tuple,
    homes: Sequence[Home],
    turn: Turn,
) -> bool:
    """Let a turn wait for the next ones.

    Called while nobody else updates.

    Args:
        program: What it runs; it assigns the homes and nothing else.
        places: Where each of its results comes out.
        pace: That of its loop.
        made_under: The settings of JAX.
        homes: The homes.
        turn: The turn.

    Returns:
        False if it has to run on its own.
    """
    if _place.is_busy:  # a signal handler that trains, in the middle of a turn
        return False
    values = [home._value for home in homes]
    waiting = _place.waiting
    if waiting is not None and not waiting.goes_on(program, values):
        settle()
        waiting = None
        if pace.most < 2:
            return False
    if waiting is None:
        arrays = [snapshot.array for snapshot in values]
        if any(map(_holders_of, values)) or any(a.is_deleted() for a in arrays):
            return False
        waiting = _Backlog(program, places, pace, made_under, arrays)
    try:
        _place.is_busy = True
        is_there = not waiting.turns or _place.waiting is waiting
        if not is_there or [home._value for home in homes] != values:
            return False  # a signal handler has read or assigned them
        turns = [*waiting.turns, turn]
        try:
            _note(waiting, turns, homes)
        except BaseException:  # an interrupt came in between
            _note(waiting, turns, homes)
            raise
    finally:
        _place.is_busy = False
    return True


def _note(waiting: _Backlog, turns: list[Turn], homes: Sequence[Home]) -> None:
    waiting.turns = turns
    _place.waiting = waiting  # first, so that readers in other threads come to wait
    for home, snapshot in zip(homes, turns[-1].owed, strict=True):
        home._value = snapshot
    writes.count += 1


def has_taken(turn: Turn) -> bool:
    """Whether this turn is the last of those that wait."""
    waiting = _place.waiting
    last = [] if waiting is None else waiting.turns[-1:]
    return bool(last) and last[0] is turn


def launch_enough() -> None:
    """Launch turns if there are enough of them, or they have waited long.

    The last one waits on: what the caller of a step holds is mostly the result of the
    one before, until it has this one's.
    """
    waiting = _place.waiting
    if waiting is None or _place.is_busy:  # a signal handler was faster
        return
    count, pace, most = len(waiting.turns), waiting.pace, waiting.several.most
    if count > pace.most:
        pace.go_on(count - 1, most)
        _launch(waiting, count - 1)
        waiting.since = _now()
    elif count > 1 and _now() - waiting.since > _LONG:
        pace.slow_down(count - 1, most)
        _launch(waiting, count)


def _launch(waiting: _Backlog, count: int) -> None:
    try:
        _place.is_busy = True
        if _place.waiting is waiting:
            waiting.launch(min(count, len(waiting.turns)))
    finally:
        _place.is_busy = False


def settle() -> None:
    """Launch the turns that wait, if any do: somebody needs what they make."""
    if _place.waiting is None:
        return
    with updating:
        waiting = _place.waiting
        if waiting is not None and _place.is_busy:
            waiting.catch_up()  # a signal handler reads in the middle of a launch
        elif waiting is not None:
            count = len(waiting.turns)
            waiting.pace.slow_down(count, waiting.several.most)
            _launch(waiting, count)


def settled(snapshot: Snapshot) -> Any:
    """The array of a home that turns owe it; `None` if it was replaced meanwhile."""
    settle()
    with updating:
        waiting = _place.waiting
        if waiting is not None:
            for number, turn in enumerate(waiting.turns):
                if snapshot in turn.owed:
                    return waiting.beside(number)[0][turn.owed.index(snapshot)]
    return None


def result_of(handle: Handle) -> Any:
    """A result of a turn that waits; `None` if there is none such."""
    settle()
    if handle._value is not None:
        return handle._value
    with updating:
        waiting = _place.waiting
        if waiting is not None:
            for number, turn in enumerate(waiting.turns):
                made = zip(map(handle_of, turn.made), waiting.places, strict=True)
                for result, place in made:
                    if result is handle:
                        _, _, alone, buffers, _ = waiting.beside(number)
                        pack = Pack(buffers, waiting.program.packed)
                        is_packed = place is None
                        return pack.take(handle._at[1]) if is_packed else alone[place]
    return None


snapshots.settled = settled
