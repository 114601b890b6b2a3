"""Rows of what chooses elements: by index, by mask, by order; and of writing there."""

import numpy as np

from tests.op_rows.row import Edge, given, real, refused, row, within

X = real(2, 3)
INDEX = "int32"
FLAGS = given([[True, False, True], [False, False, True]])


def scattered(shape, places, values):
    made = np.zeros(shape)
    np.add.at(made, tuple(np.moveaxis(places, -1, 0)), values)
    return made


def updated(x, places, values):
    made = x.copy()
    made[tuple(np.moveaxis(places, -1, 0))] = values
    return made


def top(x, k):
    order = np.argsort(-x, -1)[..., :k]
    return [np.take_along_axis(x, order, -1), order]


INDEXING = [
    row(
        "strided_slice",
        lambda x: x[1, ::-2],
        X,
        call=lambda op, x: op(
            x, [1, 0], [2, 0], [1, -2], begin_mask=2, end_mask=2, shrink_axis_mask=1
        ),
        empty=Edge([(2, 0)], shape=(0,)),
        scalar=refused("Too many indices: 2", ()),
    ),
    row(
        "reverse_sequence",
        lambda x, lengths: np.stack([x[0], x[1, [1, 0, 2]]]),
        X,
        given([1, 2]),
        call=lambda op, x, lengths: op(x, lengths, seq_axis=1),
        empty=Edge([(0, 3), (0,)], shape=(0, 3)),
        scalar=refused("seq_axis|axis", (), ()),
    ),
    row(
        "gather",
        lambda x, at: x[at],
        X,
        given([1, 0, 1]),
        empty=[(2, 0), (3,)],
        scalar=[(2,), ()],
    ),
    row(
        "gather",
        lambda x, at: x[:, at],
        X,
        given([[2, 0], [1, 1]]),
        call=lambda op, x, at: op(x, at, axis=-1),
        empty=[(2, 3), (0,)],
        scalar=[(2, 3), ()],
        way="along an axis",
    ),
    row(
        "gather",
        lambda x, at: np.take_along_axis(x, at, 1),
        X,
        given([[2, 0], [1, 1]]),
        call=lambda op, x, at: op(x, at, batch_dims=1),
        empty=[(0, 3), (0, 2)],
        scalar=refused("`batch_dims` must be from 0 to 0", (), ()),
        way="in batches",
    ),
    row(
        "gather",
        lambda x, at: np.take_along_axis(x, at, 1),
        X,
        given([[2, 0], [1, 1]]),
        call=lambda op, x, at: op(x, at, batch_dims=-1),
        empty=[(0, 3), (0, 2)],
        scalar=refused("`batch_dims` must be from 0 to 0", (), ()),
        way="in batches, counted from the end",
    ),
    row(
        "gather_nd",
        lambda x, at: x[at[:, 0], at[:, 1]],
        X,
        given([[1, 2], [0, 0], [1, 2]]),
        empty=[(2, 3), (0, 2)],
        scalar=Edge([(2, 3), (2,)], shape=()),
    ),
    row(
        "nn.embedding_lookup",
        lambda x, at: x[at],
        X,
        given([1, 0, 1]),
        empty=[(2, 3), (0,)],
        scalar=[(2, 3), ()],
    ),
    row(
        "slice",
        lambda x: x[1:, 0:2],
        X,
        call=lambda op, x: op(x, [1, 0], [-1, 2]),
        empty=refused("from 1 with size -1 does not fit axis 0", (0, 3)),
        scalar=Edge([()], call=lambda op, x: op(x, [], []), shape=()),
    ),
    row(
        "where",
        np.where,
        FLAGS,
        X,
        real(2, 3),
        empty=[(0, 3)] * 3,
        scalar=[()] * 3,
    ),
    row(
        "where",
        np.argwhere,
        FLAGS,
        empty=[(0, 3)],
        scalar=[()],
        dtype=INDEX,
        way="alone",
    ),
    row(
        "boolean_mask",
        lambda x, mask: x[mask],
        X,
        FLAGS,
        empty=[(0, 3), (0, 3)],
        scalar="TensorFlow has no mask without axes either",
    ),
]
WRITING = [
    row(
        "tensor_scatter_nd_sub",
        lambda x, at, values: x - scattered(x.shape, at, values),
        X,
        given([[1, 0], [0, 2], [1, 0]]),
        real(3),
        empty=Edge([(2, 3), (0, 2), (0,)], shape=(2, 3)),
        scalar=Edge([(2, 3), (2,), ()], shape=(2, 3)),
        rounds=2,
    ),
    *(
        row(
            f"tensor_scatter_nd_{name}",
            lambda x, at, values, choose=choose: updated(
                x, at, choose(x[at[:, 0], at[:, 1]], values)
            ),
            X,
            given([[1, 0], [0, 2]]),
            within(-0.71, 0.66, 2),
            empty=Edge([(2, 3), (0, 2), (0,)], shape=(2, 3)),
            scalar=Edge([(2, 3), (2,), ()], shape=(2, 3)),
        )
        for name, choose in (("max", np.maximum), ("min", np.minimum))
    ),
    row(
        "scatter_nd",
        lambda at, values: scattered((4, 2), at, values),
        given([[1], [3], [1]]),
        real(3, 2),
        call=lambda op, at, values: op(at, values, (4, 2)),
        empty=Edge([(0, 1), (0, 2)], shape=(4, 2)),
        scalar=Edge([(1,), (2,)], shape=(4, 2)),
    ),
    row(
        "tensor_scatter_nd_add",
        lambda x, at, values: x + scattered(x.shape, at, values),
        X,
        given([[1, 0], [0, 2], [1, 0]]),
        real(3),
        empty=Edge([(2, 3), (0, 2), (0,)], shape=(2, 3)),
        scalar=Edge([(2, 3), (2,), ()], shape=(2, 3)),
        rounds=2,
    ),
    row(
        "tensor_scatter_nd_update",
        updated,
        X,
        given([[1, 0], [0, 2]]),
        real(2),
        empty=Edge([(2, 3), (0, 2), (0,)], shape=(2, 3)),
        scalar=Edge([(2, 3), (2,), ()], shape=(2, 3)),
    ),
    row(
        "math.unsorted_segment_sum",
        lambda x, names: scattered((3, 2), names[:, None], x),
        real(4, 2),
        given([2, 0, 2, 0]),
        call=lambda op, x, names: op(x, names, 3),
        empty=Edge([(0, 2), (0,)], shape=(3, 2)),
        scalar=Edge([(), ()], shape=(3,)),
        rounds=2,
    ),
]
ORDERING = [
    row(
        name,
        lambda x, find=find: find(x, 0),
        X,
        empty=Edge([(2, 0)], shape=(0,)),
        scalar=refused(f"{name} got inputs that do not fit", ()),
        by=(),
        dtype=INDEX,
    )
    for name, find in (("argmax", np.argmax), ("argmin", np.argmin))
] + [
    row(
        "sort",
        lambda x: np.sort(x, -1),
        X,
        empty=[(0, 3)],
        scalar=refused("sort got inputs that do not fit", ()),
    ),
    row(
        "sort",
        lambda x: -np.sort(-x, 0),
        X,
        call=lambda op, x: op(x, 0, "DESCENDING"),
        empty=[(0, 3)],
        scalar=refused("sort got inputs that do not fit", ()),
        way="downwards",
    ),
    row(
        "argsort",
        lambda x: np.argsort(x, -1),
        X,
        empty=[(0, 3)],
        scalar=refused("argsort got inputs that do not fit", ()),
        by=(),
        dtype=INDEX,
    ),
    row(
        "top_k",
        lambda x: top(x, 2),
        X,
        call=lambda op, x: op(x, 2),
        empty=Edge([(0, 3)], shape=[(0, 2), (0, 2)]),
        scalar=refused("top_k got inputs that do not fit", ()),
        dtype=lambda dtype: (dtype.name, INDEX),
    ),
]

ROWS = [*INDEXING, *WRITING, *ORDERING]
