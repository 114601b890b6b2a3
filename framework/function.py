"""`@jt.function`: a function whose calls are recorded once and run as one program."""

import functools
import inspect
import threading
import warnings
from asyncio import _get_running_loop  # in asyncio.__all__: None without a loop
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import jax
import numpy as np

from . import config, masking, nesting
from .arguments import (
    Way,
    is_input,
    objects_in,
    signature_of,
    type_of_input,
    way_of,
)
from .errors import ArgumentError, ArgumentTypeError
from .recording import execution
from .recording.arithmetic import IDENTITY
from .recording.body import Body, body_of, is_handle, settle_homes
from .recording.cache import Cache
from .recording.node import Handle, current, here
from .recording.program import StructureError
from .recording.routine import Routine
from .recording.signature import (
    settings,
)
from .recording.site import user_level
from .recording.tensor import convert
from .tensor_spec import TensorSpec
from .variable import Variable
from .watching import Watch

_MOST_SIGNATURES = 256
_MANY_VALUES = 5
_UNUSUAL = object()
_bounds, _switches = config.bounds, config.switches


def function(
    func: Callable | None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: Any = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: Any = None,
    experimental_compile: Any = None,
    experimental_follow_type_hints: Any = None,
) -> Any:
    """Record a function's calls once, and run them as one program from then on.

    The function is called with stand-ins for its arguments when a signature is new, and
    what it calls is compiled whole; later calls run that program, with no Python in
    between. Variables that it reads and assigns, random state too, are found by running
    it. Tensors and arrays among the arguments are inputs; everything else is structure:
    another Python number, string or object is another program, as in TensorFlow. So is
    another value of a global, of a variable around it, or of an attribute it uses.

    Args:
        func: The function, or a method.
        input_signature: A `TensorSpec` for each argument, which makes inputs of Python
            numbers too and refuses what does not fit. Default: as the calls come.
        autograph: Accepted for compatibility. Python's `if` and `for` are run when the
            function is recorded; branch on values with `jt.cond`, `jt.while_loop`.
        jit_compile: Accepted for compatibility: it is always compiled.
        reduce_retracing: Accepted for compatibility: every shape is a program.
        experimental_implements: Accepted for compatibility, as those that follow.
        experimental_autograph_options: Accepted for compatibility.
        experimental_attributes: Accepted for compatibility.
        experimental_relax_shapes: Accepted for compatibility.
        experimental_compile: Accepted for compatibility.
        experimental_follow_type_hints: Accepted for compatibility.

    Returns:
        A `Function`, which is called like `func`.

    Raises:
        ArgumentTypeError: if `func` is not callable.

    Example:
        >>> @jt.function
        ... def hypotenuse(a, b):
        ...     return jt.sqrt(a * a + b * b)
        >>> float(hypotenuse(jt.constant(3.0), jt.constant(4.0)))
        5.0

    Note:
        Python side effects (print, appending to a list) happen when it is recorded, not
        at every call. NumPy arrays that it uses without taking them as arguments are
        fixed then if they are larger than 4 KiB.
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    if not callable(func):
        raise ArgumentTypeError(
            f"jt.function() expected a function; got {type(func).__name__} {func!r}. "
            "Use it as a decorator, @jt.function, or as jt.function(f)."
        )
    return Function(func, input_signature)


class Function:
    """A function that is recorded once for each signature; see `jt.function`.

    Args:
        python_function: What is decorated.
        input_signature: A `TensorSpec` for each argument, or none.
        owner: The object that it is a method of.
    """

    def __init__(
        self,
        python_function: Callable,
        input_signature: Sequence[Any] | None = None,
        owner: Any = None,
    ) -> None:
        functools.update_wrapper(self, python_function)
        self.__name__ = getattr(python_function, "__name__", "function")
        self.__qualname__ = getattr(python_function, "__qualname__", self.__name__)
        self._owner = owner
        self._unbound = python_function
        self._python_function = (
            python_function if owner is None else MethodType(python_function, owner)
        )
        self._input_signature = input_signature
        self._latest: dict[tuple, _Recorded] = {}
        self._usual: dict[tuple[type, ...], _Usual] = {}
        self._is_various = False
        self._known: Cache[_Recorded] = Cache(lambda: _MOST_SIGNATURES)
        self._guard = threading.RLock()
        self._num_recorded = 0
        self._numbers: dict[tuple, set] = {}
        self._of_slots: dict[str, Function] = {}

    @property
    def python_function(self) -> Callable:
        """What was decorated."""
        return self._python_function

    def experimental_get_tracing_count(self) -> int:
        """How often the function was recorded; TensorFlow's name for it."""
        return self._num_recorded

    def __get__(self, instance: Any, kind: Any = None) -> "Function":
        """The function as a method of an object, which keeps its programs."""
        if instance is None:
            return self
        attributes = getattr(instance, "__dict__", None)
        name = f"_kept_function_{self.__qualname__}"  # a base may have its own
        if attributes is None:  # an object of slots: its programs stay here
            attributes, name = self._of_slots, f"{id(instance)}"
        bound = attributes.get(name)
        if (
            bound is None
            or bound._owner is not instance
            or bound._unbound is not self._unbound
        ):
            bound = Function(self._unbound, self._input_signature, instance)
            if len(self._of_slots) >= _MOST_SIGNATURES:
                self._of_slots.clear()
            attributes[name] = bound
        return bound

    def __deepcopy__(self, memo: dict) -> "Function | None":
        return self if self._owner is None else None  # the copy makes its own

    def __reduce__(self) -> Any:
        return self.__qualname__ if self._owner is None else (type(None), ())

    def __repr__(self) -> str:
        return f"<jt.function {self.__qualname__}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program of these arguments; the first time, record it."""
        if kwargs or self._input_signature is not None:
            args, kwargs = self._arranged(args, kwargs)
        recording = here.recording
        if (
            recording is None
            or recording.task is not None
            or _get_running_loop() is not None
        ):
            recording = current()
        if not recording.depth:
            if recording.node is not None and recording.is_waiting:
                execution.run(recording)
            usual = None if kwargs else self._usual.get((*map(type, args),))
            if usual is not None:
                try:
                    made = usual.run(args)
                except StructureError:  # another shape, dtype or setting of JAX
                    made = _UNUSUAL
                    self._usual, self._is_various = {}, True
                if made is not _UNUSUAL:
                    return made
        key, arrays = signature_of(args, kwargs, not recording.depth)
        if key is None or config.runs_eagerly():
            return self._python_function(*args, **kwargs)
        recorded = self._latest.get(key)
        if recorded is None or not recorded.is_valid():
            recorded = self._find(key, args, kwargs)
        if recording.depth:
            return recorded.call_recorded(args, kwargs)
        if not kwargs and not self._is_various:
            self._note_usual(args, recorded)
        return recorded.run(arrays)

    def _note_usual(self, args: tuple, recorded: "_Recorded") -> None:
        """Remember what runs arguments of these classes, if it was always the same."""
        classes = (*map(type, args),)
        usual = self._usual.get(classes)
        if usual is None:
            way = way_of(classes)
            if way is None or len(self._usual) >= _MOST_SIGNATURES:
                return
            usual = self._usual[classes] = _Usual(way)
        usual.note(args, recorded)

    def _arranged(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments by position as far as they go, and as the signature says."""
        specs = self._input_signature
        if specs is not None and len(specs) != len(args) + len(kwargs):
            raise ArgumentTypeError(
                f"{self.__name__}() has an `input_signature` of {len(specs)} "
                f"arguments; got {len(args) + len(kwargs)}. Give one TensorSpec for "
                "each argument."
            )
        bound = inspect.signature(self._python_function).bind(*args, **kwargs)
        if specs is None:
            return bound.args, bound.kwargs
        taken = jax.tree.map(
            lambda spec, value: spec.taken_in(value, f"an argument of {self.__name__}"),
            tuple(specs),
            bound.args,
            is_leaf=lambda value: isinstance(value, TensorSpec),
        )
        return taken, {}

    def _find(self, key: tuple, args: tuple, kwargs: dict) -> "_Recorded":
        """What was recorded for these arguments as things stand, or is now."""
        with self._guard:
            roots = [self._python_function, *objects_in(args, kwargs)]
            watch = Watch(roots)
            recorded = self._known.get((key, settings(), watch.key))
            if recorded is not None:
                recorded.watch = watch
            else:
                self._warn_of_numbers(key)
                recorded = self._record_settled(args, kwargs, watch)
                watch = recorded.watch = Watch(roots)
                recorded.name_stored(watch)
                self._known.replace((key, settings(), watch.key), recorded)
            if len(self._latest) >= _MOST_SIGNATURES:
                del self._latest[next(iter(self._latest))]
            self._latest[key] = recorded
            return recorded

    def _record_settled(self, args: tuple, kwargs: dict, watch: Watch) -> "_Recorded":
        """Record the function; once more if it made variables, which it may do once.

        Raises:
            ArgumentError: if it makes variables each time.
        """
        made = Variable.made
        for _ in range(2):
            made = Variable.made
            recorded = self._record(args, kwargs)
            if Variable.made == made:
                self._warn_of_changes(watch)
                return recorded
            watch = Watch([self._python_function, *objects_in(args, kwargs)])
        raise ArgumentError(
            f"{self.__name__}() makes {Variable.made - made} variables whenever it is "
            "called; a function that is recorded once may only make them the first "
            "time. Make them outside, or keep them: `if self.v is None: self.v = ...`."
        )

    def _record(self, args: tuple, kwargs: dict) -> "_Recorded":
        self._num_recorded += 1
        given = masking.parted((args, kwargs))
        leaves, tree = nesting.flatten(given, is_handle)
        places = [n for n, leaf in enumerate(leaves) if is_input(leaf)]
        kinds = [type_of_input(leaves[n]) for n in places]
        with body_of(self.__name__) as body:
            body.is_kept = True
            body.what = f"{self.__name__}(), decorated with @jt.function,"
            body.otherwise = "jt.while_loop, or drop the decorator"
            for n, stand_in in zip(places, body.placeholders(kinds), strict=True):
                leaves[n] = stand_in
            args, kwargs = masking.joined(jax.tree.unflatten(tree, leaves))
            result = self._python_function(*args, **kwargs)
            masked = masking.has_masks(given), masking.has_masks(result)
            found, tree = nesting.flatten(masking.parted(result), is_handle)
            outputs = {n: _as_result(v) for n, v in enumerate(found) if _is_result(v)}
            numbers = [body.number(tensor) for tensor in outputs.values()]
            settle_homes([*body.owners.values()])
        routine = Routine(self.__name__, body, len(kinds), numbers)
        body.is_done = True
        return _Recorded(routine, tree, found, list(outputs), masked, body)

    def _warn_of_changes(self, before: Watch) -> None:
        """Say that a Python side effect happened, and will not at the next call."""
        changed = before.again().changed_since(before)
        if changed:
            warnings.warn(
                f"{changed[0]} changed while {self.__name__}() was recorded. That "
                "happens once for each program, not at every call: keep what changes "
                "in a jt.Variable, or return it.",
                stacklevel=user_level(),
            )

    def _warn_of_numbers(self, key: tuple) -> None:
        """Say that a Python number among the arguments costs a program each time."""
        numbers = tuple(part for part in key if _is_frozen_number(part))
        if not numbers:
            return
        rest = tuple(type(p) if _is_frozen_number(p) else p for p in key)
        values = self._numbers.setdefault(rest, set())
        if len(values) == _MANY_VALUES:  # it has been said
            return
        values.add(numbers)
        if len(values) == _MANY_VALUES:
            warnings.warn(
                f"{self.__name__}() was recorded for the {_MANY_VALUES}th time with "
                "another Python number among its arguments; each is a program of its "
                "own. Pass what changes as a Tensor: jt.constant(x).",
                stacklevel=user_level(),
            )


class _Usual:
    """What ran arguments of some classes last, whatever their types were.

    The program itself refuses arrays of other types, when it is traced for them: so
    types are not looked at here, which would take as long as all the rest.
    """

    __slots__ = ("_by_values", "_latest", "_way")

    def __init__(self, way: Way) -> None:
        self._way = way
        self._latest: _Recorded | None = None
        self._by_values: dict[tuple, _Recorded] = {}

    def note(self, args: tuple, recorded: "_Recorded") -> None:
        """Remember what runs such arguments, with these values where they are fixed."""
        self._latest = recorded
        if self._way.fixed and len(self._by_values) < _MOST_SIGNATURES:
            self._by_values[self._way.values_of(args)] = recorded

    def run(self, args: tuple) -> Any:
        """The results, or `_UNUSUAL` if they cannot be had this way.

        Raises:
            StructureError: if the program is not made for such arrays.
        """
        way, recorded = self._way, self._latest
        arrays: Sequence[Any] | None = args
        if not way.are_ready:
            arrays = way.arrays_of(args)
            if way.fixed:
                recorded = self._by_values.get(way.values_of(args))
        if arrays is None or recorded is None or not recorded.watch.is_same():
            return _UNUSUAL
        direct = recorded.routine.direct
        if direct is None or _switches.checks or _bounds.pending_nodes == 1:
            return _UNUSUAL
        made = direct.run(arrays)
        if made is None:
            return _UNUSUAL
        return made[0] if recorded.returns_one else recorded.nested(made)


class _Recorded:
    """One signature of a function: what it computes, and how its results nest.

    Attributes:
        routine: What it computes.
        returns_one: Whether it returns one Tensor, in no structure.
        watch: What it stands on.
    """

    def __init__(
        self,
        routine: Routine,
        tree: Any,
        found: Sequence[Any],
        places: Sequence[int],
        masked: tuple[bool, bool],
        body: Body,
    ) -> None:
        self.routine = routine
        self._tree = tree
        is_single = len(found) == 1 and jax.tree.structure(0) == tree
        self.returns_one = is_single and bool(places)
        fixed = dict(enumerate(found))
        self._found = [None if n in places else fixed[n] for n in range(len(found))]
        self._places = places
        self._takes_masks, self._gives_masks = masked
        self._settings = settings()
        self._body: Body | None = body
        self.watch: Watch

    def is_valid(self) -> bool:
        """Whether a new recording would be the same."""
        return self._settings == settings() and self.watch.is_same()

    def name_stored(self, watch: Watch) -> None:
        """Let Tensors that the function has left somewhere know where."""
        body, self._body = self._body, None
        for handle, place in watch.stored:
            if body is not None and handle._at[0] is body:
                body.kept_by[handle._at[1]] = place

    def run(self, arrays: Sequence[Any]) -> Any:
        """The results, by the program."""
        return self.nested(self.routine.run(arrays))

    def call_recorded(self, args: tuple, kwargs: dict) -> Any:
        """The results, as one call of what is being recorded."""
        given = masking.parted((args, kwargs)) if self._takes_masks else (args, kwargs)
        leaves = jax.tree.leaves(given, is_leaf=is_handle)
        inputs = [convert(leaf) for leaf in leaves if is_input(leaf)]
        routine = self.routine
        settle_homes(routine.captured)
        outputs = execution.call(routine.op, [*inputs, *routine.captured])
        return self.nested(routine.finish(outputs))

    def nested(self, results: Sequence[Any]) -> Any:
        """The results as the function returned them."""
        if self.returns_one:
            return results[0]
        found = self._found.copy()
        for place, result in zip(self._places, results, strict=True):
            found[place] = result
        nested = jax.tree.unflatten(self._tree, found)
        return masking.joined(nested) if self._gives_masks else nested


def _is_result(value: Any) -> bool:
    """Whether something returned becomes a Tensor; the rest is returned as it is."""
    return isinstance(
        value, Handle | jax.Array | np.ndarray | np.generic | int | float | complex
    )


def _as_result(value: Any) -> Any:
    """What is returned, as the result of a recorded call of its own."""
    return execution.call(IDENTITY, (convert(value, name="result"),))


def _is_frozen_number(part: Any) -> bool:
    """Whether a part of a key is a Python int or float as `freeze` writes it."""
    return part.__class__ is int or (part.__class__ is tuple and part[:1] == (float,))
