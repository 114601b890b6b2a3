"""ForwardAccumulator: TensorFlow's forward-mode derivatives, over recordings."""

import sys
from typing import Any

from .coverage import Covering
from .errors import ArgumentError
from .recording.form import TANGENTS
from .recording.node import Handle
from .recording.tensor import Tensor
from .requests import flatten, nested, wants_zeros, weights_for, zeros
from .variable import Variable


class ForwardAccumulator(Covering):
    """Computes Jacobian-vector products of what is called under it.

    One forward pass gives the derivative of any number of results along one direction,
    where a `GradientTape` gives the derivative of one result by any number of sources.

    Args:
        primals: Tensor or Variable, or a nested structure of them: what to
            differentiate by. Each may stand in it once.
        tangents: The direction: for each primal a Tensor of its shape.

    Raises:
        ArgumentError: if a primal stands in it twice, if the numbers of primals and
            tangents differ, or on entering an accumulator that is already active.
        ShapeError: if a tangent has not its primal's shape.

    Example:
        >>> x = jt.constant([1.0, 2.0])
        >>> with jt.ForwardAccumulator(x, jt.constant([1.0, 0.0])) as accumulator:
        ...     y = x * x
        >>> accumulator.jvp(y).numpy().tolist()
        [2.0, 0.0]

    References:
        Baydin, Pearlmutter, Radul and Siskind, 2018, section 3.1.
    """

    def __init__(self, primals: Any, tangents: Any) -> None:
        self._is_persistent, self._watches_variables = True, False
        self._primals, _ = flatten(primals, "primal", "ForwardAccumulator()")
        if len({id(primal) for primal in self._primals}) < len(self._primals):
            raise ArgumentError(
                "ForwardAccumulator() got the same primal multiple times. Give each "
                "one once, with the sum of its tangents."
            )
        given = weights_for(self._primals, tangents, "tangents", "primal")
        self._tangents = [*map(_value_now, given)]

    def __enter__(self) -> "ForwardAccumulator":
        if self._is_active:
            raise ArgumentError(
                "This ForwardAccumulator is already active. Make another one for "
                "nested derivatives: `with jt.ForwardAccumulator(...) as inner:`."
            )
        self._enter(sys._getframe(1))
        for primal in self._primals:
            if primal._type.is_inexact:
                self._watch(primal)
        return self

    def jvp(self, primals: Any, unconnected_gradients: Any = "none") -> Any:
        """Derivative of values along the direction: the Jacobian times `tangents`.

        Args:
            primals: Tensor or Variable, or a nested structure of them, computed under
                this accumulator.
            unconnected_gradients: `"none"` or `"zero"`: what stands for a value that
                does not depend on the accumulator's primals. Default `"none"`.

        Returns:
            Tensors in the structure of `primals`, each of its value's shape.

        Raises:
            ArgumentError: for an unknown `unconnected_gradients`.
            ArgumentTypeError: for a value that is no Tensor or Variable.
        """
        fills = wants_zeros(unconnected_gradients)
        targets, tree = flatten(primals, "target", "jvp()")
        found = self._differentiate(targets, self._tangents, self._primals, TANGENTS)
        return nested(
            tree, [_filled(t, g, fills) for t, g in zip(targets, found, strict=True)]
        )


def _value_now(tangent: Any) -> Any:
    """A tangent that stays as it is when its variable is assigned before `jvp`."""
    return tangent.value if isinstance(tangent, Variable) else tangent


def _filled(target: Handle, tangent: Tensor | None, fills: bool) -> Tensor | None:
    if tangent is None and fills:
        return zeros(target._type.shape, target._type.dtype)
    return tangent
