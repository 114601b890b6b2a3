"""Integrated gradients on handwritten digits: which pixels made the network sure.

Prints how far the attributions are from adding up to the difference of the outputs.
"""

import argparse
import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import jaxtape as jt

STEPS = 128  # pieces of the path from the baseline to the image
BASELINE = np.zeros(64, np.float32)  # a black image
COARSER = (16, 8, 4, 2, 1)  # the rules take every 16th point, ..., at last all


def main(seed: int) -> None:
    """Train, attribute images held out, check completeness, and draw."""
    jt.random.set_seed(seed)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)  # 64 pixels in [0, 1]
    x, x_test, y, _ = train_test_split(images, labels, random_state=seed)
    # Smooth, unlike "relu": so the trapezoid rule's error falls as 1 / steps**2.
    hidden = jt.layers.Dense(64, activation="swish", input_shape=(64,))
    model = jt.Sequential([hidden, jt.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, verbose=2)

    x_test = x_test[:50]
    classes = model.predict(x_test, verbose=0).argmax(axis=1)
    outputs = model(x_test).numpy()[np.arange(50), classes]
    differences = outputs - model(BASELINE[None]).numpy()[0, classes]
    progress = tqdm(zip(x_test, classes, strict=True), total=50, file=sys.stdout)
    gradients = [gradients_on_path(model, image, c) for image, c in progress]
    gradients = np.stack(gradients)  # (image, point of the path, pixel)
    errors = {"trapezoid rule": [], "mean of all points": []}
    for every in COARSER:
        points = gradients[:, ::every]
        averages = {"trapezoid rule": trapezoid(points)}
        averages["mean of all points"] = np.mean(points, axis=1)
        for name, average in averages.items():
            sums = np.sum((x_test - BASELINE) * average, axis=1)
            parts = np.abs((sums - differences) / differences)
            errors[name].append(100 * np.max(parts))
    draw(x_test, classes, (x_test - BASELINE) * trapezoid(gradients), errors)
    for name, percents in errors.items():
        print(f"{name}: attributions add up to within {percents[-1]:.4f} percent")


def gradients_on_path(model: jt.Model, image: np.ndarray, index: int) -> np.ndarray:
    """The gradient of output number `index` at each point from baseline to image.

    Not of the whole row: a softmax adds up to 1, whose gradient is 0.
    """
    alphas = jt.linspace(0.0, 1.0, STEPS + 1)[:, jt.newaxis]
    path = BASELINE + alphas * (image - BASELINE)
    with jt.GradientTape() as tape:
        tape.watch(path)
        outputs = model(path)[:, index]
    return tape.gradient(outputs, path).numpy()


def trapezoid(gradients: np.ndarray) -> np.ndarray:
    """The mean along the path: off by a multiple of 1 / steps**2, not of 1 / steps."""
    return np.mean((gradients[:, :-1] + gradients[:, 1:]) / 2, axis=1)


def draw(x: np.ndarray, classes: np.ndarray, attributions: np.ndarray, errors) -> None:
    """Save digits, their attributions and the errors as integrated_gradients.png."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes = left.subplots(2, 5)
    for index, (top, bottom) in enumerate(axes.T):
        top.imshow(x[index].reshape(8, 8), cmap="gray")
        top.set(title=f"seen as {classes[index]}", xticks=[], yticks=[])
        parts, limit = attributions[index], np.abs(attributions[index]).max()
        bottom.imshow(parts.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        bottom.set(xticks=[], yticks=[])
    left.suptitle("Pixels that speak for the class (blue) and against it (red)")
    axes = right.subplots()
    for name, percents in errors.items():
        axes.loglog([STEPS // every for every in COARSER], percents, "o-", label=name)
    axes.set(title="Error of the sum of attributions")
    axes.set(xlabel="steps on the path", ylabel="largest error, percent")
    axes.legend()
    figure.savefig("integrated_gradients.png", dpi=120)
    print("picture: integrated_gradients.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
