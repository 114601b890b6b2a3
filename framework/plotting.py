"""Plotting: the layers of a model and what connects them, as a picture."""

import os
import shutil
import subprocess
from typing import Any

from .diagram import Style, diagram_of, dot_text, mermaid_text
from .errors import (
    ArgumentError,
    ArgumentTypeError,
    FileAccessError,
    MissingPackageError,
)
from .layer import Layer
from .saving import disk

_IMAGES = ("png", "svg", "pdf", "jpg", "gif")
_TEXTS = ("mmd", "md", "dot", "gv")
_DIRECTIONS = ("TB", "BT", "LR", "RL")


class Mermaid(str):
    """A Mermaid flowchart; a notebook that knows Mermaid draws it."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self}```\n"


def plot_model(
    model: Any,
    to_file: str | os.PathLike | None = None,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Mermaid:
    """The model as a flowchart: a text, and if asked a file.

    The text is Mermaid's, which GitHub, GitLab and JupyterLab draw. Images are made by
    Graphviz, whose program `dot` must be installed.

    A model that is a subclass calls its layers in Python, so nothing is known of what
    connects them: they are shown in order.

    Args:
        model: Functional, Sequential, or a subclass of `Model`.
        to_file: Where to write it; the ending says what: an image (png, svg, pdf, jpg,
            gif), Mermaid (mmd, md) or Graphviz's text (dot, gv). Default none, where
            Keras writes `"model.png"`.
        show_shapes: Whether to show shapes of inputs and outputs.
        show_dtype: Whether to show the dtype of outputs.
        show_layer_names: Whether to show names beside the classes.
        rankdir: `"TB"` (default) from top to bottom, `"LR"` from left to right; `"BT"`
            and `"RL"` the other way.
        expand_nested: Whether to show the layers of models that are layers.
        dpi: Dots per inch of images. Default 200.
        show_layer_activations: Whether to show activations.
        show_trainable: Whether to show which layers are trained.
        splines: How Graphviz draws lines. Default `"ortho"`, with right angles.

    Returns:
        The Mermaid text.

    Raises:
        ArgumentTypeError: for what is no model.
        ArgumentError: for another `rankdir`, or an ending that says nothing.
        MissingPackageError: for an image where `dot` is not installed.
        FileAccessError: if the file cannot be written.

    Example:
        >>> model = jt.Sequential([jt.Input((3,)), jt.layers.Dense(8)])
        >>> print(plot_model(model, show_shapes=True))
        flowchart TB
            n0["Dense<br/>(None, 3) to (None, 8)"]
        <BLANKLINE>
    """
    if not (isinstance(model, Layer) and hasattr(model, "_graph")):
        raise ArgumentTypeError(
            f"`model` must be a jt.Model; got {type(model).__name__} {model!r}."
        )
    if rankdir not in _DIRECTIONS:
        raise ArgumentError(
            f"`rankdir` must be one of {', '.join(_DIRECTIONS)}; got {rankdir!r}."
        )
    style = Style(
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
    )
    diagram = diagram_of(model, style)
    text = Mermaid(mermaid_text(diagram, rankdir))
    if to_file is not None:
        dot = dot_text(diagram, rankdir, dpi, splines)
        _write(disk.path_of(to_file, "to_file"), text, dot)
    return text


def _write(path: str, text: Mermaid, dot: str) -> None:
    ending = os.path.splitext(path)[1].removeprefix(".").lower()
    if ending in _IMAGES:
        _draw(path, ending, dot)
        return
    if ending not in _TEXTS:
        raise ArgumentError(
            f"`to_file` must end in .{', .'.join((*_IMAGES, *_TEXTS))}; got {path!r}."
        )
    written = {"mmd": text, "md": text._repr_markdown_()}.get(ending, dot)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(written)
    except OSError as error:
        raise FileAccessError(
            f"Writing {path} failed: {error.strerror}. Give a path in a folder that "
            "is there.",
            error.errno,
        ) from error


def _draw(path: str, ending: str, dot: str) -> None:
    program = shutil.which("dot")
    if program is None:
        raise MissingPackageError(
            f"plot_model() needs Graphviz's program `dot` for {path!r}, and it is not "
            "installed (apt install graphviz, brew install graphviz, winget install "
            "graphviz). Without it there is text: to_file='model.mmd' or 'model.md'."
        )
    command = [program, f"-T{ending}", "-o", path]
    done = subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise FileAccessError(f"Graphviz could not write {path}: {said}")
