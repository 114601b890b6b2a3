"""Arrays in lists, tuples and dictionaries: what users give, as NumPy and JAX arrays.

Nothing is copied but what needs another dtype: float64 becomes float32 and int64 int32
while x64 is off, as everywhere in jaxtape; uint8, bool and the like stay as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import ArgumentError, ArgumentTypeError, ShapeError
from ...recording.ingest import private_array
from ...recording.tensor import ArrayLike

_NUMBERS = (bool, int, float, complex, str, bytes, np.generic)


def is_array(value: Any) -> bool:
    """Whether a value is one array: NumPy's, JAX's, ours, a frame, rows of numbers."""
    if isinstance(value, list | tuple):
        return _is_rows(value)
    return hasattr(value, "__array__") or isinstance(value, ArrayLike | jax.Array)


def is_nested(value: Any) -> bool:
    """Whether a value is arrays in lists, tuples and dictionaries."""
    return isinstance(value, Mapping | list | tuple) and not is_array(value)


def map_arrays(function: Callable[[Any, str], Any], value: Any, name: str) -> Any:
    """The same nesting with each array replaced; `None` stays.

    Args:
        function: Called with an array and its name: `x`, `x[0]`, `x['image']`.
        value: An array, or arrays in lists, tuples and dictionaries.
        name: What messages call the value.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {
            key: map_arrays(function, part, f"{name}[{key!r}]")
            for key, part in value.items()
        }
    if is_nested(value):
        parts = [
            map_arrays(function, part, f"{name}[{number}]")
            for number, part in enumerate(value)
        ]
        return parts if isinstance(value, list) else tuple(parts)
    return function(value, name)


def named_arrays(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each array of a nesting with its name."""
    found: list[tuple[str, Any]] = []
    map_arrays(lambda array, label: found.append((label, array)), value, name)
    yield from found


def as_array(value: Any, name: str) -> Any:
    """One array of a user as NumPy or JAX array in a dtype that devices have.

    Raises:
        ArgumentTypeError: for objects, text, dates and the like.
        ArgumentError: for integers that do not fit.
        ShapeError: for a single number.
    """
    value = unwrapped(value)
    if not isinstance(value, jax.Array):
        value = narrowed(value, name)
    elif jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        raise ArgumentTypeError(
            f"`{name}` has dtype {value.dtype}; expected numbers or booleans. "
            "Random keys are no data: draw from them first."
        )
    if not value.shape:
        raise ShapeError(
            f"`{name}` must have an axis of samples; got shape (). "
            "A single sample is a batch of one: x[None]."
        )
    return value


def unwrapped(value: Any) -> Any:
    """What another library's array holds, as NumPy or JAX array, by its methods."""
    if isinstance(value, np.ndarray | jax.Array):
        return value
    if hasattr(value, "detach"):  # PyTorch
        return value.detach().cpu().numpy()
    if hasattr(value, "to_numpy"):  # pandas; a series is one column, as in Keras
        host = value.to_numpy()
        return host[:, None] if host.ndim == 1 else host
    if hasattr(value, "numpy"):  # ours, TensorFlow's
        return value.numpy()
    return value


def narrowed(value: Any, name: str) -> np.ndarray:
    """A host array in a dtype that devices have; itself if it has one already."""
    if type(value) is np.memmap:
        private_array(value[:0], name=name)  # its dtype; batches of it are narrowed
        return value.view(np.ndarray)
    if type(value) is np.ndarray and has_device_dtype(value):
        return value
    return private_array(value, name=name)


def has_device_dtype(array: Any) -> bool:
    """Whether an array goes to a device as it is."""
    kind = array.dtype
    if not kind.isnative or kind.kind not in "biufcV" or kind.itemsize > 16:
        return False
    return private_array(np.empty(0, kind)).dtype == kind


def check_lengths(parts: dict[str, Any]) -> int:
    """The number of samples that all arrays share.

    Raises:
        ShapeError: if the numbers differ.
        ArgumentError: if there are no arrays, or no samples.
    """
    named = [pair for name, part in parts.items() for pair in named_arrays(part, name)]
    if not named:
        raise ArgumentError(
            f"`x` holds no arrays: {parts.get('x')!r}. Give an array of samples."
        )
    (first, array), *others = named
    count = array.shape[0]
    for name, other in others:
        if other.shape[0] != count:
            raise ShapeError(
                f"`{first}` has {count} samples (shape {array.shape}) and `{name}` "
                f"has {other.shape[0]} (shape {other.shape}); each sample needs its "
                "own. Cut both to the same length."
            )
    if count == 0:
        raise ArgumentError(
            f"`{first}` has 0 samples (shape {array.shape}); at least 1 is needed. "
            "Check how the data was loaded or selected."
        )
    return count


def _is_rows(value: Any) -> bool:
    """Whether nested lists hold numbers (or text, which is refused), not arrays."""
    while isinstance(value, list | tuple):
        if not value:
            return True
        value = value[0]
    return isinstance(value, _NUMBERS)
