"""Derivatives of derivatives by nested tapes, and Newton's method with a Hessian.

Prints x cubed at 5 with three derivatives, a Hessian, and Newton's steps to a minimum.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import jaxtape as jt

START = (-1.2, 1.0)
TOLERANCE = 1e-6  # of the last move; the minimum is at (1, 1), float32 has 7 digits
MAX_STEPS = 30


def main() -> None:
    """Derivatives of x cubed, then a Hessian, then steps by one."""
    cube()
    minimum = jt.Variable([1.0, 1.0])
    _, hessian = gradient_and_hessian(minimum)
    print(f"Hessian at (1, 1): {hessian.numpy().tolist()}")
    path = newton()
    print(f"{len(path) - 1} steps, {np.max(np.abs(path[-1] - 1)):.1e} from (1, 1)")
    draw(path)


def cube() -> None:
    """Each derivative is taken inside the tape that differentiates it."""
    x = jt.Variable(5.0)
    with jt.GradientTape() as third_tape:
        with jt.GradientTape() as second_tape:
            with jt.GradientTape() as first_tape:
                y = x**3
            first = first_tape.gradient(y, x)
        second = second_tape.gradient(first, x)
    third = third_tape.gradient(second, x)
    print(f"x cubed at 5: {y:.0f}, {first:.0f}, {second:.0f}, {third:.0f}")


def rosenbrock(point: jt.Tensor) -> jt.Tensor:
    """(1 - x)^2 + 100 (y - x^2)^2: a bent valley whose lowest point is (1, 1)."""
    x, y = point[0], point[1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def gradient_and_hessian(point: jt.Variable) -> tuple[jt.Tensor, jt.Tensor]:
    """Of `rosenbrock`; the Hessian is the Jacobian of the gradient.

    In jaxtape one tape and `tape.hessian(value, point)` would do as well.
    """
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            value = rosenbrock(point)
        gradient = inner.gradient(value, point)
    return gradient, outer.jacobian(gradient, point)


def newton() -> np.ndarray:
    """Steps from `START` until one is short: the points, (steps + 1, 2)."""
    point = jt.Variable(START)
    path, distance = [point.numpy()], np.inf
    while distance > TOLERANCE and len(path) <= MAX_STEPS:
        gradient, hessian = gradient_and_hessian(point)
        step = jt.linalg.solve(hessian, gradient[:, jt.newaxis])[:, 0]
        point.assign_sub(step)
        path.append(point.numpy())
        distance = float(jt.norm(step))
        print(f"step {len(path) - 1}: value {rosenbrock(point):.2e}")
    return np.array(path)


def draw(path: np.ndarray) -> None:
    """Save the path over the function's heights as higher_order.png."""
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-3.4, 1.8, 200))
    figure = Figure(figsize=(7, 5), layout="tight")
    axes = figure.subplots()
    heights = np.log10(rosenbrock((x, y)) + 0.1)
    axes.contourf(x, y, heights, levels=12, cmap="Blues_r")
    axes.plot(*path.T, "o-", color="black", label=f"Newton, {len(path) - 1} steps")
    axes.plot(*path[0], "s", color="orange", markersize=9, label="start")
    axes.plot(1, 1, "*", color="red", markersize=14, label="minimum")
    axes.set(xlabel="x", ylabel="y", title="Newton's method on Rosenbrock's function")
    axes.legend(loc="lower left")
    figure.savefig("higher_order.png", dpi=120)
    print("picture: higher_order.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="nothing is random")
    parser.parse_args()
    main()
