"""W7: REINFORCE with one state per step; the probabilities are read inside the tape.

The environment is a stand-in: states from a list and -1 as every reward. (A reward of
+1 would make the policy certain within 100 steps and the loss a rounding error of 0.)
Both sides draw an action with one `rng.random()`: `rng.choice` takes 20 us, which would
hide the framework's own time.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxtape as jt

from . import plain_jax
from .harness import Workload
from .keras_adam import keras_adam
from .plain_jax import Batch, Params, Weights

_REWARD = -1.0
_OPTIMIZER = keras_adam(0.01)


def workloads() -> list[Workload]:
    """The one network of this family."""
    rng = np.random.default_rng(1)
    states = rng.normal(size=(64, 1, 4)).astype(np.float32)
    return [
        Workload(
            name="W7 REINFORCE 4-16-2",
            weights=plain_jax.draw_weights([4, 16, 2]),
            batches=[(state,) for state in states],
            jaxtape=_jaxtape,
            function=_function,
            plain_jax=_plain_jax,
        )
    ]


def _jaxtape(weights: Weights, batches: Iterable[Batch]) -> Iterator[jt.Tensor]:
    rng = np.random.default_rng(0)
    policy, optimizer = _parts(weights)
    for step, (state,) in enumerate(batches):
        with jt.GradientTape() as tape:
            probs = policy(state, training=True)
            action = int(rng.random() < probs.numpy()[0, 1])
            loss = -jt.math.log(probs[0, action]) * _REWARD
        gradients = tape.gradient(loss, policy.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, policy.trainable_variables, strict=True)
        )
        if step % 100 == 0:
            float(loss)
        yield loss


def _function(weights: Weights, batches: Iterable[Batch]) -> Iterator[jt.Tensor]:
    rng = np.random.default_rng(0)
    policy, optimizer = _parts(weights)

    @jt.function
    def probabilities(state: jt.Tensor) -> jt.Tensor:
        return policy(state, training=True)

    @jt.function
    def update(state: jt.Tensor, action: jt.Tensor, reward: jt.Tensor) -> jt.Tensor:
        with jt.GradientTape() as tape:
            loss = -jt.math.log(policy(state, training=True)[0, action]) * reward
        gradients = tape.gradient(loss, policy.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, policy.trainable_variables, strict=True)
        )
        return loss

    for step, (state,) in enumerate(batches):
        probs = probabilities(state).numpy()
        action = np.int32(rng.random() < probs[0, 1])
        loss = update(state, action, np.float32(_REWARD))
        if step % 100 == 0:
            float(loss)
        yield loss


def _parts(weights: Weights) -> tuple[Any, Any]:
    policy = jt.Sequential(
        [
            jt.layers.Dense(16, activation="relu", input_shape=(4,)),
            jt.layers.Dense(2, activation="softmax"),
        ]
    )
    policy.set_weights(weights)
    return policy, jt.optimizers.Adam(learning_rate=0.01)


def _plain_jax(weights: Weights, batches: Iterable[Batch]) -> Iterator[jax.Array]:
    rng = np.random.default_rng(0)
    update = plain_jax.donated_update(_policy_loss, _OPTIMIZER)
    params = plain_jax.as_params(weights)
    optimizer_state = _OPTIMIZER.init(params)
    for step, (state,) in enumerate(batches):
        probs = np.asarray(_policy(params, state))
        action = int(rng.random() < probs[0, 1])
        params, optimizer_state, loss = update(
            params, optimizer_state, state, action, _REWARD
        )
        if step % 100 == 0:
            float(loss)
        yield loss


@jax.jit
def _policy(params: Params, state: jax.Array) -> jax.Array:
    return jax.nn.softmax(plain_jax.mlp(params, state))


def _policy_loss(
    params: Params, state: jax.Array, action: jax.Array, reward: jax.Array
) -> jax.Array:
    return -jnp.log(_policy(params, state)[0, action]) * reward
