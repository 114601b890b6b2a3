"""Makes `regularizers.json`: L1, L2 and L1L2 on a matrix with zeros, with gradients.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_regularizers.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `x` (3, 4) float32; `cases`, each with `regularizer` (class name, or the string
given to `keras.regularizers.get` under `identifier`), `arguments`, `config`, `value`
and `gradient`, or `error` (the class raised for an unknown identifier).
"""

import keras
import tensorflow as tf
from golden_file import plain, write_golden

X = [[0.0, 1.0, -2.0, 0.5], [-0.25, 0.0, 3.0, -1.5], [1e-4, -1e3, 0.0, 0.125]]

CASES = [
    ("L1", {}),
    ("L1", {"l1": 0.1}),
    ("L1", {"l1": 0.0}),
    ("L2", {}),
    ("L2", {"l2": 0.1}),
    ("L2", {"l2": 0.0}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1}),
    ("L1L2", {"l2": 0.1}),
    ("L1L2", {"l1": 0.03, "l2": 0.2}),
]
IDENTIFIERS = ("l1", "l2", "l1l2", "l1_l2", "L1", "L2", "L1L2")


def evaluate(regularizer):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = regularizer(x)
    gradient = tape.gradient(value, x)
    return {
        "config": regularizer.get_config(),
        "value": value.numpy(),
        "gradient": None if gradient is None else gradient.numpy(),
    }


def class_case(name, arguments):
    regularizer = getattr(keras.regularizers, name)(**arguments)
    return {"regularizer": name, "arguments": arguments} | evaluate(regularizer)


def identifier_case(identifier):
    try:
        regularizer = keras.regularizers.get(identifier)
    except ValueError as error:
        return {"identifier": identifier, "error": type(error).__name__}
    name = type(regularizer).__name__
    return {"regularizer": name, "identifier": identifier} | evaluate(regularizer)


def main():
    cases = [class_case(*row) for row in CASES]
    cases += [identifier_case(identifier) for identifier in IDENTIFIERS]
    write_golden(__file__, plain({"x": X, "cases": cases}))


if __name__ == "__main__":
    main()
