"""Interrupts a training again and again, and compares its end with the straight run's.

    python -m tests.kill_fits 100            from the repository root: 100 runs
    python -m tests.kill_fits 100 TERM       the same with SIGTERM
    python -m tests.kill_fits 100 KILL SEED  at the moments of another seed

A run is a script that trains with `BackupAndRestore`. It is killed (`kill -9`) at a
random moment after `fit` was called, be it in a compile, an epoch, a validation or the
writing of a checkpoint, and is started again until it ends. SIGTERM must end it with
status 143 in time. In the end weights, slots, random streams and history must be those
of the run that was left alone, to the last bit. Exits with 1 if not.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import jaxtape as jt

SAMPLES, BATCH, EPOCHS, SAVE_FREQ = 301, 8, 30, 10
GRACE = 30.0  # seconds from SIGTERM to the end, row E11
TERMINATED = 128 + 15


def data(samples, seed):
    """A noisy sum of six features."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(samples, 6)).astype("float32")
    y = x.sum(1, keepdims=True) + chance.normal(size=(samples, 1))
    return x, y.astype("float32")


def make():
    """A model whose training depends on all that a checkpoint has to hold."""
    jt.utils.set_random_seed(1)
    model = jt.Sequential(
        [
            jt.layers.Dense(16, activation="relu", input_shape=(6,)),
            jt.layers.BatchNormalization(),
            jt.layers.Dropout(0.3),
            jt.layers.Dense(1),
        ]
    )
    model.compile(jt.optimizers.Adam(0.02), "mse", metrics=["mae"])
    return model


class Telling(jt.callbacks.Callback):
    """Says that the training begins, with its first compile before it."""

    def on_train_begin(self, logs=None):
        print("begun", flush=True)


def train(folder):
    """The script: trains, or goes on with it; prints what it came to."""
    with contextlib.suppress(AttributeError, ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # that of fit comes and goes
    model = make()
    callbacks = [
        jt.callbacks.EarlyStopping(patience=6, restore_best_weights=True),
        jt.callbacks.ReduceLROnPlateau(factor=0.5, patience=1),
        jt.callbacks.BackupAndRestore(folder, save_freq=SAVE_FREQ, verbose=0),
        Telling(),
    ]
    history = model.fit(
        *data(SAMPLES, 0),
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=data(45, 1),
        callbacks=callbacks,
        verbose=0,
    )
    print(json.dumps([digest(model), history.epoch, history.history]), flush=True)


def digest(model):
    """A hash of all variables, and of what the random streams say next."""
    found = hashlib.sha256()
    for variable in [*model.variables, *model.optimizer.variables]:
        found.update(np.ascontiguousarray(variable.numpy()).tobytes())
    found.update(jt.random.normal((4,)).numpy().tobytes())
    return found.hexdigest()


class Child:
    """A process that runs the script."""

    def __init__(self, folder, cache):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill_fits", "--train", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "JAX_COMPILATION_CACHE_DIR": str(cache),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            },
        )

    def __enter__(self):
        line = self._process.stdout.readline()
        assert line == "begun\n", f"{line!r} instead of a training that begins"
        self.began = time.monotonic()
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.__exit__(None, None, None)

    def end(self):
        """Wait for the end; the exit status, and what was printed."""
        printed = self._process.communicate(timeout=300)[0]
        return self._process.returncode, printed

    def interrupt(self, wait, kind):
        """Send a signal `wait` seconds after the beginning; then as `end`."""
        try:
            self._process.wait(max(0.0, self.began + wait - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.send_signal(kind)
        sent = time.monotonic()
        status, printed = self.end()
        assert time.monotonic() - sent < GRACE, "it did not end in time"
        return status, printed


def straight(folder, cache):
    """What the run that nobody interrupts prints, and how many seconds it trains."""
    for name in ("compiling", "straight"):  # the first fills the cache
        with Child(folder / name, cache) as child:
            status, printed = child.end()
            seconds = time.monotonic() - child.began
        assert status == 0
    _, epochs, history = json.loads(printed)
    assert len(epochs) < EPOCHS, "EarlyStopping has nothing to do"
    assert len(set(history["learning_rate"])) > 1, "ReduceLROnPlateau has nothing to do"
    return printed, seconds


def interrupted(folder, cache, seconds, kind, chance):
    """One run; how often it was interrupted, and what it printed at its end."""
    for times in range(100):
        with Child(folder, cache) as child:
            # At first not the last moments, so that it is interrupted at least once;
            # later and later, since the machine may be slower now.
            wait = chance.uniform(0, 0.9 * seconds * (1 + times / 4))
            status, printed = child.interrupt(wait, kind)
        if status == 0 and times:
            return times, printed
        expected = TERMINATED if kind == signal.SIGTERM else -kind
        assert status == expected or not times, f"exit status {status}"
    raise AssertionError("it never ends")


def kill_fits(folder, runs, kind, seed=0):
    """Interrupts `runs` trainings; returns how many interruptions there were."""
    folder, chance = Path(folder), random.Random(seed)
    cache = folder / "cache"
    expected, seconds = straight(folder, cache)
    count = 0
    for number in range(runs):
        path = folder / f"run-{number}"
        times, printed = interrupted(path, cache, seconds, kind, chance)
        assert printed == expected, f"run {number}: {printed} is not {expected}"
        assert not path.exists(), "the checkpoint is there still"
        count += times
    return count


def main(arguments):
    if arguments[:1] == ["--train"]:
        train(arguments[1])
        return
    runs, kind, seed = [*arguments, *("100", "KILL", "0")[len(arguments) :]]
    kind = getattr(signal, f"SIG{kind}")
    with tempfile.TemporaryDirectory() as folder:
        count = kill_fits(folder, int(runs), kind, int(seed))
    print(f"{runs} runs, {kind.name} {count} times: all as the straight run")


if __name__ == "__main__":
    main(sys.argv[1:])
