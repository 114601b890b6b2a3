"""By which inputs each op of the table has a gradient; by all others it is `None`."""

import contextlib

import pytest

import jaxtape as jt
from tests.op_table import ROWS


@pytest.mark.parametrize("row", [row for row in ROWS if row.inputs], ids=str)
def test_a_gradient_reaches_the_inputs_that_the_row_names(row):
    inputs = [jt.constant(array) for array in row.arrays("float32")]
    with jt.GradientTape(persistent=True) as tape:
        tape.watch([x for x in inputs if x.dtype.kind == "f"])
        results = row.run(*inputs)
    reached = {
        place
        for place, x in enumerate(inputs)
        for result in results
        if gradient(tape, result, x) is not None
    }
    assert reached == set(row.by)


def gradient(tape, target, source):
    """The gradient, where a warning says it if integers have none."""
    expected = contextlib.nullcontext()
    if {target.dtype.kind, source.dtype.kind} & set("biu"):
        expected = pytest.warns(UserWarning, match="is None: only floating-point")
    with expected:
        return tape.gradient(target, source)
