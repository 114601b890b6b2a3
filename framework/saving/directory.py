"""A model with all that its training needs, as one folder.

The folder holds `model.json` and the file of arrays that it names. A save writes a new
file of arrays, then replaces `model.json`: that one step is the commit. Afterwards it
removes files that nothing refers to and nobody writes.
"""

import contextlib
import functools
import os
import re
from typing import Any

import numpy as np

from ..errors import FileContentError, JaxtapeError, MissingFileError
from . import disk, document, tensor_file
from .disk import Draft

DOCUMENT = "model.json"
_ARRAYS = re.compile(r"state-([0-9a-f]{32})\.safetensors")
_DRAFT = re.compile(r"model-([0-9a-f]{32})\.json\.tmp")
_MOST_RETRIES = 100  # loads that other processes' saves overtake
_LONGEST = 1 << 28  # bytes of model.json


def holds_a_model(path: str) -> bool:
    """Whether a folder has a document of ours, sound or not.

    Raises:
        FileContentError: if it has another program's, which must not be replaced.
    """
    place = os.path.join(path, DOCUMENT)
    try:
        with open(place, "rb") as stream:
            text = stream.read(_LONGEST)
    except FileNotFoundError:
        return False
    if text.lstrip().startswith(b"{") and not document.is_ours(text):
        raise FileContentError(
            f"{place} is of another program: it starts with {text[:40]!r}. It was not "
            "replaced; save the model to a folder of its own."
        )
    return True


def write(path: str, content: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays, then replace the document, then tidy up.

    Args:
        path: The folder, which need not exist.
        content: Goes into the document.
        arrays: By the names they get in the file.

    Raises:
        OSError: if the system refuses; the folder is as it was then.
    """
    is_new = not os.path.isdir(path)
    os.makedirs(path, exist_ok=True)
    folder = os.path.realpath(path)
    token = disk.token()
    name = f"state-{token}.safetensors"
    target = os.path.join(folder, DOCUMENT)
    try:
        # Locked until the document is in place: nobody takes them for abandoned.
        with Draft(os.path.join(folder, name)) as file:
            digest = tensor_file.write(file.stream, arrays, {})
            tensor_file.read_back(file.path, arrays)
            file.sync()
            disk.sync_folder(folder)
            size = os.path.getsize(file.path)
            text = document.written(
                {
                    **content,
                    "arrays": name,
                    "files": {name: {"size": size, "sha256": digest}},
                }
            )
            with Draft(os.path.join(folder, f"model-{token}.json.tmp")) as draft:
                draft.stream.write(text)
                file.keep()  # from here on, `_tidy` decides
                draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            _tidy(folder)
            if is_new:
                os.rmdir(folder)  # if it is empty
        raise
    if is_new:
        disk.sync_folder(os.path.dirname(folder))
    _tidy(folder)


def remove(path: str) -> None:
    """Remove what `write` has written; the folder too, if it is empty then.

    Raises:
        OSError: if the system refuses.
    """
    folder = os.path.realpath(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, DOCUMENT))  # from here on there is nothing
        _tidy(folder)
        with contextlib.suppress(OSError):  # something else is in it
            os.rmdir(folder)


def _tidy(folder: str) -> None:
    """Remove what nothing refers to, unless another process is writing it."""
    for name in os.listdir(folder):
        place = os.path.join(folder, name)
        if _ARRAYS.fullmatch(name):
            disk.remove_abandoned(place, functools.partial(_is_referred, folder, name))
        elif match := _DRAFT.fullmatch(name):
            arrays = f"state-{match[1]}.safetensors"
            is_needed = functools.partial(_is_referred, folder, arrays)
            if disk.remove_abandoned(os.path.join(folder, arrays), is_needed):
                with contextlib.suppress(OSError):
                    os.unlink(place)


def _is_referred(folder: str, name: str) -> bool:
    """Whether the document refers to a file now; true also if nobody can tell."""
    try:
        return name in _document(folder)["files"]
    except MissingFileError:
        return False
    except (JaxtapeError, OSError):
        return True


def read(path: str) -> tuple[dict[str, Any], tensor_file.Arrays]:
    """The document and the arrays that belong to it.

    A save of another process may come in between; then both are read anew.

    Raises:
        MissingFileError: if there is no saved model.
        FileContentError: if one of the files is damaged or missing.
    """
    before: dict[str, Any] = {}
    for _ in range(_MOST_RETRIES):
        content = _document(path)
        try:
            return content, _arrays(path, content)
        except FileNotFoundError:
            if content == before:
                break
            before = content
    raise FileContentError(
        f"{os.path.join(path, DOCUMENT)} refers to {before['arrays']}, which is not "
        "in the folder. Was only a part of the folder copied?"
    )


def _document(path: str) -> dict[str, Any]:
    """The document of a folder.

    Raises:
        MissingFileError: if there is none.
        FileContentError: if it is damaged or of another kind.
    """
    place = os.path.join(path, DOCUMENT)
    try:
        with open(place, "rb") as stream:
            text = stream.read(_LONGEST)
    except FileNotFoundError:
        what = "no model.json in it" if os.path.isdir(path) else "no such folder"
        raise MissingFileError(
            f"There is no saved model at {path} (in {os.getcwd()}): {what}. "
            "Save one first: model.save(path)."
        ) from None
    content = document.read(text, place)
    names = content.get("files")
    is_sound = isinstance(names, dict) and all(
        _ARRAYS.fullmatch(name)
        and isinstance(row, dict)
        and isinstance(row.get("size"), int)
        and isinstance(row.get("sha256"), str)
        for name, row in names.items()
    )
    if not is_sound or content.get("arrays") not in (names or ()):
        raise FileContentError(
            f"{place} has the files {names!r} and the arrays "
            f"{content.get('arrays')!r}; expected names such as "
            "'state-<32 digits>.safetensors', with size and sha256."
        )
    return content


def _arrays(path: str, content: dict[str, Any]) -> tensor_file.Arrays:
    """The arrays that a document refers to, if they are what it says.

    Raises:
        FileNotFoundError: if the file is not there.
        FileContentError: if it has another size or SHA-256.
    """
    name = content["arrays"]
    place, row = os.path.join(path, name), content["files"][name]
    with open(place, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != row["size"]:
            raise FileContentError(
                f"{place} has {size} bytes; model.json says that it has "
                f"{row['size']}. Was it cut off on the way?"
            )
        digest = tensor_file.sha256_of(stream)
        if digest != row["sha256"]:
            raise FileContentError(
                f"{place} was changed since it was written: model.json says that its "
                f"SHA-256 is {row['sha256']}, and it is {digest}. Take another copy."
            )
        header = tensor_file.read_header(stream, place)
        return tensor_file.read(place, stream, header)
