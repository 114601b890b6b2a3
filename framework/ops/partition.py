"""Distributing rows by numbers that are read, and collecting them again."""

from typing import Any

import numpy as np

from ..checked import integer
from ..errors import ArgumentError, OutOfRangeError, ShapeError
from ..recording.execution import call
from ..recording.tensor import Tensor, TensorLike, convert, from_array
from .conversion import several
from .indexing import GATHER, indices_of
from .joining import concat
from .shaping import reshape


def dynamic_partition(
    data: TensorLike, partitions: TensorLike, num_partitions: int, name: str = ""
) -> list[Tensor]:
    """The rows of `data`, distributed over several Tensors.

    Args:
        data: Rows.
        partitions: For each row the number of its Tensor; read, since the counts are
            sizes. Numbers of several axes stand for as many axes of the data.
        num_partitions: How many Tensors there are.
        name: No effect.

    Raises:
        ShapeError: if there is not one number for each row.
        OutOfRangeError: for a number of no Tensor.
    """
    x, numbers = convert(data, name="data"), indices_of(partitions, "partitions")
    count = integer(None, "num_partitions", num_partitions)
    if x.shape[: numbers.ndim] != numbers.shape:
        raise ShapeError(
            f"dynamic_partition() got partitions of shape {numbers.shape} for data of "
            f"shape {x.shape}. Give one number for each row."
        )
    host = numbers.numpy().reshape(-1)
    wrong = host[(host < 0) | (host >= count)]
    if wrong.size:
        raise OutOfRangeError(
            f"dynamic_partition() got number {wrong[0]} for {count} partitions. "
            f"Use numbers from 0 to {count - 1}."
        )
    rows = reshape(x, (host.size, *x.shape[numbers.ndim :]))
    return [_rows(rows, np.flatnonzero(host == part)) for part in range(count)]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """One Tensor of the rows of several: row `indices[i][j]` is `data[i][j]`.

    Args:
        indices: For each Tensor where its rows go; read, since the largest one is a
            size. Of several rows for one place the last one stays.
        data: Tensors of rows; what follows the shape of the indices is a row.
        name: No effect.

    Raises:
        ArgumentError: if there are not as many indices as data.
        OutOfRangeError: for a negative place.

    Note:
        A place for which there is no row is 0; TensorFlow leaves it undefined.
    """
    places = [indices_of(part, "indices") for part in several(indices, "indices")]
    parts = [convert(part, name="data") for part in several(data, "data")]
    if len(places) != len(parts) or not parts:
        raise ArgumentError(
            f"dynamic_stitch() got {len(places)} indices and {len(parts)} data. "
            "Give as many of one as of the other, and at least one."
        )
    row = parts[0].shape[places[0].ndim :]
    hosts = [place.numpy().reshape(-1) for place in places]
    host = np.concatenate(hosts)
    if host.min(initial=0) < 0:
        raise OutOfRangeError(
            f"dynamic_stitch() got the place {host.min()}. Count places from 0."
        )
    rows = concat([reshape(part, (-1, *row)) for part in parts], 0)
    source = np.full(int(host.max(initial=-1)) + 1, -1)
    source[host] = np.arange(host.size)  # NumPy keeps the last one of a place
    found = _rows(rows, np.maximum(source, 0))
    if (source >= 0).all():
        return found
    filled = from_array((source >= 0).reshape(-1, *[1] * len(row)))
    return found * filled.astype(found.dtype)


def _rows(x: Tensor, places: np.ndarray) -> Tensor:
    at = from_array(places.astype(np.int32))
    return call(GATHER, (x, at), {"axis": 0, "batch_dims": 0}, (0, 0))
