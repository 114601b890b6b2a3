"""W4: 28x28x1, Conv 32 3x3, max-pool, Conv 64 3x3, max-pool, Dense 10; batch 64.

Trained by Adam(0.001). The hand-written side has `jax.lax.conv_general_dilated` and
`jax.lax.reduce_window`, as an experienced user writes them.
"""

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
            name="W4 CNN 28x28, 32-64-10",
            weights=_draw_weights(),
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
            jt.layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
            jt.layers.MaxPooling2D(),
            jt.layers.Conv2D(64, 3, activation="relu"),
            jt.layers.MaxPooling2D(),
            jt.layers.Flatten(),
            jt.layers.Dense(10),
        ]
    )
    model.set_weights(weights)
    loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, loss_fn, jt.optimizers.Adam(learning_rate=0.001)


def _cross_entropy(params: Params, x: jax.Array, labels: jax.Array) -> jax.Array:
    *convolutions, (last_kernel, last_bias) = params
    for kernel, bias in convolutions:
        x = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + bias)
        window = (1, 2, 2, 1)
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
    logits = x.reshape(len(x), -1) @ last_kernel + last_bias
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


def _draw_weights(seed: int = 0) -> Weights:
    """Glorot uniform kernels and zeros, in the order of Keras's `get_weights`."""
    rng = np.random.default_rng(seed)
    weights = []
    for shape in ((3, 3, 1, 32), (3, 3, 32, 64), (1600, 10)):
        window = np.prod(shape[:-2], dtype=int)
        limit = np.sqrt(6.0 / (window * (shape[-2] + shape[-1])))
        kernel = rng.uniform(-limit, limit, shape)
        weights += [kernel.astype(np.float32), np.zeros(shape[-1], np.float32)]
    return weights


def _draw_images(num_batches: int = 16, seed: int = 1) -> list[Batch]:
    """Noise for images and the class that a noisy linear map scores highest.

    Shapes:
        images (64, 28, 28, 1) standard normal float32; labels (64,) int32
    """
    rng = np.random.default_rng(seed)
    template = rng.normal(size=(784, 10))
    batches: list[Batch] = []
    for _ in range(num_batches):
        images = rng.normal(size=(64, 784))
        scores = images @ template + 20.0 * rng.normal(size=(64, 10))
        labels = np.argmax(scores, axis=1).astype(np.int32)
        batches.append((images.reshape(64, 28, 28, 1).astype(np.float32), labels))
    return batches
