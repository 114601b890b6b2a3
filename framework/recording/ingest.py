"""Taking in host data: a private copy, in a dtype that the device has."""

import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ArgumentTypeError
from .site import user_level

_NARROW = {
    np.dtype("float64"): np.dtype("float32"),
    np.dtype("int64"): np.dtype("int32"),
    np.dtype("uint64"): np.dtype("uint32"),
    np.dtype("complex128"): np.dtype("complex64"),
}
AS_IS = frozenset(
    map(
        np.dtype,
        [
            "bool",
            "int8",
            "int16",
            "int32",
            "uint8",
            "uint16",
            "uint32",
            "float16",
            "float32",
            "complex64",
        ],
    )
)
"""Dtypes that every device has."""
X64 = "jt.config.enable_x64()"
_ALIGNMENT = 64  # bytes
LARGE = 1 << 17
"""Bytes from which on alignment pays: below, it costs 4 us, above it saves a copy."""


def is_number(value: Any) -> bool:
    """Whether a value is a Python number (a NumPy scalar has a dtype of its own)."""
    return value.__class__ in (float, int, bool, complex)


def device_dtype(dtype: Any, name: str = "dtype") -> np.dtype:
    """A dtype that was asked for by name, if the device can have it.

    Raises:
        ArgumentError: for a 64-bit dtype while x64 is not enabled.
        ArgumentTypeError: for what is no dtype.
    """
    try:
        dtype = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"`{name}` must be a dtype such as 'float32'; got {dtype!r} ({error})."
        ) from None
    if dtype in _NARROW and not jax.enable_x64.value:
        raise ArgumentError(
            f"`{name}` is {dtype.name}, which needs 64-bit types; they are off. "
            f"Call {X64} first, or use {_NARROW[dtype].name}."
        )
    return dtype


def private_array(value: Any, dtype: Any = None, name: str = "value") -> Any:
    """A copy of host data that nobody else can change, in a dtype the device has.

    Copied here and now: a NumPy array that is changed after the call changes nothing.

    Args:
        value: Array, NumPy scalar, Python number or nested list.
        dtype: Element type; default that of `value`, 64-bit types narrowed while x64
            is not enabled: float64 to float32, int64 to int32 if all values fit.
        name: The argument's name in messages.

    Raises:
        ArgumentTypeError: for objects, strings, dates and the like.
        ArgumentError: for integers that do not fit.
    """
    kind = value.__class__
    is_array = kind is np.ndarray or issubclass(kind, np.generic)
    if is_array and dtype is None and value.dtype in AS_IS:  # nearly all
        return np.array(value, order="C") if value.nbytes < LARGE else _copied(value)
    wanted = None if dtype is None else device_dtype(dtype)
    if isinstance(value, jax.Array):
        return jnp.array(value, dtype=wanted)
    host = _as_host(value, name)
    narrow = wanted
    if narrow is None and not jax.enable_x64.value:
        narrow = _NARROW.get(host.dtype)
    if narrow is None or narrow == host.dtype:
        return _copied(host)
    if host.dtype.kind in "iu" and narrow.kind in "iu":
        _check_fit(host, narrow, name)
    with np.errstate(over="ignore", invalid="ignore"):
        copied = _copied(host, narrow)
    if wanted is None and copied.dtype.kind == "f":
        _warn_overflow(host, copied, name)
    return copied


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Room for an array that XLA on CPUs reads where it lies, without a second copy.

    That one takes 3 to 6 times as long as the first for hundreds of megabytes, since
    NumPy asks the system for huge pages and XLA does not. NumPy aligns to 16 bytes.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def _copied(host: np.ndarray, dtype: Any = None) -> np.ndarray:
    """A copy, aligned if it is large."""
    if host.nbytes < LARGE:
        return np.array(host, dtype, order="C")
    copied = aligned_empty(host.shape, dtype or host.dtype)
    np.copyto(copied, host, casting="unsafe")
    return copied


def _as_host(value: Any, name: str) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentTypeError(
            f"`{name}` is a masked array, whose mask would be lost. "
            "Fill it first: x.filled(0)."
        )
    try:
        host = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ArgumentTypeError(
            f"`{name}` is no array of numbers: {str(error).rstrip('.')}. "
            "Give rows of equal length."
        ) from None
    if host.dtype.kind not in "biufc" and not jnp.issubdtype(host.dtype, np.generic):
        kind = None
    else:
        kind = host.dtype.kind
    if kind not in ("b", "i", "u", "f", "c") and not _is_small_float(host.dtype):
        raise ArgumentTypeError(
            f"`{name}` has dtype {host.dtype} ({type(value).__name__} of shape "
            f"{host.shape}); expected numbers or booleans. "
            "Convert it first, for example x.astype('float32')."
        )
    if host.dtype.itemsize > 8 and host.dtype.kind == "f":
        host = host.astype(np.float64)  # long double: no device has it
    if not host.dtype.isnative:
        host = host.astype(host.dtype.newbyteorder("="))
    return host


def _is_small_float(dtype: np.dtype) -> bool:
    """bfloat16 and the 8-bit floats, which NumPy calls void."""
    return bool(jnp.issubdtype(dtype, np.floating))


def _check_fit(host: np.ndarray, narrow: np.dtype, name: str) -> None:
    if not host.size:
        return
    low, high = int(host.min()), int(host.max())
    limits = np.iinfo(narrow)
    if low < limits.min or high > limits.max:
        raise ArgumentError(
            f"`{name}` has {host.dtype.name} values from {low} to {high}, which do "
            f"not fit {narrow.name}. Call {X64} first, or use smaller numbers."
        )


def _warn_overflow(host: np.ndarray, copied: np.ndarray, name: str) -> None:
    if copied.size and np.isinf(copied).any() and not np.isinf(host).any():
        warnings.warn(
            f"`{name}` has {host.dtype.name} values up to {np.abs(host).max():.3g}, "
            f"which become infinite in {copied.dtype.name}. Call {X64} to keep them.",
            stacklevel=user_level(),
        )
