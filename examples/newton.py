"""Newton's method with `tape.hessian`: logistic regression, checked by scikit-learn.

Prints the number of steps and the largest difference from scikit-learn's coefficients.
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import jaxtape as jt

PENALTY = 1.0  # scikit-learn's C is its inverse
TOLERANCE = 1e-5  # of the last move; the coefficients are near 1, float32 has 7 digits
MAX_STEPS = 30


def main() -> None:
    """Fit the tumours, and compare with scikit-learn."""
    x, y = load_breast_cancer(return_X_y=True)  # 569 tumours, 30 measurements
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    found, steps = fit(x, y)
    solver = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=10_000).fit(x, y)
    exact = np.append(solver.coef_, solver.intercept_)
    print(f"{steps} steps")
    print(f"largest difference from scikit-learn {np.max(np.abs(found - exact)):.1e}")


def fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """The coefficients, intercept last, that minimise the loss, and the steps taken.

    Starts from zero and stops when no coefficient moves by more than `TOLERANCE`.
    """
    design = jt.constant(np.hstack([x, np.ones((len(x), 1))]), jt.float32)
    labels = jt.constant(y, jt.float32)
    weights = jt.Variable(jt.zeros(design.shape[1]))
    largest, steps = np.inf, 0
    while largest > TOLERANCE and steps < MAX_STEPS:
        with jt.GradientTape(persistent=True) as tape:
            logits = jt.linalg.matvec(design, weights)
            errors = jt.nn.sigmoid_cross_entropy_with_logits(labels, logits)
            squares = jt.reduce_sum(weights[:-1] ** 2)  # the intercept is free
            loss = jt.reduce_sum(errors) + 0.5 * PENALTY * squares
        gradient = tape.gradient(loss, weights)
        # (31, 31); TensorFlow has no such method: two tapes, jacobian of the gradient.
        hessian = tape.hessian(loss, weights)
        move = jt.linalg.solve(hessian, gradient[:, None])[:, 0]
        weights.assign_sub(move)
        largest, steps = jt.reduce_max(abs(move)), steps + 1
        print(f"step {steps}: loss {loss:.6f}, largest move {largest:.1e}")
    return weights.numpy(), steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="nothing is random")
    parser.parse_args()
    main()
