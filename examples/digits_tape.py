"""The network of digits_fit.py, trained by a plain GradientTape loop.

Prints the accuracy held out, and how far the losses of the epochs are from fit's.
"""

import argparse
import math
import sys
import time

import numpy as np
from digits_fit import BATCH, EPOCHS, digits, network
from matplotlib.figure import Figure
from tqdm import trange

import jaxtape as jt


def main(seed: int) -> None:
    """Train by tape and by fit, and compare."""
    start = time.perf_counter()
    x, held_out, y, labels = digits()
    steps = EPOCHS * math.ceil(len(x) / BATCH)
    model = network(seed, steps)
    losses = train(model, x, y)
    guesses = model(held_out, training=False).numpy().argmax(axis=-1)
    print(f"took {time.perf_counter() - start:.1f} s")
    print(f"accuracy held out: {np.mean(guesses == labels):.4f}")

    history = network(seed, steps).fit(
        x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0
    )
    by_fit = np.array(history.history["loss"])
    draw(losses, by_fit)
    worst = np.max(np.abs(losses - by_fit) / by_fit)
    print(f"largest relative difference of the losses from fit's: {worst:.1e}")


def train(model: jt.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Adam on the batches in their order; returns the mean loss of each epoch."""
    weights, loss_fn, losses = model.trainable_variables, model.loss, []
    epochs = trange(EPOCHS, file=sys.stdout, mininterval=1.0)
    for _ in epochs:
        mean = jt.metrics.Mean()
        for first in range(0, len(x), BATCH):
            images, labels = x[first : first + BATCH], y[first : first + BATCH]
            with jt.GradientTape() as tape:
                loss = loss_fn(labels, model(images, training=True))
            gradients = tape.gradient(loss, weights)
            model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
            mean.update_state(loss, sample_weight=len(images))
        losses.append(float(mean.result()))
        epochs.set_postfix(loss=f"{losses[-1]:.4f}")
    return np.array(losses)


def draw(losses: np.ndarray, by_fit: np.ndarray) -> None:
    """Save both curves as digits_tape.png."""
    figure = Figure()
    axes = figure.subplots()
    epochs = np.arange(1, EPOCHS + 1)
    axes.plot(epochs, by_fit, linewidth=5, alpha=0.4, label="fit")
    axes.plot(epochs, losses, label="tape")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig("digits_tape.png", dpi=120)
    print("picture: digits_tape.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
