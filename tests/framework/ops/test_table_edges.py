"""Every op of the table with no elements, and with no axes."""

import pytest

import jaxtape as jt
from jaxtape.framework.errors import JaxtapeError
from tests.op_rows.row import Edge, cast_floats, listed
from tests.op_table import ROWS

pytestmark = pytest.mark.slow  # minutes in all; .ci/run runs them

EDGES = [
    pytest.param(row, edge, id=f"{row}-{kind}")
    for row in ROWS
    for kind, edge in (("empty", row.empty), ("scalar", row.scalar))
    if isinstance(edge, Edge) and edge.refused is not None
]


def inputs_of(row, edge):
    pairs = enumerate(zip(row.inputs, edge.shapes, strict=True))
    made = [part.make(place, shape) for place, (part, shape) in pairs]
    return [cast_floats(array, "float32") for array in made]


def run(row, edge):
    call = edge.call or row.call
    return listed(call(row.op(), *map(jt.constant, inputs_of(row, edge))))


def shapes_of(row, edge):
    """The shapes that the row names, or those that the reference gives."""
    if edge.shape is not None:
        return edge.shape if isinstance(edge.shape, list) else [edge.shape]
    return [part.shape for part in row.expected(inputs_of(row, edge))]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_shapes_at_the_edges_are_those_of_numpy(row, quick_programs):
    edges = [e for e in (row.empty, row.scalar) if isinstance(e, Edge)]
    edges = [edge for edge in edges if edge.refused is None]
    with jt.GradientTape():  # records them together
        found = [run(row, edge) for edge in edges]
    shapes = [[part.numpy().shape for part in results] for results in found]
    assert shapes == [shapes_of(row, edge) for edge in edges]


@pytest.mark.parametrize(("row", "edge"), EDGES)
def test_an_edge_without_a_result_is_refused(row, edge):
    with pytest.raises(JaxtapeError, match=edge.refused):
        run(row, edge)


def test_every_edge_that_is_left_out_has_a_reason():
    left_out = [edge for row in ROWS for edge in (row.empty, row.scalar)]
    reasons = [edge for edge in left_out if not isinstance(edge, Edge)]
    assert all(isinstance(reason, str) and len(reason) > 10 for reason in reasons)
