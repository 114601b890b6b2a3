"""Lambda: a function of Tensors as a layer."""

import inspect
from collections.abc import Callable
from typing import Any

from ..framework import registry
from ..framework.errors import ArgumentError, ArgumentTypeError
from ..framework.layer import Layer
from ..framework.recording.tensor import convert


@registry.register("layer", "Lambda")
class Lambda(Layer):
    """y = function(x): any function of Tensors as a layer.

    For what has no weights; a layer that has some is a subclass of `Layer`, which finds
    them. A model with a function made by `def` can be saved: it is found by its name
    (`custom_objects`, or `jt.saving.register_keras_serializable`). One with a `lambda`
    computes the same, but has no written form.

    Args:
        function: Called on the inputs; it gets `training` and `mask` if it has
            arguments of these names. The name of an activation stands for that.
        output_shape: No effect: shapes are found by calling the function.
        mask: The mask of the outputs, or a function of inputs and their mask that
            makes it. Default none.
        arguments: Further arguments of the function, by name.

    Shapes:
        those of the function

    Raises:
        ArgumentTypeError: if `function` is none.
        ArgumentError: for a name that is not known; and, when the config is asked for,
            if the function is a lambda.

    Example:
        >>> jt.layers.Lambda(lambda x: x**2)([3.0]).numpy().tolist()
        [9.0]
        >>> jt.layers.Lambda(jt.reshape, arguments={"shape": (2, 1)})([1.0, 2.0]).shape
        (2, 1)
    """

    is_samplewise = False  # the function may look at the whole batch

    def __init__(
        self,
        function: Any,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.function = _found(function)
        self.output_shape = _found(output_shape)
        self.mask = _found(mask)
        if not isinstance(arguments, dict | None):
            raise ArgumentTypeError(
                "`arguments` of Lambda must be a dictionary of the function's "
                f"arguments by name; got {arguments!r}."
            )
        self.arguments = dict(arguments or {})
        names = _argument_names(self.function)
        self._extras = tuple(name for name in ("mask", "training") if name in names)
        self._settle_masking("mask" in self._extras or mask is not None)
        self.supports_masking = mask is not None

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """What the function returns."""
        given = {"mask": mask, "training": training}
        extras = {name: given[name] for name in self._extras}
        return self.function(inputs, **self.arguments, **extras)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask that was given, or what the function given for it makes."""
        if callable(self.mask):
            return self.mask(inputs, mask)
        return None if self.mask is None else convert(self.mask, name="mask")


def _found(value: Any) -> Any:
    """A function from its name; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return registry.find("activation", value)
    except ArgumentError:
        return registry.find("function", value)


def _argument_names(function: Callable) -> set[str]:
    if not callable(function):
        raise ArgumentTypeError(
            f"`function` of Lambda must be a function of Tensors; got {function!r}. "
            "For example: Lambda(lambda x: x**2)."
        )
    try:
        return set(inspect.signature(function).parameters)
    except ValueError:  # some builtins have none
        return set()
