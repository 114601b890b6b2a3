"""Every op has a row in the table, and every row an op."""

import collections

import pytest

from tests.op_table import NOT_OPS, ROWS, is_no_op, public_callables

PUBLIC = public_callables()


def test_every_op_has_a_row():
    known = {id(row.op()) for row in ROWS}
    missing = [
        path
        for path, value in PUBLIC.items()
        if id(value) not in known and not is_no_op(path)
    ]
    assert not missing


def test_no_op_is_listed_as_something_else():
    known = {id(row.op()) for row in ROWS}
    wrong = [
        path for path, value in PUBLIC.items() if id(value) in known and is_no_op(path)
    ]
    assert not wrong


def test_every_name_that_is_no_op_exists():
    names = {path.split(".")[-1] for path in PUBLIC} | set(PUBLIC)
    assert not set(NOT_OPS) - names


def test_no_two_rows_have_the_same_name():
    counts = collections.Counter(map(str, ROWS))
    assert not [name for name, count in counts.items() if count > 1]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_names_a_public_op(row):
    assert f"jt.{row.name}" in PUBLIC


CLAIMS = {"gradient", "second order", "dtype", "half", "float16"}


@pytest.mark.parametrize("row", [row for row in ROWS if row.exceptions], ids=str)
def test_every_exception_is_from_a_known_claim_and_has_a_reason(row):
    assert set(row.exceptions) <= CLAIMS
    assert all(len(reason) > 10 for reason in row.exceptions.values())
