"""Rows of what makes Tensors, reshapes them, joins them and takes them apart."""

import numpy as np

from tests.op_rows.row import (
    Edge,
    elementwise,
    given,
    real,
    refused,
    row,
    stepwise,
    within,
)

X = real(2, 3)
NO_AXES = "there is no axis to name"
NO_INPUT = "it has no array among its arguments"
NO_GRADIENT = {"by": ()}


def made(name, reference, call, empty, **more):
    """A row of an op that takes no arrays; `empty` is its call that makes nothing."""
    more = {"scalar": NO_INPUT, "dtype": "float32", **more}
    return row(name, reference, call=call, empty=empty, **more)


CREATION = [
    made(
        "zeros",
        lambda: np.zeros((2, 3)),
        lambda op: op((2, 3)),
        Edge([], call=lambda op: op((0, 3)), shape=(0, 3)),
        scalar=Edge([], call=lambda op: op(()), shape=()),
    ),
    made(
        "ones",
        lambda: np.ones((2, 3)),
        lambda op: op((2, 3)),
        Edge([], call=lambda op: op((0, 3)), shape=(0, 3)),
        scalar=Edge([], call=lambda op: op([]), shape=()),
    ),
    made(
        "eye",
        lambda: np.eye(2, 3),
        lambda op: op(2, 3),
        Edge([], call=lambda op: op(0, 3), shape=(0, 3)),
    ),
    made(
        "range",
        lambda: np.arange(1, 6, 2),
        lambda op: op(1, 6, 2),
        Edge([], call=lambda op: op(0), shape=(0,)),
        dtype="int32",
    ),
    made(
        "range",
        lambda: np.arange(0.5, 2, 0.25),
        lambda op: op(0.5, 2.0, 0.25),
        Edge([], call=lambda op: op(1.0, 1.0), shape=(0,)),
        way="of floats",
    ),
    row(
        "linspace",
        lambda start, stop: np.linspace(start, stop, 4),
        real(3),
        real(3),
        call=lambda op, start, stop: op(start, stop, 4),
        empty=[(0,), (0,)],
        scalar=[(), ()],
        rounds=2,
    ),
    row(
        "fill",
        lambda x: np.full((2, 3), x),
        given(np.array(1.5)),
        call=lambda op, x: op((2, 3), x),
        empty=Edge([()], call=lambda op, x: op((0, 3), x), shape=(0, 3)),
        scalar=Edge([()], call=lambda op, x: op((), x), shape=()),
    ),
    stepwise("zeros_like", np.zeros_like, X),
    stepwise("ones_like", np.ones_like, X),
    row(
        "one_hot",
        lambda x: np.eye(3)[x],
        given([2, 0, 1]),
        call=lambda op, x: op(x, 3),
        empty=[(0,)],
        scalar=[()],
        dtype="float32",
    ),
]
CONVERSION = [
    stepwise(
        "saturate_cast",
        lambda x: np.clip(x, -128, 127).astype(int),
        within(-203.4, 198.3, 2, 3),
        call=lambda op, x: op(x, "int8"),
        dtype="int8",
    ),
    stepwise(
        "bitcast",
        lambda x: x.astype("float32").view("int32"),
        X,
        call=lambda op, x: op(x, "int32"),
        dtype="int32",
        exceptions={"half": "the width of the dtype decides on the shape"},
    ),
    stepwise(
        "shape_n",
        lambda x: [np.array(x.shape, int)],
        X,
        call=lambda op, x: op([x]),
        dtype="int32",
    ),
    made(
        "broadcast_dynamic_shape",
        lambda: np.array([2, 3]),
        lambda op: op([2, 1], [1, 3]),
        Edge([], call=lambda op: op([0, 1], [3]), shape=(2,)),
        scalar=Edge([], call=lambda op: op([], []), shape=(0,)),
        dtype="int32",
    ),
    row(
        "meshgrid",
        lambda x, y: np.meshgrid(x, y),
        real(3),
        real(2),
        empty=[(0,), (2,)],
        scalar=[(), ()],
    ),
    row(
        "sequence_mask",
        lambda x: np.arange(4) < x[:, None],
        given([1, 4, 0]),
        call=lambda op, x: op(x, 4),
        empty=Edge([(0,)], shape=(0, 4)),
        scalar=Edge([()], shape=(4,)),
        dtype="bool",
    ),
    row(
        "unravel_index",
        lambda x: np.stack(np.unravel_index(x, (2, 3))),
        given([5, 2, 0, 4]),
        call=lambda op, x: op(x, (2, 3)),
        empty=Edge([(0,)], shape=(2, 0)),
        scalar=Edge([()], shape=(2,)),
        dtype="int32",
    ),
    elementwise("constant", lambda x: x, X),
    elementwise("convert_to_tensor", lambda x: x, X),
    stepwise(
        "cast",
        lambda x: x.astype(int),
        X,
        call=lambda op, x: op(x, "int32"),
        dtype="int32",
        way="to integers",
    ),
    elementwise(
        "cast",
        lambda x: x,
        X,
        call=lambda op, x: op(x, "float32"),
        dtype="float32",
        exceptions={
            "gradient": "rounds to float32, which finite differences in float64 see"
        },
        way="to float32",
    ),
    stepwise("shape", lambda x: np.array(x.shape, int), X, dtype="int32"),
    stepwise("size", np.size, X, dtype="int32"),
    stepwise("rank", np.ndim, X, dtype="int32"),
]
SHAPING = [
    row(
        "reshape",
        lambda x: np.reshape(x, (3, -1)),
        X,
        call=lambda op, x: op(x, (3, -1)),
        empty=[(0, 3)],
        scalar=Edge([()], call=lambda op, x: op(x, (1, 1)), shape=(1, 1)),
    ),
    row("transpose", np.transpose, X, empty=[(0, 3)], scalar=[()]),
    row(
        "transpose",
        lambda x: np.transpose(x, (2, 0, 1)),
        real(2, 3, 2),
        call=lambda op, x: op(x, [2, 0, 1]),
        empty=[(0, 3, 2)],
        scalar=refused("transpose got inputs that do not fit", ()),
        way="by a permutation",
    ),
    row(
        "expand_dims",
        lambda x: np.expand_dims(x, -1),
        X,
        call=lambda op, x: op(x, -1),
        empty=[(0, 3)],
        scalar=[()],
    ),
    row("squeeze", np.squeeze, real(2, 1, 3), empty=[(0, 1, 3)], scalar=[()]),
    row(
        "broadcast_to",
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        real(2, 1),
        call=lambda op, x: op(x, (2, 2, 3)),
        empty=Edge([(0, 1)], call=lambda op, x: op(x, (2, 0, 3)), shape=(2, 0, 3)),
        scalar=[()],
    ),
    row(
        "reverse",
        lambda x: np.flip(x, 1),
        X,
        call=lambda op, x: op(x, [1]),
        empty=[(0, 3)],
        scalar=refused("reverse got inputs that do not fit", ()),
    ),
    row(
        "roll",
        lambda x: np.roll(x, (1, -1), (0, 1)),
        X,
        call=lambda op, x: op(x, [1, -1], [0, 1]),
        empty=[(0, 3)],
        scalar=refused("roll got inputs that do not fit", ()),
    ),
]
JOINING = [
    row(
        "stack",
        lambda x, y: np.stack([x, y], 1),
        X,
        real(2, 3),
        call=lambda op, x, y: op([x, y], axis=1),
        empty=[(0, 3), (0, 3)],
        scalar=Edge([(), ()], call=lambda op, x, y: op([x, y]), shape=(2,)),
    ),
    row(
        "unstack",
        lambda x: [x[:, 0], x[:, 1], x[:, 2]],
        X,
        call=lambda op, x: op(x, axis=1),
        empty=[(0, 3)],
        scalar=refused(r"axis 1 for shape \(\)", ()),
    ),
    row(
        "concat",
        lambda x, y: np.concatenate([x, y], 1),
        X,
        real(2, 2),
        call=lambda op, x, y: op([x, y], 1),
        empty=[(2, 0), (2, 3)],
        scalar=refused("concat got inputs that do not fit", (), ()),
    ),
    row(
        "split",
        lambda x: np.split(x, 3, 1),
        X,
        call=lambda op, x: op(x, 3, axis=1),
        empty=[(0, 3)],
        scalar=refused(r"axis 1 for shape \(\)", ()),
    ),
    row(
        "split",
        lambda x: np.split(x, [1], 1),
        X,
        call=lambda op, x: op(x, [1, -1], axis=1),
        empty=[(0, 3)],
        scalar=refused(r"axis 1 for shape \(\)", ()),
        way="into given sizes",
    ),
    row(
        "tile",
        lambda x: np.tile(x, (2, 1)),
        X,
        call=lambda op, x: op(x, [2, 1]),
        empty=[(0, 3)],
        scalar=Edge([()], call=lambda op, x: op(x, []), shape=()),
    ),
    row(
        "repeat",
        lambda x: np.repeat(x, [1, 0, 2], 1),
        X,
        call=lambda op, x: op(x, [1, 0, 2], axis=1),
        empty=[(0, 3)],
        scalar=refused("repeat got inputs that do not fit", ()),
    ),
    row(
        "repeat",
        lambda x: np.repeat(x, 2),
        X,
        call=lambda op, x: op(x, 2),
        empty=[(0, 3)],
        scalar=[()],
        way="of the flattened",
    ),
    row(
        "pad",
        lambda x, y: np.pad(x, [(1, 0), (0, 2)], constant_values=y),
        X,
        given(np.array(0.5)),
        call=lambda op, x, y: op(x, [[1, 0], [0, 2]], constant_values=y),
        empty=[(0, 3), ()],
        scalar=Edge([(), ()], call=lambda op, x, y: op(x, []), shape=()),
    ),
    row(
        "pad",
        lambda x: np.pad(x, [(1, 0), (0, 2)], "reflect"),
        X,
        call=lambda op, x: op(x, [[1, 0], [0, 2]], "REFLECT"),
        empty=refused(r"mirror more than its length 0 has", (0, 3)),
        scalar=refused(r"must have shape \(0, 2\)", ()),
        way="mirrored",
    ),
]

ROWS = [*CREATION, *CONVERSION, *SHAPING, *JOINING]
