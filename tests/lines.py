"""Finds lines of source, so that tests can claim which one a message names."""

import inspect


def line_of(function, mark):
    """`FILE:LINE` of the one line of a function that holds the text `mark`."""
    rows, first = inspect.getsourcelines(function)
    found = [number for number, row in enumerate(rows, first) if mark in row]
    assert len(found) == 1, (mark, found)
    return f"{inspect.getsourcefile(function)}:{found[0]}"
