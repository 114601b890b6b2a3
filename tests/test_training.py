"""Plain scripts with a tape give TensorFlow's curves: `goldens/training.json`."""

import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import float32, golden

RUNS = golden("training")


def make_model(run):
    last = len(run["weights"]) // 2 - 1
    layers = []
    for n in range(last + 1):
        kernel = float32(run["weights"][2 * n])
        layers.append(
            jt.layers.Dense(
                kernel.shape[1],
                activation="relu" if n < last else None,
                kernel_regularizer=run.get("regularizer"),
                input_shape=(kernel.shape[0],),
            )
        )
    model = jt.Sequential(layers)
    model.set_weights([float32(w) for w in run["weights"]])
    return model


def train(run, x, y, loss_fn, clip=None):
    model = make_model(run)
    optimizer = getattr(jt.optimizers, run["optimizer"])(**run["arguments"])
    losses = []
    for _ in range(20):
        with jt.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
            if model.losses:
                loss = loss + jt.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        if clip is not None:
            gradients = [jt.clip_by_norm(g, clip) for g in gradients]
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        losses.append(float(loss))
    return losses, model.get_weights()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sorted(RUNS.keys() - {"command", "versions"}))
def test_the_curve_is_tensorflow_s(name):
    run = dict(RUNS[name])
    x, y, clip, loss_fn = float32(run["x"]), float32(run["y"]), None, None
    if name == "softmax_classifier":
        loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
        y = np.asarray(run["y"], "int32")
    else:
        loss_fn = jt.losses.MeanSquaredError()
    if name == "regularized_mlp":
        run["regularizer"], clip = jt.regularizers.l2(0.01), 1.0
    losses, weights = train(run, x, y, loss_fn, clip)
    np.testing.assert_allclose(losses, run["losses"], rtol=1e-5)
    for weight, expected in zip(weights, run["final_weights"], strict=True):
        np.testing.assert_allclose(weight, float32(expected), rtol=1e-4, atol=1e-5)
