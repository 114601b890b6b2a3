"""Optax: any optax gradient transformation as an optimizer."""

from collections.abc import Sequence
from typing import Any

import jax
import optax

from ..framework.errors import ArgumentTypeError
from ..framework.variable import Variable
from .optimizer import Optimizer
from .update import Update


class Optax(Optimizer):
    """An optimizer around an optax `GradientTransformation`.

    The transformation brings its own learning rate. It sees all variables together, so
    transformations over the whole tree (`optax.clip_by_global_norm`) work as in optax.

    Args:
        transformation: What `optax.adamw(1e-3)`, `optax.chain(...)` and the like return.
        **options: Those of `Optimizer`, except `learning_rate`.

    Raises:
        ArgumentTypeError: if it is no gradient transformation.

    Example:
        >>> jt.optimizers.Optax(optax.adamw(1e-3)).name
        'optax'
    """

    def __init__(
        self, transformation: optax.GradientTransformation, **options: Any
    ) -> None:
        if not hasattr(transformation, "init") or not hasattr(transformation, "update"):
            raise ArgumentTypeError(
                "Optax() expected an optax GradientTransformation, for example "
                f"optax.adamw(1e-3); got {type(transformation).__name__}."
            )
        super().__init__(0.0, **options)
        self._rule = optax.with_extra_args_support(transformation)
        self._joint: dict[tuple, list[Variable]] = {}

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The transformation that was given."""
        return self._rule

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of these variables as one tree."""
        variables = list(variables)
        key = tuple(map(id, variables))
        if key not in self._joint:
            state = self._rule.init([variable._array() for variable in variables])
            self._joint[key] = [
                Variable(leaf, trainable=False, name=f"{self.name}_{number}")
                for number, leaf in enumerate(jax.tree.leaves(state))
            ]
            self._slots.update((id(variable), []) for variable in variables)
            self._known.update((id(variable), variable) for variable in variables)

    def _plan(self, variables: Sequence[Variable]) -> Update:
        joint = self._joint[tuple(map(id, variables))]
        slots = [joint, *([] for _ in variables[1:])]
        change = self._formula().change_jointly
        return Update(self.name, change, list(variables), slots, uses_homes=False)
