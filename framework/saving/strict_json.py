"""JSON that means one thing only: no name twice, no NaN, nothing but data."""

import json
from typing import Any

from ..errors import FileContentError


def parsed(text: bytes, what: str) -> Any:
    """What a JSON text says.

    Args:
        text: In UTF-8.
        what: What is being read, for messages.

    Raises:
        FileContentError: if it is no JSON, or names something twice.
    """
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise FileContentError(
            f"{what} is no valid JSON: {str(error) or type(error).__name__}. "
            "The file is damaged, or not of this kind."
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands there twice")
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")
