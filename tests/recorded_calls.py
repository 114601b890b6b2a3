"""Shows what a function records, for tests that count its ops."""

import jaxtape as jt
from jaxtape.framework.recording.node import current


def recorded_calls(function):
    """The nodes that `function()` adds under a tape of its own."""
    with jt.GradientTape():
        before = current().node
        kept = function()  # as a user holds it
        node = current().node
        assert before is None or before.length == 0
        del kept
    return [] if node is None else node.path()


def structure(function):
    """What a call's program depends on: ops, options, wiring and types."""
    return [node.key for node in recorded_calls(function)]
