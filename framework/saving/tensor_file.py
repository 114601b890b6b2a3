"""safetensors files: named arrays, one after another, behind a header in JSON.

Written here rather than by the library, whose `save_file` (0.8.0) writes strided arrays
wrongly, holds a temporary file whose name nobody knows, and makes files that only their
owner may read. Read by the library, which accepts more than is sound, once the header
has been looked through here.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import jax.numpy as jnp
import numpy as np
import safetensors

from ..errors import ArgumentError, FileContentError
from ..recording.ingest import X64, device_dtype
from .strict_json import parsed

SEAL = "jaxtape_sha256"
"""Metadata: the SHA-256 of the file with these 64 digits as zeros."""

_METADATA = "__metadata__"
_BLANK = "0" * 64
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000  # bytes; the format's own bound
_LARGEST = 1 << 62  # bytes or elements, also of what an empty array leaves out
_MOST_AXES = 64  # NumPy's bound
_CHUNK = 1 << 22  # bytes

_DTYPES = {
    "BOOL": np.dtype(bool),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "F8_E4M3": np.dtype(jnp.float8_e4m3fn),
    "F8_E5M2": np.dtype(jnp.float8_e5m2),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "F32": np.dtype(np.float32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


class Entry(NamedTuple):
    """What a header says of one array.

    Attributes:
        start, stop: Its bytes, counted from the end of the header.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


class Header(NamedTuple):
    """What stands before the arrays.

    Attributes:
        size: In bytes, with the eight that say how long the text is.
    """

    entries: dict[str, Entry]
    metadata: dict[str, str]
    size: int


def write(
    stream: BinaryIO, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> str:
    """Write arrays into an empty file; returns the SHA-256 of the whole file.

    Args:
        stream: Open for reading and writing.
        arrays: By name, in any memory order.
        metadata: Texts. An entry `SEAL` is filled in.

    Raises:
        ArgumentError: for a name or dtype that the format has no place for.
    """
    ordered = sorted(arrays.items(), key=lambda pair: (-pair[1].itemsize, pair[0]))
    head = _head(ordered, metadata)
    digest = hashlib.sha256(head)
    stream.write(head)
    for _, array in ordered:
        data = _bytes_of(array).data
        digest.update(data)
        stream.write(data)
    found = digest.hexdigest()
    if SEAL in metadata:
        stream.seek(_seal_place(head, _BLANK))
        stream.write(found.encode())
    stream.flush()
    return found


def _head(
    ordered: Iterable[tuple[str, np.ndarray]], metadata: Mapping[str, str]
) -> bytes:
    """The length and the header, padded so that the arrays start at a multiple of 8."""
    filled = {key: _BLANK if key == SEAL else text for key, text in metadata.items()}
    entries: dict[str, Any] = {_METADATA: filled}
    start = 0
    for name, array in ordered:
        if problem := _name_problem(name):
            raise ArgumentError(
                f"An array cannot be saved under the name {name!r}, which {problem}. "
                "Give the layer or variable another name."
            )
        if array.dtype not in _CODES:
            raise ArgumentError(
                f"'{name}' has dtype {array.dtype.name}, which safetensors files do "
                f"not have; they have {', '.join(d.name for d in _CODES)}. "
                "Cast it before saving."
            )
        entries[name] = {
            "dtype": _CODES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """An array's elements in C order, whatever its memory is like."""
    return np.ravel(array, order="C").view(np.uint8)


def _seal_place(head: bytes, digits: str) -> int:
    """Where the digits of the seal stand."""
    text = f'"{SEAL}":"{digits}"'.encode()
    place = head.find(text)
    return place if place < 0 else place + text.index(b":") + 2


def read_header(stream: BinaryIO, path: str) -> Header:
    """What a file says it holds, looked through for all that the library lets pass.

    Raises:
        FileContentError: if it is no sound safetensors file; says what was found.
    """
    size = os.fstat(stream.fileno()).st_size
    stream.seek(0)
    first = stream.read(_LENGTH_BYTES)
    length = int.from_bytes(first, "little")
    if len(first) < _LENGTH_BYTES:
        raise _unsound(path, f"it has {size} bytes, and the shortest has 10")
    if length > _LONGEST_HEADER or length > size - _LENGTH_BYTES:
        raise _unsound(
            path,
            f"its first 8 bytes announce a header of {length} bytes, and the file has "
            f"{size}, of which at most {_LONGEST_HEADER} may be header",
        )
    text = stream.read(length)
    if not text.startswith(b"{"):
        raise _unsound(path, f"its header starts with {text[:8]!r}, not with '{{'")
    content = parsed(text, f"The header of {path}")
    metadata = content.pop(_METADATA, {})
    if not _is_text_map(metadata):
        raise _unsound(path, f"its metadata is {metadata!r}, not a map of texts")
    entries = {name: _entry(path, name, row) for name, row in content.items()}
    _check_layout(path, entries, size - _LENGTH_BYTES - length)
    return Header(entries, metadata, _LENGTH_BYTES + length)


def _entry(path: str, name: str, row: Any) -> Entry:
    """One row of a header."""
    if problem := _name_problem(name):
        raise _unsound(path, f"it has an array of the name {name!r}, which {problem}")
    if not isinstance(row, dict) or set(row) != {"dtype", "shape", "data_offsets"}:
        raise _unsound(
            path,
            f"it describes '{name}' by {_brief(row)}; expected dtype, shape, "
            "data_offsets",
        )
    code, shape, place = row["dtype"], row["shape"], row["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise _unsound(
            path,
            f"'{name}' has the dtype {_brief(code)}; known are {', '.join(_DTYPES)}",
        )
    if not _are_counts(shape) or len(shape) > _MOST_AXES or not _fits(shape):
        raise _unsound(path, f"'{name}' has the shape {_brief(shape)}")
    if not _are_counts(place) or len(place) != 2:
        raise _unsound(path, f"'{name}' has the data offsets {_brief(place)}")
    dtype, (start, stop) = _DTYPES[code], place
    expected = math.prod(shape) * dtype.itemsize
    if stop - start != expected:
        raise _unsound(
            path,
            f"'{name}' of shape {tuple(shape)} and dtype {dtype.name} takes {expected} "
            f"bytes, and its data offsets {place} hold {stop - start}",
        )
    return Entry(dtype, tuple(shape), start, stop)


def _check_layout(path: str, entries: Mapping[str, Entry], size: int) -> None:
    """Raise unless the arrays fill the file, each after the one before."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda e: (e[1].start, e[1].stop)):
        if entry.start != end:
            raise _unsound(
                path,
                f"'{name}' starts at byte {entry.start} of the data, and the array "
                f"before it ends at {end}",
            )
        end = entry.stop
    if end != size:
        raise _unsound(
            path,
            f"its header describes {end} bytes of data, and {size} follow it",
        )


def check_seal(stream: BinaryIO, header: Header, path: str) -> None:
    """Raise if a file that says its own SHA-256 has another one.

    Raises:
        FileContentError: if it was changed since it was written.
    """
    given = header.metadata.get(SEAL)
    if given is None:
        return
    stream.seek(0)
    head = stream.read(header.size)
    place = _seal_place(head, given)
    if place < 0 or len(given) != len(_BLANK):
        raise _unsound(path, f"its metadata has the {SEAL} {given!r}, not 64 digits")
    digest = hashlib.sha256(
        head[:place] + _BLANK.encode() + head[place + len(_BLANK) :]
    )
    found = _finish(digest, stream)
    if found != given:
        raise FileContentError(
            f"{path} was changed since it was written: its metadata says that its "
            f"SHA-256 is {given}, and it is {found}. Take another copy of the file. If "
            f"a program changed it on purpose, let it drop {SEAL} from the metadata."
        )


def sha256_of(stream: BinaryIO) -> str:
    """The SHA-256 of a whole file, a few MB of which are in memory at a time."""
    stream.seek(0)
    return _finish(hashlib.sha256(), stream)


def _finish(digest: Any, stream: BinaryIO) -> str:
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


class Arrays(NamedTuple):
    """What a file holds.

    Attributes:
        path: For messages.
        entries: What its header says.
        values: The arrays, private copies.
    """

    path: str
    entries: dict[str, Entry]
    values: dict[str, np.ndarray]

    def below(self, folder: str) -> "Arrays":
        """The arrays whose names start with a folder, without it."""
        place = len(folder) + 1
        names = [name for name in self.entries if name.startswith(folder + "/")]
        return Arrays(
            self.path,
            {name[place:]: self.entries[name] for name in names},
            {name[place:]: self.values[name] for name in names},
        )


def read(path: str, stream: BinaryIO, header: Header) -> Arrays:
    """All arrays of a file whose header was looked through.

    Args:
        path: Its name.
        stream: The same file, open.
        header: What `read_header` found.

    Raises:
        FileContentError: if the file is another one by now, or the library refuses it.
    """
    refuse_wide(path, header.entries)
    with _library(path) as opened:
        values = {name: opened.get_tensor(name) for name in header.entries}
    if not os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
        raise FileContentError(f"{path} was replaced while it was read. Load it again.")
    for name, entry in header.entries.items():
        values[name] = values[name].view(entry.dtype).reshape(entry.shape)
    return Arrays(path, header.entries, values)


@contextlib.contextmanager
def _library(path: str) -> Iterator[Any]:
    """The file as the library opens it."""
    try:
        with safetensors.safe_open(path, framework="np") as opened:
            yield opened
    except safetensors.SafetensorError as error:
        raise _unsound(path, str(error)) from None


def refuse_wide(path: str, entries: Mapping[str, Entry]) -> None:
    """Raise for 64-bit arrays while the device cannot have any.

    Raises:
        FileContentError: naming the first, and the switch.
    """
    for name, entry in entries.items():
        try:
            device_dtype(entry.dtype)
        except ArgumentError:
            raise FileContentError(
                f"{path}: '{name}' is {entry.dtype.name}, and 64-bit types are off. "
                f"Call {X64} first."
            ) from None


def read_back(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise unless a file gives back, to the bit, the arrays that were written.

    The library looks at its header, and its bytes are compared a few MB at a time.

    Raises:
        FileContentError: naming the first array that differs.
    """
    with open(path, "rb") as stream, _library(path) as opened:
        header = read_header(stream, path)
        for name, wanted in arrays.items():
            entry, shown = header.entries.get(name), opened.get_slice(name)
            is_same = (
                entry is not None
                and (entry.dtype, entry.shape) == (wanted.dtype, wanted.shape)
                and shown.get_dtype() == _CODES[wanted.dtype]
                and tuple(shown.get_shape()) == wanted.shape
                and _has(stream, header.size + entry.start, _bytes_of(wanted))
            )
            if not is_same:
                raise FileContentError(
                    f"'{name}' was written to {path} as {wanted.dtype.name} of shape "
                    f"{wanted.shape}, and what was read back differs. The disk or the "
                    "memory is failing; nothing was saved."
                )


def _has(stream: BinaryIO, place: int, data: np.ndarray) -> bool:
    """Whether a file has these bytes at a place."""
    stream.seek(place)
    return all(
        stream.read(part.size) == part.tobytes()
        for part in np.split(data, range(_CHUNK, data.size, _CHUNK))
    )


def _name_problem(name: str) -> str | None:
    """What is wrong with an array's name; others may make a path of it."""
    if not name or name == _METADATA:
        return "is empty or kept for something else"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "has an empty part, '.' or '..' between its slashes"
    if "\\" in name or not name.isprintable():
        return "has a backslash or a character that cannot be printed"
    return None


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _are_counts(value: Any) -> bool:
    """Whether it is a list of whole numbers from 0."""
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < _LARGEST for number in value
    )


def _fits(shape: list[int]) -> bool:
    """Whether memory could hold the shape if its axes of length 0 had length 1."""
    return math.prod(length or 1 for length in shape) < _LARGEST // 8


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _unsound(path: str, found: str) -> FileContentError:
    return FileContentError(
        f"{path} is no sound safetensors file: {found}. Nothing was changed. "
        "Is it cut off, or of another kind?"
    )
