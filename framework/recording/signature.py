"""What tells two recordings apart: types, options and settings, never values.

A signature is made of hashable parts that compare equal only where the program would
be the same: interned `TensorType`s, options frozen with their Python type, and the
JAX settings in force.
"""

import contextlib
import struct
from collections.abc import Hashable, Iterator
from typing import Any

import jax
import numpy as np

PLAIN, TRAINABLE, SCALAR = "plain", "trainable", "scalar"
"""Roles of a value: an array, a watched variable, a number from the Python side."""

_INTERNED: dict[tuple, "TensorType"] = {}
_MAX_INTERNED = 100_000


class TensorType:
    """Shape, dtype and role of a value; equal types are one object.

    Identity is equality, so that a signature holding types hashes in constant time.

    Args:
        shape: Axis lengths.
        dtype: Element type.
        weak_type: Whether JAX promotes it like a Python number.
        role: `TRAINABLE` for a variable that tapes watch on their own, `SCALAR` for a
            Python number that is handed to the program as it is, else `PLAIN`.
    """

    __slots__ = ("beside", "dtype", "is_inexact", "role", "shape", "weak_type")

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype, weak_type: bool, role: str
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.weak_type = weak_type
        self.role = role
        self.is_inexact = bool(jax.numpy.issubdtype(dtype, np.inexact))
        self.beside: TensorType | None = None

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    def is_type_of(self, value: Any) -> bool:
        """Whether a tracer or array has this shape and dtype, as strictly typed."""
        return (
            value.shape == self.shape
            and value.dtype == self.dtype
            and (self.role == SCALAR or value.weak_type == self.weak_type)
        )

    def as_jax(self) -> jax.ShapeDtypeStruct:
        """The same type in the form that `jax.eval_shape` takes."""
        return jax.ShapeDtypeStruct(self.shape, self.dtype, weak_type=self.weak_type)


def tensor_type(
    shape: tuple[int, ...],
    dtype: np.dtype,
    weak_type: bool = False,
    role: str = PLAIN,
) -> TensorType:
    """The one `TensorType` of these properties."""
    key = (shape, dtype, weak_type, role)
    found = _INTERNED.get(key)
    if found is None:
        if len(_INTERNED) > _MAX_INTERNED:  # a new object is only a cache miss
            _INTERNED.clear()
        found = _INTERNED.setdefault(key, TensorType(*key))
    return found


def type_of(value: Any) -> TensorType:
    """The type of a JAX array, tracer, NumPy array or `jax.ShapeDtypeStruct`."""
    key = (value.shape, value.dtype, getattr(value, "weak_type", False), PLAIN)
    return _INTERNED.get(key) or tensor_type(*key)


def plain_type(kind: TensorType) -> TensorType:
    """The type of a value that was read from a variable or a Python number."""
    if kind.role == PLAIN:
        return kind
    return tensor_type(kind.shape, kind.dtype, kind.weak_type)


def trainable_type(kind: TensorType) -> TensorType:
    """The type of a variable that tapes watch on their own."""
    return tensor_type(kind.shape, kind.dtype, False, TRAINABLE)


def scalar_beside(kind: TensorType) -> TensorType:
    """The type of a Python number next to a value, whose dtype it takes."""
    found = kind.beside
    if found is None:
        found = kind.beside = tensor_type((), kind.dtype, False, SCALAR)
    return found


def freeze(option: Any) -> Hashable:
    """A hashable stand-in for an option, equal only where the option is the same.

    Python calls `1`, `1.0` and `True` equal, and `0.0` and `-0.0`; here they differ.
    NaN equals itself. Functions and other objects stand for themselves.
    """
    kind = option.__class__
    if option is None or kind is str or kind is int:
        return option
    if kind is tuple or kind is list:
        return (kind, *map(freeze, option))
    if kind is dict:
        return (dict, *((freeze(k), freeze(v)) for k, v in option.items()))
    if kind is float:
        return (float, struct.pack("d", option))
    if kind is complex:
        return (complex, struct.pack("dd", option.real, option.imag))
    if kind is slice:
        return (slice, *map(freeze, (option.start, option.stop, option.step)))
    if isinstance(option, np.generic):
        return (kind, option.tobytes())
    if isinstance(option, np.ndarray):
        return (kind, option.shape, option.dtype, option.tobytes())
    try:
        hash(option)
    except TypeError:
        return (kind, _Identity(option))
    return (kind, option)


class _Identity:
    """Stands for an unhashable object by identity, and keeps it alive."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value


_x64, _precision, _device, _dtypes, _ranks, _prng, _nans = (
    jax.enable_x64,
    jax.default_matmul_precision,
    jax.default_device,
    jax.numpy_dtype_promotion,
    jax.numpy_rank_promotion,
    jax.default_prng_impl,
    jax.debug_nans,
)


SETTING_NAMES = (
    "enable_x64",
    "default_matmul_precision",
    "default_device",
    "numpy_dtype_promotion",
    "numpy_rank_promotion",
    "default_prng_impl",
    "debug_nans",
)
"""What `settings` holds, in order."""


def settings() -> tuple:
    """The JAX settings that change what an op computes, as one hashable value.

    Compared at every recorded call, so it reads the context managers themselves:
    0.3 microseconds, where the attributes of `jax.config` take 0.7 microseconds.
    """
    return (
        _x64.value,
        _precision.value,
        _device.value,
        _dtypes.value,
        _ranks.value,
        _prng.value,
        _nans.value,
    )


@contextlib.contextmanager
def applied(values: tuple) -> Iterator[None]:
    """Run a block under settings that `settings` returned earlier."""
    x64, precision, device, dtypes, ranks, prng, nans = values
    with (
        _x64(x64),
        _precision(precision),
        _device(device),
        _dtypes(dtypes),
        _ranks(ranks),
        _prng(prng),
        _nans(nans),
    ):
        yield
