"""Work that never comes again: one-off expressions and tapes against eager JAX.

    python -m benchmarks.one_off

One thousand different expressions of five ops, outside a tape, against the same in
plain `jax.numpy`; and 200 differently wired tapes with a gradient against eager
`jax.grad`. Every result is read. Each side runs in fresh processes, so its first calls
and their compiles count; the import does not. Both ratios are to stay under 2.0.
"""

import argparse
import json
import math
import operator
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxtape as jt

# A leaf's number, or an op's name with its operands.
Tree = int | tuple[Any, ...]
# `Any` is either side's array.
Ops = Mapping[str, Callable[..., Any]]
Leaves = Sequence[Any] | Mapping[int, Any]
Results = list[np.ndarray]

_SHAPES = ((), (8,), (4, 8))
_LEAVES_PER_SHAPE = 2
_NUM_OPS = 5
_ARITHMETIC = {"add": operator.add, "mul": operator.mul, "sub": operator.sub}
_JAXTAPE_OPS: Ops = {
    **_ARITHMETIC,
    "tanh": jt.tanh,
    "exp": jt.exp,
    "maximum": jt.maximum,
}
_PLAIN_OPS: Ops = {
    **_ARITHMETIC,
    "tanh": jnp.tanh,
    "exp": jnp.exp,
    "maximum": jnp.maximum,
}
_UNARY = ("tanh", "exp")
_NUM_TREES = {"expressions": 1_000, "tapes": 200}
_BOUND = 2.0


def main() -> int:
    """Prints a row per kind of work; returns 1 if a ratio exceeds the bound."""
    arguments = _parse()
    if arguments.run:
        print(json.dumps(_run(*arguments.run)))
        return 0
    print(f"{'one-off':13}{'number':>7}{'jaxtape':>10}{'jax':>10}{'ratio':>7}  spread")
    passed = True
    for kind in _NUM_TREES:
        passed &= _compare(kind, arguments.repeats)
    return 0 if passed else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.one_off",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--repeats", type=int, default=3, help="default 3")
    parser.add_argument("--run", nargs=2, metavar=("KIND", "SIDE"), help="as JSON")
    return parser.parse_args()


def _compare(kind: str, repeats: int) -> bool:
    """Prints the medians of both sides' totals and of the ratios."""
    pairs = [
        (_run_in_fresh_process(kind, "jaxtape"), _run_in_fresh_process(kind, "jax"))
        for _ in range(repeats)
    ]
    ratios = [ours["seconds"] / theirs["seconds"] for ours, theirs in pairs]
    ours, theirs = (
        statistics.median(run["seconds"] for run in side)
        for side in zip(*pairs, strict=True)
    )
    ratio = statistics.median(ratios)
    agrees = all(
        math.isclose(ours["checksum"], theirs["checksum"], rel_tol=1e-4)
        for ours, theirs in pairs
    )
    print(
        f"{kind:13}{_NUM_TREES[kind]:7}{ours:8.2f} s{theirs:8.2f} s{ratio:7.2f}"
        f"  {min(ratios):.2f}-{max(ratios):.2f}"
        f"{'' if ratio < _BOUND else ' !'}{'' if agrees else ' values differ!'}",
        flush=True,
    )
    return ratio < _BOUND and agrees


def _run_in_fresh_process(kind: str, side: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.one_off", "--run", kind, side],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def _run(kind: str, side: str) -> dict[str, float]:
    """Total seconds of one side, and a sum over all results to compare."""
    work = {
        ("expressions", "jaxtape"): _jaxtape_expressions,
        ("expressions", "jax"): _jax_expressions,
        ("tapes", "jaxtape"): _jaxtape_tapes,
        ("tapes", "jax"): _jax_tapes,
    }[kind, side]
    trees, leaves = _draw_trees(_NUM_TREES[kind]), _draw_leaves()
    start = time.perf_counter()
    results = work(trees, leaves)
    seconds = time.perf_counter() - start
    # Nested exponentials overflow: tanh brings every result into -1 to 1.
    checksum = sum(np.tanh(np.nan_to_num(result)).mean() for result in results)
    return {"seconds": seconds, "checksum": float(checksum)}


def _jaxtape_expressions(trees: list[Tree], leaves: list[np.ndarray]) -> Results:
    constants = [jt.constant(leaf) for leaf in leaves]
    return [_evaluate(tree, constants, _JAXTAPE_OPS).numpy() for tree in trees]


def _jax_expressions(trees: list[Tree], leaves: list[np.ndarray]) -> Results:
    arrays = [jnp.asarray(leaf) for leaf in leaves]
    return [np.asarray(_evaluate(tree, arrays, _PLAIN_OPS)) for tree in trees]


def _jaxtape_tapes(trees: list[Tree], leaves: list[np.ndarray]) -> Results:
    variables = [jt.Variable(leaf) for leaf in leaves]
    results = []
    for tree in trees:
        sources = [variables[number] for number in sorted(_leaf_numbers(tree))]
        with jt.GradientTape() as tape:
            target = jt.reduce_sum(_evaluate(tree, variables, _JAXTAPE_OPS))
        gradients = tape.gradient(target, sources)
        results += [gradient.numpy() for gradient in gradients]
    return results


def _jax_tapes(trees: list[Tree], leaves: list[np.ndarray]) -> Results:
    arrays = [jnp.asarray(leaf) for leaf in leaves]

    def target(sources: dict[int, jax.Array], tree: Tree) -> jax.Array:
        return jnp.sum(_evaluate(tree, sources, _PLAIN_OPS))

    results = []
    for tree in trees:
        sources = {number: arrays[number] for number in sorted(_leaf_numbers(tree))}
        gradients = jax.grad(target)(sources, tree)
        results += [np.asarray(gradient) for gradient in gradients.values()]
    return results


def _evaluate(tree: Tree, leaves: Leaves, ops: Ops) -> Any:
    """Value of `tree` by the ops of one side."""
    if isinstance(tree, int):
        return leaves[tree]
    name, *operands = tree
    return ops[name](*[_evaluate(operand, leaves, ops) for operand in operands])


def _leaf_numbers(tree: Tree) -> set[int]:
    if isinstance(tree, int):
        return {tree}
    return set().union(*map(_leaf_numbers, tree[1:]))


def _draw_leaves() -> list[np.ndarray]:
    """Uniform between -1 and 1; every two shapes broadcast."""
    rng = np.random.default_rng(1)
    shapes = _SHAPES * _LEAVES_PER_SHAPE
    return [np.asarray(rng.uniform(-1, 1, shape), np.float32) for shape in shapes]


def _draw_trees(number: int) -> list[Tree]:
    """Different trees of `_NUM_OPS` ops each, in the order drawn."""
    rng = np.random.default_rng(0)
    trees: dict[Tree, None] = {}
    while len(trees) < number:
        trees[_draw_tree(rng, _NUM_OPS)] = None
    return list(trees)


def _draw_tree(rng: np.random.Generator, num_ops: int) -> Tree:
    if num_ops == 0:
        return int(rng.integers(len(_SHAPES) * _LEAVES_PER_SHAPE))
    name = str(rng.choice(list(_PLAIN_OPS)))
    if name in _UNARY:
        return (name, _draw_tree(rng, num_ops - 1))
    left = int(rng.integers(num_ops))
    return (name, _draw_tree(rng, left), _draw_tree(rng, num_ops - 1 - left))


if __name__ == "__main__":
    sys.exit(main())
