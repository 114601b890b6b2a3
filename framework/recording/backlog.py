"""The backlog: turns of a loop that have ended and wait to be launched together.

Nobody sees that they wait. Whoever reads a variable that they assign, or a result of
one of them, launches them first: until then the home of the variables has a `Snapshot`
without an array, and a result has no value.
"""

import operator
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from ..errors import ExecutionError
from . import snapshot as snapshots
from .home import Home
from .launching import give, handle_of, updating
from .memory import is_lack_of_memory, lack_of_memory
from .node import writes
from .op import ArrayClass
from .program import Program
from .several import Several
from .signature import applied, settings
from .snapshot import Snapshot

_LONG = 0.005  # seconds that turns may wait for the next one
_PATIENCE = 32  # turns that are launched alone before some may wait again
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
    """What a turn reads, and who holds its results.

    Attributes:
        kept: The arrays that it reads.
        numbers: The Python numbers.
        made: Weak references to its results.
    """

    kept: list[Any]
    numbers: list[Any]
    made: Sequence[Any]

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
        arrays: The homes' arrays before the first turn.
        owed: The homes' values after the last turn, which have no arrays yet.
        turns: The turns, in order.
        since: When the first of them ended.
    """

    __slots__ = (
        "arrays",
        "owed",
        "pace",
        "places",
        "program",
        "settings",
        "since",
        "turns",
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
        self.owed: list[Snapshot] = []
        self.turns: list[Turn] = []
        self.since = _now()

    def goes_on(self, program: Program, values: list[Snapshot]) -> bool:
        """Whether a turn of this program, on homes of these values, can wait here."""
        if program is not self.program or values != self.owed:
            return False
        return not any(map(_holders_of, values))

    def launch(self, count: int) -> None:
        """Run so many turns; what somebody holds of the results becomes a value.

        A launch gives the results of its last turn only, so that a turn whose results
        are held is the last of a launch.
        """
        several = self.program.several
        assert several is not None
        ends = [n for n in range(1, count) if self.turns[n - 1].is_seen()]
        if ends:
            self.pace.slow_down(ends[0], several.most)
        done = 0
        for end in [*ends, count]:
            while done < end:
                number = min(end - done, several.most)
                self._run(several, number)
                done += number

    def _run(self, several: Several, count: int) -> None:
        turns, left = self.turns[:count], self.turns[count:]
        outcome: list[tuple] = []
        try:
            if self.settings == settings():
                self._call(several, turns, outcome)
            else:
                with applied(self.settings):
                    self._call(several, turns, outcome)
            if outcome[0][0][0].__class__ is not ArrayClass:  # where JAX traces
                outcome.clear()
                with jax.ensure_compile_time_eval():
                    self._call(several, turns, outcome)
        except Exception as error:
            self._fail(error)
        finally:
            if outcome:
                try:
                    self._commit(turns[-1], left, *outcome[0])
                except BaseException:  # an interrupt came in between
                    self._commit(turns[-1], left, *outcome[0])
                    raise

    def _call(
        self, several: Several, turns: Sequence[Turn], outcome: list[tuple]
    ) -> None:
        arguments = several.arguments(
            self.arrays,
            [turn.kept for turn in turns],
            [turn.numbers for turn in turns],
        )
        # One C call launches and keeps the results: no signal comes between.
        outcome.extend(map(several.run, *[(each,) for each in arguments]))

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
        if homes[0].__class__ is not ArrayClass:
            return  # an interrupt came where JAX traces; the turns still wait
        self.turns, self.arrays = left, homes
        handles = map(handle_of, turn.made)
        give(handles, self.places, self.program, finals, alone, buffers, ())
        if not left:
            self._end()

    def _end(self) -> None:
        """The homes have the values that were owed to them."""
        for snapshot, array in zip(self.owed, self.arrays, strict=True):
            snapshot.array = array
        if _place.waiting is self:
            _place.waiting = None

    def _fail(self, error: Exception) -> None:
        """Raise, after the homes have got the values from before the turns."""
        self._end()
        if is_lack_of_memory(error):
            error = lack_of_memory(error)
        lost = any(array.is_deleted() for array in self.arrays)
        what = (
            "the values of their variables are lost. Assign them again, for example "
            "with model.set_weights() from a saved copy"
            if lost
            else "their variables have the values from before. Run them again"
        )
        count = len(self.turns)
        which = "turn of a loop" if count == 1 else f"{count} turns of a loop"
        raise ExecutionError(
            f"The last {which}, launched together, failed ({error}); {what}. With "
            "jt.config.bounds.turns = 1 each turn is launched on its own."
        ) from error


class _Place:
    """Where turns wait: those of one loop in the process."""

    waiting: _Backlog | None = None


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
    owed = [Snapshot.owed(home._type) for home in homes]
    turns = [*waiting.turns, turn]
    try:
        _note(waiting, turns, homes, owed)
    except BaseException:  # an interrupt came in between
        _note(waiting, turns, homes, owed)
        raise
    return True


def _note(
    waiting: _Backlog, turns: list[Turn], homes: Sequence[Home], owed: list[Snapshot]
) -> None:
    waiting.turns, waiting.owed = turns, owed
    for home, snapshot in zip(homes, owed, strict=True):
        home._value = snapshot
    writes.count += 1
    _place.waiting = waiting


def has_taken(turn: Turn) -> bool:
    """Whether this turn is the last of those that wait."""
    waiting = _place.waiting
    return waiting is not None and waiting.turns[-1] is turn


def launch_enough() -> None:
    """Launch turns if there are enough of them, or they have waited long.

    The last one waits on: what the caller of a step holds is mostly the result of the
    one before, until it has this one's.
    """
    waiting = _place.waiting
    assert waiting is not None
    several = waiting.program.several
    assert several is not None
    count, pace = len(waiting.turns), waiting.pace
    if count > pace.most:
        pace.go_on(count - 1, several.most)
        waiting.launch(count - 1)
    elif count > 1 and _now() - waiting.since > _LONG:
        pace.slow_down(count - 1, several.most)
        waiting.launch(count)


def settle() -> None:
    """Launch the turns that wait, if any do: somebody needs what they make."""
    if _place.waiting is None:
        return
    with updating:
        waiting = _place.waiting
        if waiting is not None:
            several = waiting.program.several
            assert several is not None
            count = len(waiting.turns)
            waiting.pace.slow_down(count, several.most)
            waiting.launch(count)


snapshots.settle = settle
