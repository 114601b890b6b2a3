"""W12: MLPs of width 64 with 4, 16 and 64 hidden layers, batch 32, Adam(0.001).

With Glorot kernels and no residual paths the signal halves in variance at each relu:
at depth 64 little but the last bias learns. The time per step does not depend on it.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jaxtape as jt

from . import plain_jax
from .harness import Workload, read_now_and_then
from .keras_adam import keras_adam
from .plain_jax import Batch, Weights


def workloads() -> list[Workload]:
    """One network per depth."""
    return [
        Workload(
            name=f"W12 MLP depth {depth}",
            weights=plain_jax.draw_weights([64] * (depth + 1) + [1]),
            batches=plain_jax.draw_regression(batch_size=32, features=64),
            jaxtape=partial(_jaxtape, depth),
            function=partial(_function, depth),
            plain_jax=partial(
                plain_jax.train, plain_jax.mean_squared_error, keras_adam(0.001)
            ),
        )
        for depth in (4, 16, 64)
    ]


def _jaxtape(
    depth: int, weights: Weights, batches: Iterable[Batch]
) -> Iterator[jt.Tensor]:
    model, loss_fn, optimizer = _parts(depth, weights)
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


def _function(
    depth: int, weights: Weights, batches: Iterable[Batch]
) -> Iterator[jt.Tensor]:
    model, loss_fn, optimizer = _parts(depth, weights)

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


def _parts(depth: int, weights: Weights) -> tuple[Any, Any, Any]:
    model = jt.Sequential(
        [
            jt.layers.Dense(64, activation="relu", input_shape=(64,)),
            *[jt.layers.Dense(64, activation="relu") for _ in range(depth - 1)],
            jt.layers.Dense(1),
        ]
    )
    model.set_weights(weights)
    return model, jt.losses.MeanSquaredError(), jt.optimizers.Adam(learning_rate=0.001)
