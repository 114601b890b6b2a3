"""Makes `losses.json`: values and gradients of Keras losses, classes and functions.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_losses.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `inputs` (name to `y_true` and `y_pred`, all float32 but for integer labels);
`sample_weights` (name to weights); `cases`, each with `loss` (class name),
`arguments` (of the constructor), `inputs` and `sample_weight` (names; null for no
weights), `value`, `gradient` (of the summed value by the predictions), or `error`
(the class raised instead of a value); `functions`, each with `function`,
`arguments`, `inputs`, `value` and `gradient`, or `error`.
"""

from itertools import product

import keras
import numpy as np
import tensorflow as tf
from golden_file import plain, write_golden

REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")
TINY = 1e-7

INPUTS = {
    "regression": {
        "y_true": [[0.0, 1.0, 2.0], [-1.0, 0.5, 3.0], [2.0, 2.0, 2.0], [0, 0, 0]],
        "y_pred": [[0.0, 1.5, 1.0], [-3.0, 0.0, 3.0], [2.5, 1.75, 4], [1, -1, 0.3]],
    },
    "vector_and_column": {
        "y_true": [0.0, 1.0, 2.0, 0.0],
        "y_pred": [[0.5], [1.5], [0.0], [0.0]],
    },
    "column_and_vector": {
        "y_true": [[0.0], [1.0], [2.0], [0.0]],
        "y_pred": [0.5, 1.5, 0.0, 0.0],
    },
    "sequence": {
        "y_true": [[[0.0, 1.0], [2.0, 3.0]], [[1.0, 1.0], [0.0, -1.0]]],
        "y_pred": [[[0.5, 1.0], [0.0, 3.5]], [[1.0, 2.0], [0.25, -2.0]]],
    },
    "binary_probabilities": {
        "y_true": [[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.5]],
        "y_pred": [[0.0, 1.0, 1.0], [0.0, 0.9, 0.2], [0.5, 0.75, 0.01], [1, 0, 0.5]],
    },
    "binary_logits": {
        "y_true": [[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.5]],
        "y_pred": [[0.0, 20.0, 20.0], [-20, 2, -1], [0.5, 0.75, -3], [1e4, -1e4, 0]],
    },
    "binary_vector_and_column": {
        "y_true": [0.0, 1.0, 1.0, 0.0],
        "y_pred": [[0.25], [0.5], [0.0], [1.0]],
    },
    "binary_near_bounds": {
        "y_true": [[0.0, 1.0, 1.0, 0.0]],
        "y_pred": [[TINY, 1 - TINY, 1 + 1e-6, -1e-9]],
    },
    "categorical_probabilities": {
        "y_true": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.2, 0.5, 0.3]],
        "y_pred": [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]],
    },
    "categorical_unnormalized": {
        "y_true": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        "y_pred": [[2.0, 1.0, 1.0], [0.1, 0.1, 0.2]],
    },
    "categorical_logits": {
        "y_true": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.2, 0.5, 0.3]],
        "y_pred": [[2.0, 1.0, 0.1], [50, -50, 0], [1e4, 0.0, -1e4], [0.0, 0.0, 0.0]],
    },
    "sparse_probabilities": {
        "y_true": [0, 1, 2, 1],
        "y_pred": [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]],
    },
    "sparse_column": {
        "y_true": [[0], [1], [2], [1]],
        "y_pred": [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]],
    },
    "sparse_float_labels": {
        "y_true": [0.0, 1.9],
        "y_pred": [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]],
    },
    "sparse_unnormalized": {
        "y_true": [0, 1],
        "y_pred": [[2.0, 1.0, 1.0], [0.1, 0.1, 0.2]],
    },
    "sparse_label_too_large": {"y_true": [3], "y_pred": [[0.2, 0.3, 0.5]]},
    "sparse_label_negative": {"y_true": [-1], "y_pred": [[0.2, 0.3, 0.5]]},
    "sparse_logits": {
        "y_true": [0, 1, 2, 1],
        "y_pred": [[2.0, 1.0, 0.1], [50, -50, 0], [1e4, 0.0, -1e4], [0.0, 0.0, 0.0]],
    },
    "huber_at_delta": {
        "y_true": [[0.0, 0.0, 0.0, 0.0, 0.0]],
        "y_pred": [[-1.0, -0.5, 0.0, 0.5, 1.0]],
    },
}

SAMPLE_WEIGHTS = {
    "vector": [1.0, 0.5, 0.0, 2.0],
    "column": [[1.0], [0.5], [0.0], [2.0]],
    "zeros": [0.0, 0.0, 0.0, 0.0],
    "pair": [1.0, 3.0],
    "steps": [[1.0, 3.0], [0.0, 0.5]],
    "scalar": 2.0,
}

GRID = [
    ("MeanSquaredError", {}, "regression"),
    ("MeanAbsoluteError", {}, "regression"),
    ("Huber", {}, "regression"),
    ("Huber", {"delta": 0.5}, "regression"),
    ("BinaryCrossentropy", {}, "binary_probabilities"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "binary_probabilities"),
    ("BinaryCrossentropy", {"from_logits": True}, "binary_logits"),
    (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        "binary_logits",
    ),
    ("CategoricalCrossentropy", {}, "categorical_probabilities"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "categorical_probabilities"),
    ("CategoricalCrossentropy", {"from_logits": True}, "categorical_logits"),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        "categorical_logits",
    ),
    ("SparseCategoricalCrossentropy", {}, "sparse_probabilities"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_logits"),
]

NONE = {"reduction": "none"}
WEIGHTED_MEAN = {"reduction": "mean_with_sample_weight"}
SINGLE = [
    ("MeanSquaredError", {}, "regression", "scalar"),
    ("MeanSquaredError", {}, "regression", "column"),
    ("MeanSquaredError", NONE, "regression", "column"),
    ("MeanSquaredError", {}, "regression", "zeros"),
    ("MeanSquaredError", WEIGHTED_MEAN, "regression", "zeros"),
    ("MeanSquaredError", {"reduction": "mean"}, "regression", "vector"),
    ("MeanSquaredError", {"reduction": None}, "regression", "vector"),
    ("MeanSquaredError", {}, "sequence", None),
    ("MeanSquaredError", {}, "sequence", "pair"),
    ("MeanSquaredError", {}, "sequence", "steps"),
    ("MeanSquaredError", NONE, "sequence", "steps"),
    ("MeanSquaredError", WEIGHTED_MEAN, "sequence", "steps"),
    ("MeanSquaredError", {"reduction": "average"}, "regression", None),
    ("Huber", NONE, "huber_at_delta", None),
    ("Huber", NONE | {"delta": 0.5}, "huber_at_delta", None),
    ("BinaryCrossentropy", NONE, "binary_near_bounds", None),
    ("CategoricalCrossentropy", NONE, "categorical_unnormalized", None),
    ("SparseCategoricalCrossentropy", NONE, "sparse_unnormalized", None),
    ("SparseCategoricalCrossentropy", NONE, "sparse_column", None),
    ("SparseCategoricalCrossentropy", NONE, "sparse_float_labels", None),
    ("SparseCategoricalCrossentropy", NONE, "sparse_label_too_large", None),
    ("SparseCategoricalCrossentropy", NONE, "sparse_label_negative", None),
]
SHAPES = [
    (loss, arguments, inputs, weight)
    for loss, inputs, arguments, weight in product(
        ("MeanSquaredError", "MeanAbsoluteError", "Huber"),
        ("vector_and_column", "column_and_vector"),
        ({}, NONE),
        (None, "vector"),
    )
]
SHAPES += [
    ("BinaryCrossentropy", arguments, "binary_vector_and_column", weight)
    for arguments, weight in product(({}, NONE), (None, "vector"))
]

FUNCTIONS = [
    *product(
        ("mean_squared_error", "mean_absolute_error", "huber"),
        ({},),
        ("regression", "vector_and_column", "column_and_vector", "sequence"),
    ),
    ("huber", {"delta": 0.5}, "regression"),
    ("binary_crossentropy", {}, "binary_probabilities"),
    ("binary_crossentropy", {}, "binary_vector_and_column"),
    ("binary_crossentropy", {"label_smoothing": 0.1}, "binary_probabilities"),
    ("binary_crossentropy", {"from_logits": True}, "binary_logits"),
    ("binary_crossentropy", {"from_logits": True, "axis": 0}, "binary_logits"),
    ("categorical_crossentropy", {}, "categorical_probabilities"),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, "categorical_probabilities"),
    ("categorical_crossentropy", {"from_logits": True}, "categorical_logits"),
    ("categorical_crossentropy", {"axis": 0}, "categorical_unnormalized"),
    ("sparse_categorical_crossentropy", {}, "sparse_probabilities"),
    ("sparse_categorical_crossentropy", {"from_logits": True}, "sparse_logits"),
    ("sparse_categorical_crossentropy", {"ignore_class": 1}, "sparse_probabilities"),
]


def grid():
    for (loss, arguments, inputs), reduction, weight in product(
        GRID, REDUCTIONS, (None, "vector")
    ):
        yield loss, arguments | {"reduction": reduction}, inputs, weight


def load(name):
    y_true = np.asarray(INPUTS[name]["y_true"])
    kind = "int32" if y_true.dtype.kind == "i" else "float32"
    return y_true.astype(kind), np.asarray(INPUTS[name]["y_pred"], "float32")


def evaluate(function, inputs):
    y_true, y_pred = load(inputs)
    predictions = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = function(y_true, predictions)
    gradient = tape.gradient(value, predictions)
    return {"value": value.numpy(), "gradient": gradient.numpy()}


def class_case(loss, arguments, inputs, weight):
    case = {"loss": loss, "arguments": arguments, "inputs": inputs}
    weights = None
    if weight is not None:
        weights = np.asarray(SAMPLE_WEIGHTS[weight], "float32")

    def call(y_true, y_pred):
        return getattr(keras.losses, loss)(**arguments)(y_true, y_pred, weights)

    return case | {"sample_weight": weight} | value_or_error(call, inputs)


def function_case(name, arguments, inputs):
    def call(y_true, y_pred):
        return getattr(keras.losses, name)(y_true, y_pred, **arguments)

    case = {"function": name, "arguments": arguments, "inputs": inputs}
    return case | value_or_error(call, inputs)


def value_or_error(call, inputs):
    try:
        return evaluate(call, inputs)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        return {"error": type(error).__name__}


def main():
    contents = {
        "inputs": {
            name: dict(zip(("y_true", "y_pred"), load(name), strict=True))
            for name in INPUTS
        },
        "sample_weights": SAMPLE_WEIGHTS,
        "cases": [class_case(*row) for row in [*grid(), *SINGLE, *SHAPES]],
        "functions": [function_case(*row) for row in FUNCTIONS],
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
