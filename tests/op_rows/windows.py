"""Rows of convolutions, pooling, and of blocks that move between axes."""

import numpy as np

from tests.op_rows.row import Edge, Row, real, refused, row

LINE, IMAGE, SOLID = real(1, 5, 2), real(1, 4, 3, 2), real(1, 3, 2, 2, 1)
MISFIT = "got inputs that do not fit"


def windows_of(x, size, strides):
    """(batch, places..., channels, window...), without padding."""
    axes = tuple(range(1, len(size) + 1))
    found = np.lib.stride_tricks.sliding_window_view(x, size, axes)
    return found[(slice(None), *(slice(None, None, s) for s in strides))]


def convolve(x, filters, strides):
    axes = filters.ndim - 2
    found = windows_of(x, filters.shape[:axes], strides)
    window = list(range(found.ndim - axes, found.ndim))
    return np.tensordot(found, filters, ([*window, axes + 1], [*range(axes + 1)]))


def depthwise(x, filters):
    found = windows_of(x, filters.shape[:2], (1, 1))
    apart = np.einsum("nhwcij,ijcm->nhwcm", found, filters)
    return apart.reshape(*apart.shape[:3], -1)


def spread(x, filters, shape, stride):
    """The transposed convolution: each input adds its multiple of the filters."""
    made = np.zeros(shape)
    axes = filters.ndim - 2
    for place in np.ndindex(*x.shape[1 : axes + 1]):
        for step in np.ndindex(*filters.shape[:axes]):
            at = tuple(p * stride + s for p, s in zip(place, step, strict=True))
            made[(slice(None), *at)] += x[(slice(None), *place)] @ filters[step].T
    return made


def dilated(filters):
    """Filters of two by two, the rate 2."""
    made = np.zeros((3, 3, *filters.shape[2:]))
    made[::2, ::2] = filters
    return made


def pooled(x, size, strides, reduce):
    axes = len(size)
    found = windows_of(x, size, strides)
    return reduce(found, axis=tuple(range(found.ndim - axes, found.ndim)))


def pooled_with_places(x):
    flat = np.arange(x[0].size).reshape(x[:1].shape)
    values = windows_of(x, (2, 2), (2, 1)).reshape(1, 2, 2, 2, 4)
    places = windows_of(flat, (2, 2), (2, 1)).reshape(1, 2, 2, 2, 4)
    best = values.argmax(-1)[..., None]
    return [np.take_along_axis(part, best, -1)[..., 0] for part in (values, places)]


def windowed(name, reference, *inputs, empty, scalar=None, **more) -> Row:
    """A row of a function of batches; `empty` is the result of none."""
    none = [(0, *inputs[0].shape[1:]), *[part.shape for part in inputs[1:]]]
    if scalar is None:
        scalar = refused("shape|axes|fit", *[()] * len(inputs))
    edges = {"empty": Edge(none, shape=empty), "scalar": scalar}
    return row(f"nn.{name}", reference, *inputs, **{**edges, "rounds": 3, **more})


CONVOLUTIONS = [
    windowed(
        "convolution",
        lambda x, w: convolve(x, w, (1, 1)),
        IMAGE,
        real(2, 2, 2, 3),
        empty=(0, 3, 2, 3),
    ),
    windowed(
        "conv1d",
        lambda x, w: convolve(x, w, (2,)),
        LINE,
        real(3, 2, 2),
        call=lambda op, x, w: op(x, w, 2, "VALID"),
        empty=(0, 2, 2),
    ),
    windowed(
        "conv2d",
        lambda x, w: convolve(np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))), w, (1, 1)),
        IMAGE,
        real(2, 2, 2, 1),
        call=lambda op, x, w: op(x, w, 1, "SAME"),
        empty=(0, 4, 3, 1),
    ),
    windowed(
        "conv3d",
        lambda x, w: convolve(x, w, (1, 1, 1)),
        SOLID,
        real(2, 1, 2, 1, 2),
        call=lambda op, x, w: op(x, w, [1] * 5, "VALID"),
        empty=(0, 2, 2, 1, 2),
    ),
    windowed(
        "atrous_conv2d",
        lambda x, w: convolve(x, dilated(w), (1, 1)),
        IMAGE,
        real(2, 2, 2, 1),
        call=lambda op, x, w: op(x, w, 2, "VALID"),
        empty=(0, 2, 1, 1),
    ),
    windowed(
        "depthwise_conv2d",
        depthwise,
        IMAGE,
        real(2, 2, 2, 2),
        call=lambda op, x, w: op(x, w, [1] * 4, "VALID"),
        empty=(0, 3, 2, 4),
    ),
    windowed(
        "separable_conv2d",
        lambda x, w, mix: depthwise(x, w) @ mix[0, 0],
        IMAGE,
        real(2, 2, 2, 1),
        real(1, 1, 2, 3),
        call=lambda op, x, w, mix: op(x, w, mix, [1] * 4, "VALID"),
        empty=(0, 3, 2, 3),
        rounds=4,
    ),
    windowed(
        "conv_transpose",
        lambda x, w: spread(x, w, (1, 6, 2), 2),
        real(1, 3, 1),
        real(2, 2, 1),
        call=lambda op, x, w: op(x, w, (len(x), 6, 2), 2, "VALID"),
        empty=(0, 6, 2),
        scalar="the output's shape, which is an argument, would have no batch",
    ),
    windowed(
        "conv1d_transpose",
        lambda x, w: spread(x, w, (1, 4, 2), 1),
        real(1, 3, 1),
        real(2, 2, 1),
        call=lambda op, x, w: op(x, w, (len(x), 4, 2), 1, "VALID"),
        empty=(0, 4, 2),
        scalar="the output's shape, which is an argument, would have no batch",
    ),
    windowed(
        "conv2d_transpose",
        lambda x, w: spread(x, w, (1, 4, 4, 1), 2),
        real(1, 2, 2, 2),
        real(2, 2, 1, 2),
        call=lambda op, x, w: op(x, w, (len(x), 4, 4, 1), 2, "VALID"),
        empty=(0, 4, 4, 1),
        scalar="the output's shape, which is an argument, would have no batch",
    ),
    windowed(
        "conv3d_transpose",
        lambda x, w: spread(x, w, (1, 3, 2, 2, 1), 1),
        real(1, 2, 2, 1, 2),
        real(2, 1, 2, 1, 2),
        call=lambda op, x, w: op(x, w, (len(x), 3, 2, 2, 1), [1] * 5, "VALID"),
        empty=(0, 3, 2, 2, 1),
        scalar="the output's shape, which is an argument, would have no batch",
    ),
]


def pooling(name, x, size, strides, reduce, empty, **more):
    return windowed(
        name,
        lambda x: pooled(x, size, strides, reduce),
        x,
        call=lambda op, x: op(x, size, strides, "VALID"),
        empty=empty,
        **more,
    )


POOLING = [
    pooling("max_pool", IMAGE, (2, 2), (2, 1), np.max, (0, 2, 2, 2)),
    pooling("max_pool1d", LINE, (3,), (2,), np.max, (0, 2, 2)),
    pooling("max_pool2d", IMAGE, (2, 2), (2, 1), np.max, (0, 2, 2, 2)),
    pooling("max_pool3d", SOLID, (2, 2, 1), (1, 1, 1), np.max, (0, 2, 1, 2, 1)),
    pooling("avg_pool", IMAGE, (2, 2), (2, 1), np.mean, (0, 2, 2, 2)),
    pooling("avg_pool1d", LINE, (3,), (2,), np.mean, (0, 2, 2)),
    pooling("avg_pool2d", IMAGE, (2, 2), (2, 1), np.mean, (0, 2, 2, 2)),
    pooling("avg_pool3d", SOLID, (2, 2, 1), (1, 1, 1), np.mean, (0, 2, 1, 2, 1)),
    windowed(
        "pool",
        lambda x: pooled(x, (2, 2), (1, 1), np.mean),
        IMAGE,
        call=lambda op, x: op(x, (2, 2), "AVG"),
        empty=(0, 3, 2, 2),
    ),
    windowed(
        "max_pool_with_argmax",
        pooled_with_places,
        IMAGE,
        call=lambda op, x: op(x, (2, 2), (2, 1), "VALID", output_dtype="int32"),
        empty=[(0, 2, 2, 2)] * 2,
        dtype=lambda dtype: (dtype.name, "int32"),
    ),
]


def space_to_depth(x):
    return np.concatenate([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)


def depth_to_space(x):
    made = np.zeros((x.shape[0], 2 * x.shape[1], 2 * x.shape[2], x.shape[3] // 4))
    for block, part in enumerate(np.split(x, 4, -1)):
        made[:, block // 2 :: 2, block % 2 :: 2] = part
    return made


def batch_to_space(x):
    made = np.zeros((1, 4, 2))
    made[:, 0::2], made[:, 1::2] = x[:1], x[1:]
    return made[:, 1:]


BLOCKS = [
    windowed(
        "space_to_depth",
        space_to_depth,
        real(1, 2, 4, 2),
        call=lambda op, x: op(x, 2),
        empty=(0, 1, 2, 8),
        rounds=1,
    ),
    windowed(
        "depth_to_space",
        depth_to_space,
        real(1, 2, 1, 4),
        call=lambda op, x: op(x, 2),
        empty=(0, 4, 2, 1),
        rounds=1,
    ),
    row(
        "space_to_batch",
        lambda x: np.concatenate([x[:, 0::2], x[:, 1::2]]),
        real(1, 4, 2),
        call=lambda op, x: op(x, [2], [[0, 0]]),
        empty=Edge([(0, 4, 2)], shape=(0, 2, 2)),
        scalar=refused("shape|axes|fit", ()),
    ),
    row(
        "batch_to_space",
        batch_to_space,
        real(2, 2, 2),
        call=lambda op, x: op(x, [2], [[1, 0]]),
        empty=Edge([(0, 2, 2)], shape=(0, 3, 2)),
        scalar=refused("shape|axes|fit", ()),
    ),
]
CHANNELS = [
    row(
        "nn.bias_add",
        lambda x, bias: x + bias,
        real(2, 3),
        real(3),
        empty=[(0, 3), (3,)],
        scalar=refused("shape|axes|fit", (), ()),
    ),
    windowed(
        "local_response_normalization",
        lambda x: (
            x
            / np.sqrt(
                1
                + 0.5
                * sum(
                    np.pad(x * x, ((0, 0),) * 3 + ((1, 1),))[..., i : i + 4]
                    for i in range(3)
                )
            )
        ),
        real(1, 1, 2, 4),
        call=lambda op, x: op(x, 1, 1.0, 0.5, 0.5),
        empty=(0, 1, 2, 4),
    ),
]

ROWS = [*CONVOLUTIONS, *POOLING, *BLOCKS, *CHANNELS]
