"""W1: linear regression on 100 points, full batch, Adam(0.01)."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jaxtape as jt

from . import plain_jax
from .harness import Workload, read_now_and_then
from .keras_adam import keras_adam
from .plain_jax import Batch, Weights


def workloads() -> list[Workload]:
    """The one network of this family."""
    return [
        Workload(
            name="W1 linear regression",
            weights=plain_jax.draw_weights([1, 1]),
            batches=plain_jax.draw_regression(batch_size=100, features=1),
            jaxtape=_jaxtape,
            function=_function,
            plain_jax=partial(
                plain_jax.train, plain_jax.mean_squared_error, keras_adam(0.01)
            ),
        )
    ]


def _jaxtape(weights: Weights, batches: Iterable[Batch]) -> Iterator[jt.Tensor]:
    model, loss_fn, optimizer = _parts(weights)
    for step, (x, y) in enumerate(batches):
        with jt.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
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
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    return read_now_and_then(train_step, batches)


def _parts(weights: Weights) -> tuple[Any, Any, Any]:
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(1,))])
    model.set_weights(weights)
    return model, jt.losses.MeanSquaredError(), jt.optimizers.Adam(learning_rate=0.01)
