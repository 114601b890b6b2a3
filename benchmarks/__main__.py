"""Prints jaxtape's time per step beside hand-written JAX's: `python -m benchmarks`.

Both sides run in this process, in alternate blocks of steps, from the same weights and
inputs. jaxtape's side is the plain script of a user, without a decorator, and in the
rows marked @ with `@jt.function` around its step; the other is a `jax.jit` of the whole
step with donated parameters and optimizer state. Times are
medians over the rounds; the ratio is the median of the rounds' ratios, followed by
their quartiles.

    python -m benchmarks              all workloads
    python -m benchmarks W2 W12       these
    python -m benchmarks --quick      fewer rounds
    python -m benchmarks --function   only the rows with @jt.function
    python -m benchmarks --noise W2   the hand-written side against itself

The last columns are checks; `!` marks what is not as expected, and then the exit status
is 1. "10 steps" and "100 steps" are the largest relative differences between the two
sides' losses over so many steps. The first is to be under 1e-5. So is the second, or
under ten times "rounding": what the hand-written losses change by when the first
weights move by one unit in the last place. (Each time rounding carries an input of a
relu across zero, a unit's gradient jumps and Adam makes a full step of it: W3 and
W12 at depth 16 come to 1e-2 and more within 100 steps whatever runs them.) "compiles"
counts XLA compiles after jaxtape's second step and is to be 0.
"""

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Callable

from . import (
    w1_linear_regression,
    w2_clipped_mlp,
    w3_classifier,
    w4_convolutional,
    w7_reinforce,
    w12_deep_mlp,
    w13_episode_tape,
)
from .compiles import CompileCounter
from .harness import Result, Workload, compare

_FAMILIES: dict[str, Callable[[], list[Workload]]] = {
    "W1": w1_linear_regression.workloads,
    "W2": w2_clipped_mlp.workloads,
    "W3": w3_classifier.workloads,
    "W4": w4_convolutional.workloads,
    "W7": w7_reinforce.workloads,
    "W12": w12_deep_mlp.workloads,
}
_EPISODES = "W13"
_HEADER = (
    f"{'workload':25}{'input':7}{'jaxtape':>11}{'jax.jit':>11}{'ratio':>7}"
    f"{'quartiles':>12}{'10 steps':>10}{'100 steps':>11}{'rounding':>10}"
    f"{'compiles':>10}"
)


def main() -> int:
    """Runs what the command line names; returns the exit status."""
    arguments = _parse()
    compiles = CompileCounter()
    passed = True
    names = [name for name in arguments.names if name != _EPISODES]
    if names:
        print(_HEADER)
    for name in names:
        for workload in _FAMILIES[name]():
            if not arguments.function:
                passed &= _report(workload, arguments, compiles)
            if not arguments.noise:
                passed &= _report(_with_function(workload), arguments, compiles)
    if _EPISODES in arguments.names:
        print(flush=True)
        passed &= w13_episode_tape.run_in_fresh_process() == 0
    return 0 if passed else 1


def _parse() -> argparse.Namespace:
    known = [*_FAMILIES, _EPISODES]
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", type=str.upper, help=", ".join(known))
    parser.add_argument("--quick", action="store_true", help="5 rounds, not 15")
    parser.add_argument("--function", action="store_true", help="only with a function")
    parser.add_argument("--noise", action="store_true", help="plain JAX on both sides")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(known))
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; choose from {', '.join(known)}")
    arguments.names = arguments.names or known
    return arguments


def _with_function(workload: Workload) -> Workload:
    return dataclasses.replace(
        workload, name=f"{workload.name} @", jaxtape=workload.function
    )


def _report(
    workload: Workload, arguments: argparse.Namespace, compiles: CompileCounter
) -> bool:
    """Prints a row per feed; returns whether all checks passed."""
    if arguments.noise:
        workload = dataclasses.replace(workload, jaxtape=workload.plain_jax)
    rounds = 5 if arguments.quick else 15
    passed = True
    for feed in ("device", "numpy"):
        result = compare(workload, feed, rounds, compiles)
        print(_row(workload.name, feed, result), flush=True)
        passed &= result.is_early_close and result.is_close
        passed &= result.late_compiles == 0
    return passed


def _row(name: str, feed: str, result: Result) -> str:
    low, ratio, high = statistics.quantiles(result.ratios, n=4)
    return (
        f"{name:25}{feed:7}"
        f"{result.jaxtape_seconds * 1e6:8.1f} us{result.plain_seconds * 1e6:8.1f} us"
        f"{ratio:7.2f}{f'{low:.2f}-{high:.2f}':>12}"
        f"{result.early_difference:9.1e}{_mark(result.is_early_close)}"
        f"{result.loss_difference:10.1e}{_mark(result.is_close)}"
        f"{result.rounding:9.1e}"
        f"{result.late_compiles:10}{_mark(result.late_compiles == 0)}"
    ).rstrip()


def _mark(passed: bool) -> str:
    return " " if passed else "!"


if __name__ == "__main__":
    sys.exit(main())
