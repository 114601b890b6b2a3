"""Rows of a table by number."""

from ..ops.clipping import clip_by_norm
from ..ops.indexing import gather
from ..recording.tensor import Tensor, TensorLike, convert


def embedding_lookup(
    params: TensorLike,
    ids: TensorLike,
    max_norm: TensorLike = None,
    name: str | None = None,
) -> Tensor:
    """The rows of `params` in the order of `ids`.

    Args:
        params: A table.
        ids: Row numbers.
        max_norm: Rows with a greater Euclidean norm are scaled down to it. Default
            none are.
        name: No effect.

    Shapes:
        (rows, ...), (...) -> ids.shape + params.shape[1:]

    Raises:
        OutOfRangeError: for a row that is not there, where `ids` are host data.
    """
    numbers = convert(ids, name="ids")
    rows = gather(params, numbers)
    if max_norm is None:
        return rows
    return clip_by_norm(rows, max_norm, axes=range(numbers.ndim, rows.ndim))
