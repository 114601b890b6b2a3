"""Nodes and recordings: what was called, in which order, on which values.

A `Node` is one recorded call, and the place in a tree of all calls that were ever
recorded after the same beginning. A loop that makes the same calls again walks down
the same branch: each op is then one dictionary lookup, with no shape inference and no
hashing of what came before, and the node it ends on *is* the signature of the step.

A `Recording` is what a thread (or asyncio task) has called and not run yet: the node
reached, and the values the calls stand on. Values are numbered in order of appearance,
arguments from outside and results alike; nodes refer to these numbers only.
"""

import asyncio
import itertools
import operator
import threading
import weakref
from asyncio import _get_running_loop  # in asyncio.__all__: None without a loop
from collections.abc import Callable, Sequence
from typing import Any

from .. import config
from .op import Op, concrete_classes
from .signature import TensorType, plain_type, settings
from .site import Entry, user_site
from .snapshot import Snapshot

_MAX_NODES = 200_000
serials = itertools.count()


class SymbolicInput(Exception):
    """A call has an input that never has a value; see `framework/symbolic.py`."""


class Handle:
    """Base of `Tensor` and `Variable`: a value, or the place where it is recorded.

    `_value` is the array (`None` while pending, a `Pack` while it shares a buffer
    with other results); `_at` is the recording that knows this handle, and its number
    there; `_origin` is where a live tape recorded it, once that has run.
    """

    __slots__ = ("__weakref__", "_at", "_origin", "_type", "_value")

    # Of variables and homes; programs look for them on what they assign.
    _home: Any
    _start: int
    _may_change = False
    """Whether the value can be replaced: that of a variable or home."""

    _at: tuple["Recording | None", int]
    _origin: "tuple[weakref.ref[Segment], int] | None"
    _type: TensorType
    _value: Any

    def _array(self) -> Any:
        """The value as an array, running what is pending for it."""
        raise NotImplementedError

    def _admitted(self) -> Any:
        """The value as a recording takes it in as an argument."""
        return self._array()

    def _write(self, value: Any) -> None:
        """Take a new value; only variables and homes do."""
        raise NotImplementedError

    def _may_donate(self, value: Any) -> bool:
        """Whether a program may overwrite the buffer of the value."""
        raise NotImplementedError

    def _is_still(self, value: Any) -> bool:
        """Whether a value that was taken in earlier is the present one."""
        return True

    def _share(self) -> None:
        """Take note that somebody else sees the buffer of the value."""

    def _hold(self, count: int) -> None:
        """Take note that `count` more segments of live tapes need the value."""


class _Writes:
    """How often variables and homes were given values, counted over all.

    Of an object, since an attribute of a class that changes makes all its uses slow.

    Attributes:
        count: How often they were given values.
        retypings: How often one turned trainable, or stopped being it.
    """

    __slots__ = ("count", "retypings")

    def __init__(self) -> None:
        self.count = self.retypings = 0


writes = _Writes()
NOWHERE: tuple[None, int] = (None, 0)


def getter(numbers: Sequence[int]) -> Callable[[Any], tuple]:
    """Takes the values of these numbers out of a list or dictionary, as a tuple."""
    if len(numbers) > 1:
        return operator.itemgetter(*numbers)
    if not numbers:
        return lambda values: ()
    (number,) = numbers
    return lambda values: (values[number],)


nobody: Any = weakref.ref(Handle())
"""Stands where a result has no handle: a weak reference that is already dead."""


class Node:
    """One recorded call; see the module's docstring.

    Attributes:
        parent: The call before it; `None` at a root.
        op, options: What was called, and its options that are structure.
        inputs: Numbers of the values that it takes.
        leaves: `(number, type)` of the values from outside that it brought in.
        outputs: Types of its results, which are numbered from `first` on.
        end: Number that the next value will get.
        length: How many calls the path from the root to here has.
        tree: How the results nest; `None` for a single one.
        site: The user's line that recorded it first.
        children: The calls that have followed, by their key.
        slot: What execution keeps for the recordings that end here.
        reads: What tapes found out about ranges of the path to here.
    """

    __slots__ = (
        "children",
        "end",
        "first",
        "inputs",
        "key",
        "leaves",
        "length",
        "op",
        "options",
        "outputs",
        "parent",
        "reads",
        "site",
        "slot",
        "tree",
    )

    def __init__(
        self,
        parent: "Node | None" = None,
        key: tuple = (),
        op: Op | None = None,
        options: dict[str, Any] | None = None,
        inputs: tuple[int, ...] = (),
        leaves: tuple[tuple[int, TensorType], ...] = (),
        outputs: tuple[TensorType, ...] = (),
        tree: Any = None,
    ) -> None:
        self.parent = parent
        self.key = key
        self.op = op
        self.options = options or {}
        self.inputs = inputs
        self.leaves = leaves
        self.outputs = outputs
        self.tree = tree
        self.first = (parent.end if parent else 0) + len(leaves)
        self.end = self.first + len(outputs)
        self.length = parent.length + 1 if parent else 0
        self.site = user_site() if parent else None
        self.children: dict[tuple, Node] = {}
        self.slot: Any = None
        self.reads: dict[tuple[int, int], Callable[[Any], tuple]] | None = None

    def path(self) -> "list[Node]":
        """The calls from the first to this one."""
        nodes = []
        node = self
        while node.parent is not None:
            nodes.append(node)
            node = node.parent
        nodes.reverse()
        return nodes

    def types(self) -> "list[TensorType]":
        """Types of all values up to here, by number."""
        found: list[TensorType] = []
        for node in self.path():
            found.extend(kind for _, kind in node.leaves)
            found.extend(node.outputs)
        return found


class _Roots:
    """The first node of each setting, forgotten when the tree has grown too large.

    What a tape covers has a root for each place where a tape is entered, so that two
    loops of the same structure have nodes, and with them lines, of their own. Programs
    are found by structure: they share these.
    """

    def __init__(self) -> None:
        self.by_settings: dict[tuple, tuple[Node, Entry]] = {}
        self.count = 0

    def find(self, key: tuple, entry: Entry = ()) -> Node:
        """The root for recordings under these settings, entered at these lines."""
        if self.count > _MAX_NODES:
            self.clear()
        name = (key, *[(id(code), offset) for code, offset in entry])
        found = self.by_settings.get(name)
        if found is None and config.switches.checks:
            return Node()  # every call is to know its own line
        if found is None:  # the entry stays beside it, so that no `id` is reused
            found = self.by_settings.setdefault(name, (Node(), entry))
        return found[0]

    def clear(self) -> None:
        """Forget all paths; recordings that are under way keep theirs."""
        self.by_settings = {}
        self.count = 0


roots = _Roots()


class _Numbering:
    """How a recording numbers the handles that it knows."""

    __slots__ = ("absorbed", "taps")

    absorbed: "dict[Segment, list[int]]"
    taps: dict[int, list[int]]

    def numbers_of(self, handle: Handle) -> list[int]:
        """Every number that a handle has here: all reads of a variable."""
        reads = self.taps.get(id(handle))
        if reads is not None:
            return reads
        number = self._number_of(handle)
        return [] if number is None else [number]

    def _number_of(self, handle: Handle) -> int | None:
        raise NotImplementedError

    def _number_of_result(self, handle: Handle) -> int | None:
        """The number of what a segment computed that is recorded here once more."""
        if handle._origin is None or not self.absorbed:
            return None
        segment = handle._origin[0]()
        numbers = self.absorbed.get(segment) if segment is not None else None
        number = numbers[handle._origin[1]] if numbers is not None else -1
        return number if number >= 0 else None


class Segment(_Numbering):
    """A recording that has run and that a live tape still covers.

    Attributes:
        pulls: The pullbacks of its calls, if it was worth keeping them; as in
            `Recording`.
    """

    __slots__ = (
        "__weakref__",
        "_known",
        "_others",
        "entry",
        "held",
        "node",
        "origins",
        "owners",
        "pulls",
        "serial",
        "settings",
        "values",
    )

    def __init__(self, recording: "Recording") -> None:
        assert recording.node is not None
        self.node = recording.node
        self.serial = recording.serial
        self.settings = recording.settings
        self.entry = recording.entry
        values = recording.values
        self.owners = recording.owners
        self.values = {number: values[number] for number in self.owners}
        self._others = recording.known
        self._known: dict[int, int] | None = None
        self.pulls: dict[int, tuple[Any, list[Any]]] = {}
        self.held = recording.held
        self.absorbed = recording.absorbed
        self.taps = recording.taps
        self.origins = recording.origins
        self._hold(1)

    @property
    def known(self) -> dict[int, int]:
        """The number of every handle that came in as an argument, by `id`."""
        if self._known is None:
            self._known = {id(owner): number for number, owner in self.owners.items()}
            self._known.update(self._others)
        return self._known

    def __del__(self) -> None:
        self._hold(-1)

    def _hold(self, count: int) -> None:
        """Keep programs from overwriting what this needs, or allow it again."""
        for number, value in self.values.items():
            if value.__class__ is Snapshot:
                value.holders += count
            else:
                self.owners[number]._hold(count)

    def _number_of(self, handle: Handle) -> int | None:
        number = self.known.get(id(handle))
        if number is None and handle._origin is not None:
            place, origin = handle._origin
            number = origin if place() is self else self._number_of_result(handle)
        return number


class Recording(_Numbering):
    """The calls of one thread or task that have not run yet.

    Attributes:
        node: The last call; `None` before the first.
        values: By number: an argument's array, or a weak reference to a result's
            handle. Results that nobody holds are not computed for their own sake.
        known: Numbers of handles that `_at` does not tell, by `id`: of arguments that
            another thread records with too, and of variables assigned here.
        absorbed: Segments whose calls were recorded here once more, with the numbers
            that their values have here.
        owners: The handle of each argument, by number (so that no `id` is reused).
        held: More handles that `known` names, kept so that no `id` is reused.
        writes: Variables assigned here, by `id`, with the number of their value.
        taps: All numbers that were read from a variable, where more than one.
        origins: For arguments that a live tape knows: where it recorded them.
        entry: Where the tape was entered that it began under; part of its place in the
            tree, for the lines in messages.
        depth: How many tapes and regions are open; calls are recorded while any is.
        tapes: Weak references to the tapes that cover some of these calls.
        task: The asyncio task it belongs to, if one was running.
        is_traced: Whether an argument is a tracer of the user's own `jax.jit`.
        guard: Held while another thread reads, or the owner runs.
        is_done: Whether it has run, or failed to.
        serial: Number of this recording, counted over all.
        pulls: Pullbacks that were kept when parts of it ran, by the number of the
            call's first result: how each is put together, and its arrays.
        results: Values of results that are there already, by number.
        has_settled: Whether it contains assignments that were made already.
        failure: Why it failed; whoever reads one of its results is told.
    """

    __slots__ = (
        "depth",
        "entry",
        "failure",
        "guard",
        "has_settled",
        "held",
        "is_done",
        "is_traced",
        "known",
        "node",
        "origins",
        "owners",
        "pulls",
        "results",
        "serial",
        "settings",
        "tapes",
        "task",
        "values",
        "writes",
    )

    outer: "Recording | None" = None
    """The recording around it, if it is a body's."""
    is_kept = False
    """Whether it is a body that is run again later, on other values of variables."""

    def __init__(self, depth: int = 0) -> None:
        self.serial = next(serials)
        self.node: Node | None = None
        self.values: list[Any] = []
        self.known: dict[int, int] = {}
        self.absorbed: dict[Segment, list[int]] = {}
        self.owners: dict[int, Handle] = {}
        self.held: list[Handle] = []
        self.writes: dict[int, tuple[Handle, int]] = {}
        self.taps: dict[int, list[int]] = {}
        self.origins: dict[int, tuple[Segment, int]] = {}
        self.entry: Entry = ()
        self.depth = depth
        self.tapes: list[weakref.ref] = []
        self.settings: tuple = ()
        self.task: Any = None
        self.is_traced = False
        self.guard = threading.RLock()
        self.is_done = False
        self.failure: Exception | None = None
        self.has_settled = False
        self.pulls: dict[int, tuple[Any, list[Any]]] = {}
        self.results: dict[int, Any] = {}

    def start(self) -> Node:
        """Settle the settings that the calls of this recording obey."""
        self.settings = settings()
        self.node = roots.find(self.settings, self.entry)
        return self.node

    def admit(self, handle: Handle) -> int | TensorType:
        """Take in an argument: its number if it is known here, else its type.

        A type in a key says that the call brings in a new value of that type, which
        has the next free number. Called for handles without a stamp of this recording.
        """
        if self.known or self.absorbed or self.taps:
            number = self._number_of(handle)
            if number is not None:
                return number
            if id(handle) in self.taps:  # assigned since it was read
                self.taps[id(handle)].append(len(self.values))
        value = handle._value
        if value.__class__ not in concrete_classes:
            # The home that a variable lives in is cut inside the program.
            value = value._value if isinstance(value, Handle) else handle._admitted()
            if value.__class__ not in concrete_classes:
                self.is_traced = True
        number = len(self.values)
        self.values.append(value)
        self.owners[number] = handle
        if handle._origin is not None:
            segment = handle._origin[0]()
            if segment is not None:
                self.origins[number] = (segment, handle._origin[1])
        before = handle._at[0]
        if before is None or before.is_done:
            handle._at = (self, number)
        else:  # another thread records with it too, and must find its own number
            self.known[id(handle)] = number
            handle._share()
        return handle._type

    def read(self, number: int) -> Any:
        """The value of a result that is read before it runs; only bodies have one."""
        raise NotImplementedError

    def cut(self, home: Any) -> None:
        """Read members of a home from its new value; only bodies do."""
        raise NotImplementedError

    def join(self, home: Any) -> None:
        """Let a home hold what was assigned to its members; only bodies do."""
        raise NotImplementedError

    def hand_over(self, number: int, handle: Handle) -> None:
        """From now on another handle waits for a result."""
        self.values[number] = weakref.ref(handle)

    def seen_elsewhere(self) -> "Recording":
        """What other threads see of it; itself, since it has a guard."""
        return self

    def refuse(self) -> None:
        """Raise, for a body cannot run by itself; other recordings can."""

    def mend(self, node: Node) -> None:
        """Drop what an interrupted call left behind, or add what it did not come to."""
        missing = node.end - len(self.values)
        if missing < 0:
            self.retreat(node.end)
        else:
            self.values.extend([nobody] * missing)

    def retreat(self, end: int) -> None:
        """Forget the arguments from number `end` on: their call has failed."""
        for reads in self.taps.values():
            while reads and reads[-1] >= end:
                reads.pop()
        for number in range(end, len(self.values)):
            handle = self.owners.pop(number, None)
            if handle is not None:
                self.known.pop(id(handle), None)
                if handle._at[0] is self:
                    handle._at = NOWHERE
                self.origins.pop(number, None)
        del self.values[end:]

    def _number_of(self, handle: Handle) -> int | None:
        at = handle._at
        if at[0] is self:
            return at[1]
        number = self.known.get(id(handle))
        return self._number_of_result(handle) if number is None else number

    @property
    def is_new(self) -> bool:
        """Whether nothing has been recorded here, by a tape or by a call."""
        return self.node is None and not self.tapes and not self.values

    @property
    def is_waiting(self) -> bool:
        """Whether there are calls that have not run."""
        return not self.is_done and self.node is not None and self.node.length > 0

    def finish(self) -> None:
        """Let go of everything: it has run, or failed to."""
        self.is_done = True
        self.values, self.held = [], []
        self.known, self.owners, self.absorbed = {}, {}, {}
        self.taps, self.origins, self.writes = {}, {}, {}
        self.pulls, self.results = {}, {}

    def live_tapes(self) -> list[Any]:
        """The tapes that cover some of these calls and may still ask for them."""
        found = []
        for reference in self.tapes:
            tape = reference()
            if tape is not None and not tape._is_spent:
                found.append(tape)
        return found


class _Place(threading.local):
    """Where a thread finds what it is recording."""

    recording: Recording | None = None
    by_task: Any = None


here = _Place()


def current() -> Recording:
    """The recording of this thread or asyncio task."""
    recording = here.recording
    if recording is None:
        return begin()
    if recording.task is not None or _get_running_loop() is not None:
        return _of_task(recording)
    return recording


def _of_task(recording: Recording) -> Recording:
    """The recording of the asyncio task that runs now in this thread."""
    task = _running_task()
    if task is recording.task:
        return recording
    if here.by_task is None:
        here.by_task = weakref.WeakKeyDictionary()
    here.by_task[recording.task or here] = recording
    found = here.by_task.get(task or here)
    if found is None or found.is_done:
        return begin()
    here.recording = found
    return found


def _running_task() -> Any:
    loop = _get_running_loop()
    return None if loop is None else asyncio.current_task(loop)


def begin(depth: int = 0) -> Recording:
    """Start an empty recording in this thread or task."""
    recording = here.recording = Recording(depth)
    if _get_running_loop() is not None:
        recording.task = _running_task()
    return recording


def resume(recording: Recording) -> None:
    """Make a recording the one of this thread or task."""
    here.recording = recording


def record(
    recording: Recording,
    op: Op,
    inputs: Sequence[Handle],
    options: dict[str, Any] | None,
    frozen: tuple,
) -> Node:
    """Append a call; returns its node, whose results still need their handles."""
    node = recording.node or recording.start()
    if len(recording.values) != node.end:
        recording.mend(node)
    parts: list[Any] = [op, frozen]
    try:
        for handle in inputs:
            at = handle._at
            parts.append(at[1] if at[0] is recording else recording.admit(handle))
        key = tuple(parts)
        child = node.children.get(key)
        if child is None:
            child = _grow(node, key, op, inputs, options or {})
    except BaseException:
        recording.retreat(node.end)
        if node.parent is None:  # the next call may obey other settings
            recording.node = None
        raise
    recording.node = child
    return child


def _grow(
    node: Node,
    key: tuple,
    op: Op,
    inputs: Sequence[Handle],
    options: dict[str, Any],
) -> Node:
    """Make the node of a call that has not followed this beginning before."""
    numbers: list[int] = []
    leaves: list[tuple[int, TensorType]] = []
    for part in key[2:]:
        if part.__class__ is TensorType:
            leaves.append((node.end + len(leaves), part))
            numbers.append(leaves[-1][0])
        else:
            numbers.append(part)
    types = tuple(plain_type(handle._type) for handle in inputs)
    outputs, tree = op.infer(types, options, key[1])
    child = Node(node, key, op, options, tuple(numbers), tuple(leaves), outputs, tree)
    roots.count += 1
    return node.children.setdefault(key, child)
