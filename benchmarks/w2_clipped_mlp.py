"""W2: MLP 32-64-1, clipped gradients, L2 on the first kernel, batch 64, Adam(0.01)."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

import jaxtape as jt

from . import plain_jax
from .harness import Workload, read_now_and_then
from .keras_adam import keras_adam
from .plain_jax import Batch, Params, Weights


def workloads() -> list[Workload]:
    """The one network of this family."""
    optimizer = optax.chain(optax.stateless(_clip_each_by_norm), keras_adam(0.01))
    return [
        Workload(
            name="W2 clipped MLP 32-64-1",
            weights=plain_jax.draw_weights([32, 64, 1]),
            batches=plain_jax.draw_regression(batch_size=64, features=32),
            jaxtape=_jaxtape,
            function=_function,
            plain_jax=partial(plain_jax.train, _regularized_error, optimizer),
        )
    ]


def _jaxtape(weights: Weights, batches: Iterable[Batch]) -> Iterator[jt.Tensor]:
    model, loss_fn, optimizer = _parts(weights)
    for step, (x, y) in enumerate(batches):
        with jt.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True)) + jt.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients = [jt.clip_by_norm(g, 1.0) for g in gradients]
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        if step % 100 == 0:
            float(loss)
        yield loss


def _function(weights: Weights, batches: Iterable[Batch]) -> Iterator[jt.Tensor]:
    model, loss_fn, optimizer = _parts(weights)

    @jt.function
    def train_step(x: jt.Tensor, y: jt.Tensor) -> jt.Tensor:
        with jt.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True)) + jt.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients = [jt.clip_by_norm(g, 1.0) for g in gradients]
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    return read_now_and_then(train_step, batches)


def _parts(weights: Weights) -> tuple[Any, Any, Any]:
    model = jt.Sequential(
        [
            jt.layers.Dense(
                64,
                activation="relu",
                kernel_regularizer=jt.regularizers.l2(0.01),
                input_shape=(32,),
            ),
            jt.layers.Dense(1),
        ]
    )
    model.set_weights(weights)
    return model, jt.losses.MeanSquaredError(), jt.optimizers.Adam(learning_rate=0.01)


def _regularized_error(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    first_kernel, _ = params[0]
    penalty = 0.01 * jnp.sum(jnp.square(first_kernel))
    return plain_jax.mean_squared_error(params, x, y) + penalty


def _clip_each_by_norm(
    gradients: optax.Updates, params: optax.Params | None
) -> optax.Updates:
    """Each tensor g becomes g * min(1, 1 / norm(g))."""
    return jax.tree.map(
        lambda g: g * jnp.minimum(1.0, 1.0 / jnp.sqrt(jnp.sum(jnp.square(g)))),
        gradients,
    )
