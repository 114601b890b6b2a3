"""GradientTape: TensorFlow's tape, and what its users asked for in vain."""

import sys
import weakref
from types import FrameType
from typing import Any

import jax
import numpy as np

from .coverage import Covering
from .drawing import draw_mermaid, draw_table
from .errors import (
    ArgumentError,
    ShapeError,
    TapeError,
    UnconnectedError,
    WatchError,
)
from .explaining import explain, note_nones
from .history import History, mention
from .recording.form import COTANGENTS, TANGENTS, columns, jacobian_form
from .recording.node import Handle, current, here
from .recording.rehearsal import Rehearsal
from .recording.script import loops
from .recording.site import user_site
from .recording.slice import Form
from .recording.tensor import Tensor, TensorLike
from .requests import (
    flatten,
    handles_in,
    is_leaf,
    nested,
    ones,
    single,
    wants_zeros,
    weights_for,
    zeros,
)
from .variable import Variable
from .waking import wake


class GradientTape(Covering):
    """Records operations, to differentiate them afterwards.

    Trainable variables are watched when they are read, other values after `watch`.
    `None` stands where no differentiable path exists.

    Args:
        persistent: Whether derivatives may be asked for more than once. Default false:
            the tape lets go of everything after the first call.
        watch_accessed_variables: Whether trainable variables are watched on their
            own. Default true, as in TensorFlow.
        strict: Whether a derivative that would be `None` raises, with the reason.
            Default false, as in TensorFlow.

    Raises:
        ArgumentError: on entering a tape that is already active.
        TapeError: when a spent tape is asked again.
        UnconnectedError: with `strict`, for a source without a path to the target.

    Example:
        >>> x = jt.constant(3.0)
        >>> with jt.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(
        self,
        persistent: bool = False,
        watch_accessed_variables: bool = True,
        *,
        strict: bool = False,
    ) -> None:
        self._is_persistent = bool(persistent)
        self._watches_variables = bool(watch_accessed_variables)
        self._is_strict = bool(strict)

    def __enter__(self) -> "GradientTape":
        if self._is_active:
            raise ArgumentError(
                "This tape is already active. Make another one for nested "
                "derivatives: `with jt.GradientTape() as inner:`."
            )
        if self._is_spent:
            self._clear()
        frame = sys._getframe(1)
        if not self._rehearse(frame):
            self._enter(frame)
        return self

    def _rehearse(self, frame: FrameType) -> bool:
        """Begin a turn like the one before, if this is the tape of such a loop."""
        recording: Any = here.recording
        if recording.__class__ is Rehearsal and recording.is_abandoned:
            recording = here.recording = None
        if (
            self._is_persistent
            or not self._watches_variables
            or self._rehearsal is not None
            or "_spans" in self.__dict__
            or self.__class__ is not GradientTape
        ):
            return False
        if recording is not None and (
            recording.task or recording.depth or not recording.is_new
        ):
            return False
        script = loops.find(frame)
        if script is None:
            return False
        rehearsal = Rehearsal(script, self)
        self._entry = script.loop.entry
        self._owner = (rehearsal.thread, None)
        self._script = script
        self._is_active = True
        self._rehearsal = here.recording = rehearsal
        return True

    def watch(self, tensor: TensorLike) -> None:
        """Follow a Tensor or Variable (or a nested structure of them) from here on.

        Raises:
            ArgumentTypeError: for anything else, NumPy arrays included.
        """
        for handle in jax.tree.leaves(tensor, is_leaf=is_leaf):
            if not isinstance(handle, Handle):
                raise WatchError(
                    f"watch() expected a Tensor or Variable; got "
                    f"{type(handle).__name__}. Convert it first and use the result: "
                    "x = jt.constant(x)."
                )
            self._watch(handle)

    def stop_recording(self) -> "_Pause":
        """A context in which calls are not recorded on this tape."""
        if not self._is_active:
            raise ArgumentError(
                "stop_recording() needs an active tape; use it inside "
                "`with jt.GradientTape() as tape:`."
            )
        return _Pause(self)

    def reset(self) -> None:
        """Forget everything recorded so far; what follows counts from here."""
        was_active = self._is_active
        self._clear()
        self._reset_at = user_site()
        if was_active:
            self._open(current())

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in the order they were read."""
        return self._variables()

    def explain(self, target: Any, source: Any) -> str:
        """Why the derivative of a target by a source is `None`, or how it connects.

        Computes nothing, and works as long as the tape lives: after `gradient` too,
        when a tape that is not persistent has let go of all values.

        Args:
            target: Tensor or Variable, or a nested structure of them.
            source: Tensor or Variable, or a nested structure of them.

        Returns:
            A line for each pair: what is in the way, where, and what to do.

        Raises:
            ArgumentTypeError: for a target or source that is no Tensor or Variable.

        Note:
            A line is the first that made a call after the same calls before it, under
            the same `with`; two branches of an `if` in it that make the very same
            calls share the line of the first. Under `jt.debug.enable()` each call has
            its own.
        """
        targets = handles_in(target, "target", "explain()")
        sources = handles_in(source, "source", "explain()")
        return explain(History(self._remains()), targets, sources)

    def to_mermaid(self) -> str:
        """What it recorded as a Mermaid flowchart, which documentation sites draw.

        Note:
            Mermaid draws up to 500 arrows unless its `maxEdges` is set.
        """
        return draw_mermaid(History(self._remains()))

    def __str__(self) -> str:
        return f"{self!r}\n{draw_table(History(self._remains()))}"

    def __repr__(self) -> str:
        count = sum(call.is_covered for call in History(self._remains()).calls)
        states = {"persistent": self._is_persistent, "strict": self._is_strict}
        states |= {"active": self._is_active, "spent": self._is_spent}
        words = [f"{count:,} calls", *(word for word, holds in states.items() if holds)]
        return f"<jt.GradientTape: {', '.join(words)}>"

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """Derivative of the (sum of the) target by each source.

        Args:
            target: Tensor or Variable, or a nested structure of them, which is summed.
            sources: Tensor or Variable, or a nested structure of them.
            output_gradients: For each target what its elements are weighted by, of
                the target's shape. Default ones.
            unconnected_gradients: `"none"` or `"zero"`: what stands where no path
                leads from the source to a target. Default `"none"`.

        Returns:
            Tensors in the structure of `sources`, each of its source's shape.

        Raises:
            TapeError: if a tape that is not persistent was asked before.
            ArgumentError: for an unknown `unconnected_gradients`.
            ArgumentTypeError: for a target or source that is no Tensor or Variable.
            UnconnectedError: if the tape is strict and one would be `None`.
        """
        if self._is_spent:
            self._refuse()
        rehearsal = self._rehearsal
        if (
            rehearsal is not None
            and output_gradients is None
            and unconnected_gradients == "none"
            and target.__class__ is Tensor
        ):
            kind = sources.__class__
            flat = sources if kind is list or kind is tuple else [sources]
            found = rehearsal.differentiate(target, flat)
            if found is not None:
                self._is_spent = True
                self._target = weakref.ref(target)
                note_nones(None, ())
                if kind is list:
                    return found
                return tuple(found) if kind is tuple else found[0]
        fills = unconnected_gradients != "none" and wants_zeros(unconnected_gradients)
        flat, tree = flatten(sources, "source")
        given = [sources] if sources.__class__ is Variable else sources
        self._is_flat = given.__class__ in (list, tuple) and (
            [*map(id, given)] == [*map(id, flat)]
        )
        if target.__class__ is Tensor and target._type.is_inexact:
            targets: list[Any] = [target]
        else:
            targets, _ = flatten(target, "target")
        seeds: list[Any] = [None] * len(targets)
        if output_gradients is not None:
            seeds = weights_for(
                targets, output_gradients, "output_gradients", "target", True
            )
        if self._is_active and not self._is_persistent:
            self._close()
        found = self._differentiate(targets, seeds, flat)
        reached = [gradient is not None for gradient in found]
        if not all(reached):
            found = _by_themselves(found, targets, seeds, flat)
            reached = [gradient is not None for gradient in found]
        self._end(targets, flat, reached, fills)
        if fills:
            found = [
                zeros(s.shape, s.dtype) if g is None else g
                for g, s in zip(found, flat, strict=True)
            ]
        return nested(tree, found)

    def value_and_gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> tuple[Any, Any]:
        """The target, and its `gradient` by the sources, as `jax.value_and_grad`."""
        return target, self.gradient(
            target, sources, output_gradients, unconnected_gradients
        )

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
        *,
        chunk_size: int | None = None,
    ) -> Any:
        """Derivative of each element of the target by each element of the sources.

        Computed by rows (one pullback for each element of the target) or, where the
        target has at least as many elements as the sources together, by columns (one
        forward derivative for each element of a source).

        Args:
            target: Tensor or Variable, or a nested structure of them.
            sources: Tensor or Variable, or a nested structure of them.
            unconnected_gradients: `"none"` or `"zero"`: what stands where no path
                leads from the source to the target. Default `"none"`.
            parallel_iterations: TensorFlow's name for `chunk_size`. Default all.
            experimental_use_pfor: As in TensorFlow, false computes one row (column)
                after another, with the least memory. Default true.
            chunk_size: How many rows (columns) are computed at a time, which bounds
                memory. Default all at once, the fastest.

        Returns:
            Tensors of shape `target.shape + source.shape` in the structure of
            `sources`; for several targets that structure stands at each target's
            place in theirs.

        Raises:
            TapeError: if a tape that is not persistent was asked before.
            ArgumentError: for an unknown `unconnected_gradients` or a `chunk_size`
                below 1.
            ArgumentTypeError: for a target or source that is no Tensor or Variable.
        """
        fills = self._start(unconnected_gradients)
        flat, tree = flatten(sources, "source", "jacobian()")
        targets, target_tree = flatten(target, "target", "jacobian()")
        chunk = _chunk_size(chunk_size, parallel_iterations, experimental_use_pfor)
        kinds = tuple([source._type for source in flat])
        rows, missing = [], set()
        with self._as_one(targets) as recording:
            for one in targets:
                form = jacobian_form(one._type, kinds, False, chunk)
                found = self._record(recording, [one], [], flat, form)
                missing.update(n for n, block in enumerate(found) if block is None)
                if fills:
                    found = [
                        zeros(one.shape + s.shape, s.dtype) if block is None else block
                        for block, s in zip(found, flat, strict=True)
                    ]
                rows.append(nested(tree, found))
        self._end(targets, flat, [n not in missing for n in range(len(flat))], fills)
        return nested(target_tree, rows)

    def batch_jacobian(
        self,
        target: Tensor,
        source: Tensor,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
        *,
        chunk_size: int | None = None,
    ) -> Tensor:
        """Jacobian of each example of a batch: `[b, ...]` is d target[b] / d source[b].

        Examples must not depend on one another; this is not checked.

        Args:
            target: Of shape `(batch, ...)`.
            source: Of shape `(batch, ...)`.
            unconnected_gradients: Checked only: as in TensorFlow zeros stand where no
                path leads from the source to the target.
            parallel_iterations: TensorFlow's name for `chunk_size`. Default all.
            experimental_use_pfor: As in TensorFlow, false computes one row (column)
                after another, with the least memory. Default true.
            chunk_size: How many rows (columns) of all examples are computed at a
                time, which bounds memory. Default all at once, the fastest.

        Returns:
            Tensor of shape `target.shape + source.shape[1:]`.

        Raises:
            ShapeError: if one of them has no axis of examples and another one, or
                if the numbers of examples differ.
            TapeError: if a tape that is not persistent was asked before.
        """
        self._start(unconnected_gradients)
        one = single(target, "target", "batch_jacobian()")
        by = single(source, "source", "batch_jacobian()")
        _check_batch(one, by)
        chunk = _chunk_size(chunk_size, parallel_iterations, experimental_use_pfor)
        form = jacobian_form(one._type, (by._type,), True, chunk)
        with self._as_one([one]) as recording:
            (found,) = self._record(recording, [one], [], [by], form)
        self._end([one], [by], [found is not None], True)
        if found is None:
            return zeros(one.shape + by.shape[1:], by.dtype)
        return found

    def hessian(
        self,
        target: Tensor,
        sources: Any,
        unconnected_gradients: Any = "none",
        *,
        chunk_size: int | None = None,
    ) -> Any:
        """Second derivatives of the (sum of the) target by the sources.

        Forward over reverse: the gradient's Jacobian by columns.

        Args:
            target: Tensor or Variable, as a rule a scalar.
            sources: Tensor or Variable, or a nested structure of them.
            unconnected_gradients: `"none"` or `"zero"`: what stands in the rows and
                columns of a source that the target does not depend on. Default
                `"none"`. Where it depends on two sources, but not on their product,
                zeros stand in any case.
            chunk_size: How many columns are computed at a time, which bounds memory.
                Default all at once, the fastest.

        Returns:
            For one source a Tensor of shape `source.shape + source.shape`; else, at
            each source's place in `sources`, their structure again: `[i][j]` is of
            shape `sources[i].shape + sources[j].shape`.

        Raises:
            TapeError: if a tape that is not persistent was asked before.
        """
        fills = self._start(unconnected_gradients)
        flat, tree = flatten(sources, "source", "hessian()")
        targets, _ = flatten(target, "target", "hessian()")
        form = columns(_chunk_size(chunk_size, None, True))
        is_reached, found = self._differentiate_twice(targets, flat, [], form)
        self._end(targets, flat, is_reached, fills)
        blocks = iter(found)
        rows = []
        for one, is_row in zip(flat, is_reached, strict=True):
            row = []
            for other, is_column in zip(flat, is_reached, strict=True):
                block = next(blocks) if is_row else None
                if block is None and (fills or (is_row and is_column)):
                    block = zeros(one.shape + other.shape, one.dtype)
                row.append(block)
            rows.append(nested(tree, row))
        return nested(tree, rows)

    def hvp(
        self,
        target: Any,
        sources: Any,
        vectors: Any,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """Hessian-vector product, without the Hessian: forward over reverse.

        Costs a few gradients in time and memory, whatever the number of elements
        (Pearlmutter, 1994).

        Args:
            target: Tensor or Variable, as a rule a scalar; elements are summed.
            sources: Tensor or Variable, or a nested structure of them.
            vectors: For each source a Tensor of its shape.
            unconnected_gradients: `"none"` or `"zero"`: what stands at a source that
                the target does not depend on. Default `"none"`. Where the gradient
                does not depend on any source, zeros stand in any case.

        Returns:
            Tensors in the structure of `sources`, each of its source's shape.

        Raises:
            ArgumentError: if `vectors` has not one entry for each source.
            ShapeError: if a vector has not its source's shape.
            TapeError: if a tape that is not persistent was asked before.
        """
        fills = self._start(unconnected_gradients)
        flat, tree = flatten(sources, "source", "hvp()")
        targets, _ = flatten(target, "target", "hvp()")
        tangents = weights_for(flat, vectors, "vectors", "source")
        is_reached, found = self._differentiate_twice(targets, flat, tangents, TANGENTS)
        self._end(targets, flat, is_reached, fills)
        products = iter(found)
        rows = [next(products) if is_one else None for is_one in is_reached]
        return nested(
            tree,
            [
                zeros(s.shape, s.dtype) if row is None and (fills or is_one) else row
                for row, s, is_one in zip(rows, flat, is_reached, strict=True)
            ],
        )

    def per_example_gradients(
        self,
        losses: Tensor,
        sources: Any,
        unconnected_gradients: Any = "none",
        *,
        chunk_size: int | None = None,
    ) -> Any:
        """Gradient of each example's loss by the sources.

        Args:
            losses: Of shape `(batch,)`: one loss for each example, not reduced.
            sources: Tensor or Variable, or a nested structure of them.
            unconnected_gradients: `"none"` or `"zero"`, as for `gradient`.
            chunk_size: For how many examples at a time, which bounds memory. Default
                all at once.

        Returns:
            Tensors of shape `(batch,) + source.shape` in the structure of `sources`.

        Raises:
            ShapeError: if `losses` has not exactly one axis.
            TapeError: if a tape that is not persistent was asked before.

        Note:
            Exact also where examples influence one another (batch normalisation), at
            the price of one pullback of the whole batch for each example.
        """
        one = single(losses, "target", "per_example_gradients()")
        if len(one.shape) != 1:
            raise ShapeError(
                "per_example_gradients() expected losses of shape (batch,), one for "
                f"each example; got shape {one.shape}. Build the loss with "
                "reduction='none', or average over all axes but the first."
            )
        return self.jacobian(one, sources, unconnected_gradients, chunk_size=chunk_size)

    def _start(self, unconnected_gradients: Any) -> bool:
        """Before a derivative that users wait for: any other than a gradient.

        Returns:
            Whether zeros stand where there is no path.
        """
        if self._is_spent:
            self._refuse()
        wake()
        fills = wants_zeros(unconnected_gradients)
        if self._is_active and not self._is_persistent:
            self._close()
        return fills

    def _end(
        self,
        targets: list[Any],
        sources: list[Any],
        is_reached: list[bool],
        fills: bool,
    ) -> None:
        """After a derivative: a tape that is not persistent lets go of everything.

        Args:
            targets: What was differentiated.
            sources: What by.
            is_reached: For each source whether there is a path.
            fills: Whether zeros stand there.

        Raises:
            UnconnectedError: if the tape is strict and a derivative is `None`.
        """
        self._asked = [*map(mention, targets)]
        nones: list[Any] = []
        if not all(is_reached):
            pairs = zip(sources, is_reached, strict=True)
            nones = [source for source, is_one in pairs if not is_one]
        note_nones(self._remains() if nones else None, nones)
        if not self._is_persistent:
            self._spend()
        if nones and self._is_strict and not fills:
            history = History(self._remains())
            raise UnconnectedError(explain(history, targets, nones, False))

    def _refuse(self) -> None:
        raise TapeError(
            "This tape has given its gradient and let go of what it recorded. "
            "Ask for everything in one call, or record with "
            "jt.GradientTape(persistent=True)."
        )

    def _differentiate_twice(
        self, targets: list[Any], sources: list[Any], seeds: list[Any], form: Form
    ) -> tuple[list[bool], list[Any]]:
        """Differentiate the gradient: which sources have one, and the results."""
        with self._as_one(targets) as recording:
            ones = [None] * len(targets)
            gradients = self._record(recording, targets, ones, sources, COTANGENTS)
            is_reached = [gradient is not None for gradient in gradients]
            again = [gradient for gradient in gradients if gradient is not None]
            if not again:
                return is_reached, []
            end = len(recording.values)
            inner = ((end - len(again), end),)
            return is_reached, self._record(
                recording, again, seeds, sources, form, inner
            )


class _Pause:
    """The context of `stop_recording`."""

    def __init__(self, tape: GradientTape) -> None:
        self._tape = tape

    def __enter__(self) -> None:
        if self._tape._spans:
            self._tape._spans[-1].pause = user_site()
        self._tape._close()
        self._tape._is_active = False
        current().depth -= 1

    def __exit__(self, *_: object) -> None:
        self._tape._is_active = True
        recording = current()
        recording.depth += 1
        self._tape._open(recording)


def _chunk_size(
    chunk_size: int | None, parallel_iterations: int | None, use_pfor: bool
) -> int | None:
    """How many rows or columns are computed at a time; `None` for all."""
    if chunk_size is None:
        chunk_size = parallel_iterations if use_pfor else 1
    if chunk_size is None:
        return None
    if not isinstance(chunk_size, int | np.integer) or chunk_size < 1:
        raise ArgumentError(
            f"`chunk_size` must be an integer of at least 1; got {chunk_size!r}. "
            "Leave it out to compute everything at once."
        )
    return int(chunk_size)


def _check_batch(target: Handle, source: Handle) -> None:
    for handle, name in ((target, "target"), (source, "source")):
        if len(handle._type.shape) < 2:
            raise ShapeError(
                f"batch_jacobian() expected a {name} of shape (batch, ...) with at "
                f"least two axes; got shape {handle._type.shape}. Use jacobian(), or "
                "reshape it to (batch, 1)."
            )
    examples, others = target._type.shape[0], source._type.shape[0]
    if examples != others:
        raise ShapeError(
            "batch_jacobian() expected the same number of examples in target and "
            f"source; got {examples} and {others}. Use jacobian() where the first "
            "axis does not count examples."
        )


def _by_themselves(
    found: list[Any], targets: list[Any], seeds: list[Any], sources: list[Any]
) -> list[Any]:
    """With the derivative 1 of what is target and source, also if nothing read it."""
    whole = []
    for gradient, source in zip(found, sources, strict=True):
        total = gradient
        for target, seed in zip(targets, seeds, strict=True):
            if gradient is None and target is source:
                part = ones(source.shape, source.dtype) if seed is None else seed
                total = part if total is None else total + part
        whole.append(total)
    return whole
