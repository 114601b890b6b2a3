"""Programs: many steps of training or evaluation in one launch.

A step is recorded once, by what `train_step` or `test_step` calls; the program repeats
it for the batches from one number to another, which are inputs. So one program serves
a single step and a whole epoch.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import masking
from ..branching import cond
from ..errors import ArgumentTypeError
from ..function import Function
from ..recording.body import is_handle
from ..recording.execution import call
from ..recording.op import Op
from ..recording.tensor import Tensor, convert
from ..repeating import once, record_turn, repeat
from ..turns import Turn


def _take(array: jax.Array, index: jax.Array) -> jax.Array:
    return array.at[index].get(mode="promise_in_bounds")


def _first_rows(array: jax.Array, count: jax.Array) -> jax.Array:
    return jnp.arange(array.shape[0]) < count


_TAKE = Op("take", _take, is_differentiable=False)
_FIRST_ROWS = Op("first_rows", _first_rows, is_differentiable=False)


class Steps:
    """Steps over batches that lie in arrays.

    Args:
        step: Takes a batch, returns a dictionary of logs.
        results: Returns the logs after the last step, where `step` returns none that
            count; then the logs are not computed at every step.
        reset: Called before the first step of an epoch.
        tree: How a batch nests.
        is_ordered: Whether the first array holds the numbers of each batch's samples,
            and the others all samples; else each holds one batch after the other.
        is_masked: Whether the next array holds the number of each batch's samples
            that count, which come first.
        watched: What the programs stand on besides the functions.
        name: What messages call it: `train_step`.
    """

    def __init__(
        self,
        step: Callable,
        results: Callable | None,
        reset: Callable,
        tree: Any,
        is_ordered: bool,
        is_masked: bool,
        watched: Sequence[Any],
        name: str,
    ) -> None:
        self._step, self._results, self._reset = step, results, reset
        self._is_single = False
        self._tree = tree
        self._is_ordered, self._is_masked = is_ordered, is_masked
        run: Any = functools.partial(self._run, watched)
        run.__name__ = name
        self._function = Function(run)

    def __call__(
        self, start: int, stop: int, is_first: bool, arrays: Sequence[Any]
    ) -> dict[str, Any]:
        """Make the steps of the batches from `start` to before `stop`; returns logs.

        Args:
            start: Number of the first batch in the arrays.
            stop: Number after the last one.
            is_first: Whether it is the first of an epoch.
            arrays: What holds the batches, as the constructor's arguments say.
        """
        numbers = np.int32(start), np.int32(stop), np.bool_(is_first)
        return self._function(*numbers, *arrays)

    @property
    def is_single(self) -> bool:
        """Whether a launch may make one step only, as the first one does."""
        return self._is_single

    @property
    def num_recorded(self) -> int:
        """How often the step was recorded: once for each kind of batch."""
        return self._function.experimental_get_tracing_count()

    def run_eagerly(
        self, start: int, stop: int, is_first: bool, arrays: Sequence[Any]
    ) -> dict[str, Any]:
        """The same, step by step in Python."""
        turn = self._turn([convert(array) for array in arrays])
        if is_first:
            self._reset()
        logs: dict[str, Any] = {}
        for number in range(start, stop):
            logs = turn(convert(np.int32(number)))
        return logs if self._results is None else as_logs(self._results())

    def _run(
        self, watched: Any, start: Any, stop: Any, is_first: Any, *arrays: Any
    ) -> Any:
        cond(is_first, self._reset_all, _nothing)
        turn = record_turn("fit", self._turn(arrays))
        if not self.num_recorded > 1 and _suffers_in_loops(turn):
            self._is_single = True
        if self._is_single:
            logs = once("fit", turn, start)
        else:
            logs = repeat("fit", turn, start, stop)
        return logs if self._results is None else as_logs(self._results())

    def _turn(self, arrays: Sequence[Any]) -> Callable[[Any], dict[str, Any]]:
        """The step of a batch by its number."""
        given = list(arrays)
        order = given.pop(0) if self._is_ordered else None
        counts = given.pop(0) if self._is_masked else None

        def turn(number: Any) -> Any:
            index = number if order is None else call(_TAKE, (order, number))
            leaves = [call(_TAKE, (array, index)) for array in given]
            batch = as_data(jax.tree.unflatten(self._tree, leaves))
            if counts is None:
                logs = self._step(batch)
            else:
                count = call(_TAKE, (counts, number))
                logs = self._step(batch, call(_FIRST_ROWS, (leaves[0], count)))
            return {} if self._results is not None else as_logs(logs)

        return turn

    def _reset_all(self) -> int:
        self._reset()
        return 0


def _suffers_in_loops(turn: Turn) -> bool:
    """Whether XLA runs a step in a loop much slower than by itself.

    On CPUs that is so for convolutions: in a `while` they take the general code
    instead of Eigen's, 8 times as long for 3x3 on (32, 8, 8, 16) with jaxlib 0.10.2.
    """
    return jax.default_backend() == "cpu" and any("conv" in n for n in turn.op_names)


def _nothing() -> int:
    return 0


def as_data(batch: tuple) -> Any:
    """A batch as `train_step` gets it: inputs alone are no tuple, as in Keras."""
    is_alone = len(batch) == 1 and not isinstance(batch[0], list | tuple)
    return batch[0] if is_alone else batch


def as_logs(logs: Any) -> dict[str, Any]:
    """What a step returned, if it is a dictionary.

    Raises:
        ArgumentTypeError: if it is not.
    """
    if isinstance(logs, dict):
        return logs
    raise ArgumentTypeError(
        f"train_step() and test_step() return a dictionary of logs, such as "
        f"{{'loss': loss}}; got {type(logs).__name__}."
    )


def read_logs(logs: Any) -> dict[str, Any]:
    """Logs as plain floats, in the order of their names; vectors as lists of them."""
    values = jax.tree.map(_as_number, logs, is_leaf=is_handle)
    return dict(sorted(values.items()))


def _as_number(value: Any) -> Any:
    array = np.asarray(value.numpy() if is_handle(value) else value)
    return float(array) if not array.ndim else array.astype(float).tolist()


def mask_rows(y_pred: Any, counted: Tensor) -> None:
    """Leave rows of all outputs out of whatever is computed from them by losses.

    Args:
        y_pred: A Tensor, or several, nested.
        counted: Which rows count.
    """
    for output in jax.tree.leaves(y_pred, is_leaf=is_handle):
        mask = masking.mask_of(output)
        if mask is None:
            masking.attach(output, counted)
        else:
            rows = counted.reshape((-1, *[1] * (len(mask.shape) - 1)))
            masking.attach(output, mask & rows)
