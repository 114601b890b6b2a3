"""Every op of the table in float32, bfloat16 and float16: its dtypes and its values."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.op_table import ROWS

pytestmark = pytest.mark.slow  # minutes in all; .ci/run runs them

HALF = ("bfloat16", "float16")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_dtypes_and_values_are_those_of_the_row(row, tolerance, quick_programs):
    with jt.GradientTape():  # records them together
        found = {dtype: run(row, dtype) for dtype in dtypes_of(row)}
    for dtype, results in found.items():
        assert [part.dtype.name for part in results] == named(row, dtype, len(results))
        allowed = row.rounds * tolerance(dtype)
        for part, exact in zip(results, row.expected(row.arrays(dtype)), strict=True):
            value = part.numpy().astype(np.result_type(exact, part.dtype, np.float32))
            np.testing.assert_allclose(
                value, exact, rtol=allowed, atol=allowed, err_msg=dtype
            )


def run(row, dtype):
    return row.run(*map(jt.constant, row.arrays(dtype)))


def dtypes_of(row):
    """The dtypes that the row is tried in: one if it takes no floats."""
    if "half" in row.exceptions or not any(part.is_float for part in row.inputs):
        return ["float32"]
    return [d for d in ("float32", *HALF) if d not in row.exceptions]


def named(row, dtype, count):
    """The dtypes that the row names, or that of the inputs for all results."""
    given = row.dtype(jnp.dtype(dtype)) if callable(row.dtype) else row.dtype
    return list(given) if isinstance(given, tuple) else [given or dtype] * count
