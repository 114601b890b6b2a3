"""Jacobians and second derivatives: tapes in a loop against compiled JAX by hand.

    python -m benchmarks.derivatives
    python -m benchmarks.derivatives --rounds 40 hessian

- `batch_jacobian` of a 64-64-64 tanh network by its input, batch 64, is to take at most
  1.5 times `jax.jit(jax.vmap(jax.jacrev(...)))`.
- The Hessian by nested tapes (the outer tape's Jacobian of the inner one's gradient)
  and by `tape.hessian` is to take, of a 10-vector function, at most 100 microseconds
  more than the compiled `jax.hessian`, of a 1,000-vector one at most 1.5 times it.
- The Hessian-vector product of a network with a million parameters is to need at most
  four times the memory of its gradient: what resident memory grows to in a process of
  its own, over what it is when data and weights are there.

Both sides run in alternate blocks of calls; every result is waited for. Times are those
of the fastest block, so that another process costs neither side anything.
"""

import argparse
import functools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxtape as jt

from .plain_jax import draw_weights

try:
    import resource
except ImportError:  # Windows
    resource = None

Call = Callable[[], object]

_BLOCK_SECONDS = 0.05
_MAX_RATIO = 1.5
_MAX_OVERHEAD = 100e-6
_MAX_MEMORY_RATIO = 4.0
_SIZES = (1_000, 1_000)
_BATCH = 16_384


def main() -> int:
    """Prints a row per comparison; returns 1 if one of them exceeds its bound."""
    arguments = _parse()
    if arguments.peak_of:
        print(json.dumps(_grown_bytes(arguments.peak_of)))
        return 0
    names = arguments.names or [*_FAMILIES]
    passed = True
    for name in names:
        passed &= _FAMILIES[name](arguments.rounds)
    return 0 if passed else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.derivatives",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help=", ".join(_FAMILIES))
    parser.add_argument("--rounds", type=int, default=20, help="default 20")
    parser.add_argument("--peak-of", choices=("gradient", "hvp"), help="as JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(_FAMILIES))
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; choose from {list(_FAMILIES)}")
    return arguments


def _batch_jacobian(rounds: int) -> bool:
    weights = [jnp.asarray(w) for w in draw_weights([64, 64, 64])]
    x = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    device_x, constant = jnp.asarray(x), jt.constant(x)
    variables = [jt.Variable(w) for w in weights]

    def network(x: jax.Array, weights: Sequence[jax.Array]) -> jax.Array:
        first, bias, second, last_bias = weights
        return jnp.tanh(jnp.tanh(x @ first + bias) @ second + last_bias)

    plain = jax.jit(jax.vmap(jax.jacrev(network), (0, None)))

    def ours() -> jt.Tensor:
        first, bias, second, last_bias = variables
        with jt.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(constant)
            y = jt.tanh(jt.tanh(constant @ first + bias) @ second + last_bias)
        return tape.batch_jacobian(y, constant)

    def theirs() -> jax.Array:
        return plain(device_x, weights)

    return _compare("batch_jacobian 64-64-64", ours, theirs, rounds)


def _hessian(rounds: int) -> bool:
    passed = True
    for size, limit in ((10, _MAX_OVERHEAD), (1_000, None)):
        x = np.linspace(-1, 1, size, dtype=np.float32)
        device_x, variable = jnp.asarray(x), jt.Variable(x)
        theirs = functools.partial(jax.jit(jax.hessian(_plain_bowl)), device_x)
        for name, hessian in (("nested", _nested), ("tape.hessian", _by_tape)):
            row = f"Hessian of {size:,}, {name}"
            ours = functools.partial(hessian, variable)
            passed &= _compare(row, ours, theirs, rounds, limit)
    return passed


def _plain_bowl(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.sin(x) * jnp.square(x[::-1])) + jnp.square(jnp.sum(x))


def _bowl(x: jt.Variable) -> jt.Tensor:
    return jt.reduce_sum(jt.sin(x) * jt.square(x[::-1])) + jt.square(jt.reduce_sum(x))


def _nested(x: jt.Variable) -> jt.Tensor:
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = _bowl(x)
        slope = inner.gradient(y, x)
    return outer.jacobian(slope, x)


def _by_tape(x: jt.Variable) -> jt.Tensor:
    with jt.GradientTape() as tape:
        y = _bowl(x)
    return tape.hessian(y, x)


def _compare(
    name: str, ours: Call, theirs: Call, rounds: int, max_overhead: float | None = None
) -> bool:
    """Prints the fastest blocks of both sides; whether the bound holds.

    Args:
        name: The row's title.
        ours: A call of jaxtape's side.
        theirs: The same by hand.
        rounds: Pairs of blocks; which side goes first alternates.
        max_overhead: Seconds by which a call may take longer; default a ratio of 1.5.
    """
    for _ in range(3):  # the second call compiles
        jax.block_until_ready(ours())
    np.testing.assert_allclose(
        np.asarray(ours()), np.asarray(theirs()), rtol=1e-3, atol=1e-4
    )
    count = max(1, round(_BLOCK_SECONDS / _seconds(theirs, 3)))
    best = {ours: float("inf"), theirs: float("inf")}
    for index in range(rounds):
        for call in (ours, theirs) if index % 2 else (theirs, ours):
            best[call] = min(best[call], _seconds(call, count))
    ratio, overhead = best[ours] / best[theirs], best[ours] - best[theirs]
    passed = ratio <= _MAX_RATIO if max_overhead is None else overhead <= max_overhead
    print(
        f"{name:28}{best[ours] * 1e6:10.1f} us{best[theirs] * 1e6:10.1f} us"
        f"{ratio:7.2f}{overhead * 1e6:+10.1f} us {'' if passed else '!'}",
        flush=True,
    )
    return passed


def _seconds(call: Call, count: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(count):
        jax.block_until_ready(call())
    return (time.perf_counter() - start) / count


def _memory(rounds: int) -> bool:
    grown = {}
    for kind in ("gradient", "hvp"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.derivatives", "--peak-of", kind],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            check=True,
        )
        grown[kind] = json.loads(done.stdout)
    ratio = grown["hvp"] / grown["gradient"]
    passed = ratio <= _MAX_MEMORY_RATIO
    print(
        f"{'memory of the hvp':28}{grown['hvp'] / 1e6:10.1f} MB"
        f"{grown['gradient'] / 1e6:10.1f} MB{ratio:7.2f} {'' if passed else '!'}",
        flush=True,
    )
    return passed


def _grown_bytes(kind: str) -> int:
    """Peak of resident memory over what weights and data need, after five steps."""
    if resource is None:
        sys.exit("benchmarks.derivatives cannot tell peak memory on this system.")
    variables = [jt.Variable(w) for w in draw_weights(_SIZES)]
    vectors = [jt.constant(np.ones(v.shape, np.float32)) for v in variables]
    x = np.random.default_rng(1).normal(size=(_BATCH, _SIZES[0])).astype(np.float32)
    constant = jt.constant(x)
    before = _peak_bytes()
    for _ in range(5):
        with jt.GradientTape() as tape:
            kernel, bias = variables
            y = jt.tanh(constant @ kernel + bias)
            loss = jt.reduce_mean(jt.square(y))
        if kind == "hvp":
            found = tape.hvp(loss, variables, vectors)
        else:
            found = tape.gradient(loss, variables)
        jax.block_until_ready(found)
    return _peak_bytes() - before


def _peak_bytes() -> int:
    assert resource is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_FAMILIES = {"jacobian": _batch_jacobian, "hessian": _hessian, "memory": _memory}


if __name__ == "__main__":
    sys.exit(main())
