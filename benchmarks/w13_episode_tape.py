"""W13: one tape over a whole episode of 10 to 200 states, of another length each time.

Actor-critic: the actor's probabilities are read at every state to draw an action, the
loss is a running sum (so that no shape depends on the length), and one gradient step
follows each episode. `python -m benchmarks.w13_episode_tape` prints time and compiles
per episode; the total, first calls included, is to stay under 10 s.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import jaxtape as jt

from .compiles import CompileCounter

_NUM_EPISODES = 20
_BOUND_SECONDS = 10.0
_DISCOUNT = 0.99

Episode = list[tuple[np.ndarray, float]]


def run_in_fresh_process() -> int:
    """Runs this file where nothing is compiled yet; returns its exit status."""
    command = [sys.executable, "-m", __name__]
    return subprocess.run(command, cwd=Path(__file__).parents[1]).returncode


def main() -> int:
    """Prints a row per episode and the total; returns 1 if that exceeds the bound."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 200, size=_NUM_EPISODES, endpoint=True)
    episodes = [_draw_episode(rng, length) for length in lengths]
    compiles = CompileCounter()
    print(f"{'W13':9}{'states':>8}{'time':>12}{'per state':>13}{'compiles':>10}")
    start = previous = time.perf_counter()
    compiled = 0
    for number, _ in enumerate(_jaxtape(episodes), 1):
        now = time.perf_counter()
        length = len(episodes[number - 1])
        new_compiles = compiles.count - compiled
        _print_row(f"episode {number}", length, now - previous, new_compiles)
        compiled, previous = compiles.count, time.perf_counter()
    total = time.perf_counter() - start
    _print_row("total", int(lengths.sum()), total, compiled)
    verdict = "held" if total < _BOUND_SECONDS else "exceeded!"
    print(f"bound {_BOUND_SECONDS:.0f} s {verdict}")
    return 0 if total < _BOUND_SECONDS else 1


def _print_row(name: str, length: int, seconds: float, compiles: int) -> None:
    print(
        f"{name:12}{length:5}{seconds * 1e3:9.1f} ms"
        f"{seconds / length * 1e3:10.2f} ms{compiles:10}",
        flush=True,
    )


def _jaxtape(episodes: list[Episode]) -> Iterator[jt.Tensor]:
    rng = np.random.default_rng(0)
    actor = jt.Sequential(
        [
            jt.layers.Dense(128, activation="relu", input_shape=(4,)),
            jt.layers.Dense(2, activation="softmax"),
        ]
    )
    critic = jt.Sequential(
        [
            jt.layers.Dense(128, activation="relu", input_shape=(4,)),
            jt.layers.Dense(1),
        ]
    )
    variables = actor.trainable_variables + critic.trainable_variables
    optimizer = jt.optimizers.Adam(learning_rate=0.01)
    for episode in episodes:
        with jt.GradientTape() as tape:
            loss = 0.0
            for state, discounted_return in episode:
                probs = actor(state, training=True)
                action = int(rng.random() < probs.numpy()[0, 1])
                advantage = discounted_return - critic(state, training=True)[0, 0]
                log_prob = jt.math.log(probs[0, action])
                loss += jt.square(advantage) - log_prob * jt.stop_gradient(advantage)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        float(loss)
        yield loss


def _draw_episode(rng: np.random.Generator, length: int) -> Episode:
    """Random states, each with its discounted return where every reward is 1."""
    states = rng.normal(size=(length, 1, 4)).astype(np.float32)
    powers = _DISCOUNT ** np.arange(length, 0, -1)
    returns = (1.0 - powers) / (1.0 - _DISCOUNT)
    return list(zip(states, returns.tolist(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
