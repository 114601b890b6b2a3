"""Gradients with respect to intermediate values, and a polynomial with its derivatives.

Prints dz/dx and dz/dy, and how far the derivatives are from NumPy's.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure
from numpy.polynomial import Polynomial

import jaxtape as jt

EXACT = Polynomial([1, 2, -3, -1, 1])  # for NumPy the lowest power comes first


def main() -> None:
    """Gradients with respect to several values, then derivatives along a curve."""
    intermediate_values()
    constants()
    points = np.linspace(-2, 2.5, 200, dtype=np.float32)
    curves = [curve.numpy() for curve in polynomial_and_derivatives(points)]
    for order, curve in enumerate(curves):
        right = EXACT.deriv(order)(points.astype(np.float64))
        error = np.max(np.abs(curve - right)) / np.max(np.abs(right))
        print(f"derivative {order}: relative difference from NumPy {error:.1e}")
    draw(points, curves)


def intermediate_values() -> None:
    """The tape knows every value that led to z, not only the variables."""
    x = jt.Variable(2.0)
    with jt.GradientTape() as tape:
        y = x**2
        z = y + x
    # x reaches z in two ways: 2x through y, and 1 beside it.
    by_x, by_y = tape.gradient(z, [x, y])
    print(f"at x = 2: dz/dx = {by_x:.1f}, dz/dy = {by_y:.1f}")


def constants() -> None:
    """Trainable variables are watched by themselves, constants are not."""
    x = jt.constant(2.0)
    with jt.GradientTape() as tape:
        z = x**2
    print(f"constant: {tape.gradient(z, x)}")
    with jt.GradientTape() as tape:
        tape.watch(x)
        z = x**2
    print(f"watched constant: {tape.gradient(z, x):.1f}")


def polynomial_and_derivatives(points: np.ndarray) -> list[jt.Tensor]:
    """The polynomial and its first two derivatives at many points.

    Each point has its own value, so the gradient of their sum is, at each point, the
    derivative there.
    """
    x = jt.constant(points)
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            value = 1 + 2 * x - 3 * x**2 - x**3 + x**4
        first = inner.gradient(value, x)
    return [value, first, outer.gradient(first, x)]


def draw(points: np.ndarray, curves: list[np.ndarray]) -> None:
    """Save the three curves as polynomial.png; minima and maxima are marked."""
    figure = Figure(figsize=(7, 4.5), layout="tight")
    axes = figure.subplots()
    value, first, _ = curves
    for curve, label in zip(curves, ("p(x)", "p'(x)", "p''(x)"), strict=True):
        axes.plot(points, curve, label=label)
    turns = np.flatnonzero(np.diff(np.sign(first)))
    axes.plot(points[turns], value[turns], "ko", label="p'(x) = 0")
    axes.axhline(0, color="gray", linewidth=1)
    axes.set(xlabel="x", ylabel="value", ylim=(-12, 20), xlim=(points[0], points[-1]))
    axes.set_title("A polynomial and the derivatives that two tapes found")
    axes.legend()
    figure.savefig("polynomial.png", dpi=120)
    print("picture: polynomial.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="nothing is random")
    parser.parse_args()
    main()
