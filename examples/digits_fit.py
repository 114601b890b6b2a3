"""A small convolutional network on scikit-learn's digits, by compile and fit.

Prints the accuracy on the fifth of the 1,797 images that training has not seen.
"""

import argparse
import math
import time

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import jaxtape as jt

BATCH = 32
EPOCHS = 40


def main(seed: int) -> float:
    """Train, draw curves and mistakes; returns the accuracy on images held out."""
    start = time.perf_counter()
    x, held_out, y, labels = digits()
    model = network(seed, steps=EPOCHS * math.ceil(len(x) / BATCH))
    # In the order that train_test_split shuffled to, so that digits_tape.py, which
    # goes through the same batches with the same dropout, gives the same curve.
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=2)
    history.plot(to_file="digits_fit.png")  # each metric against epochs
    guesses = model.predict(held_out, verbose=0).argmax(axis=-1)
    draw(held_out, labels, guesses)
    print("pictures: digits_fit.png, digits_mistakes.png")
    print(f"took {time.perf_counter() - start:.1f} s")
    accuracy = float(np.mean(guesses == labels))
    print(f"accuracy held out: {accuracy:.4f}")
    return accuracy


def digits() -> list[np.ndarray]:
    """Images (n, 8, 8, 1) from 0 to 1 to train on and held out, labels of both."""
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    return train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )


def network(seed: int, steps: int) -> jt.Model:
    """The compiled model, for a training of so many steps.

    Chosen by threefold cross-validation on the images to train on, two seeds: 98.6
    percent with half the filters and no normalization, 98.9 with these filters alone,
    99.2 with both. The images held out chose nothing.
    """
    jt.random.set_seed(seed)
    model = jt.Sequential(
        [
            jt.layers.Input((8, 8, 1)),
            jt.layers.Conv2D(32, 3, padding="same", activation="relu"),
            jt.layers.BatchNormalization(),
            jt.layers.Conv2D(32, 3, padding="same", activation="relu"),
            jt.layers.BatchNormalization(),
            jt.layers.MaxPooling2D(),
            jt.layers.Dropout(0.25),
            jt.layers.Conv2D(64, 3, padding="same", activation="relu"),
            jt.layers.BatchNormalization(),
            jt.layers.Flatten(),
            jt.layers.Dropout(0.5),
            jt.layers.Dense(10),
        ]
    )
    model.compile(
        jt.optimizers.Adam(jt.optimizers.schedules.CosineDecay(0.002, steps)),
        loss=jt.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def draw(images: np.ndarray, labels: np.ndarray, guesses: np.ndarray) -> None:
    """Save the images that were taken for another digit as digits_mistakes.png."""
    wrong = np.flatnonzero(guesses != labels)
    figure = Figure(figsize=(1.2 * max(len(wrong), 2), 1.8))
    for place, axes in zip(wrong, figure.subplots(1, max(len(wrong), 2)), strict=False):
        axes.imshow(images[place, ..., 0], cmap="gray_r")
        axes.set(title=f"{labels[place]} as {guesses[place]}", xticks=[], yticks=[])
    figure.savefig("digits_mistakes.png", dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
