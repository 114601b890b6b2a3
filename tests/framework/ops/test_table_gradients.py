"""Derivatives of every op of the table, to the second order, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.derivative_check import check_derivatives
from tests.op_table import ROWS

DIFFERENTIABLE = [
    pytest.param(row, id=str(row), marks=[pytest.mark.slow] * row.is_slow)
    for row in ROWS
    if row.by and "gradient" not in row.exceptions
]


@pytest.fixture(autouse=True)
def _exact(quick_programs):
    with jax.enable_x64(True):
        yield


@pytest.mark.one_in(4)
@pytest.mark.parametrize("row", DIFFERENTIABLE)
def test_derivatives_match_finite_differences(row):
    check_derivatives(row.run, row.arrays(), row.by, 1)


@pytest.mark.slow
@pytest.mark.parametrize("row", DIFFERENTIABLE)
def test_second_derivatives_match_finite_differences(row):
    order = 1 if "second order" in row.exceptions else 2
    check_derivatives(row.run, row.arrays(), row.by, order)


@jax.custom_jvp
def cube(x, first, second):
    """x cubed, its derivatives off by these factors."""
    return x**3


@cube.defjvp
def _(primals, tangents):
    x, first, second = primals
    return cube(*primals), first * slope(x, second) * tangents[0]


@jax.custom_jvp
def slope(x, second):
    return 3 * x**2


@slope.defjvp
def _(primals, tangents):
    x, second = primals
    return slope(*primals), second * 6 * x * tangents[0]


def wrong(first=1.0, second=1.0):
    """The cube whose derivatives are off by these factors."""
    first, second = jnp.asarray(first), jnp.asarray(second)
    return jt.op(lambda x: cube(x, first, second))


X = np.array([[0.4, -1.1], [0.9, 0.2]])
SPOT = np.array([[1.0, 1.0], [1.0, 1.001]])


def test_the_check_accepts_a_right_gradient():
    check_derivatives(wrong(), [X], [0])


@pytest.mark.parametrize("factor", [1.001, 0.999, SPOT], ids=["+", "-", "one element"])
def test_the_check_rejects_a_gradient_off_by_a_thousandth(factor):
    with pytest.raises(AssertionError, match=r"^gradient"):
        check_derivatives(wrong(first=factor), [X], [0])


@pytest.mark.parametrize("factor", [1.001, 0.999, SPOT], ids=["+", "-", "one element"])
def test_the_check_rejects_a_second_derivative_off_by_a_thousandth(factor):
    with pytest.raises(AssertionError, match=r"^second derivative"):
        check_derivatives(wrong(second=factor), [X], [0])
