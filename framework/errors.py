"""The errors that jaxtape raises.

Each is also the builtin class that a user would catch, so `except ValueError` keeps
working in a script that came from TensorFlow.
"""

from typing import Any


class JaxtapeError(Exception):
    """Base of every error that jaxtape raises on its own account."""


class ShapeError(JaxtapeError, ValueError):
    """Shapes do not fit together."""


class ArgumentError(JaxtapeError, ValueError):
    """An argument has a value that cannot be used."""


class ArgumentTypeError(JaxtapeError, TypeError):
    """An argument has a type that cannot be used."""


class WatchError(ArgumentTypeError, ValueError):
    """Something was watched that is neither Tensor nor Variable."""


class SymbolicError(ArgumentTypeError, ValueError):
    """The value of a symbolic tensor was asked for; only a model computes it."""


class NotBuiltError(JaxtapeError, AttributeError, ValueError):
    """Something was asked of a layer that it has only after it was built or called."""


class OutOfRangeError(JaxtapeError, IndexError):
    """An integer index lies outside its axis; JAX would clamp it silently."""


class UnhashableError(JaxtapeError, TypeError):
    """A Tensor or Variable was used as a dictionary key or set member."""


class TapeError(JaxtapeError, RuntimeError):
    """A tape was asked for something that it can no longer give."""


class GradientError(JaxtapeError, ValueError):
    """A gradient is not what finite differences say."""


class NonFiniteError(JaxtapeError, FloatingPointError):
    """A call made a NaN or an infinity in a debugging run.

    Args:
        message: What was found, as a text.
        report: The same as an object, a `NonFinite`.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class NonFiniteLossError(NonFiniteError, RuntimeError):
    """The loss became NaN or infinite, and `TerminateOnNaN` was asked to raise."""


class BodyError(JaxtapeError, RuntimeError):
    """A function that is recorded as one call asked for a value it has not got."""


class ExecutionError(JaxtapeError, RuntimeError):
    """A recorded program could not be compiled or run."""


class OutOfMemoryError(ExecutionError, MemoryError):
    """A device has not got the memory that a recorded program needs."""


class WorkerError(JaxtapeError, RuntimeError):
    """A worker that makes batches died, hangs, or could not be started."""


class UnconnectedError(JaxtapeError, ValueError):
    """A strict tape was asked for a gradient that does not exist."""


class MissingFileError(JaxtapeError, FileNotFoundError):
    """There is no file or folder of the name given."""


class MissingPackageError(JaxtapeError, ImportError):
    """An optional package is not installed; the message says how to get it."""


class FileAccessError(JaxtapeError, OSError):
    """The system would not let a file be read or written.

    Args:
        message: What was tried, and what stands on disk now.
        errno: The system's number of the reason.
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


class FileContentError(JaxtapeError, ValueError):
    """A file does not hold what it should: damaged, of another model, or too new."""
