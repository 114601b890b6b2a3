"""Reads `tests/goldens/*.json`, the numbers that Keras and TensorFlow gave."""

import functools
import inspect
import json
from pathlib import Path

import numpy as np


@functools.cache
def golden(name):
    """The contents of `tests/goldens/<name>.json`."""
    path = Path(__file__).with_name("goldens") / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def float32(values):
    return np.asarray(values, "float32")


def signature_of(function):
    """Names and defaults of a function's arguments, as `initializers.json` has them."""
    return [
        [argument.name]
        + ([] if argument.default is argument.empty else [argument.default])
        for argument in inspect.signature(function).parameters.values()
    ]


def keras_signature(name):
    """The same for Keras's class or function of a name."""
    rows = golden("initializers")["keras_defaults"]["signatures"][name]
    return [[row[0], *row[2:]] for row in rows]
