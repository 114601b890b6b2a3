"""A model with a `train_step` of its own, in TensorFlow's form, run by `fit`.

Prints the accuracy held out, and how far the weights are from those of the plain `fit`.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import jaxtape as jt

EPOCHS = 30


class MyModel(jt.Model):
    """What `fit` does in a step, written out."""

    def train_step(self, data: tuple) -> dict:
        """One batch: loss, gradients, update, metrics."""
        x, y = data
        with jt.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        # Change the gradients here: clip them, add noise, average them, ...
        pairs = zip(gradients, self.trainable_variables, strict=True)
        self.optimizer.apply_gradients(pairs)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=len(x))
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def main(seed: int) -> None:
    """Train the same network by the step above and by the plain one, and compare."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)  # 64 pixels in [0, 1]
    x, x_test, y, y_test = train_test_split(images, labels, random_state=seed)
    own = network(MyModel, seed)
    own.fit(x, y, epochs=EPOCHS, verbose=2)
    plain = network(jt.Model, seed)
    plain.fit(x, y, epochs=EPOCHS, verbose=0)
    accuracy = own.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    print(f"accuracy held out: {accuracy:.4f}")
    pairs = zip(own.get_weights(), plain.get_weights(), strict=True)
    largest = max(np.max(np.abs(one - other)) for one, other in pairs)
    print(f"largest difference from the weights of the plain fit: {largest:.1e}")


def network(model_class: type[jt.Model], seed: int) -> jt.Model:
    """A compiled classifier of digits; the seed fixes weights and batches."""
    jt.utils.set_random_seed(seed)
    inputs = jt.layers.Input((64,))
    hidden = jt.layers.Dense(64, activation="relu")(inputs)
    model = model_class(inputs, jt.layers.Dense(10)(hidden))
    model.compile(
        jt.optimizers.Adam(learning_rate=0.001),
        loss=jt.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
