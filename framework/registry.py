"""Names for classes and functions: `"adam"` and `"mse"` become objects here.

The folders beside `framework` register what they define, so that `framework` can look
it up without importing them.
"""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from .errors import ArgumentError, ArgumentTypeError

_KINDS: dict[str, dict[str, Any]] = {
    kind: {}
    for kind in (
        "activation",
        "constraint",
        "initializer",
        "layer",
        "loss",
        "metric",
        "optimizer",
        "regularizer",
    )
}


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


def register_class(kind: str, *aliases: str) -> Callable[[type], type]:
    """Decorator: register a class as `ClassName`, `class_name` and by its aliases."""

    def enter(cls: type) -> type:
        return register(kind, (cls.__name__, snake_case(cls.__name__), *aliases), cls)

    return enter


def snake_case(name: str) -> str:
    """`GlorotUniform` as `glorot_uniform`, `L1L2` as `l1l2`: Keras's rule."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def find(kind: str, identifier: str) -> Any:
    """The class or function of a name.

    Raises:
        ArgumentError: for an unknown name; names the closest known ones.
    """
    known = _of_kind(kind)
    if identifier in known:
        return known[identifier]
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(identifier.lower(), by_lower, n=3)
    nearest = [by_lower[name] for name in close] or sorted(known)
    raise ArgumentError(
        f"There is no {kind} of the name {identifier!r}. "
        f"Did you mean {' or '.join(map(repr, nearest))}? "
        "An object or a function can be given instead of a name."
    )


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
    """An object as its `{"class_name", "config"}`, a function as its name."""
    if value is None or isinstance(value, str):
        return value
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if inspect.isfunction(value) and value.__name__ != "<lambda>":
        return value.__name__
    raise ArgumentError(
        f"{value!r} cannot be written as a config: it has no name to find it by. "
        "Define it with `def`, or as a class with `get_config`, and register it."
    )


def deserialize(kind: str, config: dict[str, Any] | str) -> Any:
    """The object that `serialize` wrote.

    Raises:
        ArgumentError: for an unknown name or a dictionary without "class_name".
    """
    if isinstance(config, str):
        return get(kind, config)
    if "class_name" not in config:
        raise ArgumentError(
            f"The config of a {kind} must be {{'class_name': ..., 'config': ...}}; "
            f"got {config!r}. serialize(value) writes one."
        )
    name, inner = config["class_name"], config.get("config", {})
    if name == "function":  # as Keras writes functions
        return find(kind, inner)
    found: Any = find(kind, name)
    return found if inspect.isfunction(found) else found.from_config(inner)


def _of_kind(kind: str) -> dict[str, Any]:
    assert kind in _KINDS, f"no kind {kind!r}"
    return _KINDS[kind]


def _example(kind: str) -> str:
    return next(iter(_of_kind(kind)), kind)
