"""What a row of `tests/contracts.py` says, and what is made of it for a contract."""

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

import jaxtape as jt
from jaxtape.framework.recording.compiling import log
from tests.op_rows.row import Input, cast_floats, within

BATCH = 7
"""The first length of every input, which no other axis of a row has."""

_TRAINED, _KEPT = within(-0.9, 0.8), within(0.5, 1.5)


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One class with arguments for its constructor, and what its objects are called on.

    Attributes:
        kind: What it is: "layer", "loss", "optimizer", "regularizer".
        cls: The class.
        arguments: Of the constructor; as many as there are, none at its default.
        inputs: What it is called on; an optimizer's are gradients, whose variables
            have the same shapes.
        call: Further arguments of the call; an `Input` stands for an array.
        made: From a dtype to arguments that each object needs of its own, or `None`.
        is_joined: Whether the inputs are given as one list.
        is_slow: Whether the contracts that compile most run under the marker `slow`:
            where programs take seconds to compile, in second rows, and where another
            row stands for a kind of layer.
        refuses: Contracts that end in an error instead, each with its message.
        way: What tells several rows of one class apart.
    """

    kind: str
    cls: type
    arguments: dict[str, Any]
    inputs: tuple[Input, ...]
    call: dict[str, Any] = dataclasses.field(default_factory=dict)
    made: Callable[[str], dict[str, Any]] | None = None
    is_joined: bool = False
    is_slow: bool = False
    refuses: dict[str, str] = dataclasses.field(default_factory=dict)
    way: str = ""

    def __str__(self) -> str:
        return f"{self.cls.__name__} {self.way}".rstrip()

    def make(self, dtype: str = "float32") -> Any:
        """An object of the row, whose weights have this dtype."""
        arguments = self.arguments | (self.made(dtype) if self.made else {})
        if self.kind == "layer" and _takes_dtype(self.cls):
            arguments["dtype"] = dtype
        return self.cls(**arguments)

    def parts(self) -> list[Input]:
        """What a call takes: the inputs, then those among its further arguments."""
        return [*self.inputs, *(p for p in _parts(self.call) if _is_input(p))]

    def arrays(
        self, dtype: str = "float32", batch: int = BATCH, turn: int = 0
    ) -> list[np.ndarray]:
        """Arrays for all `parts`, floats of this dtype; each turn has another order."""
        made = [
            part.make(place + 10 * turn, (batch, *part.shape[1:]))
            for place, part in enumerate(self.parts())
        ]
        return [cast_floats(np.asarray(array), dtype) for array in made]

    def arguments_of(self, inputs: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """How a call takes these values for all `parts`."""
        given = iter(inputs)
        own = [next(given) for _ in self.inputs]
        filled = [next(given) if _is_input(p) else p for p in _parts(self.call)]
        return (
            [own] if self.is_joined else own,
            jax.tree.unflatten(jax.tree.structure(self.call, is_leaf=_is_part), filled),
        )

    def positions(self) -> list[int]:
        """The parts that a gradient reaches: those of floats, a loss's predictions."""
        floats = [place for place, part in enumerate(self.parts()) if part.is_float]
        return [1] if self.kind == "loss" else floats


class Subject:
    """An object of a row with weights of known values, ready to be called.

    Two of them go through the same numbers, random ones included.

    Args:
        row: The row.
        dtypes: Of inputs and weights; several for an optimizer, whose variables then
            come once in each.
        batches: First lengths of the inputs, likewise.
        thing: The object. Default one that the row makes.
    """

    def __init__(
        self,
        row: Row,
        *dtypes: str,
        batches: Sequence[int] = (BATCH,),
        thing: Any = None,
    ) -> None:
        log.loops.clear()  # rows share the lines of the checks, but are no loop
        self.row, self.batches = row, batches
        self.dtypes = dtypes or ("float32",)
        self._steps: Sequence[np.ndarray] = ()
        jt.random.set_seed(0)
        self.thing = row.make(self.dtypes[0]) if thing is None else thing
        self.updated: list[Any] = []
        if row.kind == "optimizer":
            starts = self.arrays(turn=1)
            self.updated = [jt.Variable(s, name=f"v{n}") for n, s in enumerate(starts)]
            self.thing.build(self.updated)
        elif row.kind == "layer":
            with zeros_for_weights():
                self.shapes(*batches)
            fill(self.thing.variables)
        jt.random.set_seed(1)

    def arrays(self, turn: int = 0) -> list[np.ndarray]:
        """What it is called on; another turn has other values."""
        made = [
            array
            for dtype in self.dtypes
            for batch in self.batches
            for array in self.row.arrays(dtype, batch, turn)
        ]
        for place, step in zip(self.row.positions(), self._steps, strict=False):
            made[place] = made[place] + step
        return made

    def moved(self, steps: Sequence[np.ndarray]) -> "Subject":
        """The same, its inputs and weights moved where a gradient reaches them."""
        self._steps = steps
        inner = steps[len(self.row.positions()) :]
        for variable, step in zip(self.trained, inner, strict=False):
            variable.assign(variable.numpy() + step)
        return self

    @property
    def variables(self) -> list[Any]:
        """All that the object remembers, and what an optimizer updates."""
        return [*self.updated, *getattr(self.thing, "variables", ())]

    @property
    def trained(self) -> list[Any]:
        """The weights that a gradient reaches."""
        return list(getattr(self.thing, "trainable_variables", ()))

    def __call__(self, *inputs: Any, **changed: Any) -> list[Any]:
        """The outputs, as a list of Tensors; an optimizer's are what it updated."""
        if self.row.kind == "optimizer":
            self.thing.apply_gradients(list(zip(inputs, self.updated, strict=True)))
            return list(self.updated)
        args, options = self.row.arguments_of(inputs)
        return leaves(self.thing(*args, **options | changed))

    def run(self, *inputs: Any) -> tuple[list[Any], list[Any]]:
        """Outputs of a call and their gradients; see `recorded`."""
        ((outputs, gradients),) = _recorded([self], [inputs])
        return outputs, gradients

    def shapes(self, batch: Any) -> list[tuple[tuple, str]]:
        """Shape and dtype of each output, by JAX's inference, computing nothing.

        Without training, since what is assigned cannot outlive a trace.
        """
        changed = {"training": False} if "training" in self.row.call else {}

        def trace(*inputs: jax.Array) -> list[jax.Array]:
            return [part._array() for part in self(*inputs, **changed)]

        kinds = [
            jax.ShapeDtypeStruct((batch, *array.shape[1:]), array.dtype)
            for array in self.row.arrays(self.dtypes[0])
        ]
        found = jax.eval_shape(trace, *kinds)
        return [(kind.shape, kind.dtype.name) for kind in found]


def recorded(*subjects: Subject) -> list[tuple[list[Any], list[Any]]]:
    """Outputs of a call of each subject, and their gradients, not read yet.

    The gradients are of the sum of all outputs, each entry times its weight, by the
    float inputs and the weights of the object.
    """
    return _recorded(subjects, [map(jt.constant, s.arrays()) for s in subjects])


def _recorded(
    subjects: Sequence[Subject], inputs: Sequence[Iterable[Any]]
) -> list[tuple[list[Any], list[Any]]]:
    calls = [(s, list(given)) for s, given in zip(subjects, inputs, strict=True)]
    if subjects[0].row.kind == "optimizer":
        return [([v.read_value() for v in s(*given)], []) for s, given in calls]
    sources = [
        [*(given[place] for place in s.row.positions()), *s.trained]
        for s, given in calls
    ]
    with jt.GradientTape() as tape:
        tape.watch(sources)
        outputs = [s(*given) for s, given in calls]
    targets = [part for parts in outputs for part in floats(parts)]
    factors = list(map(jt.constant, weights(targets)))
    gradients = tape.gradient(targets, sources, factors)
    return list(zip(outputs, gradients, strict=True))


def floats(outputs: Sequence[Any]) -> list[Any]:
    return [part for part in outputs if is_float(part)]


def weights(outputs: Sequence[Any]) -> list[np.ndarray]:
    """A factor for each entry of the outputs."""
    rng = np.random.default_rng
    return [
        np.asarray(rng(part.ndim).uniform(0.5, 1.5, part.shape), part.dtype)
        for part in outputs
    ]


def fill(variables: Sequence[Any]) -> None:
    """Give float variables values of their own, positive ones if they are not trained.

    Those might be variances.
    """
    for place, variable in enumerate(variables):
        if is_float(variable):
            spaced = _TRAINED if variable.trainable else _KEPT
            variable.assign(spaced.make(place, variable.shape).astype(variable.dtype))


@contextlib.contextmanager
def zeros_for_weights() -> Iterator[None]:
    """Let weights start at zeros from the host.

    Drawing them would take most of the time of these tests.
    """
    add_weight = jt.Layer.add_weight

    def add_zeros(
        layer: jt.Layer,
        shape: Sequence[int] = (),
        initializer: Any = None,
        *args: Any,
        **options: Any,
    ) -> Any:
        return add_weight(layer, shape, np.zeros, *args, **options)

    with mock.patch.object(jt.Layer, "add_weight", add_zeros):
        yield


def leaves(results: Any) -> list[Any]:
    """One result or several, nested in any way, as a list of Tensors."""
    return jax.tree.leaves(results, is_leaf=lambda part: isinstance(part, jt.Tensor))


def is_float(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, jnp.floating))


def _parts(call: dict[str, Any]) -> list[Any]:
    return jax.tree.leaves(call, is_leaf=_is_part)


def _is_part(value: Any) -> bool:
    return value is None or _is_input(value)


def _is_input(value: Any) -> bool:
    return isinstance(value, Input)


def _takes_dtype(cls: type) -> bool:
    arguments = inspect.signature(cls).parameters.values()
    return any(a.name == "dtype" or a.kind is a.VAR_KEYWORD for a in arguments)


def layer(cls: type, *inputs: Input, **arguments: Any) -> Row:
    """A row of a layer; see `row`."""
    return row("layer", cls, inputs, arguments)


def loss(cls: type, *inputs: Input, **arguments: Any) -> Row:
    """A row of a loss, called on targets and predictions; see `row`."""
    return row("loss", cls, inputs, arguments)


def regularizer(cls: type, *inputs: Input, **arguments: Any) -> Row:
    """A row of a regularizer, called on a weight; see `row`."""
    return row("regularizer", cls, inputs, arguments)


def optimizer(cls: type, *inputs: Input, **arguments: Any) -> Row:
    """A row of an optimizer, called on gradients; see `row`."""
    return row("optimizer", cls, inputs, arguments)


def row(
    kind: str, cls: type, inputs: tuple[Input, ...], arguments: dict[str, Any]
) -> Row:
    """A row; what is no constructor's argument begins with an underscore.

    `_call`, `_made`, `_is_joined`, `_is_slow` and the like are those of `Row`.
    """
    own = {name: value for name, value in arguments.items() if name[0] == "_"}
    arguments = {name: arguments[name] for name in arguments if name not in own}
    more = {name[1:]: value for name, value in own.items()}
    more.setdefault("is_slow", "way" in more)
    return Row(kind, cls, arguments, inputs, **more)
