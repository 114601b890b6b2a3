"""W3: classifier 784-512-512-10, batch 128, cross-entropy from logits, Adam(0.001)."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxtape as jt

from . import plain_jax
from .harness import Workload, read_now_and_then
from .keras_adam import keras_adam
from .plain_jax import Batch, Params, Weights


def workloads() -> list[Workload]:
    """The one network of this family."""
    return [
        Workload(
            name="W3 MLP 784-512-512-10",
            weights=plain_jax.draw_weights([784, 512, 512, 10]),
            batches=_draw_images(),
            jaxtape=_jaxtape,
            function=_function,
            plain_jax=partial(plain_jax.train, _cross_entropy, keras_adam(0.001)),
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
    model = jt.Sequential(
        [
            jt.layers.Dense(512, activation="relu", input_shape=(784,)),
            jt.layers.Dense(512, activation="relu"),
            jt.layers.Dense(10),
        ]
    )
    model.set_weights(weights)
    loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, loss_fn, jt.optimizers.Adam(learning_rate=0.001)


def _cross_entropy(params: Params, x: jax.Array, labels: jax.Array) -> jax.Array:
    logits = plain_jax.mlp(params, x)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


def _draw_images(num_batches: int = 16, seed: int = 1) -> list[Batch]:
    """Noise for images and the class that a noisy linear map scores highest.

    Shapes:
        images (128, 784) standard normal float32; labels (128,) int32
    """
    rng = np.random.default_rng(seed)
    template = rng.normal(size=(784, 10))
    batches: list[Batch] = []
    for _ in range(num_batches):
        images = rng.normal(size=(128, 784))
        scores = images @ template + 20.0 * rng.normal(size=(128, 10))
        labels = np.argmax(scores, axis=1).astype(np.int32)
        batches.append((images.astype(np.float32), labels))
    return batches
