"""Slots: what is known of each structure, and when it is worth a program."""

import threading
from collections.abc import Sequence

from .. import config
from .derivative import GRADIENT
from .keeping import Demand
from .node import Node, Recording, getter
from .program import Program, final_writes, layout_of

_MANY = 4


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

    def find_all(self, alive: Sequence[int], demand: Demand | None) -> list[Program]:
        """All programs that return all of `alive`; arguments may live elsewhere."""
        return [
            program
            for program in self.programs
            if program.demand == demand and program.places.keys() >= set(alive)
        ]

    def prefer(self, program: Program) -> None:
        """Find this program first from now on."""
        with self.guard:
            if program in self.programs:
                self.programs.remove(program)
                self.programs.insert(0, program)

    def forget(self, program: Program) -> None:
        """Let go of a program that has never run."""
        with self.guard:
            if program in self.programs:
                self.programs.remove(program)

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
            self.programs.insert(0, program)
            del self.programs[4:]
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
            if config.switches.checks:  # programs are not looked for
                node.slot = Slot(path)
                return node.slot
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
