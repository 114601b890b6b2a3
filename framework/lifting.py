"""Lifting: pure JAX functions become functions of Tensors.

Arrays and floats anywhere in the arguments are inputs; everything else is structure.
A call looks up its plan, made once for each structure, and calls one op with it.
"""

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from .captures import Same, captures, closure_of, snapshot, snapshot_without
from .errors import ArgumentTypeError
from .plan import Plan, Untraceable, is_handle, name_of
from .recording.cache import Cache
from .recording.execution import call
from .recording.node import Handle
from .recording.op import Op
from .recording.signature import freeze
from .recording.site import user_site
from .recording.tensor import Tensor, convert

_PLANS = 256  # kept for each function; the least recently used one goes first
_WRAPS = 10  # as many times a function may be lifted before that is explained
_CHANGES = 3  # as many times a structural number may change before it is explained
_CAPTURED = "captured "  # before the name of what is no argument
_ONLY_TENSORS = {Tensor}


def op(function: Callable) -> Callable:
    """Lift a pure JAX function: it takes Tensors, is recorded, and gradients flow.

    Args:
        function: Of any arguments. Arrays and floats anywhere in them (Tensors,
            Variables, NumPy and JAX arrays, Python floats) are inputs; the rest, ints
            and flags and functions, is structure: another value is another program.
            A float that the function needs as a Python number becomes structure.

    Returns:
        A function of the same arguments; Tensors nested as the function's result.

    Raises:
        ArgumentError: when called, if the function reads a Tensor or Variable that is
            not among its arguments; no gradient would reach it.

    Example:
        >>> import jax.numpy as jnp
        >>> smooth = jt.op(lambda x, scale: jnp.log(jnp.cosh(scale * x)) / scale)
        >>> float(smooth(jt.constant(0.0), 2.0))
        0.0

    Note:
        Lift it once, outside the loop. A function that captures numbers is called with
        their present values, each of which is another program.
    """
    if not callable(function):
        raise ArgumentTypeError(
            f"jt.op() expected a function; got {type(function).__name__}. "
            "Use it as jt.op(f) or as a decorator."
        )
    return lift(function, is_user=True)


class _Lifted:
    """What is known of a lifted function: its op, its plans, its structural floats.

    Lambdas that come from the same line share one of these.
    """

    def __init__(
        self, function: Callable, is_user: bool, takes_ints: bool | frozenset[str]
    ) -> None:
        self.name = name_of(function)
        self.is_user = is_user
        self.takes_ints = takes_ints
        self.op = Op(
            self.name,
            lambda *arrays, plan: plan.traced(*arrays),
            is_user=is_user,
        )
        self.structural: frozenset[str] = frozenset()
        self.plans: Cache[Plan] = Cache(lambda: _PLANS)
        self.names: Cache[tuple[str, ...]] = Cache(lambda: _PLANS)
        self.changes: Cache[list] = Cache(lambda: _PLANS)
        self.wrappers: weakref.WeakSet[Callable] = weakref.WeakSet()
        self.wraps = 0

    def count(self, wrapper: Callable) -> None:
        """Explain a function that is lifted anew at every step."""
        self.wrappers.add(wrapper)
        self.wraps += 1
        if self.wraps == _WRAPS and 2 * len(self.wrappers) <= _WRAPS:
            _warn(
                f"jt.op() has lifted {self.name} for the {_WRAPS}th time, and most of "
                "the results were thrown away. If this is a step of a loop, lift it "
                "once, outside: f = jt.op(...)."
            )

    def call(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Call it, with floats as structure where it cannot do without."""
        try:
            return self._call(function, args, kwargs, self.structural)
        except Untraceable as error:
            cause = error.cause
        for chosen in self._choices(function, args, kwargs):
            structural = self.structural | chosen
            try:
                made = self._call(function, args, kwargs, structural)
            except Untraceable:
                continue
            self.structural = structural
            return made
        raise cause

    def _choices(
        self, function: Callable, args: tuple, kwargs: dict
    ) -> list[frozenset[str]]:
        """Which floats may have to be structure: each alone, then all together."""
        leaves, tree = _flatten(args, kwargs)
        names = self._names_of(function, tree)
        floats = [n for n, leaf in zip(names, leaves, strict=True) if _is_float(leaf)]
        if self.is_user:
            around = self._floats_around(function, self.structural)
            floats += [_CAPTURED + name for name in around]
        floats = [name for name in floats if name not in self.structural]
        alone = [frozenset({name}) for name in floats]
        return [*alone, frozenset(floats)] if len(alone) > 1 else alone

    def _call(
        self, function: Callable, args: tuple, kwargs: dict, structural: frozenset[str]
    ) -> Any:
        floats = self._floats_around(function, structural) if self.is_user else {}
        captured = snapshot_without(function, floats) if self.is_user else None
        if not kwargs and set(map(type, args)) == _ONLY_TENSORS:
            key: tuple = (len(args), captured)
            inputs, tree, fixed = args, None, {}
        else:
            leaves, tree = _flatten(args, kwargs)
            inputs, fixed = self._sort(function, leaves, tree, structural)
            values = [(place, snapshot(fixed[place])) for place in fixed]
            key = (_hashable(tree), tuple(values), captured)
        plan = self.plans.get(key)
        if plan is None:
            if tree is None:
                tree = _flatten(args, kwargs)[1]
            self._note_changes(function, tree, fixed, structural)
            made = Plan(function, tuple(floats), tree, fixed, captured)
            plan = self.plans.add(key, made)
        plan.function = function
        if floats:
            inputs = [*map(convert, floats.values()), *inputs]
        return call(self.op, inputs, {"plan": plan}, (plan,))

    def _floats_around(
        self, function: Callable, structural: frozenset[str]
    ) -> dict[str, float]:
        """Floats in the closure, which are inputs like those among the arguments."""
        return {
            name: value
            for name, value in closure_of(function)
            if value.__class__ is float and _CAPTURED + name not in structural
        }

    def _sort(
        self, function: Callable, leaves: list, tree: Any, structural: frozenset[str]
    ) -> tuple[list[Any], dict[int, Any]]:
        """Part the arguments into inputs and structure."""
        takes_ints, names = self.takes_ints, ()
        if structural or takes_ints.__class__ is frozenset:
            names = self._names_of(function, tree)
        inputs: list[Any] = []
        fixed: dict[int, Any] = {}
        for place, leaf in enumerate(leaves):
            if leaf.__class__ is Tensor or isinstance(leaf, Handle):
                inputs.append(leaf)
            elif isinstance(leaf, jax.Array | np.ndarray):
                inputs.append(convert(leaf, name=f"argument of {self.name}"))
            elif (
                _is_float(leaf) and not (structural and names[place] in structural)
            ) or (
                _is_int(leaf)
                and (takes_ints is True or (takes_ints and names[place] in takes_ints))
            ):
                inputs.append(convert(leaf))
            else:
                fixed[place] = leaf
        return inputs, fixed

    def _names_of(self, function: Callable, tree: Any) -> tuple[str, ...]:
        """What messages call each leaf: its parameter, and the way from there."""
        key = _hashable(tree)
        names = self.names.get(key)
        if names is None:
            names = self.names.add(key, _leaf_names(function, tree))
        return names

    def _note_changes(
        self, function: Callable, tree: Any, fixed: dict, structural: frozenset[str]
    ) -> None:
        """Explain a structural number that changes again and again at one line."""
        names = self._names_of(function, tree)
        numbers = {names[place]: value for place, value in fixed.items()}
        if self.is_user:
            inputs = self._floats_around(function, structural)
            numbers.update(
                (_CAPTURED + name, value)
                for name, value in captures(function)
                if name not in inputs
            )
        site = user_site()
        for name, value in numbers.items():
            if value.__class__ not in (int, float, bool, complex):
                continue
            record = self.changes.add((Same(site.code), site.offset, name), [value, 0])
            if freeze(record[0]) != freeze(value):
                record[:] = value, record[1] + 1
                if record[1] == _CHANGES:
                    _warn(_advice(name, self.name, value))


def _advice(name: str, function: str, value: Any) -> str:
    text = (
        f"`{name}` of {function}() is structure and has changed {_CHANGES} times, to "
        f"{value!r} now: each value is another program. "
    )
    if name.startswith(_CAPTURED):
        return text + "If it is data, pass it as an argument."
    if value.__class__ is float:
        return text + "The function needs it in Python; write it with jax.numpy."
    return text + "If it is data, pass it as an array or a float."


def _flatten(args: tuple, kwargs: dict) -> tuple[list, Any]:
    return jax.tree.flatten((args, kwargs), is_leaf=is_handle)


def _hashable(tree: Any) -> Hashable:
    """A tree's structure; nodes that a user registered may carry what has no hash."""
    try:
        hash(tree)
    except TypeError:
        return Same(tree)
    return tree


def _is_float(value: Any) -> bool:
    return value.__class__ in (float, complex) or isinstance(value, np.inexact)


def _is_int(value: Any) -> bool:
    return value.__class__ is int or isinstance(value, np.integer)


def _leaf_names(function: Callable, tree: Any) -> tuple[str, ...]:
    numbered = jax.tree.unflatten(tree, range(tree.num_leaves))
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(numbered)[0]]
    parameters = _parameters(function)
    return tuple(_leaf_name(path, parameters) for path in paths)


def _leaf_name(path: tuple, parameters: list[inspect.Parameter]) -> str:
    """`axis`, `sizes[0]` or `argument 2`, from the path below `(args, kwargs)`."""
    group, first, *rest = path
    inner = jax.tree_util.keystr(tuple(rest))
    if group.idx == 1:
        return f"{first.key}{inner}"
    if first.idx < len(parameters):
        parameter = parameters[first.idx]
        if parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            return f"{parameter.name}{inner}"
    return f"argument {first.idx + 1}{inner}"


def _parameters(function: Callable) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _warn(text: str) -> None:
    site = user_site()
    warnings.warn_explicit(text, UserWarning, site.code.co_filename, site.line)


_by_code: Cache[_Lifted] = Cache(lambda: 1024)


def lift(
    function: Callable, is_user: bool = False, takes_ints: bool | frozenset[str] = False
) -> Callable:
    """Lift a function of JAX's own, or with `is_user` one that a user wrote.

    Args:
        function: Pure function of arrays.
        is_user: Whether its errors pass unchanged, and what it captures counts.
        takes_ints: Whether Python ints are inputs too; or the names of the arguments
            for which they are.
    """
    lifted = None
    if is_user:
        code = Same(getattr(function, "__code__", function))
        lifted = _by_code.get(code) or _by_code.add(
            code, _Lifted(function, True, False)
        )
    else:
        lifted = _Lifted(function, False, takes_ints)

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        return lifted.call(function, args, kwargs)

    recorded.__name__ = lifted.name
    if is_user:
        lifted.count(recorded)
    return recorded
