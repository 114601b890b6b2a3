"""Diagonals of matrices: taking them out, putting them in, keeping a band.

A band of diagonals, `k=(lowest, highest)`, is packed into rows, the highest first; a
row shorter than the longest is filled up on the side that `align` names.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ShapeError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import beside, one_integer, sizes
from .elementwise import unary

_ALIGNMENTS = ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT")


@functools.lru_cache(maxsize=256)
def _layout(rows: int, columns: int, low: int, high: int, align: str) -> np.ndarray:
    """For each packed element the flat index of its place in the matrix, else -1."""
    lengths = [
        max(min(rows + min(d, 0), columns - max(d, 0)), 0)
        for d in range(high, low - 1, -1)
    ]
    longest = max(lengths)
    above, below = align.split("_")
    places = np.full((len(lengths), longest), -1)
    for packed, (d, length) in enumerate(
        zip(range(high, low - 1, -1), lengths, strict=True)
    ):
        side = above if d >= 0 else below
        start = longest - length if side == "RIGHT" else 0
        steps = np.arange(length)
        places[packed, start : start + length] = (steps - min(d, 0)) * columns + (
            steps + max(d, 0)
        )
    return places


def _from_packed(
    packed: jax.Array, background: jax.Array, band: tuple, align: str
) -> jax.Array:
    """`background` with the packed diagonals in their places."""
    rows, columns = background.shape[-2:]
    layout = _layout(rows, columns, *band, align).reshape(-1)
    source = np.full(rows * columns, -1)
    source[layout[layout >= 0]] = np.flatnonzero(layout >= 0)
    source = source.reshape(rows, columns)
    chosen = packed[..., np.maximum(source, 0)]
    return jnp.where(source >= 0, chosen, background)


def _flat_band(x: jax.Array, band: tuple) -> jax.Array:
    """The packed diagonals in one axis."""
    if band[0] == band[1]:
        return x
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def _diag(
    x: jax.Array, padding: jax.Array, *, band: tuple, shape: tuple, align: str
) -> jax.Array:
    packed = _flat_band(x, band)
    empty = jnp.full((*packed.shape[:-1], *shape), padding, x.dtype)
    return _from_packed(packed, empty, band, align)


def _diag_part(
    x: jax.Array, padding: jax.Array, *, band: tuple, align: str
) -> jax.Array:
    layout = _layout(*x.shape[-2:], *band, align)
    flat = x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])
    found = jnp.where(layout >= 0, flat[..., np.maximum(layout, 0)], padding)
    found = found.astype(x.dtype)
    return found[..., 0, :] if band[0] == band[1] else found


def _set_diag(
    x: jax.Array, diagonal: jax.Array, *, band: tuple, align: str
) -> jax.Array:
    return _from_packed(_flat_band(diagonal.astype(x.dtype), band), x, band, align)


def _band_part(x: jax.Array, *, lower: int, upper: int) -> jax.Array:
    rows, columns = np.indices(x.shape[-2:])
    kept = np.ones(rows.shape, bool)
    if lower >= 0:
        kept &= rows - columns <= lower
    if upper >= 0:
        kept &= columns - rows <= upper
    return jnp.where(kept, x, jnp.zeros_like(x))


def _tensor_diag(x: jax.Array) -> jax.Array:
    return _diag(
        x.reshape(-1),
        jnp.zeros((), x.dtype),
        band=(0, 0),
        shape=(x.size, x.size),
        align="RIGHT_LEFT",
    ).reshape(*x.shape, *x.shape)


def _tensor_diag_part(x: jax.Array) -> jax.Array:
    shape = x.shape[: x.ndim // 2]
    if x.ndim % 2 or shape != x.shape[x.ndim // 2 :]:
        raise ValueError("the second half of the shape is not the first half")
    size = int(np.prod(shape))
    return jnp.diagonal(x.reshape(size, size)).reshape(shape)


_MATRIX = "The input needs at least two axes."
DIAG = Op("diag", _diag)
DIAG_PART = Op("diag_part", _diag_part, hint=_MATRIX)
SET_DIAG = Op(
    "set_diag", _set_diag, hint="The diagonal must have the shape of what it replaces."
)
BAND_PART = Op("band_part", _band_part, hint=_MATRIX)

trace = unary(
    Op("trace", lambda x: jnp.trace(x, axis1=-2, axis2=-1), hint=_MATRIX),
    "The sums of the diagonals of matrices.",
)
tensor_diag = unary(
    Op("tensor_diag", _tensor_diag),
    "Zeros, with each element [i, ...] of the input at [i, ..., i, ...].",
    "diagonal",
)
tensor_diag_part = unary(
    Op(
        "tensor_diag_part",
        _tensor_diag_part,
        hint="The second half of the axes must be as long as the first.",
    ),
    "The elements at [i, ..., i, ...], which undoes `tensor_diag`.",
    "input",
)


def diag(
    diagonal: TensorLike,
    name: str | None = None,
    k: Any = 0,
    num_rows: int = -1,
    num_cols: int = -1,
    padding_value: TensorLike = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with these vectors on a diagonal, or with a band of diagonals.

    Args:
        diagonal: The vectors; of a band, packed rows as the module describes.
        name: No effect.
        k: Which diagonal: 0 the main one, positive above it; or a band (lowest,
            highest).
        num_rows: Rows of the matrices. Default as few as fit.
        num_cols: Columns. Default as few as fit.
        padding_value: What stands elsewhere. Default 0.
        align: On which side shorter diagonals of a band are filled up, above and from
            the main one, then below: `"RIGHT_LEFT"` (default), `"LEFT_RIGHT"`,
            `"LEFT_LEFT"` or `"RIGHT_RIGHT"` says where their elements are.

    Shapes:
        (..., n) -> (..., num_rows, num_cols)

    Raises:
        ArgumentError: for an unknown `align`, or a band whose ends are swapped.
        ShapeError: if the diagonals do not fit the matrices.
    """
    x, band = convert(diagonal, name="diagonal"), _band(k, align)
    if x.ndim < 1 + (band[0] != band[1]):
        raise ShapeError(
            f"diag() got diagonals of shape {x.shape} for k={k}. "
            "Give vectors; for a band, rows of vectors."
        )
    shape = _matrix_shape(x.shape[-1], band, num_rows, num_cols)
    expected = _layout(*shape, *band, align).shape
    given = x.shape[-2:] if band[0] != band[1] else (1, x.shape[-1])
    if given != expected:
        raise ShapeError(
            f"diag() got diagonals of shape {x.shape} for matrices of shape {shape} "
            f"with k={k}. Give {expected[0]} of length {expected[1]}."
        )
    options = {"band": band, "shape": shape, "align": align}
    inputs = (x, beside(x, padding_value, "padding_value"))
    return call(DIAG, inputs, options, tuple(options.values()))


def _matrix_shape(length: int, band: tuple, rows: Any, columns: Any) -> tuple[int, int]:
    """The smallest shape that the longest diagonal needs, where none is given."""
    rows, columns = one_integer(rows, "num_rows"), one_integer(columns, "num_cols")
    low, high = band
    least_rows, least_columns = length - min(high, 0), length + max(low, 0)
    if rows == -1 and columns == -1:
        size = max(least_rows, least_columns)
        return size, size
    return (least_rows if rows == -1 else rows), (
        least_columns if columns == -1 else columns
    )


def diag_part(
    input: TensorLike,
    name: str | None = None,
    k: Any = 0,
    padding_value: TensorLike = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """A diagonal of matrices, or a band of them packed into rows; see `diag`.

    Shapes:
        (..., n, m) -> (..., length), of a band (..., diagonals, longest length)
    """
    x, band = convert(input, name="input"), _band(k, align)
    options = {"band": band, "align": align}
    inputs = (x, beside(x, padding_value, "padding_value"))
    return call(DIAG_PART, inputs, options, tuple(options.values()))


def set_diag(
    input: TensorLike,
    diagonal: TensorLike,
    name: str | None = None,
    k: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with a diagonal, or a band of them, replaced; see `diag`.

    Raises:
        ShapeError: for no matrices, or diagonals that do not fit them.
    """
    x, band = convert(input, name="input"), _band(k, align)
    if x.ndim < 2:
        raise ShapeError(
            f"set_diag() needs matrices; got shape {x.shape}. "
            "Give at least two axes, the last two rows and columns."
        )
    new = beside(x, diagonal, "diagonal")
    expected = x.shape[:-2] + _layout(*x.shape[-2:], *band, align).shape
    if band[0] == band[1]:
        expected = (*x.shape[:-2], expected[-1])
    if new.shape != expected:
        raise ShapeError(
            f"set_diag() got diagonals of shape {new.shape} for matrices of shape "
            f"{x.shape} with k={k}. Give shape {expected}."
        )
    options = {"band": band, "align": align}
    return call(SET_DIAG, (x, new), options, tuple(options.values()))


def band_part(
    input: TensorLike, num_lower: int, num_upper: int, name: str | None = None
) -> Tensor:
    """Matrices that are 0 outside of a band around the main diagonal.

    Args:
        input: Matrices.
        num_lower: How many diagonals below to keep; -1 for all.
        num_upper: How many above to keep; -1 for all.
        name: No effect.
    """
    lower = one_integer(num_lower, "num_lower")
    upper = one_integer(num_upper, "num_upper")
    options = {"lower": lower, "upper": upper}
    return call(BAND_PART, (convert(input, name="input"),), options, (lower, upper))


def _band(k: Any, align: str) -> tuple[int, int]:
    if align not in _ALIGNMENTS:
        raise ArgumentError(
            f"`align` must be one of {list(_ALIGNMENTS)}; got {align!r}."
        )
    ends = tuple(one_integer(end, "k") for end in sizes(k, "k"))
    low, high = (ends[0], ends[-1]) if ends else (1, 0)
    if len(ends) > 2 or low > high:
        raise ArgumentError(
            f"`k` must be a number or (lowest, highest); got {k!r}. "
            "For the main diagonal and its neighbours: (-1, 1)."
        )
    return low, high
