"""Makes `initializers.json`: what Keras initializers draw, and Keras's signatures.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_initializers.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, each with `initializer` (class name), `arguments`, `shape` and

- `error` (the class raised), where the initializer does not take the shape;
- `constant`, where every element is that number;
- `diagonal`, where it is that number times `eye` (nothing drawn);
- `gain`, where rows or columns (whichever are fewer, `shape[:-1]` flattened) are
  orthogonal and of that length;
- else `limits` (no draw is outside) and `std` (of the distribution), both from the
  formula in `theory`, and `measured` (`samples`, `mean`, `std`, `min`, `max` over
  the seeds 0, 1, 2, ..., at least 200,000 numbers).

`keras_defaults`: `signatures` (name to a list of [argument, kind, default]; kind is
as in `inspect`; no third entry where there is no default) and `configs` (name to
`get_config()` of an instance with the arguments in `config_arguments`).
"""

import inspect
import math

import keras
import numpy as np
from golden_file import plain, write_golden

SHAPES = ((64, 32), (3, 3, 8, 16), (32,))
SAMPLES = 200_000
# The std of a unit normal cut at +-2; Keras divides by it, so that the draws have
# the std asked for. `TruncatedNormal` itself does not divide.
CUT_STD = 0.87962566103423978

SCALING = {  # initializer: (scale, mode, is_uniform)
    "GlorotUniform": (1.0, "fan_avg", True),
    "GlorotNormal": (1.0, "fan_avg", False),
    "HeUniform": (2.0, "fan_in", True),
    "HeNormal": (2.0, "fan_in", False),
    "LecunUniform": (1.0, "fan_in", True),
    "LecunNormal": (1.0, "fan_in", False),
    "VarianceScaling": (1.0, "fan_in", False),
}
CASES = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {}),
    ("Constant", {"value": 0.25}),
    ("Identity", {}),
    ("Identity", {"gain": 2.0}),
    ("Orthogonal", {}),
    ("Orthogonal", {"gain": 2.0}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.5}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": 0.0, "maxval": 2.0}),
    ("TruncatedNormal", {}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.5}),
    *((name, {}) for name in SCALING),
]

LOSSES = (
    "MeanSquaredError",
    "MeanAbsoluteError",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "Huber",
)
LOSS_FUNCTIONS = (
    "mean_squared_error",
    "mean_absolute_error",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "huber",
)
INITIALIZERS = tuple(dict.fromkeys(name for name, _ in CASES))
NAMESPACES = {
    "layers": ("Dense", "Activation", "Flatten", "Dropout", "InputLayer"),
    "optimizers": ("SGD", "Adam"),
    "losses": LOSSES,
    "regularizers": ("L1", "L2", "L1L2"),
    "initializers": INITIALIZERS,
}
CONFIG_ARGUMENTS = {
    "Dense": {"units": 4},
    "Activation": {"activation": "relu"},
    "Dropout": {"rate": 0.5},
    "InputLayer": {"shape": [3]},
}


def fans(shape):
    receptive = math.prod(shape[:-2])
    return shape[-2 if len(shape) > 1 else -1] * receptive, shape[-1] * receptive


def theory(name, arguments, shape):
    """Limits and std of the distribution, with the formula they come from."""
    if name in SCALING:
        return variance_scaling(*SCALING[name], *fans(shape))
    if name == "RandomUniform":
        low, high = arguments.get("minval", -0.05), arguments.get("maxval", 0.05)
        text = "uniform(minval, maxval): std = (maxval - minval) / sqrt(12)"
        return text, [low, high], (high - low) / math.sqrt(12)
    mean, std = arguments.get("mean", 0.0), arguments.get("stddev", 0.05)
    if name == "RandomNormal":
        return "normal(mean, stddev)", None, std
    text = "normal cut at mean +- 2 * stddev: std = 0.8796 * stddev"
    return text, [mean - 2 * std, mean + 2 * std], CUT_STD * std


def variance_scaling(scale, mode, is_uniform, fan_in, fan_out):
    fan = fan_in if mode == "fan_in" else (fan_in + fan_out) / 2
    std = math.sqrt(scale / fan)
    text = f"std = sqrt({scale:g} / {mode}), {mode} = {fan:g}, "
    if is_uniform:
        limit = math.sqrt(3) * std
        return text + "limit = sqrt(3) * std", [-limit, limit], std
    limit = 2 * std / CUT_STD
    return text + "limit = 2 * std / 0.8796 (cut normal)", [-limit, limit], std


def case(name, arguments, shape):
    row = {"initializer": name, "arguments": arguments, "shape": shape}
    make = getattr(keras.initializers, name)
    try:
        values = np.asarray(make(**arguments)(shape))
    except ValueError as error:
        return row | {"error": type(error).__name__}
    if name in ("Zeros", "Ones", "Constant"):
        assert np.ptp(values) == 0
        return row | {"constant": values.flat[0]}
    if name == "Identity":
        assert np.array_equal(values, values[0, 0] * np.eye(*shape))
        return row | {"diagonal": values[0, 0]}
    if name == "Orthogonal":
        return row | {"gain": measured_gain(values)}
    return row | random_case(name, arguments, shape, make)


def measured_gain(values):
    """The length of the orthogonal rows or columns, after a check that they are."""
    matrix = values.reshape(-1, values.shape[-1]).astype("float64")
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    gram = matrix.T @ matrix
    gain = math.sqrt(gram[0, 0])
    assert np.allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-5)
    return round(gain, 5)


def random_case(name, arguments, shape, make):
    count = -(-SAMPLES // math.prod(shape))
    draws = [np.asarray(make(**arguments, seed=i)(shape)) for i in range(count)]
    values = np.stack(draws).astype("float64")
    text, limits, std = theory(name, arguments, shape)
    assert abs(values.std() / std - 1) < 0.01
    assert limits is None or limits[0] <= values.min() + 1e-6
    assert limits is None or values.max() - 1e-6 <= limits[1]
    measured = {"samples": values.size} | {
        key: round(float(getattr(values, key)()), 6)
        for key in ("mean", "std", "min", "max")
    }
    return {"theory": text, "limits": limits, "std": std, "measured": measured}


def signature(function):
    rows = []
    for argument in inspect.signature(function).parameters.values():
        row = [argument.name, argument.kind.name]
        if argument.default is not inspect.Parameter.empty:
            row.append(argument.default)
        rows.append(row)
    return rows


def signatures():
    found = {
        name: signature(getattr(getattr(keras, namespace), name))
        for namespace, names in NAMESPACES.items()
        for name in names
    }
    found |= {name: signature(getattr(keras.losses, name)) for name in LOSS_FUNCTIONS}
    found |= {"Input": signature(keras.Input)}
    found |= {"Sequential": signature(keras.Sequential.__init__)[1:]}
    found |= {"Loss.__call__": signature(keras.losses.Loss.__call__)[1:]}
    for name in ("compile", "fit", "evaluate", "predict", "summary"):
        found[f"Model.{name}"] = signature(getattr(keras.Model, name))[1:]
    return found


def configs():
    return {
        name: getattr(getattr(keras, namespace), name)(
            **CONFIG_ARGUMENTS.get(name, {})
        ).get_config()
        for namespace, names in NAMESPACES.items()
        for name in names
    }


def main():
    contents = {
        "cases": [case(*row, shape) for row in CASES for shape in SHAPES],
        "keras_defaults": {
            "signatures": signatures(),
            "config_arguments": CONFIG_ARGUMENTS,
            "configs": configs(),
        },
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
