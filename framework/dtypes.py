"""Element types under TensorFlow's names; each is a NumPy dtype, equal to its name."""

import contextlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from .errors import ArgumentTypeError

bfloat16 = np.dtype(jnp.bfloat16)
float16 = half = np.dtype("float16")
float32 = np.dtype("float32")
float64 = double = np.dtype("float64")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
uint8 = np.dtype("uint8")
uint16 = np.dtype("uint16")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
complex64 = np.dtype("complex64")
complex128 = np.dtype("complex128")
bool = np.dtype("bool")

# Python's own types mean the widths that Keras and TensorFlow give them.
_PYTHON = {float: float32, int: int32, complex: complex64}


def as_dtype(type_value: Any) -> np.dtype:
    """The dtype that a name, a NumPy or JAX type, or a Python type stands for.

    Python's `float`, `int` and `complex` are float32, int32 and complex64.

    Raises:
        ArgumentTypeError: for what names no dtype.
    """
    if type_value.__class__ is type and type_value in _PYTHON:
        return _PYTHON[type_value]
    with contextlib.suppress(TypeError):
        found = np.dtype(type_value)
        if found.names is None:
            return found
    raise ArgumentTypeError(
        f"{type_value!r} names no dtype. Use a name such as 'float32' or 'int32', or "
        "jt.float32."
    )
