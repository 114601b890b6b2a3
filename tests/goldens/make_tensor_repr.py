"""Makes `tensor_repr.json`: how TensorFlow prints eager tensors and variables.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_tensor_repr.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, each with `kind` ("constant" or "variable"), `values`, `dtype`,
`shape`, `name` (variables that were given one), `repr`, `str` and `format` (what an
f-string without a format gives); `formats`, each with `values`, `dtype`, `spec` and
`text` (f"{tensor:spec}") or `error` (the class raised).
"""

import numpy as np
import tensorflow as tf
from golden_file import plain, write_golden

VALUES = [
    (1.5, "float32"),
    (0.1, "float32"),
    (1e-8, "float32"),
    (12345678.0, "float32"),
    (float("nan"), "float32"),
    (-float("inf"), "float32"),
    (3, "int32"),
    (3, "int64"),
    (200, "uint8"),
    (True, "bool"),
    (1.5, "float64"),
    (1.5, "float16"),
    (0.1, "bfloat16"),
    (3 + 4j, "complex64"),
    ([1.0, 2.0, 3.5], "float32"),
    ([1, 2, 3], "int32"),
    ([True, False], "bool"),
    ([], "float32"),
    ([0.1, 1e6, 1e-6], "float32"),
    ([1.5, 2.0], "float16"),
    ([1.5, 2.0], "bfloat16"),
    ([[1.0, 2.0], [3.0, 4.0]], "float32"),
    ([[1, 2, 3], [4, 5, 6]], "int32"),
    ([[[1.0], [2.0]]], "float32"),
    (list(range(2000)), "int32"),
]
FORMATS = [
    (1.2345678, "float32", ".3f"),
    (1.2345678, "float32", ">10.2e"),
    (3, "int32", "d"),
    (3, "int32", "04d"),
    (3.0, "float32", "d"),
    (True, "bool", ""),
    ([1.0, 2.0], "float32", ".2f"),
]


def case(kind, tensor, values, name=None):
    return {
        "kind": kind,
        "values": values if np.size(values) < 100 else "range(2000)",
        "dtype": tensor.dtype.name,
        "shape": tensor.shape.as_list(),
        "name": name,
        "repr": repr(tensor),
        "str": str(tensor),
        "format": f"{tensor}",
    }


def rows():
    for values, dtype in VALUES:
        yield case("constant", tf.constant(values, dtype), values)
    for values, dtype in VALUES:
        yield case("variable", tf.Variable(values, dtype=dtype), values)
    yield case("variable", tf.Variable([1.0, 2.0], name="w"), [1.0, 2.0], "w")
    yield case("variable", tf.Variable(1, name="step", trainable=False), 1, "step")


def format_row(values, dtype, spec):
    row = {"values": values, "dtype": dtype, "spec": spec}
    try:
        return row | {"text": format(tf.constant(values, dtype), spec)}
    except (TypeError, ValueError) as error:
        return row | {"error": type(error).__name__}


def without_complex(row):
    """JSON has no complex numbers: [real, imag]."""
    values = row["values"]
    pair = isinstance(values, complex)
    return row | {"values": [values.real, values.imag] if pair else values}


def main():
    contents = {
        "cases": [without_complex(row) for row in rows()],
        "formats": [format_row(*row) for row in FORMATS],
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
