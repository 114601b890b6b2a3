"""From import to the first trained step, in fresh processes.

    python -m benchmarks.first_step

The network of W3, 784-512-512-10, one step on 128 rows: by `fit`, by the tape, and by
hand-written JAX with optax. Wanted: at most 1.5 times plain JAX's.
"""

import statistics
import subprocess
import sys
import time

_ROUNDS = 5
_DATA = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(128, 784)).astype("float32")
y = rng.integers(0, 10, 128).astype("int32")
"""
_MODEL = """
import jaxtape as jt
model = jt.Sequential([
    jt.layers.Dense(512, activation="relu", input_shape=(784,)),
    jt.layers.Dense(512, activation="relu"),
    jt.layers.Dense(10),
])
loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = jt.optimizers.Adam(0.001)
"""
_FIT = """
model.compile(optimizer, loss_fn)
model.fit(x, y, batch_size=128, verbose=0)
"""
_TAPE = """
with jt.GradientTape() as tape:
    loss = loss_fn(y, model(x, training=True))
gradients = tape.gradient(loss, model.trainable_variables)
optimizer.apply_gradients(zip(gradients, model.trainable_variables))
float(loss)
"""
_PLAIN = """
import jax, jax.numpy as jnp, optax
keys = jax.random.split(jax.random.key(0), 3)
sizes = [784, 512, 512, 10]
init = jax.nn.initializers.glorot_uniform()
params = [
    (init(key, (a, b)), jnp.zeros(b)) for key, a, b in zip(keys, sizes, sizes[1:])
]
optimizer = optax.adam(0.001)
state = optimizer.init(params)
def loss_fn(params, x, y):
    for kernel, bias in params[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    logits = x @ params[-1][0] + params[-1][1]
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y))
@jax.jit
def update(params, state, x, y):
    loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = optimizer.update(gradients, state, params)
    return optax.apply_updates(params, updates), state, loss
params, state, loss = update(params, state, x, y)
float(loss)
"""
_SCRIPTS = {
    "fit": _DATA + _MODEL + _FIT,
    "tape": _DATA + _MODEL + _TAPE,
    "plain JAX": _DATA + _PLAIN,
}


def main() -> None:
    """Prints the median seconds of each script, and the ratios to plain JAX."""
    times: dict[str, list[float]] = {name: [] for name in _SCRIPTS}
    for _ in range(_ROUNDS):
        for name, script in _SCRIPTS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", script], check=True)
            times[name].append(time.perf_counter() - start)
    for name, seconds in times.items():
        pairs = zip(seconds, times["plain JAX"], strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        print(f"{name:10}{statistics.median(seconds):8.2f} s{ratio:8.2f}")


if __name__ == "__main__":
    main()
