"""Routines: bodies that are kept and run again, with no recording cost.

The first run takes the way of any recording, so that it is compiled, noted and
explained like one. Its program is then called directly: with the arrays that it is
given, and with the state that it reads and replaces, found where it lives.
"""

import weakref
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import config
from .body import Body, Computation
from .execution import run
from .home import Home
from .launching import overwritten, refuse_write_in_trace, updating
from .node import Handle, Recording, getter, nobody
from .op import ArrayClass, Op
from .program import Pack, Program, StructureError
from .signature import SCALAR, TensorType, plain_type
from .slots import Slot, slots
from .tensor import make_result

_switches = config.switches


class Routine:
    """What a function of arrays does, to be run again and again.

    Args:
        name: Of the function, for messages.
        body: What it calls; its first numbers are the arguments.
        num_arguments: How many arrays it takes.
        results: Numbers of its results, each that of a recorded call.

    Attributes:
        direct: The program that is there, to be called; `None` before the first run.
    """

    def __init__(
        self, name: str, body: Body, num_arguments: int, results: Sequence[int]
    ) -> None:
        assert body.node is not None
        self._node = body.node
        self._settings = body.settings
        self._owners = body.captured()
        self._num_arguments = num_arguments
        self._results = tuple(results)
        types = body.node.types()
        self._types = [plain_type(types[number]) for number in results]
        self.direct: Direct | None = None
        self._computation = Computation(body, num_arguments, results)
        self.op = Op(
            name,
            self._computation.compute,
            carried=self._computation.carried,
            is_user=True,
        )

    @property
    def captured(self) -> list[Handle]:
        """What it takes besides its arguments: the op's further inputs."""
        return self._computation.captured

    def finish(self, outputs: Sequence[Handle]) -> Sequence[Handle]:
        """The results among the op's outputs; the rest are assigned to variables."""
        count = len(self._results)
        self._computation.assign(outputs[count:])
        return outputs[:count]

    def run(self, arrays: Sequence[Any]) -> list[Handle]:
        """The results; what it assigns is replaced, all of it or nothing.

        Args:
            arrays: Of the types that it was made for, under the settings of JAX too.
        """
        made = None if self.direct is None else self.direct.run(arrays)
        return self._run_as_recording(arrays) if made is None else made

    def _run_as_recording(self, arrays: Sequence[Any]) -> list[Handle]:
        recording, handles = self._recording(arrays)
        slot = slots.find(recording)
        slot.is_step = True  # whoever keeps a function means to call it again
        run(recording)
        self._prepare(slot)
        return handles

    def _recording(self, arrays: Sequence[Any]) -> tuple[Recording, list[Handle]]:
        """The calls as if they had just been recorded on these arrays."""
        recording = Recording()
        recording.node, recording.settings = self._node, self._settings
        values = recording.values = [nobody] * self._node.end
        types = self._node.types()
        for number, array in enumerate(arrays):
            values[number] = array
            recording.owners[number] = make_result(types[number], array)
        for number, owner in self._owners.items():
            values[number] = owner._admitted()
            recording.owners[number] = owner
        made: dict[int, Handle] = {}
        for number, kind in zip(self._results, self._types, strict=True):
            if number not in made:
                made[number] = make_result(kind, None, (recording, number))
                values[number] = weakref.ref(made[number])
        return recording, [made[number] for number in self._results]

    def _prepare(self, slot: Slot) -> None:
        """From now on call the program directly, if there is one."""
        self.direct = None
        program = slot.find(self._results)
        if program is not None:
            sources = dict(self._owners)
            with jax.ensure_compile_time_eval():  # a tracer would outlive its trace
                self.direct = Direct(
                    program, sources, self._num_arguments, self._results, self._types
                )


class Direct:
    """A program with the places that its arguments come from and its results go to."""

    __slots__ = (
        "_are_alone",
        "_constants",
        "_donated",
        "_has_more",
        "_homes",
        "_kinds",
        "_last",
        "_moves",
        "_numbers",
        "_packed",
        "_places",
        "_read",
        "_run",
        "_take",
        "_variables",
        "_writes",
    )

    def __init__(
        self,
        program: Program,
        owners: dict[int, Any],
        num_arguments: int,
        results: Sequence[int],
        types: Sequence[TensorType],
    ) -> None:
        self._moves = Home.moves  # a later move makes another program necessary
        program.refuse_others()
        self._run = program.run
        self._packed = program.packed
        count = program.num_overwritten
        homes: list[Home] = [owners[number]._home for number in program.members]
        self._homes, self._read = homes[:count], homes[count:]
        self._donated: list[Any] = [owners[number] for number in program.donated]
        self._writes = bool(self._homes or self._donated)
        captured = [number for number in program.kept if number >= num_arguments]
        fixed = [number for number in captured if not owners[number]._may_change]
        changing = [number for number in captured if owners[number]._may_change]
        self._constants = [jnp.asarray(owners[number]._array()) for number in fixed]
        self._variables: list[Any] = [owners[number] for number in changing]
        given = [*range(num_arguments), *fixed, *changing]
        order = [given.index(number) for number in program.kept]
        self._take = None if order == [*range(len(given))] else getter(order)
        self._has_more = len(given) > num_arguments or self._take is not None
        numbers = {
            number: owner._value
            for number, owner in owners.items()
            if owner._type.role == SCALAR
        }
        self._numbers = jax.device_put(program.numbers.packed(numbers))
        self._last = ((self._numbers,), ([],))
        self._kinds = types
        self._places = [
            (kind, number, program.places[number])
            for kind, number in zip(types, results, strict=True)
        ]
        places = [place for _, _, place in self._places]
        self._are_alone = places == [*range(len(places))]

    def run(self, arrays: Sequence[Any]) -> list[Handle] | None:
        """The results; `None` if the program cannot run as things stand now.

        Raises:
            StructureError: if the program is not made for such arrays.
        """
        if self._moves != Home.moves or _switches.safe_steps:
            return None
        if not self._writes:
            return self._run_reading(arrays)
        outcome: list[tuple] = []
        with updating:
            kept = self._kept(arrays) if self._has_more else [*arrays]
            read = [home._value for home in self._read] if self._read else []
            homes, donated = overwritten(self._homes, self._donated, read, kept)
            buffers = [snapshot.array for snapshot in read] if read else read
            arguments = (homes,), (donated,), (buffers,), (kept,), *self._last
            try:
                # One C call launches and keeps the results: no signal comes between.
                outcome.extend(map(self._run, *arguments))
            except StructureError:
                raise
            except (ValueError, RuntimeError):
                return None
            finally:
                if outcome:
                    try:
                        self._commit(outcome[0])
                    except BaseException:  # an interrupt came in between
                        self._commit(outcome[0])
                        raise
        return self._made(outcome[0])

    def _run_reading(self, arrays: Sequence[Any]) -> list[Handle] | None:
        """The same where nothing is assigned, so that no signal can do harm."""
        with updating:  # all of one moment, and no other thread takes a buffer
            buffers = []
            for home in self._read:
                buffers.append(home._value.array)
            kept = self._kept(arrays) if self._has_more else [*arrays]
            try:
                outcome = self._run([], [], buffers, kept, self._numbers, [])
            except StructureError:
                raise
            except (ValueError, RuntimeError):
                return None  # whatever it is, the long way meets it again
        return self._made(outcome)

    def _kept(self, arrays: Sequence[Any]) -> list[Any]:
        """What the program reads: its arguments, and what the function stands on."""
        kept = [*arrays, *self._constants]
        for variable in self._variables:
            kept.append(variable._value)
        return kept if self._take is None else [*self._take(kept)]

    def _commit(self, outcome: tuple) -> None:
        """Give variables their values."""
        for value in outcome[0] or outcome[1]:
            if value.__class__ is not ArrayClass:
                refuse_write_in_trace()
            break
        for home, array in zip(self._homes, outcome[0]):  # noqa: B905 (0.3 us)
            home._write(array)
        for variable, value in zip(self._donated, outcome[1]):  # noqa: B905
            variable._write(value)

    def _made(self, outcome: tuple) -> list[Handle]:
        """The results as Tensors."""
        _, finals, alone, buffers, _ = outcome
        if self._are_alone:
            return [*map(make_result, self._kinds, alone)]
        made = []
        pack = Pack(buffers, self._packed) if buffers else None
        for kind, number, place in self._places:
            if place is None:
                made.append(make_result(kind, pack, (None, number)))
            elif place >= 0:
                made.append(make_result(kind, alone[place]))
            else:
                made.append(make_result(kind, finals[-1 - place]))
                self._donated[-1 - place]._share()
        return made
