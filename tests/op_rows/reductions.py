"""Rows of sums, extremes, norms and clipping, and of cumulated sums."""

import numpy as np
from scipy import special

from tests.op_rows.row import (
    Edge,
    elementwise,
    given,
    positive,
    real,
    refused,
    row,
    within,
)

X = real(2, 3)
FLAGS = given([[True, True, False], [False, True, True]])
SINGLE = "norms of many are taken in float32 at least"


def along_rows(op, *inputs):
    return op(*inputs, axis=1)


def reduction(name, reference, x=X, **more):
    """Rows of a reduction: over all axes, and over one."""
    whole = {"empty": Edge([(0, 3)], shape=()), "scalar": [()], **more}
    lines = {
        "empty": Edge([(0, 3)], shape=(0,)),
        "scalar": refused("`axis` must name", ()),
        **more,
    }
    return [
        row(name, reference, x, **whole),
        row(
            name,
            lambda x: reference(x, axis=1),
            x,
            call=along_rows,
            way="along an axis",
            **lines,
        ),
        row(
            name,
            lambda x: reference(x, axis=0, keepdims=True),
            x,
            call=lambda op, x: op(x, [0], keepdims=True),
            way="keeping the axis",
            **{**lines, "empty": Edge([(0, 3)], shape=(1, 3))},
        ),
    ]


REDUCTIONS = [
    *reduction("reduce_sum", np.sum, rounds=4),
    *reduction("reduce_prod", np.prod, rounds=4),
    *reduction("reduce_mean", np.mean, rounds=4),
    *reduction("reduce_max", np.max),
    *reduction("reduce_min", np.min),
    *reduction("reduce_logsumexp", special.logsumexp, rounds=4),
    *reduction("reduce_variance", np.var, rounds=4),
    *reduction("reduce_std", np.std, rounds=4),
    *reduction(
        "math.reduce_euclidean_norm",
        lambda x, **axes: np.sqrt(np.sum(x * x, **axes)),
        rounds=4,
    ),
    *reduction("reduce_any", np.any, FLAGS, dtype="bool"),
    *reduction("reduce_all", np.all, FLAGS, dtype="bool"),
]


def exclusive(x, cumulate, neutral, axis):
    moved = np.roll(x, 1, axis)
    moved[(slice(None),) * axis + (0,)] = neutral
    return cumulate(moved, axis)


CUMULATED = [
    row(
        "math.cumulative_logsumexp",
        lambda x: np.logaddexp.accumulate(x, axis=1),
        X,
        call=along_rows,
        empty=[(0, 3)],
        scalar=refused("`axis` is 1, but the input has 0 axes", ()),
        rounds=4,
    ),
    row(
        "math.lbeta",
        lambda x: special.gammaln(x).sum(-1) - special.gammaln(x.sum(-1)),
        positive(2, 3),
        empty=[(0, 3)],
        scalar=refused("lbeta", ()),
        rounds=4,
    ),
    row(
        "linalg.normalize",
        lambda x: [x / euclidean(x), euclidean(x, keepdims=True)],
        X,
        empty=Edge([(0, 3)], shape=[(0, 3), (1, 1)]),
        scalar=[()],
        rounds=4,
    ),
    row(
        "math.cumsum",
        lambda x: np.cumsum(x, 0),
        X,
        empty=[(0, 3)],
        scalar=refused("`axis` is 0, but the input has 0 axes", ()),
        rounds=2,
    ),
    row(
        "math.cumsum",
        lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1],
        X,
        call=lambda op, x: op(x, 1, reverse=True),
        empty=[(0, 3)],
        scalar=refused("`axis` is 1, but the input has 0 axes", ()),
        rounds=2,
        way="in reverse",
    ),
    row(
        "math.cumprod",
        lambda x: np.cumprod(x, 1),
        X,
        call=along_rows,
        empty=[(0, 3)],
        scalar=refused("`axis` is 1, but the input has 0 axes", ()),
        rounds=3,
    ),
    row(
        "math.cumprod",
        lambda x: exclusive(x, np.cumprod, 1, 1),
        X,
        call=lambda op, x: op(x, 1, exclusive=True),
        empty=Edge([(2, 0)], shape=(2, 0)),
        scalar=refused("`axis` is 1, but the input has 0 axes", ()),
        rounds=3,
        way="exclusive",
    ),
]


def euclidean(x, **axes):
    return np.sqrt(np.sum(x * x, **axes))


def clip_norm(x, limit, axis=None):
    size = np.sqrt(np.sum(x * x, axis=axis, keepdims=True))
    return np.where(size < limit, x, x / size * limit)


def clip_all(x, y, limit):
    size = np.sqrt(np.sum(x * x) + np.sum(y * y))
    return [x * limit / size, y * limit / size, size]


NORMS = [
    row("norm", euclidean, X, empty=Edge([(0, 3)], shape=()), scalar=[()], rounds=4),
    row(
        "norm",
        lambda x: np.sum(np.abs(x), 1),
        X,
        call=lambda op, x: op(x, 1, axis=1),
        empty=[(0, 3)],
        scalar=refused("axis", ()),
        rounds=3,
        way="1",
    ),
    row(
        "norm",
        lambda x: np.sum(np.abs(x) ** 3, 1) ** (1 / 3),
        X,
        call=lambda op, x: op(x, 3, axis=1),
        empty=[(0, 3)],
        scalar=refused("axis", ()),
        rounds=4,
        way="3",
    ),
    row(
        "norm",
        lambda x: np.max(np.abs(x), 1),
        X,
        call=lambda op, x: op(x, np.inf, axis=1),
        empty=[(0, 3)],
        scalar=refused("axis", ()),
        way="infinity",
    ),
    row(
        "norm",
        lambda x: np.linalg.norm(x, 1, (0, 1)),
        X,
        call=lambda op, x: op(x, 1, axis=[0, 1]),
        empty=Edge([(0, 0)], shape=()),
        scalar=refused("axis", ()),
        rounds=3,
        way="1 of a matrix",
    ),
    row(
        "global_norm",
        lambda x, y: np.sqrt(np.sum(x * x) + np.sum(y * y)),
        X,
        real(3),
        call=lambda op, x, y: op([x, None, y]),
        empty=[(0, 3), (3,)],
        scalar=[(), ()],
        dtype=lambda dtype: "float32" if dtype.itemsize < 4 else dtype.name,
        exceptions={"dtype": SINGLE},
        rounds=3,
    ),
    row(
        "math.l2_normalize",
        lambda x: x / np.sqrt(np.sum(x * x, 1, keepdims=True)),
        X,
        call=along_rows,
        empty=[(0, 3)],
        scalar=refused("axis", ()),
        rounds=3,
    ),
    row(
        "nn.l2_loss",
        lambda x: np.sum(x * x) / 2,
        X,
        empty=[(0, 3)],
        scalar=[()],
        rounds=4,
    ),
    row(
        "nn.moments",
        lambda x: [np.mean(x, 0), np.var(x, 0)],
        X,
        call=lambda op, x: op(x, [0]),
        empty=Edge([(2, 0)], shape=[(0,), (0,)]),
        scalar=refused("`axes` must name axes of x", ()),
        rounds=4,
    ),
]
CLIPPING = [
    elementwise(
        "clip_by_value",
        lambda x, low, high: np.clip(x, low, high),
        X,
        within(-1.0, -0.5, 2, 3),
        within(0.3, 0.7, 2, 3),
    ),
    elementwise(
        "clip_by_norm",
        lambda x, limit: clip_norm(x, limit),
        X,
        given(np.array(1.3)),
        empty=[(0, 3), ()],
        rounds=3,
    ),
    row(
        "clip_by_norm",
        lambda x: clip_norm(x, 2.0, 1),
        X,
        call=lambda op, x: op(x, 2.0, axes=[1]),
        empty=[(0, 3)],
        scalar=refused("axes", ()),
        rounds=3,
        way="along an axis",
    ),
    row(
        "clip_by_global_norm",
        lambda x, y: clip_all(x, y, 1.5),
        X,
        real(3),
        call=lambda op, x, y: op([x, y], 1.5),
        empty=Edge([(0, 3), (0,)], shape=[(0, 3), (0,), ()]),
        scalar=[(), ()],
        dtype=lambda dtype: (
            dtype.name,
            dtype.name,
            "float32" if dtype.itemsize < 4 else dtype.name,
        ),
        exceptions={"dtype": SINGLE},
        rounds=3,
    ),
    row(
        "clip_by_global_norm",
        lambda x, size: [x / size, size],
        X,
        given(np.array(2.5)),
        call=lambda op, x, size: op([x], 1.0, use_norm=size),
        empty=[(0, 3), ()],
        scalar=[(), ()],
        dtype=lambda dtype: (dtype.name, dtype.name),
        rounds=3,
        way="with a given norm",
    ),
]

ROWS = [*REDUCTIONS, *CUMULATED, *NORMS, *CLIPPING]
