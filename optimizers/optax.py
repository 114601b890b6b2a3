"""Optax: any optax gradient transformation as an optimizer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import optax

from ..framework.errors import ArgumentError, ArgumentTypeError
from ..framework.recording import execution
from ..framework.variable import Variable
from .optimizer import Optimizer
from .update import Update

_NO_RATE = (
    "Optax() has the learning rate of its transformation. To change it on the way, "
    "give optax a schedule: optax.adam(optax.linear_schedule(0.1, 0.0, 1000))."
)


class Optax(Optimizer):
    """An optimizer around an optax `GradientTransformation`.

    The transformation brings its own learning rate. It sees all variables together, so
    transformations over the whole tree (`optax.clip_by_global_norm`) work as in optax.

    Args:
        transformation: What `optax.adamw(1e-3)` and the like return.
        **options: Those of `Optimizer`, except `learning_rate` and `weight_decay`.

    Raises:
        ArgumentTypeError: if it is no gradient transformation.
        ArgumentError: if a weight decay or a learning rate is given beside it.

    Example:
        >>> import optax
        >>> jt.optimizers.Optax(optax.adamw(1e-3), name="optax").name
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
        if options.get("weight_decay") is not None:
            raise ArgumentError(
                f"Optax() takes no `weight_decay`; got {options['weight_decay']}. Put "
                "it into the transformation, for example "
                "optax.adamw(1e-3, weight_decay=0.01)."
            )
        super().__init__(0.0, **options)
        self._rule = optax.with_extra_args_support(transformation)
        self._joint: dict[tuple, list[Variable]] = {}

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The transformation that was given."""
        return self._rule

    @property
    def learning_rate(self) -> Any:
        """The transformation's own, which is not visible from outside."""
        raise AttributeError(_NO_RATE)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise ArgumentError(f"`learning_rate` was set to {value}. {_NO_RATE}")

    def get_config(self) -> dict[str, Any]:
        """Refused: a transformation is made of functions, which no config can hold.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError(
            f"Optax('{self.name}') has no config: its transformation is made of "
            "functions. Make it again where it is needed, by the call that made it: "
            "jt.optimizers.Optax(optax.adamw(1e-3))."
        )

    def __getstate__(self) -> dict[str, Any]:
        joint = [*zip(self.groups(), self._joint.values(), strict=True)]
        return {**super().__getstate__(), "_joint": joint}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._joint = {tuple(map(id, group)): own for group, own in state["_joint"]}

    def groups(self) -> list[list[Variable]]:
        """The lists of variables that have a state together."""
        return [[self._known[number] for number in key] for key in self._joint]

    def variables_for(self, paths: Mapping[int, str]) -> dict[str, Variable]:
        """Its variables by names that another optimizer of its kind has too."""
        joint = {
            f"joint/{number}/{place}": leaf
            for number, leaves in enumerate(self._joint.values())
            for place, leaf in enumerate(leaves)
        }
        taken = {id(leaf) for leaf in joint.values()}
        own = super().variables_for(paths)
        return joint | {n: part for n, part in own.items() if id(part) not in taken}

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots of these variables as one tree."""
        variables = list(variables)
        key = tuple(map(id, variables))
        if key not in self._joint:
            with execution.detached():
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
        key = (self._rule, *self._shaping())  # the transformation itself
        return Update(
            self._word(), key, change, list(variables), slots, uses_homes=False
        )
