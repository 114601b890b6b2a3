"""What is said about compiling: long ones, and batch sizes that keep changing."""

import logging
import warnings
from collections.abc import Sequence

from .. import config
from .node import Node, Recording
from .site import user_level, user_site

logger = logging.getLogger("jaxtape")
LONG = 5.0
"""Seconds from which on a compile is mentioned."""

_MAX_LOOPS = 1_000
_sizes: dict[tuple, dict[int, str]] = {}


def note_duration(path: Sequence[Node], seconds: float) -> None:
    """Say in one line that a compile took long."""
    if seconds > LONG:
        logger.warning(
            "Compiling a program of %d calls, the last at %s, took %.1f s.",
            len(path),
            path[-1].site,
            seconds,
        )


def note_sizes(path: Sequence[Node]) -> None:
    """Warn at the second new leading size of an argument of one loop.

    One size more is a ragged last batch; from the second on, every new batch size
    costs a compile.
    """
    leaves = [(node, kind) for node in path for _, kind in node.leaves if kind.shape]
    data = [(node, kind) for node, kind in leaves if kind.role == "plain"]
    if not data:
        return
    site = user_site()
    loop = (
        site,
        tuple(node.op for node in path),
        tuple((kind.shape[1:], kind.dtype) for _, kind in data),
    )
    if len(_sizes) > _MAX_LOOPS:
        _sizes.clear()
    sizes = _sizes.setdefault(loop, {})
    node, kind = data[0]
    sizes.setdefault(kind.shape[0], repr(kind))
    if len(sizes) == 3:
        assert node.op is not None
        sizes[-1] = "warned"
        seen = [text for size, text in sizes.items() if size >= 0]
        warnings.warn(
            f"The loop at {site} is compiled anew for each leading size of an "
            f"argument of {node.op.name}: {' -> '.join(seen)}. Give every batch the "
            "same size: (x, y), mask = jt.pad_batch((x, y), multiple_of=batch_size), "
            "and the mask to the loss as sample_weight.",
            stacklevel=user_level(),
        )


def note_length(recording: Recording) -> None:
    """Warn once that a tape covers a loop of very many calls."""
    default = config.Bounds.pending_nodes
    tapes = recording.live_tapes()
    if config.bounds.pending_nodes != default or not tapes or tapes[0]._is_long:
        return
    tapes[0]._is_long = True
    warnings.warn(
        f"{default:,} calls wait under one tape, the last at {user_site()}. They are "
        "run in parts of this size, op by op. If this is a loop, take the gradient "
        "more often, or write the loop with array operations.",
        stacklevel=user_level(),
    )
