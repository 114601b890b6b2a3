"""The hand-written side: a multilayer perceptron trained by one donated `jax.jit`.

As an experienced user writes it: parameters are a list of `(kernel, bias)`, the whole
step is one program, parameters and optimizer state are donated to it, and it returns
the loss and nothing else that nobody asked for (no gradients).
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

Weights = Sequence[np.ndarray]
Batch = tuple[np.ndarray | jax.Array, ...]
Params = list[tuple[jax.Array, jax.Array]]
Loss = Callable[..., jax.Array]
Update = Callable[..., tuple[Params, optax.OptState, jax.Array]]


def draw_weights(sizes: Sequence[int], seed: int = 0) -> list[np.ndarray]:
    """Kernel, bias, kernel, bias, ..., in the order of Keras's `get_weights`.

    Kernels are Glorot uniform and biases zero, as Keras draws them. (With He normal
    kernels, 64 layers amplify a last-bit difference to 0.2 in 100 steps, and no two
    programs could be compared.)

    Shapes:
        kernel (sizes[i], sizes[i + 1]); bias (sizes[i + 1],)

    References:
        Glorot and Bengio, 2010, eq. 16.
    """
    rng = np.random.default_rng(seed)
    weights = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        kernel = rng.uniform(-limit, limit, (fan_in, fan_out))
        weights += [kernel.astype(np.float32), np.zeros(fan_out, np.float32)]
    return weights


def draw_regression(
    batch_size: int, features: int, num_batches: int = 16, seed: int = 1
) -> list[Batch]:
    """Batches `(x, y)` of a noisy linear map, each another draw.

    The noise keeps the loss away from zero, where relative differences mean little.

    Shapes:
        x (batch_size, features) standard normal; y (batch_size, 1)
    """
    rng = np.random.default_rng(seed)
    slope = rng.normal(size=(features, 1)) / np.sqrt(features)
    batches: list[Batch] = []
    for _ in range(num_batches):
        x = rng.normal(size=(batch_size, features))
        y = x @ slope + 0.5 * rng.normal(size=(batch_size, 1))
        batches.append((x.astype(np.float32), y.astype(np.float32)))
    return batches


def as_params(weights: Weights) -> Params:
    """Pairs kernels with biases, as fresh device arrays that may be donated."""
    arrays = [jnp.array(weight) for weight in weights]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def mlp(params: Params, x: jax.Array) -> jax.Array:
    """Affine maps with relu between them and nothing after the last one.

    Shapes:
        (batch, features) -> (batch, units of the last layer)
    """
    *hidden, (last_kernel, last_bias) = params
    for kernel, bias in hidden:
        x = jax.nn.relu(x @ kernel + bias)
    return x @ last_kernel + last_bias


def mean_squared_error(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean over batch and outputs of (y - mlp(x))**2."""
    return jnp.mean(jnp.square(y - mlp(params, x)))


@functools.cache
def donated_update(loss_fn: Loss, optimizer: optax.GradientTransformation) -> Update:
    """One program: (params, state, *batch) -> (params, state, loss).

    Args:
        loss_fn: Called with the parameters and the batch; returns a scalar.
        optimizer: Any optax transformation.
    """

    def update(
        params: Params, state: optax.OptState, *batch: jax.Array
    ) -> tuple[Params, optax.OptState, jax.Array]:
        loss, gradients = jax.value_and_grad(loss_fn)(params, *batch)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    return jax.jit(update, donate_argnums=(0, 1))


def train(
    loss_fn: Loss,
    optimizer: optax.GradientTransformation,
    weights: Weights,
    batches: Iterable[Batch],
) -> Iterator[jax.Array]:
    """Runs one donated step per batch; yields each loss, reads every hundredth."""
    update = donated_update(loss_fn, optimizer)
    params = as_params(weights)
    state = optimizer.init(params)
    for step, batch in enumerate(batches):
        params, state, loss = update(params, state, *batch)
        if step % 100 == 0:
            float(loss)
        yield loss
