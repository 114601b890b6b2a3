"""`model.json`: what a saved model is, behind a line that says its SHA-256."""

import hashlib
import json
import math
import re
from typing import Any

from ..errors import FileContentError
from .strict_json import parsed

FORMAT = "jaxtape.model"
VERSION = 1

_FIRST_LINE = re.compile(rb'\{"sha256": "([0-9a-f]{64})",\n')
_LENGTH = len('{"sha256": "') + 64 + len('",\n')
_FLOAT = "__float__"


def written(content: dict[str, Any]) -> bytes:
    """A document as JSON in UTF-8; its first line has the SHA-256 of all that follows.

    Floats that are not finite, which JSON has not, become dictionaries.
    """
    whole = {"format": FORMAT, "version": VERSION, **content}
    text = json.dumps(_finite(whole), indent=1, allow_nan=False, ensure_ascii=False)
    rest = text.removeprefix("{\n").encode() + b"\n"
    return b'{"sha256": "%s",\n' % hashlib.sha256(rest).hexdigest().encode() + rest


def is_ours(text: bytes) -> bool:
    """Whether a text looks like a document of this format, sound or not."""
    return f'"{FORMAT}"'.encode() in text


def read(text: bytes, path: str) -> dict[str, Any]:
    """The document that `written` wrote.

    Raises:
        FileContentError: if it is damaged, of another kind, or newer than this jaxtape.
    """
    match = _FIRST_LINE.match(text)
    if match is None:
        raise FileContentError(
            f"{path} is no saved model: expected it to start with "
            f'\'{{"sha256": "...",\', and it starts with {text[:40]!r}. '
            "Is it empty, cut off, or of another program?"
        )
    given = match[1].decode()
    found = hashlib.sha256(text[_LENGTH:]).hexdigest()
    if given != found:
        raise FileContentError(
            f"{path} was changed since it was written: its first line says that the "
            f"SHA-256 of the rest is {given}, and it is {found}. Nothing was loaded; "
            "take another copy of the folder."
        )
    content = _as_written(parsed(text, path))
    if content.get("format") != FORMAT:
        raise FileContentError(
            f"{path} has the format {content.get('format')!r}; expected {FORMAT!r}."
        )
    version = content.get("version")
    if version != VERSION:
        raise FileContentError(
            f"{path} has version {version!r} of the format, written by jaxtape "
            f"{content.get('jaxtape')}; this jaxtape reads version {VERSION}. "
            "Update jaxtape to load it."
        )
    return content


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"class_name": _FLOAT, "value": str(value)}
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def _as_written(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_written(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == _FLOAT:
        return float(value["value"])
    return {key: _as_written(part) for key, part in value.items()}
