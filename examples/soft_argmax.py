"""Softmax with a temperature in place of argmax, so that positions can be learned.

Prints the gradients of soft indices, and how often a filter learned by one is right.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import jaxtape as jt

PATTERN = np.array([4, 4, -1, -1, 2, 2], np.float32)  # in noise of deviation 1.5


def main(seed: int) -> None:
    """Three scores, then a filter that learns to find the pattern."""
    three_scores()
    rng = np.random.default_rng(seed)
    # One linear filter: its gradient is not 0 even where all weights are.
    filter_ = jt.layers.Conv1D(1, 6, use_bias=False, kernel_initializer="zeros")
    model = jt.Sequential([jt.layers.Input((40, 1)), filter_, jt.layers.Flatten()])
    train(model, rng)
    learned = model.get_weights()[0]
    signals, places = hidden_patterns(rng, 10_000)
    found = share_found(model, signals, places)
    # In white noise no filter is right more often than the pattern (matched filter).
    model.set_weights([PATTERN.reshape(learned.shape)])
    best = share_found(model, signals, places)
    print(f"found: {found:.4f}, best {best:.4f}, ratio {found / best:.4f}")
    draw(signals[0], int(places[0]), learned.ravel())


def soft_argmax(scores: jt.Tensor, temperature: float = 1.0) -> jt.Tensor:
    """The mean index under softmax(scores / temperature), near 0 the argmax."""
    index = jt.range(scores.shape[-1], dtype=jt.float32)
    return jt.reduce_sum(index * jt.nn.softmax(scores / temperature), axis=-1)


def three_scores() -> None:
    """What a tape says about the index of the largest of three scores."""
    scores = jt.Variable([0.1, 0.9, 0.2])
    with jt.GradientTape(persistent=True) as tape:
        hard = jt.cast(jt.argmax(scores), jt.float32)
        total = jt.reduce_sum(jt.nn.softmax(scores))
        soft = soft_argmax(scores)
    print(f"hard {hard:.0f}, gradient {tape.gradient(hard, scores)}")
    print(f"sum {total:.0f}, gradient {tape.gradient(total, scores).numpy().round(4)}")
    print(f"soft {soft:.4f}, gradient {tape.gradient(soft, scores).numpy().round(4)}")
    print(f"soft at temperature 0.1: {soft_argmax(scores, 0.1):.4f}")


def hidden_patterns(rng: np.random.Generator, count: int) -> tuple:
    """Noise (count, 40, 1) with the pattern in each row, and where it begins."""
    signals = rng.normal(0, 1.5, (count, 40, 1)).astype(np.float32)
    places = rng.integers(0, 35, count)  # it ends within the 40
    for signal, place in zip(signals, places, strict=True):
        signal[place : place + 6, 0] += PATTERN
    return signals, places.astype(np.float32)


def train(model: jt.Model, rng: np.random.Generator) -> None:
    """Adam on the squared error of the soft index."""
    optimizer = jt.optimizers.Adam(learning_rate=0.02)
    weights = model.trainable_variables
    for step in range(1, 401):
        signals, places = hidden_patterns(rng, 256)
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean((soft_argmax(model(signals)) - places) ** 2)
        gradients = tape.gradient(loss, weights)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        if step % 100 == 0:
            print(f"step {step}: loss {loss:.2f}")


def share_found(model: jt.Model, signals: np.ndarray, places: np.ndarray) -> float:
    """How often the largest score, by plain argmax, is where the pattern is."""
    return float(np.mean(np.argmax(model(signals).numpy(), axis=1) == places))


def draw(signal: np.ndarray, place: int, learned: np.ndarray) -> None:
    """Save a signal and the filter as soft_argmax.png."""
    left, right = (figure := Figure(figsize=(9, 4), layout="tight")).subplots(1, 2)
    left.plot(signal, label="one of 10,000 signals")
    left.plot(range(place, place + 6), PATTERN, "o--", label="pattern, to be found")
    left.set(xlabel="time", ylabel="value")
    for weights, label in ((PATTERN, "pattern"), (learned, "learned filter")):
        right.plot(weights / np.linalg.norm(weights), "o-", label=label)
    right.set(xlabel="place in the pattern", ylabel="weight, scaled to norm 1")
    left.legend()
    right.legend()
    figure.savefig("soft_argmax.png", dpi=120)
    print("picture: soft_argmax.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
