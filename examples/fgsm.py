"""The fast gradient sign method on handwritten digits: noise that a network cannot see.

Prints the accuracy of a small convolutional network at each epsilon of the attack.
"""

import argparse
import sys

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import trange

import jaxtape as jt

mpl.use("Agg")
import matplotlib.pyplot as plt

EPOCHS = 20
BATCH = 64
LOSS = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
EPSILONS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)  # pixels are in [0, 1]


def main(seed: int) -> None:
    """Train, attack with growing epsilon, and draw what happened."""
    jt.random.set_seed(seed)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype(np.float32)
    x, x_test, y, y_test = train_test_split(images, labels, random_state=seed)
    model = jt.Sequential()
    model.add(jt.layers.Conv2D(16, 3, activation="relu", input_shape=(8, 8, 1)))
    model.add(jt.layers.Conv2D(32, 3, activation="relu"))
    model.add(jt.layers.MaxPooling2D())
    model.add(jt.layers.Flatten())
    model.add(jt.layers.Dense(10))
    train(model, x, y, seed)
    signs = signs_of_gradient(model, x_test, y_test)
    accuracies = []
    for epsilon in EPSILONS:
        attacked = np.clip(x_test + epsilon * signs, 0, 1)
        accuracies.append(accuracy_of(model, attacked, y_test))
        print(f"epsilon {epsilon:.2f}: accuracy {accuracies[-1]:.3f}")
    draw(model, x_test[:5], signs[:5], accuracies)


def train(model: jt.Model, x: np.ndarray, y: np.ndarray, seed: int) -> None:
    """Adam on shuffled batches."""
    weights = model.trainable_variables
    optimizer = jt.optimizers.Adam(learning_rate=0.002)
    rng = np.random.default_rng(seed)
    for _ in (progress := trange(EPOCHS, file=sys.stdout, mininterval=1.0)):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            with jt.GradientTape() as tape:
                loss = LOSS(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(loss, weights)
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
        progress.set_postfix(loss=f"{loss:.3f}")


def signs_of_gradient(model: jt.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which way to move each pixel so that the loss grows."""
    images = jt.constant(x)
    with jt.GradientTape() as tape:
        tape.watch(images)
        loss = LOSS(y, model(images))
    return jt.sign(tape.gradient(loss, images)).numpy()


def accuracy_of(model: jt.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Share of the images that are recognised."""
    return float(np.mean(np.argmax(model(x).numpy(), axis=1) == y))


def draw(model: jt.Model, x: np.ndarray, signs: np.ndarray, accuracies: list) -> None:
    """Save images, perturbations and accuracy against epsilon as fgsm.png."""
    attacked = np.clip(x + 0.2 * signs, 0, 1)
    figure = plt.figure(figsize=(11, 4), layout="tight")
    for row, pictures in enumerate((x, signs, attacked)):
        guesses = np.argmax(model(pictures).numpy(), axis=1)
        for column, picture in enumerate(pictures):
            axes = figure.add_subplot(3, 10, row * 10 + column + 1)
            axes.imshow(picture[..., 0], cmap="gray")
            axes.set_title("" if row == 1 else f"seen as {guesses[column]}", fontsize=7)
            axes.axis("off")
    axes = figure.add_subplot(1, 2, 2)
    axes.plot(EPSILONS, accuracies, marker="o")
    axes.set(xlabel="epsilon", ylabel="accuracy", ylim=(0, 1))
    figure.savefig("fgsm.png", dpi=120)
    print("picture: fgsm.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
