"""What a kept function stands on besides its arguments, and whether that has changed.

A function reads globals, variables around it, attributes of `self`, settings of
layers. They are found by the names in its code, and in that of the user's functions it
reaches. Whether they are the same objects as before costs a call about a microsecond to
see; only if they are not, what they hold is compared.
"""

import dis
import functools
import itertools
import operator
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import (
    CellType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import jax
import numpy as np

from .captures import Same, globals_of
from .initializers import Initializer
from .module import (
    Attributes,
    Module,
    TrackedDict,
    TrackedList,
    constructor_arguments,
)
from .recording.node import Handle, writes
from .recording.signature import freeze
from .recording.site import Site, is_ours
from .variable import Variable

_LONGEST = 1_000
"""Elements up to which a list is looked through; a longer one stands itself."""
_SMALL = 4_096
"""Bytes up to which an array is compared by its contents; a larger one is fixed."""
_PLAIN = (str, int, float, bool, complex, bytes, slice, range, np.generic, np.dtype)
_CONTAINERS = (list, tuple, set, frozenset, dict)
_BOOKKEEPING = frozenset(
    [
        "_added_losses",
        "_built_for",
        "_frozen",
        "_known",
        "_last_call",
        "_optimizer",
        "_rate",
        "_slots",
        "_steps",
        "_taken_names",
        "_updates",
    ]
)
"""Attributes of modules that change by themselves."""

View = Callable[[], Iterable[Any]]
"""Gives the values in one place: the same objects, as long as nobody assigns there."""


def _all(views: Iterable[View]) -> Iterable[Any]:
    return itertools.chain.from_iterable(map(operator.call, views))


Found = Iterable[tuple[Any, str]]
"""Values to look into, each with a description of where it stands."""


class Watch:
    """What functions and objects stand on at this moment.

    Args:
        roots: The function, the object that it is a method of, and the objects among
            its arguments.

    Attributes:
        key: Hashable; equal only where the functions would do the same.
        stored: Tensors without a value that were found, each with its place.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self._roots = tuple(roots)
        self._changes = Attributes.changes + writes.retypings  # both only grow
        walk = _Walk(frozenset())
        while True:  # a new name may lead to more functions, which have more names
            walk = _Walk(walk.names)
            walk.run(self._roots)
            if not walk.has_new_names:
                break
        self.key: Hashable = tuple(part for part, _ in walk.parts)
        self.stored = walk.stored
        views = [view for view, _ in walk.views]
        self._values = views[0] if len(views) == 1 else functools.partial(_all, views)
        self._ids = [id(value) for _, kept in walk.views for value in kept]
        self._arrays = walk.arrays
        self._walk = walk  # holds what was found, so that no `id` is reused

    def is_same(self) -> bool:
        """Whether every object is still where it was."""
        if self._changes != Attributes.changes + writes.retypings:
            return False
        try:
            if self._ids != [*map(id, self._values())]:
                return False
        except ValueError:  # a variable around the function was deleted
            return False
        return not self._arrays or all(
            array.tobytes() == contents for array, contents in self._arrays
        )

    def again(self) -> "Watch":
        """The same at a later moment."""
        return Watch(self._roots)

    def changed_since(self, before: "Watch") -> list[str]:
        """The places of the user's values that differ from those of before."""
        old = set(before._walk.parts)
        places = {place for _, place in old if place}
        return [
            place
            for part, place in self._walk.parts
            if place in places and (part, place) not in old
        ]


_contents = operator.attrgetter("cell_contents")


def _getter_of(value: Any) -> Callable[[str], Any]:
    """Reads the slots of an object by name."""
    return lambda name: getattr(value, name, None)


def _has_value(cell: CellType) -> bool:
    try:
        _contents(cell)
    except ValueError:  # it is not assigned yet
        return False
    return True


class _Walk:
    """One walk through everything that can be reached by some names.

    Attributes:
        names: All names in the code that was met.
        parts: What was found, hashable, with its place.
        views: The places that were looked at, with the objects that were there.
        arrays: Small arrays and their contents.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._by = names
        self.names = names
        self.parts: list[tuple[Hashable, str]] = []
        self.views: list[tuple[View, list[Any]]] = []
        self.arrays: list[tuple[np.ndarray, bytes]] = []
        self.stored: list[tuple[Handle, str]] = []
        self._codes: list[CodeType] = []
        self._seen: dict[int, tuple[int, Any]] = {}

    @property
    def has_new_names(self) -> bool:
        """Whether code was met that uses names which were not looked for."""
        return self.names != self._by

    def run(self, roots: Iterable[Any]) -> None:
        """Look at these, and at whatever they stand on."""
        pending = [(root, "") for root in reversed(list(roots))]
        while pending:  # a stack: what a value stands on comes next
            value, place = pending.pop()
            pending.extend(reversed(list(self._look_at(value, place))))

    def _look_at(self, value: Any, place: str) -> Found:
        if value is None or isinstance(value, _PLAIN):
            self._note(freeze(value), place)
        elif isinstance(value, np.ndarray):
            self._array(value, place)
        elif isinstance(value, Handle):
            self._note(Same(value), place)
            if value._value is None:
                self.stored.append((value, self._stored_at(place)))
        elif id(value) in self._seen:
            self._note((Same, self._seen[id(value)][0]), "")
        else:
            self._seen[id(value)] = (len(self._seen), value)
            return _way_into(value.__class__)(self, value, place)
        return ()

    def _note(self, part: Hashable, place: str) -> None:
        self.parts.append((part, place))

    def _values(self, view: View) -> list[Any]:
        values = list(view())
        if values:
            self.views.append((view, values))
        return values

    def _array(self, array: np.ndarray, place: str) -> None:
        if array.nbytes > _SMALL or array.dtype.kind not in "biufc":
            self._note(Same(array), place)
            return
        self.arrays.append((array, array.tobytes()))
        self._note(freeze(array), place)

    def _object_itself(self, value: Any, place: str) -> Found:
        self._note(Same(value), place)
        return ()

    def _function(self, function: Any, place: str) -> Iterator[tuple[Any, str]]:
        code = function.__code__
        if not _is_users_file(code.co_filename):
            self._note(Same(function), place)
            if hasattr(function, "__wrapped__"):
                yield function.__wrapped__, place
            return
        self._note(Same(code), "")
        self._codes.append(code)
        self.names |= _names_in(code)
        name = function.__qualname__
        around = zip(code.co_freevars, function.__closure__ or (), strict=True)
        cells = {inner: cell for inner, cell in around if _has_value(cell)}
        values = self._values(functools.partial(map, _contents, cells.values()))
        for inner, value in zip(cells, values, strict=True):
            yield value, f"`{inner}`, a variable around {name}(),"
        yield function.__defaults__, f"a default of {name}()"
        yield function.__kwdefaults__, f"a default of {name}()"
        yield from self._named(
            function.__globals__, globals_of(code), lambda n: f"the global `{n}`"
        )

    def _named(
        self, namespace: Any, names: Iterable[str], place: Callable[[str], str]
    ) -> Iterator[tuple[Any, str]]:
        """The values that stand in a namespace under these names, or may later."""
        names = list(names)
        values = self._values(functools.partial(map, namespace.get, names))
        for name, value in zip(names, values, strict=True):
            if name in namespace:
                yield value, place(name)

    def _method(self, method: Any, place: str) -> Found:
        return [(method.__func__, place), (method.__self__, place)]

    def _partial(self, partial: Any, place: str) -> Found:
        return [
            (part, place) for part in (partial.func, partial.args, partial.keywords)
        ]

    def _descriptor(self, descriptor: Any, place: str) -> Found:
        names = ("fget", "__func__", "func", "python_function")
        functions = (getattr(descriptor, name, None) for name in names)
        return [(function, place) for function in functions if function is not None]

    def _python_module(self, module: Any, place: str) -> Found:
        self._note(Same(module), place)
        if not _is_users(module.__name__):
            return ()
        return self._named(
            module.__dict__, sorted(self._by), lambda n: f"`{module.__name__}.{n}`"
        )

    def _container(self, values: Any, place: str) -> Iterator[tuple[Any, str]]:
        kind = values.__class__
        self._note((kind, len(values)), place)
        if len(values) > _LONGEST:
            self._note(Same(values), place)
            return
        # What is tracked is counted; what cannot change need not be looked at.
        is_counted = isinstance(values, TrackedList | TrackedDict | tuple | frozenset)
        if not is_counted:
            self._values(functools.partial(iter, values))
        if issubclass(kind, dict):
            if not is_counted:
                self._values(values.values)
            parts = list(values.items())
        elif issubclass(kind, set | frozenset):
            parts = list(enumerate(sorted(values, key=repr)))
        else:
            parts = list(enumerate(values))
        for name, value in parts:
            yield name, ""
            yield value, f"{place}[{name!r}]" if place else ""

    def _class(self, kind: type, place: str) -> Iterator[tuple[Any, str]]:
        self._note(Same(kind), place)
        for base in kind.__mro__:
            if _is_users(base.__module__):
                names = sorted(
                    name
                    for name in vars(base)
                    if name in self._by or name in _CALLED or _is_operator(name)
                )
                yield from self._named(
                    vars(base), names, lambda n, b=base: f"`{b.__name__}.{n}`"
                )

    def _layers(self, module: Module, place: str) -> Iterator[tuple[Any, str]]:
        """A layer, model or optimizer; what is assigned to those is counted."""
        self._note(Same(module), place)
        kind = module.__class__
        yield kind, ""
        is_users = _is_users(kind.__module__)
        settings = constructor_arguments(kind)
        for name, value in list(vars(module).items()):
            is_named = is_users and name in self._by
            is_kept = name.startswith("_kept_") or name in _BOOKKEEPING
            # An initializer has done its work when the weights are there.
            if not is_named and (is_kept or isinstance(value, Initializer)):
                continue
            if is_users and not (is_named or name in settings or name == "_trainable"):
                # Not used by its name; but all layers of a model can be.
                yield from ((part, "") for part in _parts_of(value))
            else:
                where = f"attribute `{name}` of {kind.__name__} '{module.name}'"
                yield value, where if is_users else ""

    def _instance(self, value: Any, place: str) -> Iterator[tuple[Any, str]]:
        kind = value.__class__
        self._note(Same(value), place)
        yield kind, ""
        attributes = getattr(value, "__dict__", {})
        if _is_users(kind.__module__):  # an attribute may also stand in the class
            names = [n for n in self._by if n in attributes or hasattr(kind, n)]
        else:
            names = [n for n in attributes if not n.startswith("_")]
        names.sort()
        owner = f"of a {kind.__name__}"
        yield from self._named(attributes, names, lambda n: f"attribute `{n}` {owner}")
        slots = [
            n for n in names if isinstance(getattr(kind, n, None), MemberDescriptorType)
        ]
        values = self._values(functools.partial(map, _getter_of(value), slots))
        for name, part in zip(slots, values, strict=True):
            yield part, f"attribute `{name}` {owner}"

    def _stored_at(self, place: str) -> str:
        """A place with the line that stores there."""
        name = place.partition("`")[2].partition("`")[0].rpartition(".")[2]
        for code in self._codes:
            for instruction in dis.get_instructions(code):
                is_store = instruction.opname.startswith("STORE")
                if is_store and instruction.argval == name:
                    return f"{place} at {Site(code, instruction.offset)}"
        return place


_CALLED = frozenset({"__call__", "call", "build", "compute_loss", "train_step"})
"""Methods that are called without their names in the user's code."""


def _is_operator(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name not in _UNCALLED


_UNCALLED = frozenset(
    {"__annotations__", "__dict__", "__doc__", "__init__", "__slots__"}
)
"""Names of classes' parts that are no methods, or run before a function does."""


@functools.lru_cache(maxsize=1024)
def _way_into(kind: type) -> Callable[[_Walk, Any, str], Found]:
    """How values of a class are looked into."""
    ways: tuple[tuple[Any, Callable], ...] = (
        (jax.Array, _Walk._object_itself),
        (FunctionType, _Walk._function),
        (MethodType, _Walk._method),
        (functools.partial, _Walk._partial),
        ((property, staticmethod, classmethod), _Walk._descriptor),
        (functools.cached_property, _Walk._descriptor),
        (ModuleType, _Walk._python_module),
        (type, _Walk._class),
        (_CONTAINERS, _Walk._container),
        (Module, _Walk._layers),
    )
    for kinds, way in ways:
        if issubclass(kind, kinds):
            return way
    if hasattr(kind, "python_function"):
        return _Walk._descriptor
    is_known = _is_users(kind.__module__) or kind.__module__.startswith("jaxtape.")
    return _Walk._instance if is_known else _Walk._object_itself


def _parts_of(value: Any) -> Iterator[Any]:
    """The modules and variables in an attribute."""
    if isinstance(value, Module | Variable):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts_of(part)
    elif isinstance(value, dict):
        yield from _parts_of(list(value.values()))


@functools.lru_cache(maxsize=4096)
def _names_in(code: CodeType) -> frozenset[str]:
    """All names in code and in the functions defined in it, attributes' too."""
    texts = (value for value in code.co_consts if isinstance(value, str))
    found = {*code.co_names, *filter(str.isidentifier, texts)}  # for getattr
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _names_in(inner)
    return frozenset(found)


@functools.lru_cache(maxsize=4096)
def _is_users_file(file: str) -> bool:
    """Whether a file is neither the standard library's nor an installed package's."""
    if "site-packages" in file or "dist-packages" in file:
        return False
    return not file.startswith((_LIBRARY, "<frozen")) and not is_ours(file)


_LIBRARY = dis.__file__.removesuffix("dis.py")


def _is_users(module: str) -> bool:
    """Whether a module is the user's own code."""
    if module.partition(".")[0] in ("builtins", "jaxtape"):
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:  # a notebook's cells, or a built-in module
        return module not in sys.builtin_module_names
    return _is_users_file(file)
