"""`jt.numpy`: `jax.numpy` for Tensors, with JAX's conventions.

Each function is lifted on first use: recorded, differentiated, found again by its
structure. Arrays and floats are inputs; ints are structure (axes, shapes) except in
arithmetic, where they are inputs, too. Constants, dtypes and helpers that make no
arrays are `jax.numpy`'s own.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import ShapeError
from .lifting import lift
from .mirror import mirror, mirror_module
from .ops import constant
from .recording.node import Handle
from .recording.tensor import ArrayLike, TensorLike, convert, from_array

# In these, Python ints are data.
_ARITHMETIC = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "true_divide",
        "floor_divide",
        "power",
        "pow",
        "float_power",
        "mod",
        "remainder",
        "fmod",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "where",
        "clip",
        "equal",
        "not_equal",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "arctan2",
        "atan2",
        "hypot",
        "logaddexp",
        "logaddexp2",
        "copysign",
        "nextafter",
        "heaviside",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "left_shift",
        "right_shift",
        "gcd",
        "lcm",
        "interp",
        "isclose",
        "allclose",
        "array_equal",
        "dot",
        "inner",
        "outer",
        "cross",
        "abs",
        "absolute",
        "negative",
        "positive",
        "sign",
        "square",
        "sqrt",
        "exp",
        "log",
    ]
)
# In these, the ints of some arguments are.
_INT_ARGUMENTS = {
    "full": frozenset({"fill_value"}),
    "full_like": frozenset({"fill_value"}),
    "nan_to_num": frozenset({"nan", "posinf", "neginf"}),
}
# What these return is no array: they see dtypes and shapes only, or make functions.
_HOST = frozenset(
    [
        "array_repr",
        "array_str",
        "broadcast_shapes",
        "can_cast",
        "einsum_path",
        "from_dlpack",
        "frombuffer",
        "fromfile",
        "fromiter",
        "frompyfunc",
        "fromstring",
        "get_printoptions",
        "isdtype",
        "isscalar",
        "issubdtype",
        "iterable",
        "load",
        "printoptions",
        "promote_types",
        "save",
        "savez",
        "set_printoptions",
        "vectorize",
    ]
)
# The shape of what these return depends on the values: they are read.
_READING = frozenset(
    [
        "argwhere",
        "extract",
        "flatnonzero",
        "intersect1d",
        "nonzero",
        "setdiff1d",
        "setxor1d",
        "trim_zeros",
        "union1d",
        "unique",
        "unique_all",
        "unique_counts",
        "unique_inverse",
        "unique_values",
    ]
)


def array(object: TensorLike, dtype: Any = None) -> Any:
    """A Tensor with a copy of host data; a Tensor as it is."""
    return constant(object, dtype)


asarray = array


def shape(a: TensorLike) -> tuple[int, ...]:
    """Axis lengths."""
    return convert(a, name="a").shape


def ndim(a: TensorLike) -> int:
    """Number of axes."""
    return convert(a, name="a").ndim


def size(a: TensorLike, axis: int | None = None) -> int:
    """Number of elements, or the length of one axis."""
    x = convert(a, name="a")
    return x.size if axis is None else x.shape[axis]


def result_type(*args: Any) -> np.dtype:
    """The dtype that arithmetic of these has, by JAX's promotion."""
    return jnp.result_type(*(_type_of(value) for value in args))


def _type_of(value: Any) -> Any:
    return value._type.as_jax() if isinstance(value, Handle) else value


def where(condition: TensorLike, x: TensorLike = None, y: TensorLike = None) -> Any:
    """`x` where `condition` is true, else `y`; alone, the indices of what is true."""
    if x is None and y is None:
        rows = np.nonzero(convert(condition, name="condition").numpy())
        return tuple(from_array(row.astype(np.int32)) for row in rows)
    return _where(condition, x, y)


_where = lift(jnp.where, takes_ints=True)


def _lift(name: str, function: Callable) -> Callable:
    if name in _HOST:
        return function
    ints = name in _ARITHMETIC or _INT_ARGUMENTS.get(name, False)
    lifted = lift(function, takes_ints=ints)
    return _reading(function, lifted) if name in _READING else lifted


def _reading(function: Callable, lifted: Callable) -> Callable:
    """Reads the arguments and computes at once, unless `size` says the shape."""

    @functools.wraps(function)
    def read(*args: Any, **kwargs: Any) -> Any:
        if "size" in kwargs:
            return lifted(*args, **kwargs)
        args, kwargs = jax.tree.map(_value_of, (args, kwargs), is_leaf=_is_handle)
        return jax.tree.map(from_array, function(*args, **kwargs))

    return read


def _is_handle(value: Any) -> bool:
    return isinstance(value, Handle)


def _value_of(value: Any) -> Any:
    return value._array() if isinstance(value, Handle) else value


__getattr__, __dir__ = mirror(globals(), jnp, _lift)
linalg = mirror_module("jaxtape.numpy.linalg", jnp.linalg)
fft = mirror_module("jaxtape.numpy.fft", jnp.fft)


@functools.lru_cache(maxsize=1024)
def namesake(name: str, module: str = "numpy") -> Callable | None:
    """The recorded function for one of NumPy's, if there is one.

    Args:
        name: The function's name there.
        module: Where it is, `"numpy"` or `"numpy.linalg"`.
    """
    if name in _HOST or name.startswith("_"):
        return None
    in_linalg = module == "numpy.linalg" or not hasattr(jnp, name)
    found = getattr(linalg if in_linalg else sys.modules[__name__], name, None)
    if not callable(found) or isinstance(found, type):
        return None
    return _taking_lists(found)


def _taking_lists(function: Callable) -> Callable:
    """NumPy takes lists as arrays, JAX does not: where it fails, they are converted."""

    @functools.wraps(function)
    def call_with_lists(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ShapeError:
            converted = [convert(a) if isinstance(a, list) else a for a in args]
            if all(a is b for a, b in zip(args, converted, strict=True)):
                raise
        return function(*converted, **kwargs)

    return call_with_lists


ArrayLike.numpy_function = staticmethod(namesake)
