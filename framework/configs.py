"""Configs: a layer as the arguments of its constructor, and a layer made from them."""

import inspect
from collections.abc import Sequence
from typing import Any

from . import registry
from .errors import ArgumentError
from .module import Module, accepted_arguments

_COMMON = ("name", "trainable", "dtype")
"""What every config of a layer starts with, as in Keras."""

_NOTHING = object()


def config_of(layer: Any, base: type, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments that would make a layer of this kind again.

    Args:
        layer: Each argument of its constructor is an attribute of the same name.
        left_out: Arguments that are not written.
        base: The class whose `get_config` asks. Where a class in between has one of
            its own, which adds to this, arguments without attribute are left to it.
        left_out: Arguments that are not written.

    Raises:
        ArgumentError: for an argument without attribute, and for a value that cannot
            be written.
    """
    kind = type(layer)
    config = {
        "name": layer.name,
        "trainable": layer.trainable,
        "dtype": layer.dtype.name,
    }
    definer = next(cls for cls in kind.__mro__ if "get_config" in cls.__dict__)
    for name, owner in accepted_arguments(kind).items():
        is_hint = owner is base and name == "input_shape"  # for the first build alone
        if name in (*_COMMON, *left_out) or is_hint:
            continue
        value = _attribute(layer, name)
        if value is _NOTHING:
            if definer is not base and issubclass(definer, owner):
                continue
            raise _no_attribute(layer, name)
        if owner is base and value is None:
            continue
        config[name] = _written(layer, name, value)
    return config


def made_from(
    cls: type, config: dict[str, Any], further: dict[str, Any] | None = None
) -> Any:
    """A layer from what `config_of` returned, also after a trip through JSON.

    What the constructor does not take, of the name, `trainable` and the dtype, is set
    afterwards.

    Args:
        cls: The class.
        config: What `config_of` returned.
        further: Arguments that no config holds.
    """
    known = accepted_arguments(cls)
    given = {name: registry.restored(value) for name, value in config.items()}
    given.update(further or {})
    later = {n: given.pop(n) for n in _COMMON if n in given and n not in known}
    try:
        layer = cls(**given)
    except Exception as error:
        error.add_note(
            f"In {cls.__name__}.from_config({config!r}). If the constructor keeps an "
            "argument in another form, define get_config to return what it was given."
        )
        raise
    if "name" in later:
        layer.name = later["name"]
    if not later.get("trainable", True):
        layer.trainable = False
    return layer


def _attribute(layer: Any, name: str) -> Any:
    """The attribute of an argument's name; a method of that name is none."""
    value = getattr(layer, name, _NOTHING)
    return _NOTHING if inspect.ismethod(value) else value


def _no_attribute(layer: Module, name: str) -> ArgumentError:
    cls = type(layer).__name__
    if name.startswith("*"):
        return ArgumentError(
            f"{cls}('{layer.name}') takes `{name}`, which no config can name. Define "
            "get_config and from_config for it."
        )
    return ArgumentError(
        f"{cls}('{layer.name}') has no attribute `{name}`, which is an argument of its "
        f"constructor, so its config cannot be made. Keep it in __init__ (self.{name} "
        f"= {name}), or define get_config:\n"
        f"    def get_config(self):\n"
        f"        return {{**super().get_config(), '{name}': ...}}"
    )


def _written(layer: Module, name: str, value: Any) -> Any:
    try:
        return registry.plain(value)
    except ArgumentError as error:
        raise ArgumentError(
            f"Argument `{name}` of {type(layer).__name__}('{layer.name}') cannot be "
            f"written as a config. {error}"
        ) from None
