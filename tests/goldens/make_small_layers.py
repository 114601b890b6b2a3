"""Makes `small_layers.json`: calls of Keras's layers that are a formula or a wrapper.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_small_layers.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, by name, each as `layer_case.py` says; `signatures` (class to a list of
[argument, default]).
"""

import inspect

import keras
import numpy as np
from golden_file import plain, write_golden
from layer_case import Numbers, layer_case

numbers = Numbers(23)
STEPS = [[True, True, False, True], [False, True, False, False]]
OTHER_STEPS = [[False, True, False, False], [False, True, True, False]]
CLASSES = (
    *("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
    *("Multiply", "Subtract", "Average", "Maximum", "Minimum", "Dot"),
)


def called(name, arguments, x, *, mask=None, **options):
    """A case of a layer of one input."""
    masks = None if mask is None else {"inputs": mask}
    return layer_case(name, arguments, {"inputs": x}, masks=masks, **options)


def merged(name, arguments, arrays, masks=None):
    masks = None if masks is None else {"inputs": masks}
    return layer_case(name, arguments, {"inputs": {"list": arrays}}, masks=masks)


def activation_cases():
    x = np.array([[-2.5, -0.5, 0.0, 0.5], [1.0, 2.0, 6.0, 7.5]], "float32")
    image = numbers(2, 3, 2, 2)
    image[0, 0, 0, 0] = 0
    sequence = numbers(2, 4, 3)
    picked = [[True, False, True, True], [False, False, False, False]]
    return {
        "relu": called("ReLU", {}, x),
        "relu_slope": called("ReLU", {"negative_slope": 0.2}, x),
        "relu_all": called(
            "ReLU", {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.5}, x
        ),
        "relu_masked": called("ReLU", {"max_value": 1.0}, sequence, mask=STEPS),
        "leaky_relu": called("LeakyReLU", {}, x),
        "leaky_relu_slope": called("LeakyReLU", {"negative_slope": 0.1}, x),
        "elu": called("ELU", {"alpha": 0.5}, x),
        "prelu": called("PReLU", {}, image),
        "prelu_shared": called("PReLU", {"shared_axes": [1, 2]}, image),
        "softmax": called("Softmax", {}, sequence),
        "softmax_axes": called("Softmax", {"axis": [1, 2]}, sequence),
        "softmax_masked": called("Softmax", {}, x, mask=picked),
    }


def merging_cases():
    x, y, z = (np.round(2 * numbers(2, 4, 3)) / 2 for _ in range(3))
    row, one = numbers(2, 3), numbers(2, 1, 3)
    cases = {}
    for name in ("Multiply", "Subtract", "Average", "Maximum", "Minimum"):
        arrays = [x, y] if name == "Subtract" else [x, y, z]
        own = name.lower()
        both = [STEPS, OTHER_STEPS]
        cases[own] = merged(name, {}, arrays)
        cases[f"{own}_ranks"] = merged(name, {}, [x, row])
        cases[f"{own}_lengths"] = merged(name, {}, [one, x])
        cases[f"{own}_masked"] = merged(name, {}, [x, y], both)
        cases[f"{own}_half_masked"] = merged(name, {}, [x, y], [None, STEPS])
    rows = [numbers(2, 5), numbers(2, 5)]
    return cases | {
        "dot": merged("Dot", {"axes": 1}, rows),
        "dot_cosine": merged("Dot", {"axes": -1, "normalize": True}, rows),
        "dot_axes": merged("Dot", {"axes": [2, 1]}, [x, numbers(2, 3, 5)]),
        "dot_ranks": merged("Dot", {"axes": [1, 3]}, [x, numbers(2, 2, 3, 4)]),
        "dot_masked": merged("Dot", {"axes": 2}, [x, y], [STEPS, OTHER_STEPS]),
        "dot_row": merged("Dot", {"axes": [1, 2]}, [row, x]),
    }


def signature(name):
    rows = inspect.signature(getattr(keras.layers, name).__init__).parameters.values()
    return [
        [row.name] + ([] if row.default is row.empty else [row.default])
        for row in list(rows)[1:]
        if row.kind is not row.VAR_KEYWORD
    ]


def main():
    cases = activation_cases() | merging_cases()
    signatures = {name: signature(name) for name in CLASSES}
    write_golden(__file__, plain({"cases": cases, "signatures": signatures}))


if __name__ == "__main__":
    main()
