"""Execution: which calls run at once, which are recorded, and when a recording runs."""

import contextlib
import weakref
from asyncio import _get_running_loop  # in asyncio.__all__: None without a loop
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
from jax.export import is_symbolic_dim

from .. import config
from ..errors import SymbolicError
from .backlog import settle
from .compiling import note_length
from .home import Home
from .launching import (
    ATTEMPTS,
    explained,
    launch,
    refuse_write_in_trace,
    was_donated,
)
from .node import (
    NOWHERE,
    Handle,
    Node,
    Recording,
    Segment,
    SymbolicInput,
    begin,
    current,
    here,
    nobody,
    record,
    resume,
)
from .op import MISFITS, ArrayClass, Op
from .rehearsal import Rehearsal
from .script import Script, loops
from .signature import settings

make_pending: Callable[..., Any] = Handle
"""Makes the Tensor of a recorded result; `tensor` sets it."""
make_value: Callable[..., Any] = Handle
"""Makes the Tensor of an array; `tensor` sets it."""
call_symbolically: Callable[..., Any] = Handle
"""Calls an op on tensors that stand for what models compute; `symbolic` sets it."""

_reference = weakref.ref
_bounds, _switches = config.bounds, config.switches


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
    recording: Any = here.recording
    if recording.__class__ is Rehearsal:
        made = recording.follow(op, inputs, frozen)
        if made is not None:
            return made
    if (
        recording is None
        or recording.task is not None
        or _get_running_loop() is not None
    ):
        recording = current()
    if (
        not recording.depth
        and not _switches.checks
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
    try:
        node = record(recording, op, inputs, options, frozen)
    except SymbolicInput:
        return call_symbolically(op, inputs, options or {}, frozen)
    if node.tree is None:
        values = recording.values
        made: Any = make_pending(node.outputs[0], (recording, len(values)))
        values.append(_reference(made))
    else:
        made = jax.tree.unflatten(node.tree, add_results(recording, node))
    if op.writes:
        note_writes(recording, node, inputs)
    if node.length >= _bounds.pending_nodes and recording.outer is None:
        note_length(recording)
        run(recording)
    return made


def move_in(variables: Sequence[Any]) -> Home:
    """Give variables a home; what is pending reads them from there."""
    if current().outer is not None:  # a body takes no values in
        with detached():
            return Home(variables)
    home = Home(variables)  # reads them, which may run what is pending
    recording = current()
    for variable, before in zip(home.members, home.before, strict=True):
        for number in recording.numbers_of(variable):
            if recording.values[number] is before:
                recording.values[number] = home._value
    home.before = ()
    return home


def update(recording: Any, op: Op, inputs: Sequence[Handle]) -> Script | None:
    """Record a call that only assigns variables, and end the program with it.

    In a body, which does not end there, what follows reads the new values.

    Returns:
        The script of turns that are like this one, for the caller to hold.
    """
    if recording.has_settled:
        run(recording)
        recording = current()
    node = record(recording, op, inputs, None, ())
    recording.values.extend([nobody] * len(node.outputs))
    if recording.outer is None:
        script = loops.note(recording, node)
        run(recording)
        return script
    note_writes(recording, node, inputs)
    for _, position in op.writes:
        if isinstance(inputs[position], Home):
            recording.cut(inputs[position])
    return None


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
        if (handle._value is None and is_waiting(handle)) or (
            writes and id(handle) in writes
        ):
            return True
    return False


def is_waiting(handle: Handle) -> bool:
    """Whether a value is not there, also when turns that wait have been launched."""
    if handle._value is None:
        recording = handle._at[0]
        if recording is not None and recording.is_done:
            settle()
    return handle._value is None


def _is_read_there(recording: Recording, op: Op, inputs: Sequence[Handle]) -> bool:
    """Whether what waits has read a variable that a call assigns."""
    return any(recording.numbers_of(inputs[position]) for _, position in op.writes)


def note_writes(recording: Recording, node: Node, inputs: Sequence[Handle]) -> None:
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
    for attempt in range(ATTEMPTS):
        try:
            out = program(*map(_argument, inputs))
            break
        except (*MISFITS, RuntimeError) as error:
            if attempt + 1 < ATTEMPTS and was_donated(error):
                continue  # another thread updated a variable meanwhile
            misfit = op.misfit([handle._type for handle in inputs], error)
            if misfit is error:
                raise
            raise misfit from None
        except Exception:
            _refuse_symbols(op, options)
            raise
    if op.writes:
        leaves = jax.tree.leaves(out)
        if any(leaf.__class__ is not ArrayClass for leaf in leaves):
            refuse_write_in_trace()
        for output, position in op.writes:
            inputs[position]._write(leaves[output])
            inputs[position]._share()  # the result below has the same buffer
    if isinstance(out, jax.Array):
        return make_value(out)
    return jax.tree.map(make_value, out)


def _refuse_symbols(op: Op, options: dict[str, Any]) -> None:
    """Explain a call that needs a length which only a model's inputs have."""
    if any(map(is_symbolic_dim, jax.tree.leaves(options))):
        raise SymbolicError(
            f"{op.name} got {options}, in which a length is not known while a model is "
            "put together. Call it in the `call` of a layer, which sees real lengths."
        ) from None


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
    """Whether a recording is the one of this thread or task, or is around it."""
    inner: Recording | None = current()
    while inner is not None and inner is not recording:
        inner = inner.outer
    return inner is recording


def run(recording: Any) -> None:
    """Run everything that a recording holds; what is still held becomes a value.

    Raises:
        ExecutionError: if the program cannot be compiled or run. Variables then have
            the values from before the recording, unless the message says otherwise.
    """
    if recording.__class__ is Rehearsal and recording.run_ahead():
        return
    node = recording.node
    if node is None or node.parent is None:
        return
    recording.refuse()
    missing = node.end - len(recording.values)
    if missing > 0:  # a call was interrupted before its results were noted
        recording.values.extend([nobody] * missing)
    with recording.guard:
        after = _following(recording)
        segment = None
        if recording.tapes:
            segment = _hand_over(recording, after)
        if segment is None and recording.origins:
            # Nobody will ask for what was recorded once more here.
            recording.absorbed, recording.origins = {}, {}
        try:
            launch(recording, node, segment)
        except Exception as error:
            failure = explained(error, recording, node.path())
            recording.failure = failure
            for variable, _ in recording.writes.values():
                variable._at = NOWHERE
            if failure is not error:
                raise failure from error
            raise
        finally:
            recording.finish()


def _following(recording: Recording) -> Recording | None:
    """The empty recording that takes the place of one that runs in this thread."""
    inner = here.recording
    if inner is recording:
        return begin(recording.depth)
    while inner is not None and inner.outer is not recording:
        inner = inner.outer
    if inner is None:
        return None
    after = inner.outer = Recording(recording.depth)
    after.task = recording.task
    return after


def _hand_over(recording: Recording, after: Recording | None) -> Segment | None:
    """Let live tapes keep the part that they cover, and go on in what follows."""
    tapes = recording.live_tapes()
    segment = Segment(recording) if tapes else None
    for tape in tapes:
        tape._cut(recording, segment, after)
    return segment
