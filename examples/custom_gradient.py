"""Gradients of one's own: a ReLU that does not die, and rounding that can be trained.

Prints values and gradients, losses before and after, and the whole numbers found.
"""

import argparse
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import jaxtape as jt

STEPS = 600
WHOLE = np.array([3, -2, 5, 1], np.float32)  # what the rounded weights shall be


@jt.custom_gradient
def leaking_relu(x):
    """ReLU, but a tenth of the gradient passes where the output is 0."""

    def gradient(upstream):
        return jt.where(x > 0, upstream, 0.1 * upstream)

    return jt.nn.relu(x), gradient


@jt.custom_gradient
def straight_through_round(x):
    """Rounding, but with the gradient of the identity."""
    return jt.round(x), lambda upstream: upstream


def main(seed: int) -> None:
    """Train a unit that begins dead, then weights that are rounded."""
    for function in (jt.nn.relu, leaking_relu, jt.round, straight_through_round):
        print(f"{function.__name__} at -2.4 and 3.4:", *value_and_gradient(function))
    x = np.random.default_rng(seed).uniform(-2, 2, size=(256, 4)).astype("float32")
    units, rounded = {}, {}
    for relu in (jt.nn.relu, leaking_relu):
        losses = units[relu.__name__] = train_unit(relu, x)
        print(f"unit with {relu.__name__}: loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    for rounding in (jt.round, straight_through_round):
        weights, rounded[rounding.__name__] = train_rounded(rounding, x)
        print(f"weights with {rounding.__name__}: {weights}")
    print(f"wrong whole numbers at last: {np.sum(weights != WHOLE)} of 4")
    draw(units, rounded)


def value_and_gradient(function: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Of -2.4 and 3.4; jt.round has the gradient None, which is shown as zero."""
    x = jt.Variable([-2.4, 3.4])
    with jt.GradientTape() as tape:
        y = function(x)
    return y.numpy(), tape.gradient(y, x, unconnected_gradients="zero").numpy()


def train_unit(relu: Callable, x: np.ndarray) -> list[float]:
    """A unit that is to become relu(x); at first it gives 0 for every x."""
    weight, bias = jt.Variable(1.0), jt.Variable(-4.0)
    return train(lambda: relu(weight * x + bias), [weight, bias], np.maximum(x, 0))


def train_rounded(rounding: Callable, x: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Weights that are rounded before they are used, and the losses on the way."""
    weights = jt.Variable(jt.zeros(4))
    losses = train(lambda: jt.linalg.matvec(x, rounding(weights)), [weights], x @ WHOLE)
    return jt.round(weights).numpy(), losses


def train(predict: Callable, variables: list, targets: np.ndarray) -> list[float]:
    """Gradient descent on the mean squared error: the losses."""
    optimizer = jt.optimizers.SGD(learning_rate=0.1)
    losses = []
    for _ in range(STEPS):
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean((predict() - targets) ** 2)
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        losses.append(float(loss))
    return losses


def draw(units: dict, rounded: dict) -> None:
    """Save the losses of both trainings as custom_gradient.png."""
    figure = Figure(figsize=(9, 4), layout="tight")
    for axes, curves in zip(figure.subplots(1, 2), (units, rounded), strict=True):
        for name, losses in curves.items():
            axes.plot(range(1, STEPS + 1), losses, label=name)
        axes.set(xlabel="step", ylabel="mean squared error", xscale="log")
        axes.legend(title="trained through")
    figure.savefig("custom_gradient.png", dpi=120)
    print("picture: custom_gradient.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
