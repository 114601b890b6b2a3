"""Margins: how much is before and after each axis of space, from a layer's argument."""

from typing import Any

from ..framework.errors import ArgumentError


def margins(
    ndim: int, given: Any, argument: str, owner: str
) -> tuple[tuple[int, int], ...]:
    """A pair (before, after) for each of `ndim` axes of space.

    Args:
        ndim: Number of axes.
        given: One number for all, one or a pair for each axis; over one axis a pair.
        argument: What messages call it.
        owner: The layer, for messages.

    Raises:
        ArgumentError: for anything else, or a negative number.
    """
    if ndim == 1:
        entries = [given]
    else:
        is_list = isinstance(given, list | tuple)
        entries = given if is_list else [given] * ndim
    pairs = [
        tuple(entry) if isinstance(entry, list | tuple) else (entry, entry)
        for entry in entries
    ]
    flat = [number for pair in pairs for number in pair]
    good = all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in flat
    ) and all(len(pair) == 2 for pair in pairs)
    if not good or len(pairs) != ndim:
        some = (
            "an integer or a pair"
            if ndim == 1
            else f"an integer, or {ndim} integers or pairs, one for each axis of space"
        )
        raise ArgumentError(
            f"`{argument}` of {owner} must be {some}, from 0 on; got {given!r}."
        )
    return tuple((before, after) for before, after in pairs)
