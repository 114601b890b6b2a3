"""Ops: pure JAX functions that can be recorded, run, compiled and pulled back."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from ..errors import JaxtapeError, ShapeError
from .cache import Cache
from .signature import TensorType, settings, type_of
from .site import user_site
from .snapshot import Snapshot

ArrayClass = type(jnp.zeros(()))
concrete_classes = frozenset(
    {ArrayClass, np.ndarray, float, int, bool, complex, Snapshot}
)
"""Classes of values that are no tracers."""

_inferred: Cache[tuple] = Cache(lambda: 4 * config.bounds.op_programs)
op_programs: Cache[Callable] = Cache(lambda: config.bounds.op_programs)


def _stopped(function: Callable) -> Callable:
    """The function as JAX sees it where it differentiates by itself."""
    return lambda *arrays, **options: jax.lax.stop_gradient(
        function(*arrays, **options)
    )


MISFITS = (TypeError, ValueError, IndexError, OverflowError, NameError)
"""What JAX raises for arguments that do not fit; NameError for axes that are names."""


class Op:
    """A function of arrays that can be recorded, run and differentiated.

    Args:
        name: What messages call it; TensorFlow's or NumPy's word.
        function: Pure JAX function of the input arrays, by position, and of options,
            by keyword. Returns an array or a tree of arrays.
        is_differentiable: Whether gradients flow through it. Where not, a gradient is
            `None` by connectivity, whatever the values are.
        writes: `(output, input)` pairs: that output becomes the value of the variable
            that stands at that input. Such an op passes no gradient on.
        renews: `(output, input)` pairs: that output is the value that the variable at
            that input has since something else was assigned, the home it lives in.
        masks_zeros: Whether no cotangent passes where none arrives, even where the
            derivative is infinite; for an elementwise function of one input.
        carried: Positions of the inputs that gradients flow through; `None` for all.
        rule: In place of JAX's derivative: called with the inputs and the positions to
            differentiate by, returns the results as a list and the pullback, a
            `jax.tree_util.Partial`.
        failure: What a gradient through it raises.
        is_user: Whether a user wrote `function`; its errors then pass unchanged.
        hint: One sentence on how to mend arguments that do not fit.
        input_names: From the handles of the inputs, `None` for those that are gone, to
            what messages call them, where they have names.
        bad_index: For an op that takes indices: called in debugging runs with the
            inputs and the options; says what is wrong with the first index outside
            its axis, or returns `None`.
    """

    __slots__ = (
        "_settled",
        "_traceback",
        "bad_index",
        "carried",
        "failure",
        "function",
        "hint",
        "input_names",
        "is_differentiable",
        "is_settled",
        "is_user",
        "masks_zeros",
        "name",
        "reads",
        "renews",
        "rule",
        "writes",
    )

    def __init__(
        self,
        name: str,
        function: Callable,
        *,
        is_differentiable: bool = True,
        writes: tuple[tuple[int, int], ...] = (),
        renews: tuple[tuple[int, int], ...] = (),
        masks_zeros: bool = False,
        carried: frozenset[int] | None = None,
        rule: Callable | None = None,
        failure: Exception | None = None,
        is_user: bool = False,
        hint: str = "",
        input_names: Callable[[Sequence[Any]], Sequence[str]] | None = None,
        bad_index: Callable[[Sequence[Any], dict], str | None] | None = None,
    ) -> None:
        self.name = name
        self.function = function if is_differentiable else _stopped(function)
        self.is_differentiable = is_differentiable and not writes
        self.writes = writes
        self.renews = renews
        self.reads = writes + renews
        """Outputs that are values of variables, with the variables' inputs."""
        self.masks_zeros = masks_zeros
        self.carried = carried
        self.rule = rule
        self.failure = failure
        self._traceback = None if failure is None else failure.__traceback__
        self.is_user = is_user
        self.hint = hint
        self.input_names = input_names
        self.bad_index = bad_index
        self.is_settled = False
        self._settled: Op | None = None

    def settled(self) -> "Op":
        """This op where it is recorded once more, after its variables were written."""
        if not self.writes:
            return self
        if self._settled is None:
            again = Op(
                self.name,
                self.function,
                writes=self.writes,
                input_names=self.input_names,
            )
            again.is_settled = True
            self._settled = again
        return self._settled

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def fail(self) -> NoReturn:
        """Raise what a gradient through it raises, each time as if for the first."""
        failure = self.failure
        assert failure is not None
        failure.__dict__.pop("__notes__", None)
        raise failure.with_traceback(self._traceback)

    def infer(
        self, types: tuple[TensorType, ...], options: dict, frozen: tuple
    ) -> tuple[tuple[TensorType, ...], Any]:
        """Types of the results and how they nest, without computing anything.

        Raises:
            ShapeError: if the inputs do not fit; what a user's own function raises
                comes through unchanged.
        """
        key = (self, frozen, types, settings())
        found = _inferred.get(key)
        if found is None:
            try:
                shapes = jax.eval_shape(
                    lambda *arrays: self.function(*arrays, **options),
                    *[kind.as_jax() for kind in types],
                )
            except MISFITS as error:
                misfit = self.misfit(types, error)
                if misfit is error:
                    raise
                raise misfit from None
            leaves, tree = jax.tree.flatten(shapes)
            single = isinstance(shapes, jax.ShapeDtypeStruct)
            found = (tuple(map(type_of, leaves)), None if single else tree)
            found = _inferred.add(key, found)
        return found

    def misfit(self, types: Sequence[TensorType], error: Exception) -> Exception:
        """The error to raise for inputs that the function does not take."""
        if self.is_user or not isinstance(error, MISFITS):
            return error
        if isinstance(error, JaxtapeError):
            return error
        given = ", ".join(map(repr, types))
        reason = str(error).strip().split("\n")[0].rstrip(".")
        hint = self.hint or "Give it inputs whose shapes and dtypes fit together."
        return ShapeError(
            f"{self.name} got inputs that do not fit: {given} ({reason}), "
            f"at {user_site()}. {hint}"
        )

    def compiled(self, options: dict, frozen: tuple) -> Callable:
        """The op alone, compiled: arrays in, results out."""
        key = (self, frozen)
        program = op_programs.get(key)
        if program is None:
            function = self.function
            program = op_programs.add(
                key, jax.jit(lambda *arrays: function(*arrays, **options))
            )
        return program
