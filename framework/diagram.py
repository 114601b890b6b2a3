"""Diagram: the layers of a model as boxes and arrows, as Mermaid or Graphviz's text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax

from .drawing import escaped
from .functional import Graph
from .input_layer import InputLayer
from .layer import Layer
from .summary import shape_of, shown
from .symbolic import Step, SymbolicTensor


class Style(NamedTuple):
    """What boxes show; the arguments are those of `plot_model`."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    nested: bool = False
    activations: bool = False
    trainable: bool = False


@dataclass
class Diagram:
    """A model as boxes, groups of boxes, and arrows.

    Attributes:
        title: The model's name and class.
        boxes: Lines of text by identifier; a nested model is a diagram.
        arrows: Pairs of identifiers of boxes.
        entries: The boxes that take each of the model's inputs.
        exits: The boxes that each of its outputs comes from.
    """

    title: str
    boxes: dict[str, "list[str] | Diagram"] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)
    entries: list[list[str]] = field(default_factory=list)
    exits: list[list[str]] = field(default_factory=list)


def diagram_of(model: Any, style: Style) -> Diagram:
    """The boxes and arrows of a model."""
    diagram = _inside(model, style, "n")
    # A subclass, whose arrows are not known, has its layers in a frame.
    is_known = model._graph is not None or model._is_chain
    return diagram if is_known else Diagram("", {"model": diagram})


def _inside(model: Any, style: Style, prefix: str) -> Diagram:
    title = f"{model.name} ({type(model).__name__})"
    diagram = Diagram(title)
    if model._graph is not None:
        _connect(diagram, model._graph, style, prefix, model._is_chain)
        return diagram
    previous = None
    for place, layer in enumerate(model.layers):
        name = f"{prefix}{place}"
        diagram.boxes[name] = _box(layer, None, style, name)
        first, last = _first(diagram, name), _last(diagram, name)
        if model._is_chain and previous is not None:
            diagram.arrows += [(a, b) for a in previous for b in first]
        diagram.entries = diagram.entries or [first]
        previous = last
    diagram.exits = [previous or []]
    return diagram


def _connect(
    diagram: Diagram, graph: Graph, style: Style, prefix: str, is_chain: bool
) -> None:
    """Put the steps of a graph into a diagram."""
    names: dict[int, str] = {}
    for steps in graph.calls:
        if is_chain and isinstance(steps[0].layer, InputLayer):
            continue  # as in the summary of a Sequential
        name = f"{prefix}{len(diagram.boxes)}"
        names.update((id(step), name) for step in steps)
        diagram.boxes[name] = _box(steps[0].layer, steps[0], style, name)
    feeds = {id(source): place for place, source in enumerate(graph.sources)}
    diagram.entries = [[] for _ in graph.sources]
    arrows = []
    for step in (step for steps in graph.calls for step in steps):
        for place, tensor in enumerate(step.inputs):
            targets = _ports(diagram, names[id(step)], place, "entries")
            if id(tensor._step) in names:
                name = names[id(tensor._step)]
                sources = _ports(diagram, name, tensor._index, "exits")
                arrows += [(a, b) for a in sources for b in targets]
            else:
                diagram.entries[feeds[id(tensor)]] += targets
    diagram.arrows = list(dict.fromkeys(arrows))
    for place, source in enumerate(graph.sources):
        if id(source._step) in names:
            diagram.entries[place] = [names[id(source._step)]]
    diagram.exits = [
        _ports(diagram, names[id(tensor._step)], tensor._index, "exits")
        if id(tensor._step) in names
        else []
        for tensor in graph.results
    ]


def _ports(diagram: Diagram, name: str, place: int, side: str) -> list[str]:
    """The boxes behind an input or output of a box, which may be a diagram."""
    box = diagram.boxes[name]
    if not isinstance(box, Diagram):
        return [name]
    known = getattr(box, side)
    return known[place] if place < len(known) else []


def _first(diagram: Diagram, name: str) -> list[str]:
    return _ports(diagram, name, 0, "entries")


def _last(diagram: Diagram, name: str) -> list[str]:
    return _ports(diagram, name, 0, "exits")


def _box(layer: Any, step: Step | None, style: Style, name: str) -> Any:
    """The lines of a box, or the diagram of a model that is expanded."""
    can_expand = getattr(layer, "_graph", None) is not None or (
        getattr(layer, "_is_chain", False) and layer.layers
    )
    if style.nested and can_expand:
        return _inside(layer, style, f"{name}_")
    return list(_lines(layer, step, style))


def _lines(layer: Layer | None, step: Step | None, style: Style) -> Iterator[str]:
    if layer is None:
        assert step is not None
        yield step.name
    else:
        kind = type(layer).__name__
        yield f"{layer.name} ({kind})" if style.names else kind
    activation = getattr(layer, "activation", None)
    if style.activations and activation is not None:
        yield f"activation {getattr(activation, '__name__', activation)}"
    if style.shapes:
        yield _shapes(layer, step)
    if style.dtype:
        yield _dtype(layer, step)
    if style.trainable and layer is not None and layer._all_variables():
        yield "trained" if layer.trainable else "frozen"


def _shapes(layer: Layer | None, step: Step | None) -> str:
    if step is None:
        assert layer is not None
        return f"to {shape_of(layer)}"
    outputs = shown(step.result)
    return f"{shown(step.inputs)} to {outputs}" if step.inputs else outputs


def _dtype(layer: Layer | None, step: Step | None) -> str:
    if step is None:
        return str(getattr(layer, "dtype", "?"))
    leaves: list[SymbolicTensor] = jax.tree.leaves(list(step.outputs))
    return ", ".join(dict.fromkeys(leaf.dtype.name for leaf in leaves))


def mermaid_text(diagram: Diagram, direction: str) -> str:
    """A Mermaid flowchart."""
    lines = [f"flowchart {direction}", *_mermaid_lines(diagram, "    ")]
    return "\n".join(lines) + "\n"


def _mermaid_lines(diagram: Diagram, indent: str) -> Iterator[str]:
    for name, box in diagram.boxes.items():
        if isinstance(box, Diagram):
            yield f'{indent}subgraph {name}["{escaped(box.title)}"]'
            yield from _mermaid_lines(box, indent + "    ")
            yield f"{indent}end"
        else:
            yield f'{indent}{name}["{"<br/>".join(map(escaped, box))}"]'
    yield from (f"{indent}{source} --> {target}" for source, target in diagram.arrows)


def dot_text(diagram: Diagram, direction: str, dpi: int, splines: str) -> str:
    """Graphviz's text."""
    lines = [
        "digraph model {",
        f"  graph [rankdir={direction}, dpi={dpi}, splines={_quoted([splines])}, "
        'fontname="Helvetica"]',
        '  node [shape=box, fontname="Helvetica"]',
        *_dot_lines(diagram, "  "),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _dot_lines(diagram: Diagram, indent: str) -> Iterator[str]:
    for name, box in diagram.boxes.items():
        if isinstance(box, Diagram):
            yield f"{indent}subgraph cluster_{name} {{"
            yield f"{indent}  label={_quoted([box.title])}; style=dashed"
            yield from _dot_lines(box, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{name} [label={_quoted(box)}]"
    yield from (f"{indent}{source} -> {target}" for source, target in diagram.arrows)


def _quoted(lines: Sequence[str]) -> str:
    """Text that stands for itself in Graphviz's quotes."""
    safe = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(safe) + '"'
