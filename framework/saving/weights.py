"""A model's weights as one safetensors file."""

import difflib
import os
import re
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ..errors import ArgumentError, FileContentError, MissingFileError
from ..module import Module
from ..recording.site import user_level
from . import disk, matching, saved_model, tensor_file
from .disk import Draft

FORMAT = "jaxtape_weights"
VERSION = 1
"""Metadata: the version of the rules by which arrays are named."""

_OTHER_KINDS = (
    (b"\x89HDF", "an HDF5 file, as Keras writes"),
    (b"PK\x03\x04", "a zip archive, as Keras (.keras) and PyTorch write"),
    (b"\x80", "a pickle"),
)


def save_weights(
    module: Module, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Write all variables of a module into a file; see `Model.save_weights`."""
    path = checked_path(filepath)
    if os.path.isdir(path):
        raise ArgumentError(
            f"`filepath` is the folder {path}; weights are one file. Give it a name "
            f"inside: {os.path.join(path, 'model.weights.safetensors')}."
        )
    if not overwrite and os.path.exists(path):
        raise ArgumentError(f"{path} exists already, and `overwrite` is false.")
    variables = module.variables_by_path()
    if not variables and not getattr(module, "built", True):
        raise ArgumentError(
            f"{type(module).__name__} '{module.name}' has no weights yet, so there is "
            "nothing to save. Weights are made when a model is called: model(x) with "
            "a batch x, or model.build((None, features))."
        )
    arrays = matching.values_of(variables)
    with disk.telling(f"Writing {path}", "What was there before is unchanged."):
        write(os.path.realpath(path), arrays)


def write(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays into a weights file: it is there whole, or what was there is."""
    folder, name = os.path.split(path)
    metadata = {FORMAT: str(VERSION), tensor_file.SEAL: ""}
    with Draft(os.path.join(folder, f".{name}.{disk.token()}.tmp")) as draft:
        tensor_file.write(draft.stream, arrays, metadata)
        tensor_file.read_back(draft.path, arrays)
        draft.replace(path)
    abandoned = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{32}}\.tmp")
    for other in os.listdir(folder):
        if abandoned.fullmatch(other):
            disk.remove_abandoned(os.path.join(folder, other), lambda: False)


def load_weights(
    module: Module, filepath: str | os.PathLike, skip_mismatch: bool = False
) -> None:
    """Assign what `save_weights` wrote; see `Model.load_weights`."""
    path = checked_path(filepath)
    with disk.telling(f"Reading {path}", "Nothing was changed."):
        arrays = saved_model.weights(path) if os.path.isdir(path) else read(path)
    variables = module.variables_by_path()
    owner = f"{type(module).__name__} '{module.name}'"
    differences = matching.differences(owner, arrays.entries, variables)
    if differences and not skip_mismatch:
        advice = _advice(module, arrays)
        raise matching.refusal(arrays.path, owner, differences, advice)
    if differences:
        listed = "".join(f"\n  {line}" for line in differences.values())
        warnings.warn(
            f"{arrays.path} does not fit {owner} everywhere; these are left as they "
            f"are:{listed}",
            stacklevel=user_level(),
        )
    fitting = {
        name: array for name, array in arrays.values.items() if name not in differences
    }
    matching.assign(matching.converted(arrays.path, fitting, variables), variables)


def read(path: str) -> tensor_file.Arrays:
    """The arrays of a weights file, which may be another program's.

    Raises:
        FileContentError: if it is damaged, of another kind, or newer than this jaxtape.
        MissingFileError: if there is none.
    """
    try:
        with open(path, "rb") as stream:
            return _read(path, stream)
    except FileNotFoundError:
        raise MissingFileError(
            f"There is no file {path} (in {os.getcwd()}). {_neighbours(path)}"
        ) from None


def _read(path: str, stream: BinaryIO) -> tensor_file.Arrays:
    _refuse_other_kinds(path, stream.read(9))
    header = tensor_file.read_header(stream, path)
    version = header.metadata.get(FORMAT, str(VERSION))
    if version != str(VERSION):
        raise FileContentError(
            f"{path} has version {version!r} of the weights format; this jaxtape "
            f"reads version {VERSION}. Update jaxtape to load it."
        )
    tensor_file.check_seal(stream, header, path)
    return tensor_file.read(path, stream, header)


def checked_path(filepath: Any) -> str:
    """A path as a text.

    Raises:
        ArgumentError: for one that says HDF5.
    """
    path = disk.path_of(filepath)
    if path.endswith((".h5", ".hdf5")):
        stem = re.sub(r"(\.weights)?\.(h5|hdf5)$", "", path)
        raise ArgumentError(
            f"`filepath` is {path!r}, an HDF5 name; jaxtape reads and writes "
            f"safetensors. Use {stem + '.weights.safetensors'!r}, and see "
            "docs/saving.md for converting what Keras wrote."
        )
    return path


def _refuse_other_kinds(path: str, start: bytes) -> None:
    """Name a known format; a header's length may begin with the same bytes."""
    for mark, kind in _OTHER_KINDS:
        if start.startswith(mark) and start[8:] != b"{":
            raise FileContentError(
                f"{path} is {kind}, and starts with {start[:4]!r}; jaxtape reads "
                "safetensors files. docs/saving.md shows how to convert."
            )


def _neighbours(path: str) -> str:
    """What is there instead of a missing file."""
    folder = os.path.dirname(path) or "."
    try:
        names = os.listdir(folder)
    except OSError:
        return f"There is no folder {folder} either."
    close = difflib.get_close_matches(os.path.basename(path), names, n=3)
    return f"Did you mean {' or '.join(close)}?" if close else "Save it first."


def _advice(module: Module, arrays: tensor_file.Arrays) -> str:
    """What to do about a file that does not fit."""
    if saved_model.is_part(arrays.entries):
        folder = os.path.dirname(arrays.path) or "."
        return f"It is a part of a saved model: give its folder, {folder!r}."
    parts = [
        f"{type(part).__name__} '{part.name}'"
        for part in (module, *module.submodules)
        if not getattr(part, "built", True)
    ]
    if parts:
        return (
            f"Not built yet: {', '.join(parts[:5])}. Weights are made when a model is "
            "called, so call it once before loading: model(x) with a batch x, or "
            "model.build((None, features))."
        )
    return (
        "Load the file into the model that it was saved from, or pass "
        "skip_mismatch=True to load what fits."
    )
