"""L2 regularization: what it adds to the loss and the gradient, and to which weights.

Prints what it adds, and the largest difference from scikit-learn's ridge regression.
"""

import argparse
import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from tqdm import tqdm

import jaxtape as jt

STRENGTHS = np.logspace(-3, 1, 9)
STEPS = 1_000


def main(seed: int) -> None:
    """Show one layer's share, then weights against strength beside the closed form."""
    jt.random.set_seed(seed)
    data = load_diabetes()  # 442 patients, 10 measurements
    x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    y = (data.target - data.target.mean()) / data.target.std()
    x, y = x.astype(np.float32), y.astype(np.float32).reshape(-1, 1)
    what_one_regularizer_adds(x, y)

    found, exact = [], []
    for strength in tqdm(STRENGTHS, file=sys.stdout):
        found.append(trained(x, y, strength))
        # Ridge has the sum of squares where the loss has its mean
        exact.append(Ridge(alpha=strength * len(x)).fit(x, y).coef_.ravel())
    found, exact = np.array(found), np.array(exact)
    draw(found, exact, data.feature_names)
    print(
        f"largest difference from ridge regression: {np.abs(found - exact).max():.1e}"
    )


def what_one_regularizer_adds(x: np.ndarray, y: np.ndarray) -> None:
    """Compare loss and gradients with and without the penalty of the first layer."""
    penalty = jt.regularizers.L2(0.01)
    first = jt.layers.Dense(8, "tanh", kernel_regularizer=penalty, input_shape=(10,))
    model = jt.Sequential([first, jt.layers.Dense(1)])
    weights = model.trainable_variables
    with jt.GradientTape(persistent=True) as tape:
        error = jt.reduce_mean((y - model(x)) ** 2)
        loss = error + jt.add_n(model.losses)  # fit adds them by itself
    plain, whole = tape.gradient(error, weights), tape.gradient(loss, weights)
    kernel = first.kernel.numpy()
    off = abs(float(loss - error) - 0.01 * np.sum(kernel**2))
    print(f"added to the loss: {loss - error:.4f}, {off:.1e} from 0.01 * sum(W**2)")
    for weight, without, with_penalty in zip(weights, plain, whole, strict=True):
        added = (with_penalty - without).numpy()
        expected = 0.02 * kernel if weight is first.kernel else np.zeros(weight.shape)
        off, most = np.max(np.abs(added - expected)), np.max(np.abs(added))
        rule = "0.02 * W" if weight is first.kernel else "nothing"
        print(f"added to {weight.name}: at most {most:.4f}, {off:.1e} from {rule}")


def trained(x: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    """The weights of a linear model fitted under this penalty."""
    penalty = jt.regularizers.L2(strength)
    line = jt.layers.Dense(1, kernel_regularizer=penalty, input_shape=(10,))
    model = jt.Sequential([line])
    optimizer = jt.optimizers.SGD(learning_rate=0.05, momentum=0.95)
    x, y = jt.constant(x), jt.constant(y)
    for _ in range(STEPS):
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean((y - model(x)) ** 2) + jt.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
    return line.kernel.numpy().ravel()


def draw(found: np.ndarray, exact: np.ndarray, names: list[str]) -> None:
    """Save the weights against the strength as l2_regularization.png."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for index, name in enumerate(names):
        color = f"C{index}"
        axes.semilogx(STRENGTHS, found[:, index], color=color, label=name)
        axes.semilogx(STRENGTHS, exact[:, index], "o", color=color)
    axes.axhline(0, color="black", linewidth=1)
    axes.set(xlabel="strength of the L2 penalty", ylabel="weight (standardised data)")
    axes.set(title="Lines: trained by gradients. Dots: ridge regression, closed form")
    figure.legend(loc="outside right")
    figure.savefig("l2_regularization.png", dpi=120)
    print("picture: l2_regularization.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
