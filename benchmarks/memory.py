"""Memory soak: 100,000 steps of W2 grow resident memory by under 20 MB.

    python -m benchmarks.memory
    python -m benchmarks.memory --steps 10000 plain raising

Each variant of the loop runs in a process of its own. Growth is counted from step
1,000, when everything is compiled; memory is looked at every 1,000 steps, and the bound
holds for the largest value seen.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import jaxtape as jt

from . import plain_jax

try:
    import resource
except ImportError:  # Windows
    resource = None

_VARIANTS = {
    "plain": "the loss is read every 100 steps",
    "appended": "the loss of every step is appended to a list as a float",
    "printed": "the loss of every step is printed",
    "raising": "every tenth step raises inside the tape and is caught",
    "persistent": "every tape is persistent and gives two gradients",
}
_BOUND_BYTES = 20e6
_WARMUP_STEPS = 1_000


def main() -> int:
    """Prints a row per variant; returns 1 if one of them exceeds the bound."""
    arguments = _parse()
    if arguments.in_this_process:
        print(json.dumps(_soak(arguments.variants[0], arguments.steps)))
        return 0
    print(f"{'variant':12}{'at 1,000':>12}{'at the end':>12}{'growth':>12}{'peak':>12}")
    passed = True
    for variant in arguments.variants or _VARIANTS:
        first, *later = samples = _soak_in_fresh_process(variant, arguments.steps)
        peak = max(later) - first
        columns = [first, samples[-1], samples[-1] - first, peak]
        mark = " " if peak < _BOUND_BYTES else "!"
        print(
            f"{variant:12}" + "".join(f"{size / 1e6:9.1f} MB" for size in columns),
            f"{mark} {_VARIANTS[variant]}",
            flush=True,
        )
        passed &= peak < _BOUND_BYTES
    return 0 if passed else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("variants", nargs="*", help=", ".join(_VARIANTS))
    parser.add_argument("--steps", type=int, default=100_000, help="default 100000")
    parser.add_argument("--in-this-process", action="store_true", help="as JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.variants) - set(_VARIANTS))
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; choose from {list(_VARIANTS)}")
    if arguments.steps <= 2 * _WARMUP_STEPS:
        parser.error(f"--steps must exceed {2 * _WARMUP_STEPS}; got {arguments.steps}")
    return arguments


def _soak_in_fresh_process(variant: str, steps: int) -> list[int]:
    command = [sys.executable, "-m", "benchmarks.memory", variant, "--in-this-process"]
    done = subprocess.run(
        [*command, f"--steps={steps}"],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def _soak(variant: str, steps: int) -> list[int]:
    """Resident bytes every 1,000 steps of the loop, from step 1,000 on."""
    model = jt.Sequential(
        [
            jt.layers.Dense(
                64,
                activation="relu",
                kernel_regularizer=jt.regularizers.l2(0.01),
                input_shape=(32,),
            ),
            jt.layers.Dense(1),
        ]
    )
    loss_fn = jt.losses.MeanSquaredError()
    optimizer = jt.optimizers.Adam(learning_rate=0.01)
    variables = model.trainable_variables
    batches = itertools.cycle(plain_jax.draw_regression(batch_size=64, features=32))
    history: list[float] = []
    samples: list[int] = []
    with open(os.devnull, "w") as nowhere:
        for step, (x, y) in enumerate(itertools.islice(batches, steps + 1)):
            try:
                with jt.GradientTape(persistent=variant == "persistent") as tape:
                    loss = loss_fn(y, model(x, training=True)) + jt.add_n(model.losses)
                    if variant == "raising" and step % 10 == 9:
                        raise _CaughtError
            except _CaughtError:
                continue
            if variant == "persistent":
                gradients = tape.gradient(loss, variables[:2])
                gradients += tape.gradient(loss, variables[2:])
            else:
                gradients = tape.gradient(loss, variables)
            gradients = [jt.clip_by_norm(g, 1.0) for g in gradients]
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
            if variant == "appended":
                history.append(float(loss))
            if variant == "printed" or step % 100 == 0:
                print(f"{step}: {loss:.4f}", file=nowhere)
            if step >= _WARMUP_STEPS and step % 1_000 == 0:
                samples.append(_resident_bytes())
    return samples


class _CaughtError(Exception):
    pass


def _resident_bytes() -> int:
    """Memory that the process holds now; its peak so far where only that is known."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if resource is None:
        sys.exit("benchmarks.memory cannot tell resident memory on this system.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
