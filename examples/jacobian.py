"""Jacobians: how errors of a radar's three readings become errors on the map.

Prints the shapes, the difference from calculus, and that from 100,000 noisy readings.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import jaxtape as jt

# Four targets: distance in km; azimuth from north and elevation, both in radians
READINGS = np.array(
    [[10, 0.3, 0.2], [14, 1.2, 0.5], [8, 2.2, 0.9], [12, 5.2, 0.3]], np.float32
)
ERRORS = np.array([0.3, 0.08, 0.05], np.float32)  # standard deviations of a reading
DRAWS = 100_000


def main(seed: int) -> None:
    """Two kinds of Jacobian, then covariances by one of them."""
    full, by_example = jacobians(READINGS)
    print(f"jacobian {full.shape}, batch_jacobian {by_example.shape}")
    between = [full[i, :, j] for i in range(4) for j in range(4) if i != j]
    print(f"between different targets: {np.max(np.abs(between)):.1f}")
    difference = np.max(np.abs(by_example - calculus(READINGS)))
    print(f"largest difference from calculus: {difference:.1e}")

    # To first order J S J^T, where S is the covariance of the readings, a diagonal.
    predicted = (by_example * ERRORS**2) @ by_example.swapaxes(1, 2)
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, ERRORS, (DRAWS, 4, 3)).astype(np.float32)
    places = map_places(READINGS + noise).numpy()
    seen = np.array([np.cov(places[:, target].T) for target in range(4)])
    norms = np.linalg.norm(predicted, axis=(1, 2))
    worst = np.max(np.linalg.norm(seen - predicted, axis=(1, 2)) / norms)  # relative
    print(f"covariances seen in {DRAWS} readings differ by at most {worst:.3f}")
    draw(places[:400], predicted)


def map_places(readings: jt.Tensor) -> jt.Tensor:
    """East and north in km, (..., 2), of readings (..., 3)."""
    distance, azimuth, elevation = jt.unstack(readings, axis=-1)
    along_ground = distance * jt.cos(elevation)
    east, north = along_ground * jt.sin(azimuth), along_ground * jt.cos(azimuth)
    return jt.stack([east, north], axis=-1)


def jacobians(readings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of all places with respect to all readings, and of each to its own alone."""
    x = jt.constant(readings)  # (4, 3)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = map_places(x)  # (4, 2)
    return tape.jacobian(y, x).numpy(), tape.batch_jacobian(y, x).numpy()


def calculus(readings: np.ndarray) -> np.ndarray:
    """The derivatives by hand, (4, 2, 3)."""
    r, a, e = readings.T
    (sin_a, cos_a), (sin_e, cos_e) = (np.sin(a), np.cos(a)), (np.sin(e), np.cos(e))
    east = [cos_e * sin_a, r * cos_e * cos_a, -r * sin_e * sin_a]
    north = [cos_e * cos_a, -r * cos_e * sin_a, -r * sin_e * cos_a]
    return np.array([east, north]).transpose(2, 0, 1)


def draw(places: np.ndarray, covariances: np.ndarray) -> None:
    """Save clouds, and ellipses that should hold 1 - exp(-2**2 / 2) = 86 percent."""
    figure = Figure(figsize=(7, 5), layout="tight")
    axes = figure.subplots()
    turn = np.linspace(0, 2 * np.pi, 100)
    circle = 2 * np.array([np.cos(turn), np.sin(turn)])  # 2 standard deviations
    for target, centre in enumerate(map_places(READINGS).numpy()):
        axes.scatter(*places[:, target].T, s=4, alpha=0.4)
        ellipse = (
            centre[:, np.newaxis] + np.linalg.cholesky(covariances[target]) @ circle
        )
        axes.plot(*ellipse, color="black")
    axes.plot(0, 0, "k^", label="radar")
    axes.set(xlabel="east (km)", ylabel="north (km)", aspect="equal")
    axes.set_title("Readings of four targets, and two standard deviations by J S J^T")
    axes.legend()
    figure.savefig("jacobian.png", dpi=120)
    print("picture: jacobian.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
