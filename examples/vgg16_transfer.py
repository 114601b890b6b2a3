"""A head trained on the features of a frozen VGG16, which are computed once.

Prints the accuracy on held-out digits, and how many weights of the frozen base changed.
"""

import argparse
import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from tqdm import trange

import jaxtape as jt

TRAINED, HELD_OUT = 450, 150
EPOCHS = 60
BATCH = 50


def main(seed: int) -> None:
    """Features once, a head on them, then base and head in one model."""
    start = time.perf_counter()
    jt.random.set_seed(seed)
    images, labels = digits(seed)
    # Random filters, since nothing is downloaded. For transfer learning the same lines
    # take trained ones, weights="vgg16.weights.safetensors", and images prepared as in
    # that training (Keras's: BGR, less ImageNet's mean colour).
    base = jt.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    base.trainable = False
    batches = np.split(images, len(images) // BATCH)
    features = np.concatenate([base(batch).numpy() for batch in batches])
    scale = Standardise(features[:TRAINED])
    head = jt.Sequential([scale, jt.layers.GlobalAveragePooling2D()])
    head.add(jt.layers.Dense(10))
    x, y = features[:TRAINED], labels[:TRAINED]
    train(head, x, y, EPOCHS, seed)
    guesses = np.argmax(head(features[TRAINED:]).numpy(), axis=1)
    print(f"accuracy held out: {np.mean(guesses == labels[TRAINED:]):.3f}")

    before = base.get_weights()  # a short training shows that they stay
    train(jt.Sequential([base, head]), images[:100], labels[:100], 2, seed)
    pairs = zip(before, base.get_weights(), strict=True)
    changed = sum(old.tobytes() != new.tobytes() for old, new in pairs)
    print(f"changed weights of the frozen base: {changed} of {len(before)}")
    print(f"took {time.perf_counter() - start:.1f} s")


class Standardise(jt.layers.Layer):
    """Each channel less its mean, over its standard deviation, in given samples."""

    def __init__(self, samples: np.ndarray) -> None:
        super().__init__()
        self.mean = samples.mean(axis=(0, 1, 2))
        self.spread = samples.std(axis=(0, 1, 2)) + 1e-12  # 0 in a few channels

    def call(self, inputs: jt.Tensor) -> jt.Tensor:
        """Near 1 in size; after 13 layers of random filters they are near 1e-4."""
        return (inputs - self.mean) / self.spread


def digits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled 8 x 8 digits as 32 x 32 x 3, the least that VGG16 takes, and labels."""
    images, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(seed).permutation(len(images))[: TRAINED + HELD_OUT]
    large = np.kron(images[chosen].reshape(-1, 8, 8) / 16, np.ones((4, 4)))
    return np.repeat(large[..., None], 3, axis=-1).astype(np.float32), labels[chosen]


def train(
    model: jt.Model, x: np.ndarray, y: np.ndarray, epochs: int, seed: int
) -> None:
    """Adam on shuffled batches; what is frozen stays as it is."""
    loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = jt.optimizers.Adam(learning_rate=0.003)
    rng = np.random.default_rng(seed)
    model(x[:1])  # makes the weights
    weights = model.trainable_variables
    for _ in (progress := trange(epochs, file=sys.stdout, mininterval=1.0)):
        for rows in np.split(rng.permutation(len(x)), len(x) // BATCH):
            with jt.GradientTape() as tape:
                loss = loss_fn(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(loss, weights)
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
        progress.set_postfix(loss=f"{loss:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
