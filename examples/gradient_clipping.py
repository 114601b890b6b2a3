"""An LSTM whose gradients explode, and that learns to add once they are clipped.

Prints what three ways of clipping do to the gradient's direction, and both trainings.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import jaxtape as jt

NUMBERS = 30  # in a sequence; their sum is to be predicted
STEPS = 800


def main(seed: int) -> None:
    """Angles of one gradient, then a training without and one with clipping."""
    directions(seed)
    _, exploding = train(seed, clip=False)
    print(f"without clipping: loss {exploding[-1, 0]:.1e} after {len(exploding)} steps")
    model, clipped = train(seed, clip=True)
    x, y = sequences(np.random.default_rng(seed + 1_000_000), 10_000)
    loss = np.mean((model(x).numpy() - y) ** 2)
    print(f"fresh sequences: loss {loss:.3f}, of guessing the mean {NUMBERS / 12}")
    draw(clipped, exploding)


def directions(seed: int) -> None:
    """How far the gradient turns: one factor for all its numbers is no turn."""
    model = network(seed)
    x, y = sequences(np.random.default_rng(seed), 64)
    with jt.GradientTape() as tape:
        loss = jt.reduce_mean((model(x) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    ways = {
        "clip_by_value": [jt.clip_by_value(g, -0.1, 0.1) for g in gradients],
        "clip_by_norm": [jt.clip_by_norm(g, 1.0) for g in gradients],
        "clip_by_global_norm": jt.clip_by_global_norm(gradients, 1.0)[0],
    }
    for name, clipped in ways.items():
        products = [g * c for g, c in zip(gradients, clipped, strict=True)]
        cosine = jt.add_n([jt.reduce_sum(product) for product in products])
        cosine /= jt.linalg.global_norm(gradients) * jt.linalg.global_norm(clipped)
        degrees = np.degrees(np.arccos(min(float(cosine), 1.0)))
        print(f"{name}: turned by {degrees:.1f} degrees")


def sequences(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers from 0 to 1, (count, NUMBERS, 1), and their sums of variance 2.5."""
    x = rng.uniform(0, 1, (count, NUMBERS, 1)).astype(np.float32)
    return x, x.sum(axis=1)


def network(seed: int) -> jt.Model:
    """With "relu" nothing bounds what a step adds to the state, so it can explode."""
    jt.random.set_seed(seed)
    lstm = jt.layers.LSTM(16, activation="relu", input_shape=(NUMBERS, 1))
    return jt.Sequential([lstm, jt.layers.Dense(1)])


def train(seed: int, clip: bool) -> tuple[jt.Model, np.ndarray]:
    """The trained model, and a row of loss and gradient norm for each step."""
    model, rng, history = network(seed), np.random.default_rng(seed), []
    optimizer = jt.optimizers.SGD(jt.optimizers.schedules.CosineDecay(0.02, STEPS))
    weights = model.trainable_variables
    for step in range(1, STEPS + 1):
        x, y = sequences(rng, 64)
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean((model(x) - y) ** 2)
        gradients = tape.gradient(loss, weights)
        clipped, norm = jt.clip_by_global_norm(gradients, 1.0)
        used = clipped if clip else gradients
        optimizer.apply_gradients(zip(used, weights, strict=True))
        history.append([float(loss), float(norm)])
        if step <= 5 or step % 100 == 0:
            print(f"step {step}: loss {loss:.3f}, norm of the gradient {norm:.1e}")
        if not loss < 1e6:  # NaN is not less
            break
    return model, np.array(history)


def draw(clipped: np.ndarray, exploding: np.ndarray) -> None:
    """Save losses and norms as gradient_clipping.png."""
    figure = Figure(figsize=(9, 4), layout="tight")
    for column, axes in enumerate(figure.subplots(1, 2)):
        axes.loglog(range(1, STEPS + 1), clipped[:, column], label="clipped")
        steps = range(1, len(exploding) + 1)
        axes.loglog(steps, exploding[:, column], "o-", label="not clipped, explodes")
        axes.legend()
        axes.set(xlabel="step", ylabel=("loss", "norm of the gradient")[column])
    figure.savefig("gradient_clipping.png", dpi=120)
    print("picture: gradient_clipping.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
