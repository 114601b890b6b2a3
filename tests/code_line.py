"""The line of a test, as messages write it."""

import sys


def line(further=0):
    """`FILE:LINE` of the caller, or of the line `further` down."""
    frame = sys._getframe(1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno + further}"
