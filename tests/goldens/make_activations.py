"""Makes `activations.json`: every Keras activation by name, values and gradients.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_activations.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `x` (2, 6) float32, with the kinks of the piecewise functions among its points;
`output_gradient` (2, 6); `cases`, each with `name` (as `keras.activations.get` takes
it), `arguments` (keywords), `value` and `gradient` (of `x`, for the first columns of
`output_gradient` where the value is narrower, as in glu).
"""

import keras
import numpy as np
import tensorflow as tf
from golden_file import plain, write_golden

NOT_ACTIVATIONS = {"deserialize", "get", "serialize"}
ALIASES = {"hard_swish", "swish"}

X = [[-20.0, -3.0, -1.0, 0.0, 0.5, 1.0], [-6.0, -0.5, 2.0, 3.0, 6.0, 20.0]]
OUTPUT_GRADIENT = [[1.0, 2.0, -1.0, 0.5, 1.0, 3.0], [1.0, -2.0, 1.0, 1.0, 0.25, -1.0]]

REQUIRED = {"threshold": {"threshold": 0.5, "default_value": -1.0}}
VARIANTS = [
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 6.0}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
]


def case(name, arguments):
    function = keras.activations.get(name)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x, **arguments)
    weights = np.asarray(OUTPUT_GRADIENT, "float32")[:, : value.shape[1]]
    gradient = tape.gradient(value, x, output_gradients=tf.constant(weights))
    return {
        "name": name,
        "arguments": arguments,
        "value": value.numpy(),
        "gradient": gradient.numpy(),
    }


def names():
    public = {name for name in dir(keras.activations) if not name.startswith("_")}
    return sorted(public - NOT_ACTIVATIONS | ALIASES)


def main():
    rows = [(name, REQUIRED.get(name, {})) for name in names()] + VARIANTS
    contents = {
        "x": X,
        "output_gradient": OUTPUT_GRADIENT,
        "cases": [case(*row) for row in rows],
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
