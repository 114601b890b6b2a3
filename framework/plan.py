"""Plans: how a lifted function is called with one structure of arguments."""

import contextlib
import inspect
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import jax

from .captures import captures, snapshot_without, with_closure
from .errors import ArgumentError
from .recording.node import Handle, begin, current, resume
from .variable import Variable

_UNTRACEABLE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


class Untraceable(Exception):
    """The function needs the value of an input; `cause` is what JAX said."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class Plan:
    """How to call a function with one structure of arguments.

    JAX traces it at the call, once for each set of input types, so what the function
    captured then stays in force however late the program runs.

    Attributes:
        function: What is called; of lambdas with the same code the last one lifted.
        around: Names of the floats in its closure, which are the first inputs.
        tree: How the arguments nest.
        fixed: The structural arguments, by position among the leaves.
        captured: What else the function captured, or `None` if that does not count.
    """

    __slots__ = ("around", "captured", "fixed", "function", "traced", "tree")

    def __init__(
        self,
        function: Callable,
        around: tuple[str, ...],
        tree: Any,
        fixed: dict[int, Any],
        captured: Hashable,
    ) -> None:
        self.function = function
        self.around = around
        self.tree = tree
        self.fixed = fixed
        self.captured = captured
        self.traced = jax.jit(self._call, inline=True)

    def _call(self, *arrays: Any) -> Any:
        function = self._function(arrays)
        args, kwargs = self.arguments(arrays)
        with _apart():
            try:
                out = function(*args, **kwargs)
            except _UNTRACEABLE as error:
                raise Untraceable(error) from error
            _refuse_captured_tensors(function)
            return jax.tree.map(_array_of, out, is_leaf=is_handle)

    def arguments(self, inputs: Sequence[Any]) -> tuple[tuple, dict[str, Any]]:
        """What the function is called with for these inputs."""
        rest = iter(inputs[len(self.around) :])
        leaves = [
            self.fixed[place] if place in self.fixed else next(rest)
            for place in range(self.tree.num_leaves)
        ]
        return jax.tree.unflatten(self.tree, leaves)

    def named_options(self) -> dict[str, Any]:
        """The structural arguments by the names of the parameters, for messages."""
        places = [_Place(place) for place in range(self.tree.num_leaves)]
        args, kwargs = jax.tree.unflatten(self.tree, places)
        try:
            bound = inspect.signature(self.function).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):  # a builtin says nothing about itself
            bound = {**dict(enumerate(args)), **kwargs}
        found = {}
        for name, given in bound.items():
            for place in jax.tree.leaves(given):
                if place.number in self.fixed:
                    found[str(name)] = self.fixed[place.number]
        for name, value in captures(self.function):
            if isinstance(value, bool | int | float | str):
                found[f"captured {name}"] = value
        return found

    def _function(self, arrays: tuple) -> Callable:
        """The function, with the floats in its closure as inputs."""
        function, around = self.function, self.around
        if self.captured is None:
            return function
        if snapshot_without(function, around) != self.captured:
            raise ArgumentError(
                f"What {name_of(function)}() captures has changed between its call "
                "and its computation. Pass what changes as an argument."
            )
        if not around:
            return function
        return with_closure(function, dict(zip(around, arrays, strict=False)))


class _Place:
    """Stands for a leaf among the arguments."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Record the ops that a function calls on tracers by themselves."""
    around = current()
    begin(depth=1)
    try:
        yield
    finally:
        resume(around)


def _refuse_captured_tensors(function: Callable) -> None:
    """Raise for a Variable or Tensor from outside: it would count as a constant."""
    names = {id(value): name for name, value in captures(function)}
    for owner in current().owners.values():
        if isinstance(owner, Variable):
            what = f"the Variable '{owner.name}'"
        elif id(owner) in names or owner._origin is not None:
            what = f"the Tensor `{names.get(id(owner), repr(owner._type))}`"
        else:
            continue
        raise ArgumentError(
            f"{name_of(function)}(), lifted by jt.op, uses {what}, which is not among "
            "its arguments: no gradient would reach it. Pass it as an argument."
        )


def is_handle(value: Any) -> bool:
    """Whether a value is a Tensor or Variable: a leaf, whatever it holds."""
    return isinstance(value, Handle)


def _array_of(value: Any) -> Any:
    return value._array() if isinstance(value, Handle) else value


def name_of(function: Any) -> str:
    """What messages call a function."""
    inner = getattr(function, "func", function)  # of a partial
    return getattr(inner, "__name__", type(inner).__name__)
