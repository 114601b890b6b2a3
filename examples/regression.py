"""Linear regression on the diabetes data by GradientTape, checked by least squares.

Prints the final loss and how far it and the coefficients are from the closed form.
"""

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_diabetes
from tqdm import trange

import jaxtape as jt

mpl.use("Agg")
import matplotlib.pyplot as plt

STEPS = 3_000


def main(seed: int) -> None:
    """Train, compare with the exact solution, and draw both."""
    jt.random.set_seed(seed)
    x, y = load_diabetes(return_X_y=True)  # 442 patients, 10 measurements
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = ((y - y.mean()) / y.std()).reshape(-1, 1)
    features, targets = jt.constant(x, jt.float32), jt.constant(y, jt.float32)

    model = jt.Sequential([jt.layers.Dense(1, input_shape=(10,))])
    loss_fn = jt.losses.MeanSquaredError()
    optimizer = jt.optimizers.SGD(learning_rate=0.2, momentum=0.95)
    history = []
    progress = trange(STEPS, file=sys.stdout, mininterval=1.0)
    for step in progress:
        with jt.GradientTape() as tape:
            loss = loss_fn(targets, model(features, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        if step % 100 == 0:
            history.append(float(loss))
            progress.set_postfix(loss=f"{loss:.4f}")

    design = np.hstack([x, np.ones((len(x), 1))])
    exact = np.linalg.lstsq(design, y, rcond=None)[0]
    best = np.mean((design @ exact - y) ** 2)
    kernel, bias = model.get_weights()
    found = np.append(kernel.ravel(), bias)
    final = np.mean((x @ kernel + bias - y) ** 2)
    off = abs(final - best) / best
    worst = np.max(np.abs(found - exact.ravel())) / np.max(np.abs(exact))
    draw(history, y.ravel(), (x @ kernel + bias).ravel())
    print(f"loss {final:.6f}, least squares {best:.6f}")
    print(f"relative difference {off:.1e}, largest coefficient error {worst:.1e}")


def draw(history: list[float], actual: np.ndarray, predicted: np.ndarray) -> None:
    """Save the loss curve and the predictions as regression.png."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    left.plot(np.arange(len(history)) * 100, history)
    left.set(xlabel="step", ylabel="mean squared error", title="Training", yscale="log")
    right.scatter(actual, predicted, s=8, alpha=0.6)
    limits = [actual.min(), actual.max()]
    right.plot(limits, limits, color="black", linewidth=1)
    right.set(
        xlabel="actual (standardised)",
        ylabel="predicted (standardised)",
        title="Disease progression",
    )
    figure.tight_layout()
    path = Path("regression.png")
    figure.savefig(path, dpi=120)
    print(f"picture: {path.resolve()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
