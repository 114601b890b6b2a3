"""`fit` and `predict` beside loops written by hand: `python -m benchmarks.fits`.

    python -m benchmarks.fits              W5, W6 and W10
    python -m benchmarks.fits W6           only that one
    python -m benchmarks.fits --quick      fewer rounds

W6 trains 8-16-1 on 10,000 rows, batch 32, 5 epochs, against the loop that a JAX expert
writes: one donated `jax.jit` of the step, batches cut from NumPy arrays in a new order
each epoch, the mean loss read at its end. W5 trains 784-512-512-10 on 60,000 rows,
batch 128, one epoch with accuracy and shuffling, against Keras 3 on JAX in the same
process (`pip install -e ".[bench]"`), and against the hand-written loop. W10 is
`predict` on 10,000 rows against the compiled function of plain JAX, and
`predict_on_batch` on one row.

Times are those of the second call and later ones, the sides in turn; the ratio is the
median of the rounds' ratios with its quartiles. "first" is what the first call took
more: compiling, mostly.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxtape as jt

from . import plain_jax
from .keras_adam import keras_adam

Call = Callable[[], object]


def main() -> None:
    """Prints a row for each comparison that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fits")
    parser.add_argument("names", nargs="*", default=["W6", "W10", "W5"])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    print(
        f"{'workload':34}{'jaxtape':>11}{'first':>9}{'rival':>11}{'first':>9}"
        f"{'ratio':>7}{'quartiles':>12}{'bound':>7}"
    )
    for name in arguments.names:
        rounds = 3 if arguments.quick else 7
        {"W5": _w5, "W6": _w6, "W10": _w10}[name](rounds)


def _report(
    title: str, ours: Call, theirs: Call, rounds: int, bound: float, repeat: int = 1
) -> None:
    first = _seconds(ours), _seconds(theirs)
    pairs = []
    for number in range(rounds):
        sides = [ours, theirs] if number % 2 else [theirs, ours]
        times = {side: _seconds(side, repeat) for side in sides}
        pairs.append((times[ours], times[theirs]))
    ratios = [a / b for a, b in pairs]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    print(
        f"{title:34}{_shown(medians[0])}{first[0] - medians[0]:8.1f}s"
        f"{_shown(medians[1])}{first[1] - medians[1]:8.1f}s"
        f"{ratio:7.2f}{f'{low:.2f}-{high:.2f}':>12}{bound:7.2f}",
        flush=True,
    )


def _seconds(call: Call, repeat: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:9.2f}ms" if seconds < 10 else f"{seconds:10.1f}s"


def _model(sizes: list[int], **options: object) -> jt.Sequential:
    *hidden, last = sizes[1:]
    layers = [
        jt.layers.Dense(units, activation="relu", input_shape=(features,))
        for units, features in zip(hidden, sizes, strict=False)
    ]
    model = jt.Sequential([*layers, jt.layers.Dense(last)])
    model.set_weights(plain_jax.draw_weights(sizes))
    model.compile(jt.optimizers.Adam(0.001), **options)
    return model


def _loop(
    sizes: list[int],
    loss_fn: plain_jax.Loss,
    data: tuple[np.ndarray, np.ndarray],
    batch_size: int,
    epochs: int,
) -> Call:
    """The hand-written loop: full batches in a new order, and the last, smaller one."""
    optimizer = keras_adam(0.001)
    update = plain_jax.donated_update(loss_fn, optimizer)
    params = plain_jax.as_params(plain_jax.draw_weights(sizes))
    state = [params, optimizer.init(params)]
    rng = np.random.default_rng(0)
    x, y = data

    def train() -> list[float]:
        params, opt_state = state
        means = []
        for _ in range(epochs):
            order, losses = rng.permutation(len(x)), []
            for start in range(0, len(x), batch_size):
                rows = order[start : start + batch_size]
                params, opt_state, loss = update(params, opt_state, x[rows], y[rows])
                losses.append(loss)
            means.append(float(jnp.mean(jnp.stack(losses))))
        state[:] = params, opt_state
        return means

    return train


def _w6(rounds: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(10_000, 8)).astype(np.float32)
    y = (x @ rng.normal(size=(8, 1)) + rng.normal(size=(10_000, 1))).astype(np.float32)
    model = _model([8, 16, 1], loss="mse")

    def ours() -> object:
        return model.fit(x, y, batch_size=32, epochs=5, verbose=0)

    theirs = _loop([8, 16, 1], plain_jax.mean_squared_error, (x, y), 32, 5)
    _report("W6 fit 8-16-1, 5 epochs / loop", ours, theirs, rounds, 0.35)


def _cross_entropy(
    params: plain_jax.Params, x: jax.Array, labels: jax.Array
) -> jax.Array:
    logits = plain_jax.mlp(params, x)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


def _w5(rounds: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60_000, 784)).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(784, 10)), axis=1).astype(np.int32)
    sizes = [784, 512, 512, 10]
    loss = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = _model(sizes, loss=loss, metrics=["accuracy"])

    def ours() -> object:
        return model.fit(x, y, batch_size=128, epochs=1, verbose=0)

    loop = _loop(sizes, _cross_entropy, (x, y), 128, 1)
    _report("W5 fit 784-512-512-10 / loop", ours, loop, rounds, float("nan"))
    _report("W5 fit 784-512-512-10 / Keras", ours, _keras(sizes, x, y), rounds, 0.95)


def _keras(sizes: list[int], x: np.ndarray, y: np.ndarray) -> Call:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras  # noqa: PLC0415 (only for this row)

    *hidden, last = sizes[1:]
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    model = keras.Sequential([*layers, keras.layers.Dense(last)])
    model.build((None, sizes[0]))
    model.set_weights(plain_jax.draw_weights(sizes))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.001), loss, metrics=["accuracy"])
    return lambda: model.fit(x, y, batch_size=128, epochs=1, verbose=0)


def _w10(rounds: int) -> None:
    rng = np.random.default_rng(1)
    sizes = [784, 512, 512, 10]
    x = rng.normal(size=(10_000, 784)).astype(np.float32)
    model = _model(sizes, loss="mse")
    params = plain_jax.as_params(plain_jax.draw_weights(sizes))
    compiled = jax.jit(plain_jax.mlp)

    def plain(rows: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(params, rows))

    np.testing.assert_allclose(model.predict(x, verbose=0), plain(x), atol=1e-4)
    whole: tuple[Call, Call] = lambda: model.predict(x, verbose=0), lambda: plain(x)
    row = x[:1]
    one: tuple[Call, Call] = lambda: model.predict_on_batch(row), lambda: plain(row)
    _report("W10 predict 10,000 rows / jit", *whole, 3 * rounds, 1.15)
    _report("W10 predict_on_batch 1 row / jit", *one, 3 * rounds, 3.0, repeat=100)


if __name__ == "__main__":
    main()
