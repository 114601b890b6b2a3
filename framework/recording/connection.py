"""Connection: which values a derivative can reach, whatever they are.

A gradient is `None` where no path leads from the source to the target; that depends on
what was called under which tape, not on numbers.
"""

from collections.abc import Iterable, Mapping, Sequence

from .derivative import GRADIENT
from .node import Node
from .signature import TRAINABLE, TensorType, trainable_type


def find_connected(
    path: Sequence[Node],
    spans: Sequence[tuple[int, int]],
    watched: Mapping[int, int],
    watches_variables: bool,
) -> tuple[list[TensorType], dict[int, int]]:
    """Types of all values, and from which number on each connected one counts."""
    types: list[TensorType] = []
    since = dict(watched)
    for node in path:
        types.extend(kind for _, kind in node.leaves)
        assert node.op is not None
        is_covered = any(start <= node.first < stop for start, stop in spans)
        if watches_variables and is_covered and node.op is not GRADIENT:
            # Watched when it is read; a gradient uses what was read before.
            for number in node.inputs:
                if types[number].role == TRAINABLE and types[number].is_inexact:
                    since[number] = min(since.get(number, node.first), node.first)
        kinds = list(node.outputs)
        for output, position in node.op.reads:
            if types[node.inputs[position]].role == TRAINABLE:
                kinds[output] = trainable_type(kinds[output])
        types.extend(kinds)
        if _carries(node, spans) and _active(node, since):
            for number, kind in enumerate(node.outputs, node.first):
                if kind.is_inexact:
                    since[number] = node.first
    return types, since


Coverage = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...], bool]
"""What a tape covers of a path: spans, what is watched, whether variables are."""


def carrying(
    path: Sequence[Node], coverage: Sequence[Coverage], linked: Iterable[int]
) -> tuple[tuple[Node, tuple[int, ...]], ...]:
    """The calls that a gradient of some tape may pass, and by which inputs.

    Args:
        path: The recorded calls.
        coverage: What each tape covers.
        linked: Numbers of arguments that earlier parts computed under a tape.
    """
    found: dict[Node, set[int]] = {}
    for spans, watched, watches_variables in coverage:
        marked = {**dict.fromkeys(linked, 0), **dict(watched)}
        _, since = find_connected(path, spans, marked, watches_variables)
        for node, wrt in edges(path, spans, since):
            found.setdefault(node, set()).update(wrt)
    if any(node.op is GRADIENT for node in found):
        return ()
    return tuple((node, tuple(sorted(wrt))) for node, wrt in found.items())


def edges(
    path: Sequence[Node], spans: Sequence[tuple[int, int]], tracked: dict[int, int]
) -> list[tuple[Node, tuple[int, ...]]]:
    """The calls that carry a derivative on from `tracked`, and by which inputs."""
    edges = []
    for node in path:
        wrt = _active(node, tracked) if _carries(node, spans) else ()
        if wrt:
            edges.append((node, wrt))
            for number, kind in enumerate(node.outputs, node.first):
                if kind.is_inexact:
                    tracked[number] = node.first
    return edges


def _carries(node: Node, spans: Sequence[tuple[int, int]]) -> bool:
    assert node.op is not None
    first = node.first
    if node.op is GRADIENT and node.options["slice_"].form.is_pushed_along:
        # Under the tapes that its targets were computed under, whenever it is asked.
        first = max(node.options["slice_"].targets)
    return node.op.is_differentiable and any(
        start <= first < stop for start, stop in spans
    )


def _active(node: Node, since: Mapping[int, int]) -> tuple[int, ...]:
    """Positions of the inputs that count when this node is called."""
    end = node.first
    numbers = node.inputs
    if node.op is GRADIENT:
        counts = node.options["slice_"].dependent
        return tuple(
            position
            for position, number in enumerate(numbers)
            if number in counts and since.get(number, end + 1) <= end
        )
    assert node.op is not None
    carried = node.op.carried
    return tuple(
        position
        for position, number in enumerate(numbers)
        if since.get(number, end + 1) <= end
        and (carried is None or position in carried)
    )
