"""Saliency maps of handwritten digits: how each pixel moves the score of its class.

Prints how far a map is from finite differences, and what hiding its pixels costs.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import jaxtape as jt

HIDDEN = (0, 1, 2, 4, 8, 16)  # how many of 64 pixels
NUDGE = 0.03  # of a pixel in [0, 1]: small for curves, large for float32 rounding


def main(seed: int) -> None:
    """Train, find the salient pixels of images held out, hide them, and draw."""
    jt.random.set_seed(seed)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype(np.float32)
    x, x_test, y, y_test = train_test_split(images, labels, random_state=seed)
    model = jt.Sequential()
    model.add(jt.layers.Conv2D(16, 3, activation="swish", input_shape=(8, 8, 1)))
    model.add(jt.layers.Conv2D(32, 3, activation="swish"))  # smooth, for differences
    model.add(jt.layers.Flatten())
    model.add(jt.layers.Dense(10))  # scores
    loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(jt.optimizers.Adam(0.002), loss_fn, metrics=["accuracy"])
    model.fit(x, y, batch_size=64, epochs=15, verbose=2)

    gradients = gradients_of_scores(model, x_test, y_test)
    differences = finite_differences(model, x_test, y_test)
    off = np.max(np.abs(gradients - differences)) / np.max(np.abs(gradients))
    saliency = np.abs(gradients).reshape(-1, 64)
    noise = np.random.default_rng(seed).random(saliency.shape)
    scores = {"most salient": [], "random": []}
    for name, ranks in zip(scores, (saliency, noise), strict=True):
        for count in HIDDEN:
            pixels = x_test.reshape(-1, 64).copy()
            hidden = np.argsort(-ranks, axis=1)[:, :count]
            np.put_along_axis(pixels, hidden, x.mean(), axis=1)  # grey
            pixels = pixels.reshape(x_test.shape)
            scores[name].append(np.mean(scores_of(model, pixels, y_test)))
    draw(x_test, y_test, saliency, scores)
    salient, random = (means[0] - means[-1] for means in scores.values())
    print(f"largest difference from finite differences: {off:.1e} of the gradient")
    print(f"16 salient pixels lose {salient / random:.1f} times what random ones lose")


def scores_of(model: jt.Model, images, labels: np.ndarray) -> jt.Tensor:
    """The score of each image's own class; a tape would add up a whole row."""
    return jt.gather(model(images), labels, axis=1, batch_dims=1)


def gradients_of_scores(model: jt.Model, x: np.ndarray, labels: np.ndarray):
    """What each pixel does to the score of the image's class."""
    images = jt.constant(x)
    with jt.GradientTape() as tape:
        tape.watch(images)
        scores = scores_of(model, images, labels)
    return tape.gradient(scores, images).numpy()


def finite_differences(model: jt.Model, x: np.ndarray, labels: np.ndarray):
    """The same by moving one pixel after the other up and down."""
    slopes = []
    for pixel in np.eye(64, dtype=np.float32).reshape(64, 8, 8, 1):
        ahead = scores_of(model, x + NUDGE * pixel, labels)
        behind = scores_of(model, x - NUDGE * pixel, labels)
        slopes.append((ahead - behind) / (2 * NUDGE))
    return jt.stack(slopes, axis=1).numpy().reshape(x.shape)


def draw(x: np.ndarray, labels: np.ndarray, saliency: np.ndarray, scores) -> None:
    """Save digits, their saliency and what hiding pixels does as saliency.png."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    for index, (top, bottom) in enumerate(left.subplots(2, 5).T):
        top.imshow(x[index, ..., 0], cmap="gray")
        top.set(title=f"a {labels[index]}", xticks=[], yticks=[])
        bottom.imshow(saliency[index].reshape(8, 8), cmap="hot")
        bottom.set(xticks=[], yticks=[])
    left.suptitle("Images, and how much each pixel moves the score (bright: much)")
    axes = right.subplots()
    for name, means in scores.items():
        axes.plot(HIDDEN, means, "o-", label=f"{name} pixels hidden")
    axes.set(xlabel="pixels hidden, of 64", ylabel="mean score of the class")
    axes.legend()
    figure.savefig("saliency.png", dpi=120)
    print("picture: saliency.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
