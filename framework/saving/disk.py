"""Files that appear whole or not at all, and what killed writers leave behind.

A writer holds a lock on each file that it has not yet put in place. The system lets go
of it when the process ends, however it ends, so a file that can be locked has no writer
any more: whoever saves next may remove it. No clock and no process number is trusted.
"""

import contextlib
import errno
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ..errors import (
    ArgumentError,
    ArgumentTypeError,
    FileAccessError,
    MissingFileError,
)

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FAR = 1 << 40  # a place to lock that no file reaches; Windows locks bytes
_ATTEMPTS = 20  # at replacing a file that another process reads, on Windows
_PAUSE = 0.05  # seconds


class Draft:
    """A new file, locked while it is open; removed at the end unless it was kept.

    Args:
        path: Its name, which nothing may have yet.

    Attributes:
        stream: To write to and to read back.

    Raises:
        OSError: if it cannot be made.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._is_kept = False
        while True:
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
            self.stream: BinaryIO = os.fdopen(os.open(path, flags, 0o666), "w+b")
            try:
                _lock(self.stream.fileno())
                if os.fstat(self.stream.fileno()).st_nlink:
                    return
                self.stream.close()  # taken for a dead writer's before it was locked
            except BaseException:
                self._remove()
                raise

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_kept:
            self.stream.close()
        else:
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):  # what is left is swept away later
            self.stream.close()  # writes what is buffered: the disk may be full
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def keep(self) -> None:
        """Let the file stay under the name it has."""
        self._is_kept = True

    def sync(self) -> None:
        """Wait until the content is on the disk itself."""
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def replace(self, target: str) -> None:
        """Take the place and name of another file: the moment at which it is there."""
        self.sync()
        if sys.platform == "win32":
            self.stream.close()  # an open file cannot be renamed there
        _replace(self.path, target)
        self._is_kept = True
        sync_folder(os.path.dirname(target))


def path_of(filepath: str | bytes | os.PathLike, name: str = "filepath") -> str:
    """A path as a text.

    Args:
        filepath: The path.
        name: What messages call it.

    Raises:
        ArgumentTypeError: for what is no path.
        ArgumentError: for the empty text.
    """
    try:
        path = os.fsdecode(filepath)
    except TypeError:
        raise ArgumentTypeError(
            f"`{name}` must be a text or a pathlib.Path; got {filepath!r} "
            f"({type(filepath).__name__})."
        ) from None
    if not path:
        raise ArgumentError(f"`{name}` is empty; expected the name of a file.")
    return path


def token() -> str:
    """A part of a name that no other file has."""
    return secrets.token_hex(16)


def sync_folder(folder: str) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    if sys.platform == "win32":
        return
    try:
        number = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):  # some file systems know no such thing
            os.fsync(number)
    finally:
        os.close(number)


def remove_abandoned(path: str, is_needed: Callable[[], bool]) -> bool:
    """Remove a file that no writer holds, unless it is needed.

    Args:
        path: The file.
        is_needed: Asked after the lock was taken, so when its writer has come to an
            end: what it has not made part of anything by then, it never will.

    Returns:
        Whether nobody writes it: it was removed, is needed, or is not there.
    """
    try:
        number = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _try_lock(number):
            return False
        if is_needed():
            return True
        if sys.platform != "win32":
            os.unlink(path)
    except OSError:
        return False
    finally:
        os.close(number)
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            os.unlink(path)
    return True


@contextlib.contextmanager
def telling(action: str, afterwards: str) -> Iterator[None]:
    """Say what was tried when the system refuses, and what stands on disk now.

    Args:
        action: Such as "Writing /tmp/model".
        afterwards: A sentence for the user.

    Raises:
        FileAccessError: in place of an OSError.
    """
    try:
        yield
    except (FileAccessError, MissingFileError):
        raise
    except OSError as error:
        why = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise FileAccessError(
            f"{action} failed: {why}. {afterwards}", error.errno
        ) from error


_REASONS = {
    errno.ENOSPC: "no space is left on the device",
    getattr(errno, "EDQUOT", -1): "the disk quota is used up",
    errno.EFBIG: "the file is larger than the system allows",
    errno.EACCES: "permission denied",
    errno.EPERM: "the operation is not permitted",
    errno.EROFS: "the file system can only be read",
    errno.ENOENT: "there is no such folder",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
}


def _replace(source: str, target: str) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            os.replace(source, target)
        except PermissionError:
            if sys.platform != "win32" or attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(_PAUSE)  # another process reads the file that is replaced
        else:
            return


def _lock(number: int) -> None:
    """Lock a file that is new; one that the file system cannot lock stays without."""
    with contextlib.suppress(OSError):
        _take_lock(number, is_patient=True)


def _try_lock(number: int) -> bool:
    """Whether nobody else has locked the file; false also where none can be locked."""
    try:
        _take_lock(number, is_patient=False)
    except OSError:
        return False
    return True


def _take_lock(number: int, is_patient: bool) -> None:
    """Lock a file; patiently, as somebody who looks whether it is abandoned has it."""
    if sys.platform == "win32":
        os.lseek(number, _FAR, os.SEEK_SET)
        try:
            kind = msvcrt.LK_LOCK if is_patient else msvcrt.LK_NBLCK
            msvcrt.locking(number, kind, 1)
        finally:
            os.lseek(number, 0, os.SEEK_SET)
    else:
        fcntl.flock(number, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
