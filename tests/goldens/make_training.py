"""Makes `training.json`: three curves trained with TensorFlow's GradientTape.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_training.py

TensorFlow 2.21.0, Keras 3.15.1.

All runs are full batch: 16 rows, 5 features. Layer `i` of a run has `weights[2 * i]`
as kernel and `weights[2 * i + 1]` as bias; relu between layers, none at the end.

- `linear_regression`: mean((y_pred - y)^2), Adam(0.1).
- `regularized_mlp`: width 8, mean((y_pred - y)^2) + 0.01 * sum(kernel^2) over both
  kernels, each gradient through `tf.clip_by_norm(g, 1.0)`, Adam(0.01).
- `softmax_classifier`: width 8, 3 classes, sparse categorical cross-entropy from
  logits, mean over the batch, SGD(0.1, momentum=0.9).

Keys, per run: `optimizer`, `arguments`, `x`, `y`, `weights` (at the start), `losses`
(20, each before its update), `gradient_norms` (per step and weight, before
clipping), `final_weights` (after 20 updates).
"""

from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf
from golden_file import plain, write_golden

STEPS = 20
ROWS, FEATURES, WIDTH, CLASSES = 16, 5, 8, 3


def normal(rng, *shape, scale=1.0):
    return (scale * rng.normal(size=shape)).astype("float32")


def draw_layers(rng, *sizes):
    """Kernel and bias per layer; biases are not zero, so that none goes unnoticed."""
    weights = []
    for features, units in pairwise(sizes):
        weights.append(normal(rng, features, units, scale=features**-0.5))
        weights.append(normal(rng, units, scale=0.1))
    return weights


def forward(x, variables):
    for kernel, bias in zip(variables[::2], variables[1::2], strict=True):
        if kernel is not variables[0]:
            x = tf.nn.relu(x)
        x = tf.matmul(x, kernel) + bias
    return x


def train(run, loss_function, clip=None):
    x, y = tf.constant(run["x"]), tf.constant(run["y"])
    variables = [keras.Variable(w) for w in run["weights"]]
    optimizer = getattr(keras.optimizers, run["optimizer"])(**run["arguments"])
    losses, norms = [], []
    for _ in range(STEPS):
        values = [v.value for v in variables]
        with tf.GradientTape() as tape:
            loss = loss_function(y, forward(x, values), values)
        gradients = tape.gradient(loss, values)
        losses.append(loss.numpy())
        norms.append([tf.norm(g).numpy() for g in gradients])
        if clip is not None:
            gradients = [tf.clip_by_norm(g, clip) for g in gradients]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    final = [v.numpy() for v in variables]
    return run | {"losses": losses, "gradient_norms": norms, "final_weights": final}


def squared_error(y_true, y_pred, variables):
    return tf.reduce_mean(tf.square(y_pred - y_true))


def regularized_error(y_true, y_pred, variables):
    penalty = keras.regularizers.L2(0.01)
    return squared_error(y_true, y_pred, variables) + tf.add_n(
        [penalty(kernel) for kernel in variables[::2]]
    )


def cross_entropy(y_true, y_pred, variables):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y_true, y_pred)


def linear_regression(rng):
    x = normal(rng, ROWS, FEATURES)
    y = x @ normal(rng, FEATURES, 1) + 0.5 + normal(rng, ROWS, 1, scale=0.1)
    weights = [np.zeros((FEATURES, 1), "float32"), np.zeros(1, "float32")]
    run = {"optimizer": "Adam", "arguments": {"learning_rate": 0.1}}
    return train(run | {"x": x, "y": y, "weights": weights}, squared_error)


def regularized_mlp(rng):
    x = normal(rng, ROWS, FEATURES)
    y = np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    weights = draw_layers(rng, FEATURES, WIDTH, 1)
    run = {"optimizer": "Adam", "arguments": {"learning_rate": 0.01}}
    return train(run | {"x": x, "y": y, "weights": weights}, regularized_error, 1.0)


def softmax_classifier(rng):
    x = normal(rng, ROWS, FEATURES)
    y = np.argmax(x @ normal(rng, FEATURES, CLASSES), axis=1).astype("int32")
    weights = draw_layers(rng, FEATURES, WIDTH, CLASSES)
    run = {"optimizer": "SGD", "arguments": {"learning_rate": 0.1, "momentum": 0.9}}
    return train(run | {"x": x, "y": y, "weights": weights}, cross_entropy)


def main():
    runs = (linear_regression, regularized_mlp, softmax_classifier)
    contents = {
        run.__name__: run(np.random.default_rng(seed)) for seed, run in enumerate(runs)
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
