"""New Tensors of a shape: zeros, ones, ranges, identity matrices, one-hot vectors."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import is_symbolic_dim

from ..errors import ArgumentError, ArgumentTypeError
from ..recording.checking import outside
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import ArrayLike, Tensor, TensorLike, convert, from_array
from .conversion import beside, one_integer, requested_dtype, sizes

FULL = Op("fill", lambda value, *, shape: jnp.full(shape, value))
ZEROS = Op("zeros", lambda *, shape, dtype: jnp.zeros(shape, dtype))
ZEROS_LIKE = Op(
    "zeros_like",
    lambda x, *, dtype: jnp.zeros(x.shape, dtype),
    is_differentiable=False,
)
ONES_LIKE = Op(
    "ones_like",
    lambda x, *, dtype: jnp.ones(x.shape, dtype),
    is_differentiable=False,
)
ONES = Op("ones", lambda *, shape, dtype: jnp.ones(shape, dtype))
EYE = Op(
    "eye", lambda *, rows, columns, batch, dtype: _eye(rows, columns, batch, dtype)
)
LINSPACE = Op(
    "linspace",
    lambda start, stop, *, num, axis: jnp.linspace(start, stop, num, axis=axis),
)


def _eye(rows: int, columns: int, batch: tuple, dtype: Any) -> jax.Array:
    return jnp.broadcast_to(
        jnp.eye(rows, columns, dtype=dtype), (*batch, rows, columns)
    )


def _one_hot(
    indices: jax.Array, on: jax.Array, off: jax.Array, *, depth: int, axis: int
) -> jax.Array:
    indices = indices.astype(jnp.promote_types(indices.dtype, np.int32))
    classes = jnp.arange(depth, dtype=indices.dtype)  # narrower ones may not count it
    hot = jnp.moveaxis(indices[..., None] == classes, -1, axis)
    return jnp.where(hot, on, off)


def _bad_class(inputs: Sequence[Any], options: dict) -> str | None:
    """-1 is TensorFlow's word for no class."""
    depth = options["depth"]
    return outside(inputs[0], depth, f"depth {depth}", lowest=-1)


ONE_HOT = Op("one_hot", _one_hot, is_differentiable=False, bad_index=_bad_class)


MESHGRID = Op(
    "meshgrid",
    lambda *axes, indexing: list(
        jnp.meshgrid(*[axis.reshape(-1) for axis in axes], indexing=indexing)
    ),
)


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """Zeros of a shape."""
    return _filled(ZEROS, sizes(shape, "shape"), requested_dtype(dtype))


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """Ones of a shape."""
    return _filled(ONES, sizes(shape, "shape"), requested_dtype(dtype))


def zeros_like(input: TensorLike, dtype: Any = None, name: str | None = None) -> Tensor:
    """Zeros of the shape and dtype of `input`; no gradient leads to it."""
    x = convert(input, name="input")
    kind = x.dtype if dtype is None else requested_dtype(dtype)
    if any(map(is_symbolic_dim, x.shape)):  # the length comes with the value
        return call(ZEROS_LIKE, (x,), {"dtype": kind}, (kind,))
    return _filled(ZEROS, x.shape, kind)


def ones_like(input: TensorLike, dtype: Any = None, name: str | None = None) -> Tensor:
    """Ones of the shape and dtype of `input`; no gradient leads to it."""
    x = convert(input, name="input")
    kind = x.dtype if dtype is None else requested_dtype(dtype)
    if any(map(is_symbolic_dim, x.shape)):
        return call(ONES_LIKE, (x,), {"dtype": kind}, (kind,))
    return _filled(ONES, x.shape, kind)


def _filled(op: Op, shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
    return call(op, (), {"shape": shape, "dtype": dtype}, (shape, dtype))


def fill(dims: Any, value: TensorLike, name: str | None = None) -> Tensor:
    """A Tensor of shape `dims` that is `value` everywhere."""
    shape = sizes(dims, "dims")
    number = convert(value, name="value")
    return call(FULL, (number,), {"shape": shape}, shape)


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = "float32",
    name: str | None = None,
) -> Tensor:
    """The identity matrix; default square.

    Args:
        num_rows: Number of rows.
        num_columns: Number of columns. Default `num_rows`.
        batch_shape: Axes in front, along which it is repeated.
        dtype: Element type. Default float32.
        name: No effect.
    """
    rows = one_integer(num_rows, "num_rows")
    columns = rows if num_columns is None else one_integer(num_columns, "num_columns")
    batch = () if batch_shape is None else sizes(batch_shape, "batch_shape")
    wanted = requested_dtype(dtype)
    options = {"rows": rows, "columns": columns, "batch": batch, "dtype": wanted}
    return call(EYE, (), options, (rows, columns, batch, wanted))


def range(
    start: Any,
    limit: Any = None,
    delta: Any = 1,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Numbers from `start` (default 0) to below `limit`, `delta` apart.

    Args:
        start: The first number; the limit if it is the only argument.
        limit: Where to end; not reached.
        delta: The distance. Default 1.
        dtype: Element type. Default float32 if any argument is a float, else int32.
        name: No effect.

    Raises:
        ArgumentError: if `limit` cannot be reached from `start` by `delta`.
    """
    if limit is None:
        start, limit = 0, start
    numbers = (("start", start), ("limit", limit), ("delta", delta))
    first, last, step = (_host_number(name, number) for name, number in numbers)
    if step == 0 or (last - first) * step < 0:
        raise ArgumentError(
            f"range() cannot go from {first} to {last} in steps of {step}. "
            "Give a `delta` that points from start to limit."
        )
    if abs(last - first) >= abs(step) * 2**31:
        raise ArgumentError(
            f"range() from {first} to {last} in steps of {step} has more numbers than "
            "an array can hold. Give a smaller `limit` or a larger `delta`."
        )
    if dtype is None:
        is_float = any(isinstance(number, float) for number in (first, last, step))
        dtype = "float32" if is_float else "int32"
    dtype = requested_dtype(dtype)
    if np.issubdtype(dtype, np.integer):
        return from_array(np.arange(first, last, step).astype(dtype))
    # In the dtype itself, so that 1.3 is not reached from 1.0 in steps of 0.1.
    start, end, step = (np.asarray(number, dtype) for number in (first, last, step))
    size = int(np.ceil(np.abs((end - start) / step)))
    return from_array((start + np.arange(size) * step).astype(dtype))


def _host_number(name: str, value: Any) -> Any:
    if isinstance(value, ArrayLike | np.generic | np.ndarray):
        return value.item()
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise ArgumentTypeError(f"`{name}` must be a finite number; got {value!r}.")


def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int,
    name: str | None = None,
    axis: int = 0,
) -> Tensor:
    """`num` numbers from `start` to `stop`, both included, in equal steps."""
    first = convert(start, name="start")
    last = beside(first, stop, "stop")
    count = one_integer(num, "num")
    return call(LINSPACE, (first, last), {"num": count, "axis": axis}, (count, axis))


def one_hot(
    indices: TensorLike,
    depth: int,
    on_value: TensorLike = None,
    off_value: TensorLike = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """For each index a vector that is `on_value` there and `off_value` elsewhere.

    Args:
        indices: Integers; one outside 0 to `depth - 1` gives `off_value` throughout.
        depth: Length of the vectors.
        on_value: Default 1.
        off_value: Default 0.
        axis: Where the new axis stands. Default last.
        dtype: Element type. Default that of the values, or float32.
        name: No effect.

    Shapes:
        (...) -> (..., depth)
    """
    wanted = None if dtype is None else requested_dtype(dtype)
    if wanted is None and on_value is None and off_value is None:
        wanted = np.dtype("float32")
    on = convert(1 if on_value is None else on_value, wanted, "on_value")
    off = convert(0 if off_value is None else off_value, wanted, "off_value")
    length = one_integer(depth, "depth")
    place = -1 if axis is None else axis
    inputs = (convert(indices, name="indices"), on, off)
    return call(ONE_HOT, inputs, {"depth": length, "axis": place}, (length, place))


def meshgrid(
    *args: TensorLike, indexing: str = "xy", name: str | None = None
) -> list[Tensor]:
    """The coordinates of a grid: for each axis a Tensor of the grid's shape.

    Args:
        *args: The coordinates along each axis.
        indexing: `"xy"`: the first argument runs along the second axis (default);
            `"ij"`: along the first.
        name: No effect.

    Shapes:
        "xy": (n,), (m,) -> two of (m, n); "ij": two of (n, m)

    Raises:
        ArgumentError: for another `indexing`.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"`indexing` must be 'xy' or 'ij'; got {indexing!r}.")
    axes = [convert(part, name="args") for part in args]
    if not axes:
        return []
    return call(MESHGRID, axes, {"indexing": indexing}, (indexing,))
