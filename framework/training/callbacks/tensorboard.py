"""TensorBoard: losses, metrics, learning rate and weights as files that it shows."""

import contextlib
import itertools
import os
import time
import warnings
from typing import Any

import numpy as np

from ... import checked
from ...errors import ArgumentError, MissingPackageError
from ...recording.site import user_level
from ...saving import disk
from .callback import Callback, Logs

_numbers = itertools.count()

_BINS = 30
"""As many as TensorBoard shows."""


class TensorBoard(Callback):
    """Writes what a training comes to where `tensorboard --logdir logs` shows it.

    Needs `pip install "jaxtape[tensorboard]"`. Quantities of the training are in the
    run `train`, those of validations in the run `validation`, under Keras's names:
    `epoch_loss`, `batch_loss`, `evaluation_loss_vs_iterations`.

    Args:
        log_dir: The folder; give each training one of its own. Default `"logs"`.
        histogram_freq: After how many epochs histograms of the weights are written.
            Default 0: never.
        write_graph: Accepted, without effect; see `jt.utils.plot_model`.
        write_images: Not supported.
        write_steps_per_second: Whether to write the speed of each epoch. Default false.
        update_freq: `"epoch"` (default), or after how many steps losses and metrics are
            written as well; `"batch"` is 1, and lets `fit` run each step on its own.
        profile_batch: Not supported; use `jax.profiler.trace(log_dir)`.
        embeddings_freq, embeddings_metadata: Not supported.

    Note:
        If the disk is full or the folder cannot be written, the training goes on, with
        one warning; what belongs to such an epoch is not written.

    Raises:
        MissingPackageError: when a training begins, without tensorboardX.
        ArgumentTypeError: for an argument of another type.
        ArgumentError: for another `update_freq`.

    Example:
        >>> board = TensorBoard("logs/first", histogram_freq=5)
    """

    state_names = ("_step",)

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        self.log_dir = disk.path_of(log_dir, "log_dir")
        self.histogram_freq = checked.count(self, "histogram_freq", histogram_freq)
        self.write_graph = write_graph
        self.write_steps_per_second = write_steps_per_second
        self.step_interval = _steps(update_freq)
        self.update_freq = self.step_interval or "epoch"
        given = {
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        unsupported = [name for name, value in given.items() if value]
        if unsupported:
            warnings.warn(
                f"TensorBoard does not support {', '.join(unsupported)}; the rest is "
                "written.",
                stacklevel=user_level(),
            )
        self._events: dict[str, _Events] = {}
        self._has_warned = self._is_in_fit = False
        self._step = 0
        self._began = (0.0, 0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look that the package is there; files are made when something is written."""
        _tensorboardx()
        self._step, self._has_warned, self._is_in_fit = 0, False, True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock, if the speed is written."""
        if self.write_steps_per_second:
            self._began = time.perf_counter(), self._iterations()

    def on_train_steps_end(self, step: int, logs: Logs | None = None) -> None:
        """Write what the steps came to."""
        self._step += self.step_interval or 0
        values = {f"batch_{name}": value for name, value in (logs or {}).items()}
        self._write("train", self._step, values)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write what the epoch came to."""
        train, validation = {}, {}
        for name, value in (logs or {}).items():
            if name.startswith("val_"):
                validation[f"epoch_{name.removeprefix('val_')}"] = value
            else:
                train[f"epoch_{name}"] = value
        rate = getattr(self._optimizer(), "learning_rate", None)
        if rate is not None:
            train["epoch_learning_rate"] = float(rate)
        if self.write_steps_per_second:
            begin, before = self._began
            seconds = max(time.perf_counter() - begin, 1e-9)
            train["epoch_steps_per_second"] = (self._iterations() - before) / seconds
        weights = {}
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            weights = self._weights()
        self._write("train", epoch, train, weights)
        self._write("validation", epoch, validation)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write what an evaluation came to, by the updates of the weights so far."""
        if hasattr(self._optimizer(), "iterations"):
            names = [(f"evaluation_{name}_vs_iterations", name) for name in logs or {}]
            values = {title: (logs or {})[name] for title, name in names}
            self._write("validation", self._iterations(), values)
        if not self._is_in_fit:
            self._close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self._is_in_fit = False
        self._close()

    def _optimizer(self) -> Any:
        return getattr(self.model, "optimizer", None)

    def _iterations(self) -> int:
        return int(getattr(self._optimizer(), "iterations", 0))

    def _weights(self) -> dict[str, np.ndarray]:
        """The weights by their paths in the model."""
        variables = self.model.variables_by_path()
        return {f"{path}/histogram": v.numpy() for path, v in variables.items()}

    def _write(
        self, run: str, step: int, scalars: Logs, histograms: Logs | None = None
    ) -> None:
        if not scalars and not histograms:
            return
        try:
            if run not in self._events:
                self._events[run] = _Events(os.path.join(self.log_dir, run))
            self._events[run].write(step, scalars, histograms or {})
        except OSError as error:
            self._close(run)
            if not self._has_warned:
                self._has_warned = True
                warnings.warn(
                    f"TensorBoard cannot write to {self.log_dir}: {error.strerror}. "
                    "The training goes on; later epochs are written if that works.",
                    stacklevel=user_level(),
                )

    def _close(self, *runs: str) -> None:
        for run in runs or list(self._events):
            events = self._events.pop(run, None)
            if events is not None:
                events.close()


class _Events:
    """A file of events.

    tensorboardX's own `SummaryWriter` writes in a thread, which ends when the disk is
    full; its queue then fills and the training waits for ever.
    """

    def __init__(self, folder: str) -> None:
        package = _tensorboardx()
        self._summary, self._kind = package.summary, package.proto.event_pb2.Event
        os.makedirs(folder, exist_ok=True)
        # Two files of one second would have the same name.
        suffix = f".{os.getpid()}.{next(_numbers)}"
        path = os.path.join(folder, "events")
        self._file = package.event_file_writer.EventsWriter(path, suffix)

    def write(self, step: int, scalars: Logs, histograms: Logs) -> None:
        """Write values of a step; only what is finite has a place in a histogram."""
        parts = [
            self._summary.scalar(name, np.float64(value))
            for name, value in scalars.items()
            if np.ndim(value) == 0 and not isinstance(value, str)
        ]
        for name, array in histograms.items():
            finite = np.asarray(array, "float64")
            finite = finite[np.isfinite(finite)]
            if finite.size:
                parts.append(self._summary.histogram(name, finite, _BINS))
        for part in parts:
            event = self._kind(wall_time=time.time(), step=step, summary=part)
            self._file.write_event(event)
        self._file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what does not fit on the disk is given up
            self._file.close()


def _steps(update_freq: Any) -> int | None:
    if update_freq == "epoch":
        return None
    if update_freq == "batch":
        return 1
    if isinstance(update_freq, int) and update_freq > 0:
        return int(update_freq)
    raise ArgumentError(
        "`update_freq` must be 'epoch', 'batch' or a positive number of steps; got "
        f"{update_freq!r}."
    )


def _tensorboardx() -> Any:
    try:
        import tensorboardX  # noqa: PLC0415 (an optional package)
    except ImportError:
        raise MissingPackageError(
            "TensorBoard needs the package tensorboardX, which is not installed: "
            'pip install "jaxtape[tensorboard]".'
        ) from None
    return tensorboardX
