"""Moving blocks of pixels into channels or batches, and back."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, TensorLike, convert
from .conversion import one_integer, several, sizes


def _space_to_depth(x: jax.Array, *, block: int, is_last: bool) -> jax.Array:
    if not is_last:
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // block, block, w // block, block)
        x = x.transpose(0, 3, 5, 1, 2, 4)
        return x.reshape(n, block * block * c, h // block, w // block)
    n, h, w, c = x.shape
    x = x.reshape(n, h // block, block, w // block, block, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(
        n, h // block, w // block, block * block * c
    )


def _depth_to_space(x: jax.Array, *, block: int, is_last: bool) -> jax.Array:
    if not is_last:
        n, c, h, w = x.shape
        x = x.reshape(n, block, block, c // block**2, h, w).transpose(0, 3, 4, 1, 5, 2)
        return x.reshape(n, c // block**2, h * block, w * block)
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, block, block, c // block**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * block, w * block, c // block**2)


def _space_to_batch(x: jax.Array, *, block: tuple, widths: tuple) -> jax.Array:
    axes = len(block)
    x = jnp.pad(x, ((0, 0), *widths, *[(0, 0)] * (x.ndim - 1 - axes)))
    batch, space, rest = x.shape[0], x.shape[1 : axes + 1], x.shape[axes + 1 :]
    split = [part for s, b in zip(space, block, strict=True) for part in (s // b, b)]
    x = x.reshape(batch, *split, *rest)
    inner = [2 + 2 * axis for axis in range(axes)]
    outer = [1 + 2 * axis for axis in range(axes)]
    x = x.transpose(*inner, 0, *outer, *range(1 + 2 * axes, x.ndim))
    smaller = [s // b for s, b in zip(space, block, strict=True)]
    return x.reshape(batch * int(np.prod(block)), *smaller, *rest)


def _batch_to_space(x: jax.Array, *, block: tuple, widths: tuple) -> jax.Array:
    axes = len(block)
    batch = x.shape[0] // int(np.prod(block))
    space, rest = x.shape[1 : axes + 1], x.shape[axes + 1 :]
    x = x.reshape(*block, batch, *space, *rest)
    order = [axes]
    for axis in range(axes):
        order += [axes + 1 + axis, axis]
    x = x.transpose(*order, *range(2 * axes + 1, x.ndim))
    larger = [s * b for s, b in zip(space, block, strict=True)]
    x = x.reshape(batch, *larger, *rest)
    kept = [slice(low, n - high) for (low, high), n in zip(widths, larger, strict=True)]
    return x[(slice(None), *kept)]


SPACE_TO_DEPTH = Op(
    "space_to_depth",
    _space_to_depth,
    hint="Height and width must be multiples of the block size.",
)
DEPTH_TO_SPACE = Op(
    "depth_to_space",
    _depth_to_space,
    hint="The number of channels must be a multiple of the block size squared.",
)
SPACE_TO_BATCH = Op(
    "space_to_batch",
    _space_to_batch,
    hint="The padded axes must be multiples of the block.",
)
BATCH_TO_SPACE = Op(
    "batch_to_space",
    _batch_to_space,
    hint="The batch must be a multiple of the number of elements of a block.",
)


def space_to_depth(
    input: TensorLike,
    block_size: int,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """Blocks of pixels as channels.

    Args:
        input: Images.
        block_size: Height and width of a block.
        data_format: `"NHWC"` (default) or `"NCHW"`.
        name: No effect.

    Shapes:
        (n, h, w, c) -> (n, h / block, w / block, block * block * c)

    Raises:
        ArgumentError: for another `data_format`.
    """
    return _rearranged(SPACE_TO_DEPTH, input, block_size, data_format)


def depth_to_space(
    input: TensorLike,
    block_size: int,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """Channels as blocks of pixels, which undoes `space_to_depth`.

    Shapes:
        (n, h, w, c) -> (n, h * block, w * block, c / block / block)
    """
    return _rearranged(DEPTH_TO_SPACE, input, block_size, data_format)


def _rearranged(op: Op, input: TensorLike, block_size: int, data_format: str) -> Tensor:
    if data_format not in ("NHWC", "NCHW"):
        raise ArgumentError(
            f"`data_format` must be 'NHWC' or 'NCHW'; got {data_format!r}."
        )
    block = one_integer(block_size, "block_size")
    options = {"block": block, "is_last": data_format == "NHWC"}
    return call(op, (convert(input, name="input"),), options, tuple(options.values()))


def space_to_batch(
    input: TensorLike, block_shape: Any, paddings: Any, name: str | None = None
) -> Tensor:
    """Blocks of the axes after the first, as more batches.

    Args:
        input: Batches in front.
        block_shape: Length of a block along each of the axes that follow.
        paddings: For each of them, how many zeros to put before and after.
        name: No effect.

    Shapes:
        (n, h, w, ...) -> (n * bh * bw, padded h / bh, padded w / bw, ...)
    """
    return _batched(SPACE_TO_BATCH, input, block_shape, paddings)


space_to_batch_nd = space_to_batch


def batch_to_space(
    input: TensorLike, block_shape: Any, crops: Any, name: str | None = None
) -> Tensor:
    """Batches as blocks, which undoes `space_to_batch`.

    Args:
        input: Batches in front.
        block_shape: Length of a block along each of the axes that follow.
        crops: For each of them, how many elements to cut off before and after.
        name: No effect.

    Shapes:
        (n, h, w, ...) -> (n / bh / bw, h * bh - crops, w * bw - crops, ...)
    """
    return _batched(BATCH_TO_SPACE, input, block_shape, crops)


def _batched(op: Op, input: TensorLike, block_shape: Any, margins: Any) -> Tensor:
    block = sizes(block_shape, "block_shape")
    widths = tuple(sizes(width, "paddings") for width in several(margins, "paddings"))
    x = convert(input, name="input")
    return call(op, (x,), {"block": block, "widths": widths}, (block, widths))
