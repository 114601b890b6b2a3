"""Plain layers: those whose call only computes, as its argument tells.

In turns of a loop that are alike, the call of such a layer is taken as a whole.
"""

import operator
from typing import Any

from . import activations

methods_of = operator.attrgetter("call", "__call__")
"""What a class does when a layer of it is called; a hook or a mock replaces them."""


class Kinds:
    """The classes of a layer and its layers; stands for the layer in a `Stretch`.

    So that the stretch does not keep the layer.
    """

    __slots__ = ("kinds",)

    def __init__(self, kinds: tuple[type, ...]) -> None:
        self.kinds = kinds


NO_KINDS = Kinds(())
"""Stands for a layer of which nothing is known."""


def kinds_in(layer: Any) -> tuple[type, ...]:
    """The classes of a layer and its layers, each once."""
    return (*dict.fromkeys(map(type, (layer, *layer.submodules))),)


def is_plain(layer: Any) -> bool:
    """Whether a call of a layer can do nothing but compute what it computed before.

    That is, as long as no attribute is set and no method of a class is replaced.
    """
    formulas = [*map(id, activations.formulas)]
    return all(
        type(part).__dict__.get("is_plain_math", False)
        and methods_of(type(part)) == type(part)._methods
        and part.activity_regularizer is None
        and "call" not in part.__dict__
        and id(part.__dict__.get("activation", activations.linear)) in formulas
        for part in (layer, *layer.submodules)
    )
