"""Makes `printing.json`: what `tf.print` writes.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_printing.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, each with `values`, `dtype`, `arguments` (of `tf.print`) and `text`, what
stands in the output stream after `tf.print("x:", tensor, **arguments)`; `structures`,
each with `expression` (Python, with `tf` and `x = tf.constant([1.0, 2.5])`) and `text`.
"""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from golden_file import write_golden

VALUES = [
    (13.0, "float32"),
    (0.1, "float32"),
    (1.02428484, "float32"),
    (1e-8, "float32"),
    (123456789.0, "float32"),
    (1e20, "float32"),
    (float("nan"), "float32"),
    (float("-inf"), "float32"),
    (-0.0, "float32"),
    (1.5, "float16"),
    (0.1, "float16"),
    (0.1, "bfloat16"),
    (7, "int32"),
    (200, "uint8"),
    (-3, "int8"),
    (True, "bool"),
    ([], "float32"),
    ([1.0, 2.5, -3.0], "float32"),
    ([True, False], "bool"),
    ([[1.0, 2.0], [3.0, 4.0]], "float32"),
    ([[[1], [2]], [[3], [4]]], "int32"),
    (list(range(6)), "int32"),
    (list(range(7)), "int32"),
    (np.arange(56).reshape(7, 8).tolist(), "int32"),
    (np.arange(32).reshape(2, 2, 8).tolist(), "int32"),
]
ARGUMENTS = [
    (list(range(9)), "int32", {"summarize": 2}),
    (list(range(9)), "int32", {"summarize": -1}),
    ([1.0, 2.0], "float32", {"end": "!\n"}),
    ([1.0, 2.0], "float32", {"sep": ", "}),
]
STRUCTURES = [
    "'text', 2, 3.0, None, True",
    "x, x[0]",
    "[x, x[1]]",
    "(x, 'text', 1.5)",
    "{'a': x, 'b': [1, x[0]]}",
    "[1, 2.5, 'text']",
    "tf.Variable(2.0)",
    "x.shape[0], 'a' + 'b'",
    "",
]


def printed(*inputs, **arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "printed"
        tf.print(*inputs, output_stream=f"file://{path}", **arguments)
        return path.read_text()


def case(values, dtype, arguments):
    tensor = tf.constant(values, dtype=dtype)
    text = printed("x:", tensor, **arguments)
    return {"values": values, "dtype": dtype, "arguments": arguments, "text": text}


def structure(expression):
    names = {"tf": tf, "x": tf.constant([1.0, 2.5]), "printed": printed}
    return {"expression": expression, "text": eval(f"printed({expression})", names)}


if __name__ == "__main__":
    cases = [(values, dtype, {}) for values, dtype in VALUES]
    write_golden(
        __file__,
        {
            "cases": [case(*row) for row in cases + ARGUMENTS],
            "structures": [structure(expression) for expression in STRUCTURES],
        },
    )
