"""Summary: a model as a table of its layers, in Keras's columns."""

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from .errors import ArgumentError
from .functional import Graph
from .input_layer import InputLayer
from .layer import Layer, is_shape
from .module import Module
from .symbolic import Step, SymbolicTensor, known_shape

_LEAST = 8
"""As narrow as a column gets before its text is wrapped further."""


_PLAIN = str.maketrans("┏┳┓┡╇┩├┼┤└┴┘━─┃│", "++++++++++++--||")


class Row(NamedTuple):
    """One line of the table: a layer, or an op of a functional model."""

    name: str
    kind: str
    shape: str
    params: str
    sources: str
    trained: str
    depth: int


def summarize(
    model: Any,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    """Print a model's layers; the arguments are those of `Model.summary`."""
    rows = list(_rows(model, expand_nested, 0))
    rows = _within(rows, layer_range, model)
    has_sources = model._graph is not None and not model._is_chain
    titles = ["Layer (type)", "Output Shape", "Param #"]
    titles += ["Connected to"] * has_sources + ["Trainable"] * show_trainable
    table = [
        [
            f"{'   ' * row.depth}{' └ ' if row.depth else ''}{row.name} ({row.kind})",
            row.shape,
            row.params,
            *[row.sources] * has_sources,
            *[row.trained] * show_trainable,
        ]
        for row in rows
    ]
    length = line_length or shutil.get_terminal_size((80, 24)).columns
    widths = _widths([titles, *table], length, positions)
    print_fn = print_fn or _print
    print_fn(f'Model: "{model.name}"')
    for line in _drawn(titles, table, widths):
        print_fn(line)
    for line in _totals(model):
        print_fn(line)


def _print(line: str) -> None:
    """Print a line; where the output knows only ASCII, with plain rules."""
    try:
        print(line)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        print(line.translate(_PLAIN).encode(encoding, "replace").decode(encoding))


def _rows(model: Any, expand_nested: bool, depth: int) -> Iterator[Row]:
    graph: Graph | None = model._graph
    if graph is None:
        given = [(layer, shape_of(layer), "") for layer in model.layers]
    else:
        given = [*_graph_rows(graph)]
    for target, shape, sources in given:
        if not isinstance(target, Layer):
            kind = "".join(part.capitalize() for part in target.split("_"))
            yield Row(target, kind, shape, "0", sources, "-", depth)
            continue
        if model._is_chain and isinstance(target, InputLayer):
            continue
        kind = type(target).__name__
        own = "Y" if target.trainable else "N"
        trained = own if target._all_variables() else "-"
        count = _count(target)
        yield Row(target.name, kind, shape, count, sources, trained, depth)
        if expand_nested and hasattr(target, "_graph"):
            yield from _rows(target, True, depth + 1)


def _graph_rows(graph: Graph) -> Iterator[tuple[Any, str, str]]:
    """The layers and ops of a functional model, with shapes and sources."""
    names: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for steps in graph.calls:
        name = steps[0].name
        if steps[0].layer is None:
            numbers[name] = number = numbers.get(name, -1) + 1
            name = f"{name}_{number}" if number else name
        for place, step in enumerate(steps):
            names[id(step)] = f"{name}[{place}]"
        shape = shown(steps[0].result)
        sources = [
            f"{names.get(id(tensor._step), tensor.name)}[{tensor._index}]"
            for step in steps
            for tensor in step.inputs
        ]
        yield steps[0].layer or name, shape, ", ".join(sources) or "-"


def shape_of(layer: Layer) -> str:
    """The shape of a layer's output, as far as it is known."""
    steps: list[Step] | None = layer.__dict__.get("_steps")
    if steps:
        return shown(steps[0].result)
    built_for = layer.__dict__.get("_built_for")
    if not layer.built or built_for is None:
        return "?"
    try:
        shapes = jax.tree.map(_any_batch, built_for, is_leaf=is_shape)
        return shown(layer.compute_output_shape(shapes))
    except Exception:  # what a user's layer does with placeholders
        return "?"


def _any_batch(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    return (None, *shape[1:]) if shape else ()


def shown(outputs: Any) -> str:
    """Shapes of symbolic tensors, or shapes, as a text."""
    if isinstance(outputs, SymbolicTensor):
        return str(known_shape(outputs._type.shape))
    if is_shape(outputs):
        return str(tuple(outputs))
    parts = jax.tree.leaves(
        outputs, is_leaf=lambda x: isinstance(x, SymbolicTensor) or is_shape(x)
    )
    return ", ".join(map(shown, parts))


def _count(layer: Layer) -> str:
    """How many numbers the layer's variables have."""
    count = sum(variable.size for variable in layer._all_variables())
    is_waiting = any(
        isinstance(part, Layer) and not part.built and _makes_weights(part)
        for part in (layer, *layer.submodules)
    )
    return f"{count:,} (unbuilt)" if is_waiting else f"{count:,}"


def _makes_weights(layer: Layer) -> bool:
    """Whether building the layer may make weights."""
    return type(layer).build is not Layer.build


def _within(rows: list[Row], limits: Sequence[str] | None, model: Module) -> list[Row]:
    """The rows from the first layer of a name to the last one of another."""
    if limits is None:
        return rows
    if len(limits) != 2:
        raise ArgumentError(
            f"`layer_range` must be two names, of the first and the last layer; got "
            f"{limits!r}."
        )
    places = []
    for limit in limits:
        found = [i for i, row in enumerate(rows) if re.match(limit, row.name)]
        if not found:
            known = ", ".join(row.name for row in rows)
            raise ArgumentError(
                f"`layer_range` names {limit!r}, but '{model.name}' has no such layer. "
                f"It has: {known}."
            )
        places.append(found)
    return rows[min(places[0]) : max(places[1]) + 1]


def _widths(
    table: Sequence[Sequence[str]], length: int, positions: Sequence[float] | None
) -> list[int]:
    """How wide the columns are: as their text, narrower where it does not fit."""
    columns = list(zip(*table, strict=True))
    if positions is not None:
        if len(positions) != len(columns):
            raise ArgumentError(
                f"`positions` must have an entry for each of {len(columns)} columns; "
                f"got {list(positions)}. An entry is where a column ends."
            )
        ends = [int(p * length) if positions[-1] <= 1 else int(p) for p in positions]
        pairs = zip([0, *ends], ends, strict=False)
        return [max(end - start - 3, 1) for start, end in pairs]
    widths = [max(map(len, column)) for column in columns]
    spare = length - 1 - 3 * len(widths)
    while sum(widths) > spare and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _drawn(
    titles: Sequence[str], table: Sequence[Sequence[str]], widths: Sequence[int]
) -> Iterator[str]:
    """The lines of the table."""

    def rule(left: str, line: str, cross: str, right: str) -> str:
        return left + cross.join(line * (width + 2) for width in widths) + right

    yield rule("┏", "━", "┳", "┓")
    yield from _cells(titles, widths, "┃")
    yield rule("┡", "━", "╇", "┩")
    for place, cells in enumerate(table):
        if place:
            yield rule("├", "─", "┼", "┤")
        yield from _cells(cells, widths, "│")
    yield rule("└", "─", "┴", "┘")


def _cells(cells: Sequence[str], widths: Sequence[int], bar: str) -> Iterator[str]:
    """The lines of one row, whose texts are wrapped to the columns."""
    wrapped = [
        textwrap.wrap(cell, width, drop_whitespace=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    for number in range(max(map(len, wrapped))):
        parts = [
            (lines[number] if number < len(lines) else "").rstrip() for lines in wrapped
        ]
        aligned = [
            part.rjust(width) if place == 2 else part.ljust(width)
            for place, (part, width) in enumerate(zip(parts, widths, strict=True))
        ]
        yield f"{bar} " + f" {bar} ".join(aligned) + f" {bar}"


def _totals(model: Any) -> Iterator[str]:
    trained = model.trainable_variables
    chosen = set(map(id, trained))
    rest = [v for v in model._all_variables() if id(v) not in chosen]
    for title, variables in (
        ("Total", [*trained, *rest]),
        ("Trainable", trained),
        ("Non-trainable", rest),
    ):
        count = sum(v.size for v in variables)
        size = sum(v.size * v.dtype.itemsize for v in variables)
        yield f" {title} params: {count:,} ({_bytes(size)})"


def _bytes(size: float) -> str:
    """A size as Keras writes it: in units of 1024."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TB"
