"""Kills a process that saves again and again, and loads what it left.

    python -m tests.kill_saves 50         from the repository root: 50 kills
    python -m tests.kill_saves 50 SEED    at the moments of another seed

Each time a new process goes on with the model that the last one left, and saves it,
back to back, by `model.save` and `model.save_weights`. All its state is one number, one
more in each save, so that a mixture of two saves is seen. Exits with 1 if ever a folder
or file does not load, is a mixture, or is older than what was said to be saved.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import jaxtape as jt

LONGEST = 0.4  # seconds from the first save of a process to its end
UNITS = 256


def make():
    """A model and an optimizer with slots, about 1 MB together."""
    layers = [jt.layers.Dense(UNITS, input_shape=(UNITS,)), jt.layers.Dense(1)]
    model, optimizer = jt.Sequential(layers), jt.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    model.optimizer = optimizer
    return model


def state(model):
    return [*model.variables, *model.optimizer.variables]


def fill(model, number):
    for variable in state(model):
        if variable.name != "learning_rate":
            variable.assign(np.full(variable.shape, number, variable.dtype))


def number_of(model, variables):
    """The one number that all these variables hold."""
    found = {
        float(number)
        for variable in variables
        if variable.name != "learning_rate"
        for number in np.unique(variable.numpy())
    }
    assert len(found) == 1, f"a mixture of the saves {sorted(found)}"
    return int(found.pop())


def loaded(folder):
    """The numbers of the saves that the folder and the weights file are of."""
    model = jt.load_model(folder / "model")
    first = number_of(model, state(model))
    fill(model, -1)
    model.load_weights(folder / "weights.safetensors")
    return first, number_of(model, model.variables)


def save_on(folder):
    """Saves until it is killed; prints each number when it is on disk."""
    model = jt.load_model(folder / "model")
    number = number_of(model, state(model))
    while True:
        number += 1
        fill(model, number)
        model.save(folder / "model")
        model.save_weights(folder / "weights.safetensors")
        print(number, flush=True)


def drafts(folder):
    """Files that a killed process has left behind."""
    names = [*os.listdir(folder), *os.listdir(folder / "model")]
    return len(names) - len(("model", "weights.safetensors", "model.json", "state"))


def kill_once(folder, wait):
    """Lets a process save until `wait` seconds after its first save; its last one."""
    command = [sys.executable, "-m", "tests.kill_saves", "--save", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        lines = [child.stdout.readline()]
        time.sleep(wait)
        child.kill()
        lines += child.stdout.read().splitlines()
    complete = [line.strip() for line in lines if line.strip()]
    return int(complete[-1])


def kill_saves(folder, times, seed=0):
    """Kills `times` processes; returns how many left a save that was under way."""
    folder, chance = Path(folder), random.Random(seed)
    model = make()
    fill(model, 0)
    model.save(folder / "model")
    model.save_weights(folder / "weights.safetensors")
    under_way = 0
    for _ in range(times):
        last = kill_once(folder, chance.uniform(0, LONGEST))
        found = loaded(folder)
        assert found[0] in (last, last + 1), f"{found} loaded, {last} was saved"
        assert found[1] in (last, last + 1), f"{found} loaded, {last} was saved"
        under_way += drafts(folder) > 0 or found != (last, last)
    model = jt.load_model(folder / "model")
    model.save(folder / "model")
    model.save_weights(folder / "weights.safetensors")
    assert drafts(folder) == 0, os.listdir(folder / "model")
    return under_way


def main(arguments):
    if arguments[:1] == ["--save"]:
        save_on(Path(arguments[1]))
    numbers = [int(text) for text in arguments]
    times, seed = [*numbers, *(50, 0)[len(numbers) :]]
    with tempfile.TemporaryDirectory() as folder:
        under_way = kill_saves(folder, times, seed)
    print(f"{times} kills, {under_way} of them within a save: all loaded")


if __name__ == "__main__":
    main(sys.argv[1:])
