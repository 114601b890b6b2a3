"""Module: an object whose variables and parts are found by its attributes."""

import difflib
import functools
import inspect
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from . import registry
from .errors import ArgumentTypeError, JaxtapeError
from .recording.node import writes
from .variable import Variable


class _Structure:
    """A count of all changes to what modules are made of.

    Lists of variables are kept until it changes, so that asking a model for its
    variables at every step costs a comparison.
    """

    version = 0

    @classmethod
    def changed(cls, *_: Any) -> None:
        """Forget all lists that were made before."""
        cls.version += 1
        Attributes.changes += 1


class Attributes:
    """A count of all changes of attributes of modules."""

    changes = 0


_ABSENT = object()


class TrackedList(list):
    """A list held by a module; changing it changes the module's structure."""


class TrackedDict(dict):
    """A dictionary held by a module; changing it changes the module's structure."""


def _tracked(value: Any) -> Any:
    """A list or dictionary as one that announces its changes, at every depth."""
    if value.__class__ is list:
        return TrackedList(map(_tracked, value))
    if value.__class__ is tuple:
        return tuple(map(_tracked, value))
    if value.__class__ is dict:
        return TrackedDict({key: _tracked(part) for key, part in value.items()})
    return value


def _announcing(base: type, name: str) -> Any:
    method = getattr(base, name)

    def changing(self: Any, *args: Any, **options: Any) -> Any:
        _Structure.changed()
        options = {key: _tracked(value) for key, value in options.items()}
        return method(self, *map(_tracked, args), **options)

    changing.__name__ = name
    changing.__doc__ = method.__doc__
    return changing


for _kind, _names in (
    (
        TrackedList,
        "append extend insert remove pop clear sort reverse "
        "__setitem__ __delitem__ __iadd__ __imul__",
    ),
    (
        TrackedDict,
        "update setdefault pop popitem clear __setitem__ __delitem__ __ior__",
    ),
):
    for _name in _names.split():
        setattr(_kind, _name, _announcing(_kind.__mro__[1], _name))


class _AutomaticName:
    """The name of a module that was given none, from when it is asked for."""

    def __get__(self, module: Any, kind: type) -> Any:
        if module is None:
            return self
        found = module.__dict__["name"] = module._automatic_name()
        return found


class Module:
    """Base of everything that holds variables: layers, models, optimizers, metrics.

    Variables and modules that are attributes are tracked in the order in which they
    were set, also inside lists, tuples and dictionaries.

    Args:
        name: For messages, summaries and checkpoints. Default the class's name in
            snake_case with a running number, as in Keras.
    """

    _counts: ClassVar[dict[str, Iterator[int]]] = {}
    _frozen: tuple[Variable, ...] = ()
    name: Any = _AutomaticName()

    starts_itself: ClassVar[bool] = True
    """Whether a constructor that does not call this one's is fine, as in TensorFlow."""

    holds_weights: ClassVar[bool] = True
    """Whether a module that it is a part of counts its variables as its own."""

    def __init__(self, name: str | None = None) -> None:
        self._frozen = ()
        self.name = name or self._automatic_name()

    @classmethod
    def _stem(cls) -> str:
        """The class's name in snake_case, as Keras writes it: `conv2d`."""
        return registry.snake_case(cls.__name__)

    @classmethod
    def _automatic_name(cls) -> str:
        stem = cls._stem()
        number = next(Module._counts.setdefault(stem, itertools.count()))
        return f"{stem}_{number}" if number else stem

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, _TRACKED):
            is_begun = self.starts_itself or "_frozen" in self.__dict__
            if not is_begun and name != "_frozen":
                raise JaxtapeError(
                    f"{type(self).__name__}.{name} was set before the base class was "
                    "initialised. Call super().__init__() first in __init__."
                )
            value = _tracked(value)
            _Structure.changed()
        elif isinstance(self.__dict__.get(name), _TRACKED):
            _Structure.changed()
        before = self.__dict__.get(name, _ABSENT)
        super().__setattr__(name, value)
        if self.__dict__.get(name, _ABSENT) is not before or name == "__class__":
            Attributes.changes += 1

    def __delattr__(self, name: str) -> None:
        _Structure.changed()
        super().__delattr__(name)

    def _remembered(self, name: str, find: Any) -> tuple:
        """What `find` returned, until the structure of some module changes."""
        kept = self.__dict__.get(name)
        if kept is None or kept[0] != _Structure.version:
            version = _Structure.version
            kept = (version, tuple(find()))
            self.__dict__[name] = kept
        return kept[1]

    @property
    def submodules(self) -> tuple["Module", ...]:
        """All modules in this one, depth first, each once."""
        return self._remembered("_kept_submodules", lambda: _modules_below(self))

    @property
    def variables(self) -> list[Variable]:
        """All variables, each once: a module's own, then those of its submodules."""
        return list(self._all_variables())

    def _all_variables(self) -> tuple[Variable, ...]:
        def find() -> Iterable[Variable]:
            return {id(v): v for v in _variables_of(self, set())}.values()

        return self._remembered("_kept_variables", find)

    def variables_by_path(self) -> dict[str, Variable]:
        """All variables by a unique path, such as `hidden/kernel`.

        A path is made of attributes and places, as in Keras's weight files, so that a
        model made twice by the same code has the same paths both times. What stands in
        a list or dictionary is named by its place or key; the layers of a Sequential or
        functional model by their names, where these are automatic by their class and
        a number that counts within the model.
        """
        return {
            path: part
            for path, part in _paths_below(self)
            if isinstance(part, Variable)
        }

    def modules_by_path(self) -> dict[str, "Module"]:
        """This module by the path "", and all in it by theirs, an outer one first."""
        inner = _paths_below(self)
        return {"": self} | {p: part for p, part in inner if isinstance(part, Module)}

    def _named_members(self) -> Iterator[tuple[str, Any]]:
        """The variables and modules directly in this one, each with its name here."""
        return _members_by_attribute(self)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that tapes watch, in the order of `variables`."""
        kept = self.__dict__.get("_kept_trainable")
        changes = _Structure.version + writes.retypings  # both only grow
        if kept is None or kept[0] != changes:
            found = [v for v in self._all_variables() if v.trainable]
            kept = self.__dict__["_kept_trainable"] = (changes, found)
        return kept[1].copy()

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that tapes do not watch."""
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable(self) -> bool:
        """Whether the trainable variables are trained; false freezes them."""
        return self.__dict__.get("_trainable", True)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for module in (self, *self.submodules):
            module.__dict__["_trainable"] = bool(value)
        if value:
            for module in (self, *self.submodules):
                for variable in module._frozen:
                    variable.trainable = True
                module.__dict__["_frozen"] = ()
        else:
            for module in (self, *self.submodules):
                frozen = [
                    part
                    for part in _own(module)
                    if isinstance(part, Variable) and part.trainable
                ]
                for variable in frozen:
                    variable.trainable = False
                module.__dict__["_frozen"] = (*module._frozen, *frozen)
        _Structure.changed()


@functools.cache
def constructor_arguments(kind: type) -> tuple[str, ...]:
    """Names of all arguments that a class and its bases take."""
    known: dict[str, None] = {}
    for base in kind.__mro__:
        if "__init__" in base.__dict__ and base is not object:
            parameters = inspect.signature(base.__init__).parameters.values()
            known.update(
                (p.name, None)
                for p in parameters
                if p.name != "self" and p.kind is not p.VAR_KEYWORD
            )
    return tuple(known)


@functools.cache
def accepted_arguments(kind: type) -> dict[str, type]:
    """The arguments that a call of a class takes, and the class that names each.

    Those of a base count where `**options` are handed on to it.
    """
    known: dict[str, type] = {}
    for base in kind.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        for p in list(parameters)[1:]:
            if p.kind is not p.VAR_KEYWORD:
                star = "*" if p.kind is p.VAR_POSITIONAL else ""
                known.setdefault(star + p.name, base)
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return known


def refuse_unknown(kind: type, unknown: dict[str, Any]) -> None:
    """Raise for constructor arguments that no class takes, with what was meant.

    Raises:
        ArgumentTypeError: if there are any.
    """
    if not unknown:
        return
    known = constructor_arguments(kind)
    name = next(iter(unknown))
    close = difflib.get_close_matches(name, known, n=1)
    advice = f"Did you mean `{close[0]}`?" if close else f"It takes {', '.join(known)}."
    raise ArgumentTypeError(f"{kind.__name__}() takes no argument `{name}`. {advice}")


_TRACKED = (Variable, Module, list, tuple, dict)


def _members(value: Any) -> Iterator[Any]:
    """The variables and modules in an attribute, in order."""
    if isinstance(value, Variable | Module):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _members(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _members(part)


def _own(module: Module) -> Iterator[Any]:
    for member in _all_own(module):
        if not is_apart(member, module):
            yield member


def _all_own(module: Module) -> Iterator[Any]:
    for name, value in list(module.__dict__.items()):
        if not name.startswith("_kept_") and name not in _UNTRACKED:
            yield from _members(value)


def is_apart(member: Any, owner: Module) -> bool:
    """Whether a member's variables are none of its owner's, as those of metrics."""
    return owner.holds_weights and not getattr(member, "holds_weights", True)


def apart_from_weights(root: Module, kind: str) -> list[Any]:
    """What is in a module or its parts without being a part of them, each once.

    Args:
        root: The module.
        kind: "metric" or "optimizer".
    """
    modules = (root, *root.submodules)
    found = {
        id(member): member
        for module in modules
        for member in _all_own(module)
        if is_apart(member, module) and member.registry_kind == kind
    }
    return list(found.values())


def _paths_below(root: Module) -> Iterator[tuple[str, Any]]:
    """Yields variables and modules, each once, with the path to it."""
    seen = {id(root)}
    stack: list[tuple[str, Module]] = [("", root)]
    while stack:  # without recursion, for deep models
        path, module = stack.pop()
        if module is not root:
            yield path, module
        place = path + "/" if path else ""
        names: dict[str, int] = {}
        parts = []
        for name, member in module._named_members():
            if id(member) in seen:
                continue
            seen.add(id(member))
            found = place + _numbered(name, names)
            if isinstance(member, Variable):
                yield found, member
            else:
                parts.append((found, member))
        stack.extend(reversed(parts))


def _numbered(name: str, counts: dict[str, int]) -> str:
    """A name that is new among those counted: `dense`, then `dense_1`."""
    given = name
    while name in counts:
        counts[given] += 1
        name = f"{given}_{counts[given]}"
    counts[name] = 0
    return name


def names_in_container(modules: Iterable[Module]) -> Iterator[tuple[str, Module]]:
    """Parts that no attribute names: by their own names, if these are not automatic."""
    for module in modules:
        stem = module._stem()
        is_automatic = re.fullmatch(rf"{re.escape(stem)}(_\d+)?", module.name)
        yield stem if is_automatic else module.name.replace("/", "_"), module


def _members_by_attribute(module: Module) -> Iterator[tuple[str, Any]]:
    """Members by the public attribute that holds them, else by what they are called."""
    found: dict[int, tuple[str, Any, bool]] = {}
    for attribute, value in list(module.__dict__.items()):
        if attribute.startswith("_kept_") or attribute in _UNTRACKED:
            continue
        is_public = not attribute.startswith("_")
        for place, member in _places(value):
            if is_apart(member, module):
                continue
            before = found.get(id(member))
            if before is not None and (before[2] or not is_public):
                continue
            name = attribute.lstrip("_") + place
            if not is_public and isinstance(member, Variable):
                name = member.name.rpartition("/")[2]
            found[id(member)] = (name, member, is_public)
    for name, member, _ in found.values():
        yield name, member


def _places(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The variables and modules in an attribute, with the way to them."""
    if isinstance(value, Variable | Module):
        yield place, value
    elif isinstance(value, list | tuple | dict):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _places(part, f"{place}/{str(key).replace('/', '_')}")


# Variables that are noted here for another reason than being the module's own.
_UNTRACKED = frozenset(
    {"_frozen", "_known", "_optimizer", "_penalties", "_steps", "_updates"}
)


def _variables_of(root: Module, seen: set[int]) -> Iterator[Variable]:
    """A module's own variables, trainable ones first, then its parts', as in Keras."""
    stack = [root]
    seen.add(id(root))
    while stack:  # without recursion, for deep models
        module = stack.pop()
        members = list(_own(module))
        own = [member for member in members if isinstance(member, Variable)]
        frozen = set(map(id, module._frozen))
        yield from sorted(own, key=lambda v: not (v.trainable or id(v) in frozen))
        parts = []
        for member in members:
            if isinstance(member, Module) and id(member) not in seen:
                seen.add(id(member))
                parts.append(member)
        stack.extend(reversed(parts))


def _modules_below(root: Module) -> Iterator[Module]:
    seen = {id(root)}
    stack = [_own(root)]
    while stack:
        member = next(stack[-1], None)
        if member is None:
            stack.pop()
        elif isinstance(member, Module) and id(member) not in seen:
            seen.add(id(member))
            yield member
            stack.append(_own(member))
