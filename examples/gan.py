"""A generative adversarial network learns eight clusters on a ring from noise.

Prints the share of its points that lie in a cluster, and in the one it draws least.
"""

import argparse
import sys

import numpy as np
from matplotlib.figure import Figure
from tqdm import trange

import jaxtape as jt

STEPS = 3_000  # after 1,000 the share of points in clusters is 0.91
BATCH = 256
NOISE = 4  # random numbers that a point is made of
SPREAD = 0.1  # standard deviation of a cluster; the ring has radius 1
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
LOSS = jt.losses.BinaryCrossentropy(from_logits=True)


def main(seed: int) -> None:
    """Train both networks, and count where 10,000 made points lie."""
    jt.random.set_seed(seed)
    rng = np.random.default_rng(seed)
    generator, discriminator = network(NOISE, 2), network(2, 1)
    # The discriminator is faster: Heusel et al., 2017. beta_1: Radford et al., 2016.
    generator_optimizer = jt.optimizers.Adam(learning_rate=0.001, beta_1=0.5)
    discriminator_optimizer = jt.optimizers.Adam(learning_rate=0.003, beta_1=0.5)
    progress = trange(STEPS, file=sys.stdout, mininterval=1.0)
    for step in progress:
        real = points(rng, BATCH)
        noise = jt.random.normal((BATCH, NOISE))
        with jt.GradientTape() as gen_tape, jt.GradientTape() as disc_tape:
            made = generator(noise)
            on_real, on_made = discriminator(real), discriminator(made)
            gen_loss = LOSS(jt.ones_like(on_made), on_made)
            disc_loss = LOSS(jt.ones_like(on_real), on_real)
            disc_loss += LOSS(jt.zeros_like(on_made), on_made)
        weights = generator.trainable_variables
        gradients = gen_tape.gradient(gen_loss, weights)
        generator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        weights = discriminator.trainable_variables
        gradients = disc_tape.gradient(disc_loss, weights)
        discriminator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        if step % 100 == 0:
            progress.set_postfix(gen=f"{gen_loss:.3f}", disc=f"{disc_loss:.3f}")
    made = generator(jt.random.normal((10_000, NOISE))).numpy()
    draw(points(rng, 2_000), made[:2_000])
    distances = np.linalg.norm(made[:, None] - CENTRES, axis=-1)
    is_near = distances.min(axis=1) < 3 * SPREAD
    shares = np.bincount(distances.argmin(axis=1)[is_near], minlength=8) / len(made)
    right = 1 - np.exp(-(3**2) / 2)  # of a normal distribution in two dimensions
    print(f"within 3 standard deviations: {is_near.mean():.3f}, data {right:.3f}")
    print(f"least cluster: {shares.min():.3f}, each of the data {right / 8:.3f}")


def network(inputs: int, outputs: int) -> jt.Model:
    """Two hidden layers."""
    model = jt.Sequential()
    model.add(jt.layers.Dense(64, activation="relu", input_shape=(inputs,)))
    model.add(jt.layers.Dense(64, activation="relu"))
    model.add(jt.layers.Dense(outputs))
    return model


def points(rng: np.random.Generator, count: int) -> np.ndarray:
    """The data: each cluster is as likely as the next."""
    chosen = CENTRES[rng.integers(8, size=count)]
    return rng.normal(chosen, SPREAD).astype(np.float32)


def draw(real: np.ndarray, made: np.ndarray) -> None:
    """Save data and made points side by side as gan.png."""
    figure = Figure(figsize=(9, 4.5), layout="tight")
    for axes, name, drawn in zip(
        figure.subplots(1, 2), ("data", "made from noise"), (real, made), strict=True
    ):
        axes.scatter(*drawn.T, s=4, alpha=0.5)
        axes.set(title=name, xlabel="x", ylabel="y", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7))
        axes.set_aspect("equal")
    figure.savefig("gan.png", dpi=120)
    print("picture: gan.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
