"""Position: where in its epochs and batches a training is, and its checkpoints."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from .. import nesting
from ..saving import checkpoint
from ..saving.state import streams_kept
from .programs import read_logs


class Position:
    """Where a call of `fit` is, which a checkpoint holds beside all variables.

    Args:
        model: What is trained.
        source: Where the batches come from.
        callbacks: All callbacks of the run.
        epoch: Number of the first epoch.

    Attributes:
        epoch: Number of the present epoch.
        step: Batches of it that are done.
        total_steps: Batches that are done in all.
        logs: What the last of them came to, with those of the epoch before it.
        batch: Types of a batch, nested; `None` if not known yet.
    """

    def __init__(
        self, model: Any, source: Any, callbacks: Sequence[Any], epoch: int
    ) -> None:
        self._model, self._source, self._callbacks = model, source, callbacks
        self.epoch, self.step, self.total_steps = epoch, 0, 0
        self.logs: dict[str, Any] = {}
        self.batch: Any = None
        self._is_stopped = False
        self._path: str | None = None
        self._states: list[dict[str, Any]] = []
        self._put_streams_back: Callable[[], None] | None = None

    @contextlib.contextmanager
    def at_validation(self) -> Iterator[None]:
        """A validation, which a checkpoint that is written in it has before it."""
        self._put_streams_back = streams_kept(self._model)
        yield
        self._put_streams_back = None

    def save(self, path: str) -> None:
        """Write a checkpoint; the training ends where it was in a validation."""
        if self._put_streams_back is not None:
            self._put_streams_back()
        facts = {
            "epoch": self.epoch,
            "step": self.step,
            "total_steps": self.total_steps,
            "logs": read_logs(self.logs),
            "is_stopped": self._model.stop_training,
            "order_seed": self._source.seed,
            "batch": _written(self.batch),
            "callbacks": [
                {"class": type(callback).__name__, "state": callback.get_state()}
                for callback in self._callbacks
            ],
        }
        checkpoint.write(path, self._model, self._model.metrics, facts)

    def go_on_from(self, path: str) -> None:
        """Begin where a checkpoint was written; `restore` then reads its variables.

        Raises:
            FileContentError: for a folder that holds something else.
        """
        facts = checkpoint.facts_of(path)
        first, self.epoch, self.step = self.epoch, facts["epoch"], facts["step"]
        self.total_steps, self.logs = facts["total_steps"], facts["logs"]
        self._is_stopped = facts["is_stopped"]
        self.batch = types_of(facts["batch"])
        self._states = facts["callbacks"]
        self._path = path
        if facts["order_seed"] is not None:
            self._source.seed = facts["order_seed"]
        self._source.skip_epochs(self.epoch - first)

    def restore(self) -> None:
        """Put variables and callbacks where the checkpoint says they were, if any.

        Callbacks take their state by their class and their place among its objects.
        """
        if self._path is None:
            return
        path, self._path = self._path, None
        if self.batch is not None:
            kinds, tree = nesting.flatten(self.batch)
            self._model._prepare(kinds, tree)
            self._model._prepare_own_step(kinds, tree)
        checkpoint.restore(path, self._model, self._model.metrics)
        self._model.stop_training = self._is_stopped
        states = list(self._states)
        for callback in self._callbacks:
            for row in states:
                if row["class"] == type(callback).__name__:
                    callback.set_state(row["state"])
                    states.remove(row)
                    break


def _written(batch: Any) -> Any:
    """Types as lists of numbers and texts."""
    if batch is None:
        return None
    if isinstance(batch, dict):
        return {"dict": {key: _written(part) for key, part in batch.items()}}
    if isinstance(batch, tuple | list):
        kind = "tuple" if isinstance(batch, tuple) else "list"
        return {kind: [_written(part) for part in batch]}
    return {"shape": list(batch.shape), "dtype": np.dtype(batch.dtype).name}


def types_of(written: Any) -> Any:
    """Types as they were, from what a checkpoint holds."""
    if written is None:
        return None
    if "dict" in written:
        return {key: types_of(part) for key, part in written["dict"].items()}
    for kind, make in (("tuple", tuple), ("list", list)):
        if kind in written:
            return make(map(types_of, written[kind]))
    return jax.ShapeDtypeStruct(tuple(written["shape"]), np.dtype(written["dtype"]))
