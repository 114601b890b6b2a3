"""Makes `normalization.json`: calls of Keras's BatchNormalization, LayerNormalization.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_normalization.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, by name, each as `layer_case.py` says; `frozen` and `inference`: outputs
of a BatchNormalization with `trainable` false that is called with `training` true, and
its weights after; `signatures` (name to a list of [argument, default]).
"""

import inspect

import keras
from golden_file import plain, write_golden
from layer_case import Numbers, layer_case

numbers = Numbers(7)
MASK = [[True, True, False, True], [True, False, False, False]]


def batch(arguments, x, variance=1.0, **options):
    channels = x.shape[arguments.get("axis", -1)]
    count = arguments.get("scale", True) + arguments.get("center", True)
    weights = [numbers(channels) for _ in range(count + 1)]
    weights.append(abs(numbers(channels)) + 0.5)
    inputs = {"inputs": x}
    return layer_case(
        "BatchNormalization", arguments, inputs, weights=weights, **options
    )


def layer(arguments, x):
    return layer_case("LayerNormalization", arguments, {"inputs": x})


def signature(name):
    rows = inspect.signature(getattr(keras.layers, name).__init__).parameters.values()
    return [
        [row.name] + ([] if row.default is row.empty else [row.default])
        for row in list(rows)[1:]
        if row.kind is not row.VAR_KEYWORD
    ]


def main():
    table, steps, images = numbers(5, 3), numbers(2, 4, 3), numbers(2, 3, 4, 2)
    cases = {
        "batch_training": batch({}, table, training=True),
        "batch_inference": batch({}, table),
        "batch_frozen": batch({"trainable": False}, table, training=True),
        "batch_masked": batch({}, steps, training=True, masks={"inputs": MASK}),
        "batch_channels_first": batch(
            {"axis": 1, "momentum": 0.8, "epsilon": 1e-5}, images, training=True
        ),
        "batch_bare": batch({"scale": False, "center": False}, table, training=True),
        "batch_of_one": batch({"momentum": 0.5}, table[:1], training=True),
        "layer": layer({}, table),
        "layer_axes": layer({"axis": [1, 2], "epsilon": 1e-5}, images),
        "layer_early_axis": layer({"axis": 1}, steps),
        "layer_no_scale": layer({"scale": False}, steps),
        "layer_no_center": layer({"center": False}, steps),
    }
    names = ("BatchNormalization", "LayerNormalization")
    signatures = {name: signature(name) for name in names}
    write_golden(__file__, plain({"cases": cases, "signatures": signatures}))


if __name__ == "__main__":
    main()
