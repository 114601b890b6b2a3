"""What a row of the table of ops says, and the inputs that it is tried with."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

import jaxtape as jt


@dataclasses.dataclass(frozen=True)
class Input:
    """An array that an op is called with.

    Floats are evenly spaced from `low` to `high`, in an order of their own, so that
    none equals another or stands at a kink. What was given with its values stays so.
    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 0.0
    values: np.ndarray | None = None

    @property
    def is_float(self) -> bool:
        return self.values is None or self.values.dtype.kind == "f"

    def make(self, position: int, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The array at this position of the arguments, or one of another shape."""
        if self.values is not None:
            other = shape is not None and shape != self.values.shape
            return np.ones(shape, self.values.dtype) if other else self.values
        wanted = self.shape if shape is None else shape
        size = int(np.prod(wanted))
        spaced = np.linspace(self.low, self.high, max(size, 2))[:size]
        order = np.random.default_rng(position)
        return order.permutation(spaced).reshape(wanted)


@dataclasses.dataclass(frozen=True)
class Edge:
    """A call with an empty or a zero-dimensional input.

    Attributes:
        shapes: Shapes of the inputs.
        call: How to call it then; default as the row says.
        shape: Shape of the result (a list: of each); default that of the reference.
        refused: Pattern of the error's message, where it is an error.
    """

    shapes: Sequence[tuple[int, ...]]
    call: Callable | None = None
    shape: Any = None
    refused: str | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One op, or one way to call it.

    Attributes:
        name: Where `jt` has it: "math.sin".
        reference: NumPy's (or SciPy's) function of the same arrays.
        inputs: What it is called with.
        empty: The call with no elements, or why there is none.
        scalar: The call with no axes, or why there is none.
        call: How it is called: `call(op, *inputs)`.
        by: Positions of the inputs that a gradient reaches.
        dtype: Dtype of the result (a tuple: of each); default that of the inputs.
        rounds: How many roundings follow one another; the tolerance grows by it.
        way: What tells several rows of one op apart.
    is_slow: Whether its derivatives take seconds to compile; they are then tried
            under the marker `slow`.
        exceptions: Claims that do not hold, each with the reason.
    """

    name: str
    reference: Callable
    inputs: tuple[Input, ...]
    empty: Edge | str
    scalar: Edge | str
    call: Callable = lambda op, *inputs: op(*inputs)
    by: tuple[int, ...] = ()
    dtype: Any = None
    rounds: int = 1
    way: str = ""
    is_slow: bool = False
    exceptions: dict[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.way}".rstrip()

    def op(self) -> Callable:
        """The function of the row, wherever `jt` has it."""
        found: Any = jt
        for part in self.name.split("."):
            found = getattr(found, part)
        return found

    def run(self, *arrays: Any) -> list[Any]:
        """What the op gives, as a list of Tensors."""
        return listed(self.call(self.op(), *arrays))

    def arrays(self, dtype: Any = "float64") -> list[np.ndarray]:
        """The inputs, floats of this dtype."""
        made = [part.make(place) for place, part in enumerate(self.inputs)]
        return [cast_floats(array, dtype) for array in made]

    def expected(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the reference gives for these values, in float64."""
        exact = [cast_floats(array, "float64") for array in arrays]
        return [np.asarray(part) for part in listed(self.reference(*exact))]


def listed(results: Any) -> list[Any]:
    """One result or several as a list, nested ones in order."""
    if isinstance(results, list | tuple):
        return [leaf for part in results for leaf in listed(part)]
    return [results]


def cast_floats(array: np.ndarray, dtype: Any) -> np.ndarray:
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(jnp.dtype(dtype))
    return array


def row(
    name: str,
    reference: Callable,
    *inputs: Input,
    empty: Any,
    scalar: Any,
    by: tuple[int, ...] | None = None,
    **more: Any,
) -> Row:
    """A row; edges may be given as lists of shapes, `by` is every float by default."""
    if by is None:
        by = tuple(place for place, part in enumerate(inputs) if part.is_float)
    return Row(name, reference, inputs, _edge(empty), _edge(scalar), by=by, **more)


def elementwise(name: str, reference: Callable, *inputs: Input, **more: Any) -> Row:
    """A row of an op that takes any shape and gives the same."""
    empty, scalar = [[(0, 3)] * len(inputs), [()] * len(inputs)]
    more = {"empty": empty, "scalar": scalar, **more}
    return row(name, reference, *inputs, **more)


def stepwise(name: str, reference: Callable, *inputs: Input, **more: Any) -> Row:
    """A row of an elementwise op without a gradient."""
    return elementwise(name, reference, *inputs, by=(), **more)


def within(low: float, high: float, *shape: int) -> Input:
    return Input(shape, low, high)


def real(*shape: int) -> Input:
    """Floats of both signs, none within 0.05 of an integer or a half."""
    return within(-1.93, 1.87, *shape)


def positive(*shape: int) -> Input:
    return within(0.42, 2.63, *shape)


def given(values: Any) -> Input:
    """These values; integers are int32."""
    array = np.asarray(values)
    if array.dtype.kind == "i":
        array = array.astype(np.int32)
    return Input(array.shape, values=array)


def refused(match: str, *shapes: tuple[int, ...], call: Callable | None = None) -> Edge:
    """An edge that is an error, whose message has this pattern."""
    return Edge(shapes, call=call, refused=match)


def _edge(edge: Any) -> Edge | str:
    return Edge(tuple(edge)) if isinstance(edge, list) else edge
