"""Names for classes and functions: `"adam"` and `"mse"` become objects here.

The folders beside `framework` register what they define, so that `framework` can look
it up without importing them. A config names classes and functions; what it names is
looked up here and among the user's `custom_objects`, never imported.
"""

import contextlib
import difflib
import inspect
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from .errors import ArgumentError, ArgumentTypeError

_KINDS: dict[str, dict[str, Any]] = {
    kind: {}
    for kind in (
        "activation",
        "constraint",
        "function",
        "initializer",
        "layer",
        "loss",
        "metric",
        "optimizer",
        "regularizer",
        "schedule",
    )
}
_SEPARATOR = ">"
_Class = TypeVar("_Class", bound=type)
TUPLE, _ARRAY = "__tuple__", "__array__"

custom_objects: dict[str, Any] = {}
"""Classes and functions of users, by the names that configs have for them."""


class _Scope(threading.local):
    """The custom objects of the `custom_object_scope`s that are open in a thread."""

    objects: tuple[dict[str, Any], ...] = ()


_scope = _Scope()


def register(kind: str, names: str | Iterable[str], target: Any = None) -> Any:
    """Give a class or function its names; a later one takes over a name.

    Args:
        kind: What it is: "loss", "optimizer", "regularizer", "initializer",
            "activation", "layer" or "metric".
        names: Name or names, looked up to the letter.
        target: The class or function. Without one, a decorator is returned.
    """
    known = _of_kind(kind)

    def enter(target: Any) -> Any:
        for name in (names,) if isinstance(names, str) else names:
            known[name] = target
        return target

    return enter if target is None else enter(target)


def register_class(kind: str, *aliases: str) -> Callable[[_Class], _Class]:
    """Decorator: register a class as `ClassName`, `class_name` and by its aliases."""

    def enter(cls: _Class) -> _Class:
        return register(kind, (cls.__name__, snake_case(cls.__name__), *aliases), cls)

    return enter


def snake_case(name: str) -> str:
    """`GlorotUniform` as `glorot_uniform`, `L1L2` as `l1l2`: Keras's rule."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Decorator: let configs and saved models name a class or function of yours.

    Args:
        package: First half of the name in configs, `package>name`.
        name: Second half. Default the class's or function's own.

    Raises:
        ArgumentTypeError: when it decorates a class without `get_config`, or what is
            neither a class nor a function.
    """

    def enter(target: Any) -> Any:
        if inspect.isclass(target):
            if not hasattr(target, "get_config"):
                raise ArgumentTypeError(
                    f"A class needs a get_config method to be registered; "
                    f"{target.__name__} has none. Return the constructor's arguments "
                    "from it, as a dictionary."
                )
        elif not callable(target):
            raise ArgumentTypeError(
                f"Only a class or a function can be registered; got {target!r}. "
                "Use it as a decorator."
            )
        custom_objects[f"{package}{_SEPARATOR}{name or target.__name__}"] = target
        return target

    return enter


@contextlib.contextmanager
def custom_object_scope(objects: dict[str, Any] | None) -> Iterator[None]:
    """Let configs name these classes and functions while a block runs.

    Args:
        objects: Classes and functions by name. `None` for none.
    """
    before = _scope.objects
    _scope.objects = (objects or {}, *before)
    try:
        yield
    finally:
        _scope.objects = before


def find(kind: str, identifier: str) -> Any:
    """The class or function of a name.

    Raises:
        ArgumentError: for an unknown name; names the closest known ones.
    """
    custom = _find_custom(identifier)
    if custom is not None:
        return custom
    known = _of_kind(kind)
    if identifier in known:
        return known[identifier]
    scoped = [name for objects in _scope.objects for name in objects]
    names = (*known, *custom_objects, *scoped)
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(identifier.lower(), by_lower, n=3)
    nearest = [by_lower[name] for name in close] or sorted(known)
    advice = f"Did you mean {' or '.join(map(repr, nearest))}? " if nearest else ""
    raise ArgumentError(
        f"There is no {kind} of the name {identifier!r}. {advice}"
        "An object or a function can be given instead of a name; in a config, one of "
        f"your own is found by custom_objects={{{identifier!r}: ...}}, or by "
        "jt.saving.register_keras_serializable."
    )


def _find_custom(identifier: str) -> Any:
    """What a user registered under a name, or gave as custom object."""
    bare = identifier.rpartition(_SEPARATOR)[2]
    for objects in (*_scope.objects, custom_objects):
        found = objects.get(identifier, objects.get(bare))
        if found is not None:
            return found
    return None


def get(kind: str, identifier: Any) -> Any:
    """What an argument such as `loss="mse"` stands for, as Keras's `get` does.

    Args:
        kind: As in `register`.
        identifier: A name, a `{"class_name", "config"}` dictionary, a class, or an
            object or function, which is returned as it is. `None` stays `None`.

    Returns:
        A function, or an object; a class is instantiated without arguments.

    Raises:
        ArgumentError: for an unknown name.
        ArgumentTypeError: for what is none of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        identifier = find(kind, identifier)
    elif isinstance(identifier, dict):
        return deserialize(kind, identifier)
    if inspect.isclass(identifier):
        return identifier()
    if callable(identifier) or hasattr(identifier, "get_config"):
        return identifier
    raise ArgumentTypeError(
        f"`{kind}` must be a name, a config dictionary, an object or a function; "
        f"got {identifier!r}. For example: {_example(kind)!r}."
    )


def serialize(value: Any) -> Any:
    """A value as JSON can hold it; `deserialize` and `restored` read it.

    An object becomes its `{"class_name", "config"}`, and a layer says its "kind" as
    well; a function becomes its name, a dtype its name. Tuples and arrays, which JSON
    has not, become dictionaries of their own.

    Raises:
        ArgumentError: for a lambda, or an object without `get_config`.
    """
    if isinstance(value, tuple):
        return {"class_name": TUPLE, "items": [serialize(part) for part in value]}
    return plain(value, serialize)


def plain(value: Any, inner: Callable[[Any], Any] | None = None) -> Any:
    """A value as `get_config` returns it: as `serialize`, but a tuple stays one.

    Args:
        value: An argument of a constructor.
        inner: What becomes of the parts of lists and the like. Default the same.
    """
    inner = inner or plain
    if value is None or value.__class__ in (str, bool, int, float):
        return value
    if isinstance(value, list | tuple):
        return type_of_sequence(value)(map(inner, value))
    if isinstance(value, dict):
        return {key(name): inner(part) for name, part in value.items()}
    if isinstance(value, np.dtype) or _is_dtype_class(value):
        return np.dtype(value).name
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if hasattr(value, "get_config") and not inspect.isclass(value):
        return _of_object(value)
    if hasattr(value, "__array__"):
        host = np.asarray(value)
        return {
            "class_name": _ARRAY,
            "dtype": host.dtype.name,
            "value": host.tolist(),
        }
    if inspect.isfunction(value) and value.__name__ != "<lambda>":
        return _function_name(value)
    raise ArgumentError(
        f"{value!r} cannot be written as a config: it has no name to find it by. "
        "Define it with `def`, or as a class with `get_config`, and register it."
    )


def restored(value: Any) -> Any:
    """What `serialize` wrote, with its tuples, arrays and layers; the rest as it is."""
    if isinstance(value, list | tuple):
        return type_of_sequence(value)(map(restored, value))
    if not isinstance(value, dict):
        return value
    name = value.get("class_name")
    if name == TUPLE:
        return tuple(map(restored, value["items"]))
    if name == _ARRAY:
        return np.asarray(value["value"], np.dtype(value["dtype"]))
    if isinstance(name, str) and value.get("kind") in _KINDS:
        return deserialize(value["kind"], value)
    return {name: restored(part) for name, part in value.items()}


def with_custom(value: Any) -> Any:
    """The same with names of the user's own classes and functions resolved.

    For names in lists and dictionaries that are looked up after a
    `custom_object_scope` has ended.
    """
    if isinstance(value, str):
        return _find_custom(value) or value
    if isinstance(value, list | tuple):
        return type_of_sequence(value)(map(with_custom, value))
    if isinstance(value, dict):
        return {name: with_custom(part) for name, part in value.items()}
    return value


def deserialize(
    kind: str,
    config: dict[str, Any] | str,
    custom_objects: dict[str, Any] | None = None,
) -> Any:
    """The object that `serialize` wrote.

    Args:
        kind: As in `register`.
        config: What `serialize` returned, also after a trip through JSON.
        custom_objects: Classes and functions of yours that it may name.

    Raises:
        ArgumentError: for an unknown name or a dictionary without "class_name".
    """
    with custom_object_scope(custom_objects):
        if isinstance(config, str):
            return get(kind, config)
        name, inner = _parts(kind, config)
        if name == "function":  # as Keras writes functions
            return find(kind, inner)
        found: Any = find(kind, name)
        if inspect.isfunction(found):
            return found
        return found.from_config(_without_marks(inner))


def deserialize_object(
    config: Any, custom_objects: dict[str, Any] | None = None
) -> Any:
    """The object that `serialize` wrote, whatever kind it is of.

    Raises:
        ArgumentError: for an unknown name.
    """
    with custom_object_scope(custom_objects):
        if not isinstance(config, dict) or "class_name" not in config:
            return restored(config)
        name = config["class_name"]
        if name in (TUPLE, _ARRAY):
            return restored(config)
        kinds = [kind for kind in ("layer", *_KINDS) if name in _KINDS[kind]]
        return deserialize(config.get("kind") or (*kinds, "layer")[0], config)


def _parts(kind: str, config: Any) -> tuple[str, Any]:
    """The name in a config, and the config inside."""
    name = config.get("class_name") if isinstance(config, dict) else None
    inner = {} if name is None else config.get("config", {})
    is_sound = isinstance(inner, str if name == "function" else dict)
    if not isinstance(name, str) or not is_sound:
        raise ArgumentError(
            f"The config of a {kind} must be {{'class_name': ..., 'config': ...}}; "
            f"got {config!r}. serialize(value) writes one."
        )
    return name, inner


def _without_marks(config: dict[str, Any]) -> dict[str, Any]:
    """A config with its tuples and arrays; objects in it are left to `from_config`."""

    def unmarked(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type_of_sequence(value)(map(unmarked, value))
        if not isinstance(value, dict):
            return value
        if value.get("class_name") in (TUPLE, _ARRAY):
            return restored(value)
        if "class_name" in value:
            return value
        return {name: unmarked(part) for name, part in value.items()}

    return {name: unmarked(part) for name, part in config.items()}


def type_of_sequence(value: list | tuple) -> type:
    """`tuple` or `list`, also for a subclass of either."""
    return tuple if isinstance(value, tuple) else list


def _of_object(value: Any) -> dict[str, Any]:
    kind = getattr(value, "registry_kind", None)
    config = {key(name): serialize(part) for name, part in value.get_config().items()}
    written = {"class_name": _class_name(type(value), kind), "config": config}
    return written if kind is None else {**written, "kind": kind}


def _class_name(cls: type, kind: str | None) -> str:
    """What a config calls a class; never the name of another one."""
    name = _custom_name(cls) or cls.__name__
    known = _of_kind(kind).get(name, cls) if kind else cls
    return name if known is cls else f"Custom{_SEPARATOR}{name}"


def _function_name(function: Any) -> str:
    """What a config calls a function; never the name of another one."""
    for names in _KINDS.values():
        found = [name for name, known in names.items() if known is function]
        if found and function.__name__ not in found:
            return found[0]
    name = _custom_name(function) or function.__name__
    known = [names[name] for names in _KINDS.values() if name in names]
    return name if function in known or not known else f"Custom{_SEPARATOR}{name}"


def _custom_name(target: Any) -> str | None:
    """The name under which a user registered a class or function."""
    return next((n for n, known in custom_objects.items() if known is target), None)


def _is_dtype_class(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, np.generic)


def key(given: Any) -> str:
    """The key of a dictionary in a config, which is a string.

    Raises:
        ArgumentError: for anything else.
    """
    if not isinstance(given, str):
        raise ArgumentError(
            f"A dictionary in a config must have strings as keys; got {given!r}. "
            "Make it a string, or a list of pairs."
        )
    return given


def _of_kind(kind: str) -> dict[str, Any]:
    assert kind in _KINDS, f"no kind {kind!r}"
    return _KINDS[kind]


def _example(kind: str) -> str:
    return next(iter(_of_kind(kind)), kind)
