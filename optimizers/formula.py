"""Formula: what happens to gradients and variables in an update, whatever the rule."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..framework.recording import execution
from ..framework.recording.node import Handle


class Formula(NamedTuple):
    """An update rule with what all optimizers do around it.

    It holds no variables, since compiled programs keep it alive.

    Attributes:
        rule: The transformation of one variable.
        schedule: The learning rate as a function of the step, or `None`.
        weight_decay, clipnorm, clipvalue, global_clipnorm: As in `Optimizer`.
    """

    rule: optax.GradientTransformationExtraArgs
    schedule: Callable | None
    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None

    def change(
        self,
        step: jax.Array,
        values: list[jax.Array],
        gradients: list[jax.Array],
        slots: list[list[jax.Array]],
        rates: Sequence[jax.Array],
        flatten: Callable[[list[jax.Array]], list[jax.Array]],
    ) -> tuple[list[jax.Array], list[list[jax.Array]]]:
        """New values and slots, inside the program.

        `values` and `slots` may be whole homes, several variables one after another:
        what works element by element does not mind. Clipping goes by variable, so the
        gradients come one by one, and `flatten` joins them like the values.
        """
        rate = self.rate_in(step, rates)
        new_values, new_slots = [], []
        joined = flatten(self.clipped(gradients))
        for value, gradient, own in zip(values, joined, slots, strict=True):
            value = self.decayed(value, rate)
            tree = jax.tree.structure(self.rule.init(value))
            change: Any
            change, state = self.rule.update(
                gradient,
                jax.tree.unflatten(tree, own),
                value,
                learning_rate=rate.astype(value.dtype),
                step=step,
            )
            new_values.append(value + change)
            new_slots.append(jax.tree.leaves(state))
        return new_values, new_slots

    def change_jointly(
        self,
        step: jax.Array,
        values: list[jax.Array],
        gradients: list[jax.Array],
        slots: list[list[jax.Array]],
        rates: Sequence[jax.Array],
        flatten: Callable[[list[jax.Array]], list[jax.Array]],
    ) -> tuple[list[jax.Array], list[list[jax.Array]]]:
        """The same for a rule that sees all variables as one tree.

        The slots are those of the first variable; the rest have none.
        """
        tree = jax.tree.structure(jax.eval_shape(self.rule.init, values))
        state: Any = jax.tree.unflatten(tree, slots[0])
        changes: Any
        changes, state = self.rule.update(self.clipped(gradients), state, values)
        new_values = [v + c for v, c in zip(values, changes, strict=True)]
        return new_values, [jax.tree.leaves(state), *([] for _ in values[1:])]

    def rate_in(self, step: jax.Array, given: Sequence[jax.Array]) -> jax.Array:
        """The learning rate of this step."""
        if self.schedule is None:
            return given[0]
        with execution.detached():  # what it calls is a part of this program
            rate = self.schedule(step)
        array: Any = rate._array() if isinstance(rate, Handle) else rate
        return jnp.asarray(array, jnp.float32)

    def decayed(self, value: jax.Array, rate: jax.Array) -> jax.Array:
        """Decoupled decay: Loshchilov and Hutter, 2019, algorithm 2, line 12."""
        if self.weight_decay is None:
            return value
        return value - value * (rate * self.weight_decay).astype(value.dtype)

    def clipped(self, gradients: list[jax.Array]) -> list[jax.Array]:
        """The gradients within the limits that were asked for."""
        if self.clipvalue is not None:
            bound = self.clipvalue
            return [jnp.clip(g, -bound, bound) for g in gradients]
        if self.clipnorm is not None:
            return [
                g * _shrinkage([g], self.clipnorm).astype(g.dtype) for g in gradients
            ]
        if self.global_clipnorm is not None:
            factor = _shrinkage(gradients, self.global_clipnorm)
            return [g * factor.astype(g.dtype) for g in gradients]
        return gradients


def _shrinkage(gradients: Sequence[jax.Array], limit: float) -> jax.Array:
    """Factor that brings the common norm down to `limit`, safe at 0 and 1e25."""
    largest = jnp.max(
        jnp.stack(
            [jnp.max(jnp.abs(g), initial=0).astype(jnp.float32) for g in gradients]
        )
    )
    scale = jnp.where(largest > 0, largest, 1.0)
    squares = [jnp.sum(jnp.square(g.astype(jnp.float32) / scale)) for g in gradients]
    norm = jnp.sqrt(sum(squares[1:], squares[0]))
    return jnp.minimum(1.0, limit / jnp.maximum(norm * scale, limit))
