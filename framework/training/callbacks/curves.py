"""Curves: a History as a picture, one panel for each quantity."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ArgumentError, MissingPackageError

_WIDTH, _HEIGHT = 4.2, 3.2
"""Of a panel, in inches."""

_COLUMNS = 3
_MARKED = 30
"""Values up to which each has a dot; one value alone has no line."""

Curve = tuple[Sequence[int], Sequence[float]]
"""Epochs and values."""


def plot(
    curves: Mapping[str, Curve], names: Sequence[str] | None, to_file: Any
) -> list[Any]:
    """Draw the curves; the arguments are those of `History.plot`."""
    panels = _chosen(curves, names)
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    figure, grid = _pyplot().subplots(
        rows,
        columns,
        squeeze=False,
        figsize=(columns * _WIDTH, rows * _HEIGHT),
        layout="constrained",
    )
    axes = list(grid.flat)
    for axis in axes[len(panels) :]:
        axis.remove()
    for axis, name in zip(axes, panels, strict=False):
        _draw(axis, name, curves)
    if to_file is not None:
        figure.savefig(to_file)
    return axes[: len(panels)]


def _chosen(curves: Mapping[str, Curve], names: Sequence[str] | None) -> list[str]:
    """The quantities that have a panel: without those of the validation."""
    known = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    if not known:
        raise ArgumentError(
            "The History has no numbers yet, so there is nothing to plot. Plot it "
            "after `fit`, or after the first epoch."
        )
    given = [names] if isinstance(names, str) else names
    chosen = known if given is None else [str(n).removeprefix("val_") for n in given]
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise ArgumentError(
            f"`names` must be among the History's quantities {known}; got {names!r}."
        )
    return list(dict.fromkeys(chosen))


def _draw(axis: Any, name: str, curves: Mapping[str, Curve]) -> None:
    both = {"training": curves.get(name), "validation": curves.get(f"val_{name}")}
    for (label, curve), colour in zip(both.items(), ("C0", "C1"), strict=True):
        if curve is not None:
            mark = "o" if len(curve[0]) <= _MARKED else None
            axis.plot(*curve, color=colour, marker=mark, markersize=3, label=label)
    if both["validation"] is not None:
        axis.legend()
    axis.set(xlabel="epoch", ylabel=name)
    axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axis.grid(alpha=0.3)


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot  # noqa: PLC0415 (an optional package)
    except ImportError:
        raise MissingPackageError(
            "history.plot() needs the package matplotlib, which is not installed: "
            'pip install "jaxtape[plot]".'
        ) from None
    return matplotlib.pyplot
