"""A call `model(x)` on one row, outside any tape: `python -m benchmarks.one_row`.

784-512-512-10 on one row, each result read, against the same network as one compiled
function of plain JAX. Wanted: at most 3 times its time from the third call on.
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import jaxtape as jt

from . import plain_jax

_CALLS = 200
_ROUNDS = 30


def main() -> None:
    """Prints the median times and the median ratio of the rounds, with quartiles."""
    weights = plain_jax.draw_weights([784, 512, 512, 10])
    model = jt.Sequential(
        [
            jt.layers.Dense(512, activation="relu", input_shape=(784,)),
            jt.layers.Dense(512, activation="relu"),
            jt.layers.Dense(10),
        ]
    )
    model.set_weights(weights)
    params, compiled = plain_jax.as_params(weights), jax.jit(plain_jax.mlp)
    row = jnp.ones((1, 784))
    np.testing.assert_allclose(model(row), compiled(params, row), rtol=1e-5, atol=1e-6)
    model(row)
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        ours.append(_seconds(lambda: model(row)))
        theirs.append(_seconds(lambda: compiled(params, row)))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    print(
        f"one row: jaxtape {statistics.median(ours) * 1e6:.0f} us, jax.jit "
        f"{statistics.median(theirs) * 1e6:.0f} us, ratio {ratio:.2f} "
        f"({low:.2f}-{high:.2f})"
    )


def _seconds(call: Callable) -> float:
    start = time.perf_counter()
    for _ in range(_CALLS):
        np.asarray(call())
    return (time.perf_counter() - start) / _CALLS


if __name__ == "__main__":
    main()
