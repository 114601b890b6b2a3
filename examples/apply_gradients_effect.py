"""Applying the gradient of a prediction instead of a loss, and why it spoils a model.

Prints how far the first step moves the prediction, and R2 after 100 steps down each.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

import jaxtape as jt

RATE = 0.01
STEPS = 100


def main(seed: int) -> None:
    """Train, then go on down the loss or down the prediction, and draw both."""
    jt.random.set_seed(seed)
    x, y = load_diabetes(return_X_y=True)  # 442 patients, 10 measurements
    # Columns come with norm 1, targets from 25 to 346: both are made about 1.
    x, y = (x * 20).astype(np.float32), (y.reshape(-1, 1) / 100).astype(np.float32)
    x, x_test, y, y_test = train_test_split(x, y, random_state=seed)
    hidden = jt.layers.Dense(16, activation="tanh", input_shape=(10,))
    model = jt.Sequential([hidden, jt.layers.Dense(1)])
    model.compile(jt.optimizers.Adam(learning_rate=0.005), "mse")
    model.fit(x, y, epochs=20, verbose=2)
    trained = model.get_weights()

    runs = {}
    for aim in ("loss", "prediction"):
        model.set_weights(trained)
        optimizer = jt.optimizers.SGD(learning_rate=RATE)
        means, scores = [], []
        for step in range(STEPS + 1):
            means.append(np.mean(model(x).numpy()))
            scores.append(r2_score(y_test, model(x_test).numpy()))
            gradients = gradients_of(aim, model, x, y)
            if step == 0:
                # A small step along -g moves what g belongs to by -rate * |g|**2.
                expected = -RATE * float(jt.linalg.global_norm(gradients)) ** 2
            optimizer.apply_gradients(
                zip(gradients, model.trainable_variables, strict=True)
            )
            if step % 20 == 0:
                print(f"down the {aim}, step {step}: R2 held out {scores[-1]:.2f}")
        runs[aim] = means, scores, expected
    draw(runs)
    means, _, expected = runs["prediction"]
    moved = means[1] - means[0]
    print(
        f"first step: {moved:.4f}, {moved / expected:.3f} times -rate * |gradient|**2"
    )
    for aim, (_, scores, _) in runs.items():
        print(f"{STEPS} steps down the {aim}: R2 held out {scores[-1]:.3f}")


def gradients_of(aim: str, model: jt.Model, x: np.ndarray, y: np.ndarray) -> list:
    """The gradients of the mean squared error, or of the mean prediction."""
    with jt.GradientTape() as tape:
        predictions = model(x)
        if aim == "loss":
            target = jt.reduce_mean((y - predictions) ** 2)
        else:
            target = jt.reduce_mean(predictions)  # knows nothing of y
    return tape.gradient(target, model.trainable_variables)


def draw(runs: dict[str, tuple]) -> None:
    """Save predictions and R2 against steps as apply_gradients_effect.png."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for aim, (means, scores, _) in runs.items():
        left.plot(means, label=f"down the gradient of the {aim}")
        right.plot(scores, label=f"down the gradient of the {aim}")
    right.axhline(0, color="black", linewidth=1, label="the mean for everyone")
    left.set(
        xlabel="step", ylabel="mean prediction / 100", title="The prediction falls"
    )
    right.set(xlabel="step", ylabel="R2 on patients held out", title="And is wrong")
    left.legend()
    right.legend()
    figure.savefig("apply_gradients_effect.png", dpi=120)
    print("picture: apply_gradients_effect.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
