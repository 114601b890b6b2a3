"""How a golden is written: plain JSON, short floats, versions and command on top.

Used by every `make_*.py` of this folder. A float32 is written as the shortest
decimal that reads back as the same float32; NaN and the infinities are written as
Python's `json` writes and reads them (`NaN`, `Infinity`, `-Infinity`).
"""

import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

SETTINGS = "KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3"
LINE = 120


def plain(value):
    """The value as JSON has it: tensors and tuples become nested lists."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _plain_array(_dense(value))


def tensor(value):
    """A tensor with its dtype and shape, for files where these are the claim."""
    value = _dense(value)
    return {
        "dtype": str(value.dtype),
        "shape": list(value.shape),
        "values": _plain_array(value),
    }


def write_golden(script, contents):
    """Writes `contents` beside `make_<name>.py` as `<name>.json`."""
    assert keras.backend.backend() == "tensorflow"
    script = Path(script)
    path = script.with_name(script.stem.removeprefix("make_") + ".json")
    header = {
        "command": f"{SETTINGS} python tests/goldens/{script.name}",
        "versions": {
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
        },
    }
    path.write_text(_render(header | contents, 0) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size} bytes")


def _dense(value):
    if isinstance(value, tf.IndexedSlices):
        value = tf.convert_to_tensor(value)
    return np.asarray(value)


def _plain_array(array):
    if array.ndim:
        return [_plain_array(row) for row in array]
    if np.issubdtype(array.dtype, np.complexfloating):
        return [_plain_array(array.real), _plain_array(array.imag)]
    item = array.item()
    if not isinstance(item, float) or array.dtype == np.float64:
        return item
    short = float(str(array[()]))
    same = np.asarray(short, array.dtype)
    return short if np.array_equal(same, array, equal_nan=True) else item


def _render(value, depth):
    """JSON with one row a line: only what does not fit in a line is broken up."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) + depth <= LINE or not isinstance(value, dict | list):
        return text
    if isinstance(value, list) and not any(isinstance(x, dict | list) for x in value):
        return text
    pad = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        names = [json.dumps(key, ensure_ascii=False) + ": " for key in value]
        items = [
            name + _render(item, depth + 1)
            for name, item in zip(names, value.values(), strict=True)
        ]
        return "{" + pad + ("," + pad).join(items) + "\n" + " " * depth + "}"
    items = [_render(item, depth + 1) for item in value]
    return "[" + pad + ("," + pad).join(items) + "\n" + " " * depth + "]"
