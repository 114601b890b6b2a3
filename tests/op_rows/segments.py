"""Rows of what counts, searches, and joins the rows that belong together."""

import numpy as np

from tests.op_rows.row import Edge, given, real, refused, row

DATA = real(4, 2)
SORTED, MIXED = given([0, 0, 2, 2]), given([2, 0, 2, 0])
X = real(2, 3)


def by_segment(reduce, empty):
    """The rows of each of three segments, reduced; what stands for no rows."""

    def reference(x, names):
        found = [x[names == i] for i in range(3)]
        return np.stack(
            [
                reduce(rows) if len(rows) else np.full(x.shape[1:], empty)
                for rows in found
            ]
        )

    return reference


def along(function):
    return lambda rows: function(rows, axis=0)


LOWEST, HIGHEST = np.finfo("float32").min, np.finfo("float32").max
SEGMENTS = [
    row(
        f"math.segment_{name}",
        by_segment(along(reduce), empty),
        DATA,
        SORTED,
        empty=Edge([(0, 2), (0,)], shape=(0, 2)),
        scalar=refused("needs a vector of ids", (), ()),
        rounds=2,
    )
    for name, reduce, empty in (
        ("sum", np.sum, 0),
        ("mean", np.mean, 0),
        ("prod", np.prod, 1),
        ("max", np.max, 0),
        ("min", np.min, 0),
    )
] + [
    row(
        f"math.unsorted_segment_{name}",
        by_segment(reduce, empty),
        DATA,
        names,
        call=lambda op, x, names: op(x, names, 3),
        empty=Edge([(0, 2), (0,)], shape=(3, 2)),
        scalar=Edge([(), ()], shape=(3,)),
        rounds=2,
    )
    for name, reduce, empty, names in (
        ("mean", along(np.mean), 0, MIXED),
        ("prod", along(np.prod), 1, MIXED),
        # Each of the three has rows: the value for none depends on the dtype.
        ("max", along(np.max), 0, given([2, 0, 1, 0])),
        ("min", along(np.min), 0, given([2, 0, 1, 0])),
        ("sqrt_n", lambda rows: rows.sum(0) / np.sqrt(len(rows)), 0, MIXED),
    )
]
RANGE = given(np.array([-2.0, 2.0]))


def bins(x, limits):
    low, high = limits
    return np.clip(np.floor((x - low) / (high - low) * 5), 0, 4)


def stitched(x, y):
    return np.stack([y[0], x[0], x[1], y[1]])


COUNTING = [
    row(
        "math.count_nonzero",
        lambda x: np.count_nonzero(x, 1),
        given(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, -1.0]])),
        call=lambda op, x: op(x, axis=1),
        empty=[(0, 3)],
        scalar=refused("axis", ()),
        by=(),
        dtype="int32",
    ),
    row(
        "math.zero_fraction",
        lambda x: np.mean(x == 0),
        given(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, -1.0]])),
        empty=Edge([(0, 3)], shape=()),
        scalar=[()],
        by=(),
        dtype="float32",
    ),
    row(
        "math.bincount",
        np.bincount,
        given([1, 3, 1, 0]),
        empty=[(0,)],
        scalar=Edge([()], shape=(2,)),
        dtype="int32",
    ),
    row(
        "math.confusion_matrix",
        lambda x, y: np.array([[1, 1, 0], [0, 0, 0], [0, 0, 2]]),
        given([0, 2, 0, 2]),
        given([1, 2, 0, 2]),
        call=lambda op, x, y: op(x, y, 3),
        empty=Edge([(0,), (0,)], shape=(3, 3)),
        scalar=Edge([(), ()], shape=(3, 3)),
        dtype="int32",
    ),
    row(
        "histogram_fixed_width",
        lambda x, limits: np.histogram(x, 5, limits)[0],
        X,
        RANGE,
        call=lambda op, x, limits: op(x, limits, 5),
        empty=Edge([(0, 3), (2,)], shape=(5,)),
        scalar=Edge([(), (2,)], shape=(5,)),
        by=(),
        dtype="int32",
    ),
    row(
        "histogram_fixed_width_bins",
        bins,
        X,
        RANGE,
        call=lambda op, x, limits: op(x, limits, 5),
        empty=Edge([(0, 3), (2,)], shape=(0, 3)),
        scalar=Edge([(), (2,)], shape=()),
        by=(),
        dtype="int32",
    ),
    row(
        "unique",
        lambda x: [x[[0, 1, 3]], np.array([0, 1, 0, 2])],
        given(np.array([1.5, -2.0, 1.5, 0.5])),
        empty=Edge([(0,)], shape=[(0,), (0,)]),
        scalar=refused("unique.. needs a vector", ()),
        by=(),
        dtype=lambda dtype: (dtype.name, "int32"),
    ),
    row(
        "unique_with_counts",
        lambda x: [x[[0, 1, 3]], np.array([0, 1, 0, 2]), np.array([2, 1, 1])],
        given(np.array([1.5, -2.0, 1.5, 0.5])),
        empty=Edge([(0,)], shape=[(0,), (0,), (0,)]),
        scalar=refused("unique_with_counts.. needs a vector", ()),
        by=(),
        dtype=lambda dtype: (dtype.name, "int32", "int32"),
    ),
]
SEARCHING = [
    row(
        "searchsorted",
        np.searchsorted,
        given(np.array([-1.5, -0.5, 0.5, 1.5])),
        real(3),
        empty=[(4,), (0,)],
        scalar=refused(r"sequences of shape \(\)", (), ()),
        by=(),
        dtype="int32",
    ),
    row(
        "math.in_top_k",
        lambda at, x: np.array([False, True]),
        given([0, 2]),
        given(np.array([[0.1, 0.7, 0.3], [0.1, 0.7, 0.3]])),
        call=lambda op, at, x: op(at, x, 2),
        empty=Edge([(0,), (0, 3)], shape=(0,)),
        scalar=refused("in_top_k", (), ()),
        by=(),
        dtype="bool",
    ),
    row(
        "math.invert_permutation",
        np.argsort,
        given([2, 0, 3, 1]),
        empty=[(0,)],
        scalar=refused("needs a vector", ()),
        dtype="int32",
    ),
    row(
        "math.is_non_decreasing",
        lambda x: np.all(np.diff(x.ravel()) >= 0),
        given(np.array([1.0, 1.0, 2.0])),
        empty=[(0,)],
        scalar=[()],
        by=(),
        dtype="bool",
    ),
    row(
        "math.is_strictly_increasing",
        lambda x: np.all(np.diff(x.ravel()) > 0),
        given(np.array([1.0, 1.0, 2.0])),
        empty=[(0,)],
        scalar=[()],
        by=(),
        dtype="bool",
    ),
]
PARTS = [
    row(
        "dynamic_partition",
        lambda x, names: [x[names == 0], x[names == 1]],
        DATA,
        given([1, 0, 1, 1]),
        call=lambda op, x, names: op(x, names, 2),
        empty=Edge([(0, 2), (0,)], shape=[(0, 2), (0, 2)]),
        scalar=Edge([(), ()], shape=[(0,), (1,)]),
    ),
    row(
        "dynamic_stitch",
        lambda at, other, x, y: stitched(x, y),
        given([1, 2]),
        given([0, 3]),
        real(2, 2),
        real(2, 2),
        call=lambda op, at, other, x, y: op([at, other], [x, y]),
        empty=Edge([(0,), (0,), (0, 2), (0, 2)], shape=(0, 2)),
        scalar=Edge([(), (), (), ()], shape=(2,)),
    ),
]

ROWS = [*SEGMENTS, *COUNTING, *SEARCHING, *PARTS]
