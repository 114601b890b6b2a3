"""Optimizer: what all update rules share."""

import inspect
import json
import math
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import jax
import optax

from ..framework import registry
from ..framework.errors import ArgumentError, ArgumentTypeError
from ..framework.explaining import reason_for
from ..framework.module import (
    Module,
    accepted_arguments,
    constructor_arguments,
    refuse_unknown,
)
from ..framework.recording import execution
from ..framework.recording.launching import updating
from ..framework.recording.node import Handle
from ..framework.recording.site import user_level
from ..framework.recording.tensor import Tensor, TensorLike, convert
from ..framework.variable import Variable
from .formula import Formula
from .schedules import LearningRateSchedule
from .update import Update, settle

_MOST_REASONS = 10
_building = threading.RLock()


_PLAIN = frozenset({Tensor})


class Optimizer(Module):
    """Base of all optimizers: bookkeeping around an optax gradient transformation.

    A subclass says which transformation it is; the whole update of all variables is
    one recorded call, compiled with the step that computed the gradients.

    Args:
        learning_rate: Step size, or a function from the number of updates so far to
            it, such as one of `jt.optimizers.schedules`. A number can be assigned
            later, without a new program.
        weight_decay: Decoupled: each update first shrinks a variable by
            `weight_decay * learning_rate` of itself. Default none.
        clipnorm: Largest norm of each gradient on its own. Default none.
        clipvalue: Largest absolute value of each gradient entry. Default none.
        global_clipnorm: Largest norm of all gradients together. Default none.
        name: Default the class's name in snake_case.

    Raises:
        ArgumentError: for a learning rate that is not finite or is negative, or more
            than one kind of clipping.
    """

    starts_itself = False

    holds_weights: ClassVar[bool] = False

    registry_kind: ClassVar[str] = "optimizer"
    """Where the registry has the classes that configs name."""

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self), unknown)
        super().__init__(name)
        given = {
            "clipnorm": clipnorm,
            "clipvalue": clipvalue,
            "global_clipnorm": global_clipnorm,
        }
        chosen = {key: value for key, value in given.items() if value is not None}
        if len(chosen) > 1:
            raise ArgumentError(
                f"Only one kind of clipping can be used; got {chosen}. Choose one of "
                "`clipnorm`, `clipvalue`, `global_clipnorm`."
            )
        for key, value in chosen.items():
            if not value > 0:
                raise ArgumentError(f"`{key}` must be positive; got {value}.")
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.global_clipnorm = global_clipnorm
        self.weight_decay = weight_decay
        self._schedule: Callable | None = None
        with execution.detached():
            self.iterations = Variable(0, trainable=False, name="iterations")
        self._rate: Variable | None = None
        if callable(learning_rate) and not isinstance(learning_rate, Handle):
            self._schedule = _of_step(learning_rate)
        else:
            with execution.detached():
                self._rate = Variable(
                    _checked_rate(learning_rate),
                    trainable=False,
                    dtype="float32",
                    name="learning_rate",
                )
        self._slots: dict[int, list[Variable]] = {}
        self._known: dict[int, Variable] = {}
        self._updates: dict[tuple, Update] = {}
        self._told: set[tuple[int, ...]] = set()

    def __setattr__(self, name: str, value: Any) -> None:
        is_setting = name != "learning_rate" and name in constructor_arguments(
            type(self)
        )
        if is_setting and not _is_same(self.__dict__.get(name), value):
            self.__dict__["_updates"] = {}  # they hold the settings of before
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle gets: slots with the variables that they belong to.

        A copied variable has another `id`, and a compiled update is made anew.
        """
        slots = [(self._known[key], own) for key, own in self._slots.items()]
        rest = {"_known": {}, "_updates": {}, "_told": set()}
        return {**self.__dict__, **rest, "_slots": slots}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        pairs = state["_slots"]
        self._slots = {id(variable): own for variable, own in pairs}
        self._known = {id(variable): variable for variable, _ in pairs}

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The update rule for one variable.

        It works element by element. Its `update` gets the keywords `learning_rate`
        and `step` (the number of updates so far, from 0) and returns what is added to
        the variable.
        """
        raise NotImplementedError

    @property
    def learning_rate(self) -> Any:
        """The step size as a Variable, or the schedule's present value."""
        if isinstance(self._schedule, LearningRateSchedule):
            return self._schedule(self.iterations)  # inside of functions too
        if self._schedule is not None:
            return convert(self._schedule(self.iterations.numpy()))
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value) and not isinstance(value, Handle):
            self._schedule = _of_step(value)
            self._updates = {}
            return
        rate = value if isinstance(value, Handle) else _checked_rate(value)
        if self._schedule is not None:
            self._schedule, self._updates = None, {}
        if self._rate is None:
            with execution.detached():
                self._rate = Variable(
                    rate, trainable=False, dtype="float32", name="learning_rate"
                )
        else:
            self._rate.assign(rate)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as values that JSON can hold.

        The learning rate is that of the moment, as a float, or the schedule.

        Raises:
            ArgumentError: for an argument without attribute or written form, such as
                a schedule that is a lambda.
        """
        config = {"name": self.name, "learning_rate": self._written_rate()}
        for name in accepted_arguments(type(self)):
            if name not in config:
                config[name] = self._written(name)
        return config

    def _written_rate(self) -> Any:
        if self._schedule is None:
            return float(self.learning_rate)
        try:
            return registry.plain(self._schedule)
        except ArgumentError as error:
            raise ArgumentError(
                f"The `learning_rate` of {type(self).__name__} is a function. {error} "
                "Or assign a number before: optimizer.learning_rate = 0.01."
            ) from None

    def _written(self, name: str) -> Any:
        if not hasattr(self, name):
            raise ArgumentError(
                f"{type(self).__name__} has no attribute `{name}`, which is an "
                f"argument of its constructor, so its config cannot be made. Keep it "
                f"in __init__ (self.{name} = {name}), or define get_config."
            )
        return registry.plain(getattr(self, name))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new optimizer from what `get_config` returned, with no slots yet."""
        given = {name: registry.restored(value) for name, value in config.items()}
        if isinstance(given.get("learning_rate"), str | dict):
            rate = registry.get("schedule", given["learning_rate"])
            given["learning_rate"] = rate
        return cls(**given)

    def groups(self) -> list[list[Variable]]:
        """The variables that it was built with; `build` takes each list."""
        known = list(self._known.values())
        return [known] if known else []

    def variables_for(self, paths: Mapping[int, str]) -> dict[str, Variable]:
        """Its variables by names that another optimizer of its kind has too.

        Args:
            paths: The path of each variable that it updates, by `id`.
        """
        own = {name: part for name, part in self._own_variables() if part is not None}
        return own | {
            f"slots/{paths[key]}/{number}": slot
            for key, slots in self._slots.items()
            for number, slot in enumerate(slots)
        }

    def _own_variables(self) -> Iterator[tuple[str, Variable | None]]:
        """What is not a slot, also attributes of a subclass."""
        slots = {id(slot) for slots in self._slots.values() for slot in slots}
        yield "iterations", self.iterations
        yield "learning_rate", self._rate
        for path, variable in self.variables_by_path().items():
            is_known = variable is self.iterations or variable is self._rate
            if not is_known and id(variable) not in slots:
                yield f"own/{path}", variable

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots of these variables; called by the first update."""
        variables = list(variables)
        new = [
            v for v in variables if len(self._slots.get(id(v), ())) != self._count(v)
        ]
        with execution.detached():
            for variable in new:
                self._slots[id(variable)] = self._make_slots(variable)
                self._known[id(variable)] = variable
        settle(new, [self._slots[id(variable)] for variable in new])
        known = self._known.values()
        if self.iterations._home is None and all(v._home is not None for v in known):
            execution.move_in(
                [self.iterations]
            )  # then all that a step assigns is in homes

    def _count(self, variable: Variable) -> float:
        """How many slots a variable has under the present settings."""
        if id(variable) not in self._slots:
            return math.inf
        kind = variable._type.as_jax()
        return len(jax.tree.leaves(jax.eval_shape(self.transformation().init, kind)))

    def _make_slots(self, variable: Variable) -> list[Variable]:
        with updating:  # another thread's step would take the buffer
            state = self.transformation().init(variable._array())
        return [
            Variable(
                leaf, trainable=False, name=f"{variable.name}/{self.name}_{number}"
            )
            for number, leaf in enumerate(jax.tree.leaves(state))
        ]

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Variable]], name: str | None = None
    ) -> Variable:
        """Update variables by their gradients; returns `iterations`.

        Variables whose gradient is `None` are left as they are, with a warning that
        names them and says why, if this thread's last derivative was their gradient.

        Args:
            grads_and_vars: `(gradient, variable)` pairs.
            name: Accepted for compatibility.

        Raises:
            ArgumentError: if every gradient is `None`, or there are none.
            ShapeError: if a gradient's shape is not its variable's.

        Note:
            Threads may step one model at once: every update is applied whole, none is
            lost, and their order, so the last digits, is that of the moment.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ArgumentError(
                "apply_gradients() got no gradients. Pass "
                "zip(gradients, model.trainable_variables); a model has variables once "
                "it was called or built."
            )
        if pairs[0].__class__ is not tuple and not isinstance(pairs[0], list | tuple):
            raise ArgumentTypeError(
                "apply_gradients() takes (gradient, variable) pairs; got "
                f"{type(pairs[0]).__name__} instead of a pair. Pass "
                "zip(gradients, model.trainable_variables)."
            )
        gradients, variables = zip(*pairs, strict=True)
        self._apply(gradients, variables)
        return self.iterations

    def apply(
        self,
        gradients: Sequence[Any],
        variables: Sequence[Variable] | None = None,
    ) -> None:
        """Update variables by their gradients, in the same order.

        Args:
            gradients: One for each variable, or `None`.
            variables: Default those that the optimizer was built with.

        Raises:
            ArgumentError: if the numbers differ.
        """
        if variables is None:
            variables = list(self._known.values())
        if len(gradients) != len(variables):
            raise ArgumentError(
                f"apply() got {len(gradients)} gradients for {len(variables)} "
                "variables. Give one gradient for each variable, in the same order."
            )
        self._apply(gradients, variables)

    def _apply(self, gradients: Sequence[Any], variables: Sequence[Variable]) -> None:
        """Record the update of all variables as one call, and run the step."""
        if not _PLAIN.issuperset(map(type, gradients)):
            gradients, variables = self._taken_in(gradients, variables)
        key = tuple(map(id, variables))
        update = self._updates.get(key)
        if update is None:
            for variable in variables:
                _check_variable(variable)
            _check_unique(variables)
            with _building:  # threads may make the first step of one model at once
                update = self._updates.get(key)
                if update is None:
                    self.build(variables)
                    update = self._updates.setdefault(key, self._plan(variables))
        rate = () if self._schedule is not None or self._rate is None else (self._rate,)
        update.run(self.iterations, (*gradients, *rate))

    def _taken_in(
        self, gradients: Sequence[Any], variables: Sequence[Variable]
    ) -> tuple[list[Any], list[Variable]]:
        """Those with a gradient, as Tensors; warns of the others at the user's line."""
        pairs = list(zip(gradients, variables, strict=True))
        kept = [pair for pair in pairs if pair[0] is not None]
        if len(kept) < len(pairs):
            self._warn_of_none(gradients, variables, bool(kept))
        arrays = [convert(gradient, name="gradient") for gradient, _ in kept]
        return arrays, [variable for _, variable in kept]

    def _plan(self, variables: Sequence[Variable]) -> Update:
        slots = [self._slots[id(variable)] for variable in variables]
        change = self._formula().change
        return Update(self._word(), self._key(), change, list(variables), slots)

    def _word(self) -> str:
        """What messages call optimizers of its kind."""
        return registry.snake_case(type(self).__name__)

    def _key(self) -> tuple | None:
        """What its updates compute, if nothing but the config says so.

        A subclass of a user's may keep more in attributes.
        """
        schedule = self._schedule
        if not _is_ours(self) or not (schedule is None or _is_ours(schedule)):
            return None
        settings = {
            name: self._written(name)
            for name in accepted_arguments(type(self))
            if name not in ("name", "learning_rate")
        }
        rate = None if schedule is None else registry.plain(schedule)
        return type(self), json.dumps([settings, rate], sort_keys=True)

    def _formula(self) -> Formula:
        return Formula(self.transformation(), self._schedule, *self._shaping())

    def _shaping(self) -> tuple[float | None, float | None, float | None, float | None]:
        return self.weight_decay, self.clipnorm, self.clipvalue, self.global_clipnorm

    def _warn_of_none(
        self, gradients: Sequence[Any], variables: Sequence[Variable], any_left: bool
    ) -> None:
        missing = [v for g, v in zip(gradients, variables, strict=True) if g is None]
        if not any_left:
            raise ArgumentError(
                "No variable has a gradient; all of these are None:"
                f"{_with_reasons(missing)}Compute the loss from the model's output "
                "inside the tape."
            )
        which = tuple(map(id, missing))
        if which in self._told:
            return
        listed = _with_reasons(missing)
        warnings.warn(
            f"{len(missing)} of {len(variables)} variables have no gradient and are "
            f"left as they are:{listed}Does the loss depend on them, inside the tape? "
            "Was a part of the loss forgotten?",
            stacklevel=user_level(),
        )
        self._told.add(which)


def _is_ours(thing: Any) -> bool:
    """Whether the class of an optimizer or a schedule is one of this package."""
    return type(thing).__module__.startswith(f"{__package__}.")


def _with_reasons(variables: Sequence[Variable]) -> str:
    """The names of variables; where reasons are known, those with the same together."""
    names: dict[str, list[str]] = {}
    for variable in variables:
        reason = reason_for(variable)
        why = "" if reason is None else f": {reason}"
        names.setdefault(why, []).append(f"'{variable.name}'")
    if set(names) == {""}:
        (listed,) = names.values()
        return f" {', '.join(listed)}. "
    lines = [f"\n  {', '.join(listed)}{why}." for why, listed in names.items()]
    if len(lines) > _MOST_REASONS:
        rest = sum(map(len, list(names.values())[_MOST_REASONS:]))
        lines[_MOST_REASONS:] = [f"\n  and {rest} more."]
    return "".join(lines) + "\n"


def _is_same(before: Any, after: Any) -> bool:
    """Whether a setting is assigned the value that it has."""
    if before is after:
        return True
    kind = before.__class__
    return (
        kind is after.__class__
        and kind in (bool, int, float, str)
        and (before == after)
    )


def _of_step(rate: Callable) -> Callable:
    """A learning rate as a function of the step; one without arguments ignores it."""
    try:
        takes_step = bool(inspect.signature(rate).parameters)
    except (TypeError, ValueError):  # not written in Python
        takes_step = True
    return rate if takes_step else lambda step: rate()


def _checked_rate(value: TensorLike) -> Any:
    """A learning rate that can be used.

    Raises:
        ArgumentError: if it is negative or not finite.
        ArgumentTypeError: if it is no number.
    """
    try:
        number = float("no number" if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "`learning_rate` must be a number or a function of the step; got "
            f"{value!r}. Common values are 0.1 to 0.0001."
        ) from None
    if not math.isfinite(number) or number < 0:
        raise ArgumentError(
            f"`learning_rate` must be a finite number that is not negative; got "
            f"{number}. Common values are 0.1 to 0.0001."
        )
    return number


def _check_unique(variables: Sequence[Variable]) -> None:
    """Raise for a variable that is listed twice: one of its gradients would be lost."""
    if len(set(map(id, variables))) == len(variables):
        return
    listed = list(map(id, variables))
    name = next(v.name for v in variables if listed.count(id(v)) > 1)
    raise ArgumentError(
        f"Variable '{name}' is listed twice among those to update. Give each variable "
        "once: variables = list({id(v): v for v in variables}.values()), and ask the "
        "tape for the gradients of these."
    )


def _check_variable(variable: Any) -> None:
    if not isinstance(variable, Variable):
        raise ArgumentTypeError(
            f"An optimizer updates Variables; got {type(variable).__name__}. "
            "Pass model.trainable_variables."
        )
