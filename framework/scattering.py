"""Updates of single rows and places of a variable, in TensorFlow's form."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import ArgumentTypeError, OutOfRangeError, ShapeError
from .recording.checking import outside_rows
from .recording.execution import call
from .recording.op import Op
from .recording.tensor import ArrayLike, Tensor, TensorLike, convert

_FAR = np.iinfo(np.int32).max


def _scattered(x: jax.Array, at: jax.Array, values: jax.Array, *, how: str) -> Any:
    """`x` with values at the places that the rows of `at` name; none from the end."""
    places = tuple(jnp.moveaxis(jnp.where(at < 0, _FAR, at), -1, 0))
    return getattr(x.at[places], how)(values.astype(x.dtype), mode="drop")


_SCATTER = Op(
    "scatter",
    _scattered,
    writes=((0, 0),),
    bad_index=lambda inputs, options: outside_rows(inputs[1], inputs[0].shape),
)


class IndexedSlices:
    """Rows and where they belong: the argument of `Variable.scatter_add` and others.

    Args:
        values: Of shape `(count, ...)`.
        indices: Integers of shape `(count,)`: a row number for each.
        dense_shape: Shape of the whole. Kept only.
    """

    def __init__(
        self, values: TensorLike, indices: TensorLike, dense_shape: Any = None
    ) -> None:
        self.values = convert(values, name="values")
        self.indices = convert(indices, name="indices")
        self.dense_shape = dense_shape


def _by_rows(how: str, doc: str) -> Callable:
    def scatter(
        self: "Scattering",
        sparse_delta: IndexedSlices,
        use_locking: bool = False,
        name: str | None = None,
    ) -> Tensor:
        if not isinstance(sparse_delta, IndexedSlices):
            raise ArgumentTypeError(
                f"`sparse_delta` must be an IndexedSlices; got "
                f"{type(sparse_delta).__name__}. For example: "
                "v.scatter_add(jt.IndexedSlices(values, indices))."
            )
        at = _as_places(sparse_delta.indices)
        return self._scatter(how, at, sparse_delta.values)

    scatter.__doc__ = doc
    return scatter


def _as_places(indices: Tensor) -> Tensor:
    """Rows as places of one number; what lies on the host stays there."""
    host = indices._value
    if isinstance(host, np.ndarray):
        return convert(host[..., None], name="indices")
    return indices[..., None]


def _by_places(how: str, doc: str) -> Callable:
    def scatter_nd(
        self: "Scattering",
        indices: TensorLike,
        updates: TensorLike,
        name: str | None = None,
    ) -> Tensor:
        return self._scatter(how, convert(indices, name="indices"), updates)

    scatter_nd.__doc__ = doc
    return scatter_nd


class Scattering(ArrayLike):
    """The updates by rows (`scatter_add`) and by places (`scatter_nd_add`).

    Each returns the variable's whole new value. What names the same place twice counts
    twice; of several values that replace one, any may stay. Nothing is differentiated
    through them.
    """

    __slots__ = ()

    _lock: Any
    name: str

    scatter_add = _by_rows("add", "Add to rows.")
    scatter_sub = _by_rows("subtract", "Subtract from rows.")
    scatter_mul = _by_rows("multiply", "Multiply rows.")
    scatter_div = _by_rows("divide", "Divide rows.")
    scatter_min = _by_rows("min", "Take the smaller, element by element.")
    scatter_max = _by_rows("max", "Take the larger, element by element.")
    scatter_update = _by_rows("set", "Replace rows.")
    scatter_nd_add = _by_places("add", "Add at places; the last axis names one.")
    scatter_nd_sub = _by_places("subtract", "Subtract at places.")
    scatter_nd_min = _by_places("min", "Take the smaller at places.")
    scatter_nd_max = _by_places("max", "Take the larger at places.")
    scatter_nd_update = _by_places("set", "Replace what stands at places.")

    def _scatter(self, how: str, at: Tensor, updates: TensorLike) -> Tensor:
        values = convert(updates, name="updates")
        self._check_dtype(values)
        _check_places(self.name, at, values, self.shape)
        with self._lock:
            return call(_SCATTER, (self, at, values), {"how": how}, (how,))

    def _check_dtype(self, given: ArrayLike) -> None:
        """Refuse values that the variable cannot hold."""
        raise NotImplementedError


def _check_places(
    name: str, at: Tensor, values: Tensor, shape: tuple[int, ...]
) -> None:
    """Check shapes, and places that lie on the host: others are not waited for."""
    if not jnp.issubdtype(at.dtype, jnp.integer):
        raise ArgumentTypeError(
            f"`indices` must be integers; got dtype {at.dtype.name}. "
            "Cast them: jt.cast(indices, 'int32')."
        )
    depth = at.shape[-1] if at.shape else len(shape) + 1
    expected = (*at.shape[:-1], *shape[depth:])
    if depth > len(shape) or values.shape not in ((), expected):
        raise ShapeError(
            f"Variable '{name}' of shape {shape} got updates of shape {values.shape} "
            f"at places of shape {at.shape}, whose last axis names one. Give at most "
            f"{len(shape)} numbers a place, and updates of the shape of the rest."
        )
    host = at._value
    if not isinstance(host, np.ndarray):
        return
    wrong = ((host < 0) | (host >= np.asarray(shape[:depth], int))).any(-1)
    if wrong.any():
        raise OutOfRangeError(
            f"Variable '{name}' has no place {host[wrong][0].tolist()} in its shape "
            f"{shape}. Count from 0 on every axis."
        )
