"""Runs two training scripts side by side and compares time, losses and compiles.

A script is a generator that yields its loss after every step. So the loop is the one
that a user writes, its `loss`, `gradients` and `tape` stay alive as local variables
from one step to the next, and the harness can still stop it after any step.
"""

import collections
import dataclasses
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import SupportsFloat

import jax.numpy as jnp
import numpy as np

from .compiles import CompileCounter
from .plain_jax import Batch, Weights

Script = Callable[[Weights, Iterable[Batch]], Iterator[SupportsFloat]]

# Every script reads its loss at steps 0, 100, 200, ...: a block of a multiple of 100
# steps that starts after such a read ends with one, so nothing is left in flight.
_READ_EVERY = 100
# Shorter blocks are lost in the machine's noise, longer ones see its slow drift.
_BLOCK_SECONDS = 0.06
_CHECKED_STEPS = 100
_EARLY_STEPS = 10
# Relative. Holds in the early steps, and later where rounding alone does not do more.
_LOSS_TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True)
class Workload:
    """One training loop, written for jaxtape and by hand, with its data.

    Args:
        name: Its row's title; starts with the name on the command line.
        weights: Initial weights of both sides, in the order of Keras's `get_weights`.
        batches: The batches to feed in turn, as NumPy arrays.
        jaxtape: The script as a user of jaxtape writes it.
        function: The same with `@jt.function` around its step.
        plain_jax: The same in plain JAX.
    """

    name: str
    weights: Weights
    batches: list[Batch]
    jaxtape: Script
    function: Script
    plain_jax: Script


@dataclasses.dataclass(frozen=True)
class Result:
    """What `compare` found.

    Args:
        jaxtape_seconds: Median over the rounds, per step.
        plain_seconds: The same of the hand-written side.
        ratios: jaxtape's time over the hand-written one, round by round.
        early_difference: Largest relative difference of the losses in 10 steps.
        loss_difference: The same in 100 steps.
        rounding: The same between two hand-written runs, one of which starts from
            weights moved by one unit in the last place: what rounding alone can do.
        late_compiles: Backend compiles after jaxtape's second step.
    """

    jaxtape_seconds: float
    plain_seconds: float
    ratios: list[float]
    early_difference: float
    loss_difference: float
    rounding: float
    late_compiles: int

    @property
    def is_early_close(self) -> bool:
        """Whether the losses of the early steps agree."""
        return self.early_difference <= _LOSS_TOLERANCE

    @property
    def is_close(self) -> bool:
        """Whether the losses agree as well as rounding lets them."""
        # Ten times: two moved runs tell no more than the order of magnitude.
        return self.loss_difference <= max(_LOSS_TOLERANCE, 10 * self.rounding)


def compare(
    workload: Workload, feed: str, rounds: int, compiles: CompileCounter
) -> Result:
    """Times both sides in alternate blocks, then compares their losses.

    Args:
        workload: The two scripts and their data.
        feed: "device" for the first batch as device arrays at every step, "numpy" for
            the batches in turn as NumPy arrays.
        rounds: Pairs of blocks; which side goes first alternates.
        compiles: The process's counter.
    """
    plain = workload.plain_jax(workload.weights, _endless(workload.batches, feed))
    jaxtape = workload.jaxtape(workload.weights, _endless(workload.batches, feed))
    _advance(plain, 1 + 2 * _READ_EVERY)
    _advance(jaxtape, 2)
    # The hand-written side has all its programs by now: a later compile is jaxtape's.
    early_compiles = compiles.count
    _advance(jaxtape, 2 * _READ_EVERY - 1)
    jaxtape_seconds, plain_seconds = _time(jaxtape, plain, rounds)
    late_compiles = compiles.count - early_compiles
    pairs = zip(jaxtape_seconds, plain_seconds, strict=True)
    ours, moved = _loss_differences(workload, feed)
    return Result(
        jaxtape_seconds=statistics.median(jaxtape_seconds),
        plain_seconds=statistics.median(plain_seconds),
        ratios=[ours / theirs for ours, theirs in pairs],
        early_difference=float(ours[:_EARLY_STEPS].max()),
        loss_difference=float(ours.max()),
        rounding=float(moved.max()),
        late_compiles=late_compiles,
    )


def read_now_and_then(
    train_step: Callable[..., SupportsFloat], batches: Iterable[Batch]
) -> Iterator[SupportsFloat]:
    """The loop around a step that is one function: yields its losses."""
    for step, batch in enumerate(batches):
        loss = train_step(*batch)
        if step % _READ_EVERY == 0:
            float(loss)
        yield loss


def _endless(batches: list[Batch], feed: str) -> Iterator[Batch]:
    if feed == "device":
        return itertools.repeat(tuple(jnp.asarray(array) for array in batches[0]))
    return itertools.cycle(batches)


def _advance(script: Iterator[SupportsFloat], steps: int) -> float:
    """Seconds that `steps` further steps of `script` take; holds no loss."""
    start = time.perf_counter()
    collections.deque(itertools.islice(script, steps), maxlen=0)
    return time.perf_counter() - start


def _time(
    jaxtape: Iterator[SupportsFloat], plain: Iterator[SupportsFloat], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds per step of each side, round by round."""
    blocks = math.ceil(_BLOCK_SECONDS / _advance(plain, _READ_EVERY))
    steps = blocks * _READ_EVERY
    jaxtape_seconds, plain_seconds = [], []
    for index in range(rounds):
        sides = [(jaxtape, jaxtape_seconds), (plain, plain_seconds)]
        for script, seconds in sides if index % 2 else reversed(sides):
            seconds.append(_advance(script, steps) / steps)
    return jaxtape_seconds, plain_seconds


def _loss_differences(workload: Workload, feed: str) -> tuple[np.ndarray, np.ndarray]:
    """Relative differences step by step: jaxtape's, and what rounding alone does."""
    expected = _losses(workload, workload.plain_jax, workload.weights, feed)
    ours = _losses(workload, workload.jaxtape, workload.weights, feed)
    moved = [
        _losses(workload, workload.plain_jax, _one_unit_towards(limit, workload), feed)
        for limit in (-np.inf, np.inf)
    ]
    scale = np.abs(expected)
    return np.abs(ours - expected) / scale, np.abs(moved - expected) / scale


def _losses(
    workload: Workload, script: Script, weights: Weights, feed: str
) -> np.ndarray:
    """The first losses, over all batches in turn: one alone is learnt by heart."""
    batches = workload.batches
    if feed == "device":
        batches = [tuple(jnp.asarray(array) for array in batch) for batch in batches]
    run = script(weights, itertools.cycle(batches))
    return np.array([float(loss) for loss in itertools.islice(run, _CHECKED_STEPS)])


def _one_unit_towards(limit: float, workload: Workload) -> Weights:
    return [np.nextafter(w, np.float32(limit)) for w in workload.weights]
