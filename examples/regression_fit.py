"""Linear regression on the diabetes data by compile and fit, checked by least squares.

Prints the final loss and how far it and the coefficients are from the closed form.
"""

import argparse

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_diabetes

import jaxtape as jt

mpl.use("Agg")
EPOCHS = 3_000  # of one step: a batch is all patients


class Progress(jt.callbacks.Callback):
    """The loss, every 500 epochs."""

    def on_epoch_end(self, epoch, logs=None):
        """Called by fit."""
        if (epoch + 1) % 500 == 0:
            print(f"epoch {epoch + 1}: loss {logs['loss']:.6f}")


def main(seed: int) -> None:
    """Train, compare with the exact solution, and draw the loss."""
    jt.random.set_seed(seed)
    x, y = load_diabetes(return_X_y=True)  # 442 patients, 10 measurements
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = ((y - y.mean()) / y.std()).reshape(-1, 1)

    model = jt.Sequential([jt.layers.Dense(1, input_shape=(10,))])
    optimizer = jt.optimizers.SGD(learning_rate=0.2, momentum=0.95)
    model.compile(optimizer=optimizer, loss="mse")
    history = model.fit(
        x, y, batch_size=len(x), epochs=EPOCHS, verbose=0, callbacks=[Progress()]
    )

    design = np.hstack([x, np.ones((len(x), 1))])
    exact = np.linalg.lstsq(design, y, rcond=None)[0]
    best = np.mean((design @ exact - y) ** 2)
    kernel, bias = model.get_weights()
    found = np.append(kernel.ravel(), bias)
    final = np.mean((x @ kernel + bias - y) ** 2)
    off = abs(final - best) / best
    worst = np.max(np.abs(found - exact.ravel())) / np.max(np.abs(exact))
    (axes,) = history.plot()  # one for each metric: here the loss alone
    axes.axhline(best, color="black", linewidth=1, label="least squares")
    axes.set(xscale="log", ylabel="mean squared error")
    axes.legend()
    axes.figure.savefig("regression_fit.png", dpi=120)
    print("picture: regression_fit.png")
    print(f"loss {final:.6f}, least squares {best:.6f}")
    print(f"relative difference {off:.1e}, largest coefficient error {worst:.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
