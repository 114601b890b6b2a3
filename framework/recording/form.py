"""Forms: what is made of a slice.

A gradient, a Jacobian by rows or by columns, or tangents pushed forward; each is one
recorded call, so that it is compiled with the rest and can itself be differentiated.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .signature import TensorType, plain_type, tensor_type
from .slice import Form, PullBack, PushNode, Slice, accumulate


class _Cotangents(Form):
    """The gradient: the targets' cotangents, given or ones, pulled back."""

    def derive(
        self,
        slice_: Slice,
        values: Mapping[int, Any],
        pull_back: PullBack,
        push_node: PushNode,
    ) -> list[Any]:
        starts: dict[int, Any] = {}
        for target, seed in zip(slice_.targets, slice_.seeds, strict=True):
            kind = slice_.types[target]
            start = (
                jnp.ones(kind.shape, kind.dtype)
                if seed is None
                else jnp.conj(jnp.asarray(values[seed], kind.dtype))
            )
            accumulate(starts, target, start)
        return pull_back(starts)

    def kinds(self, slice_: Slice) -> tuple[TensorType, ...]:
        return tuple(plain_type(slice_.types[reads[0]]) for reads in slice_.sources)


class _Tangents(Form):
    """The product of the Jacobian with the sources' tangents, for each target."""

    is_forward = True
    is_pushed_along = True

    def connections(
        self, targets: Sequence[bool], sources: Sequence[bool]
    ) -> tuple[bool, ...]:
        return tuple(targets)

    def derive(
        self,
        slice_: Slice,
        values: Mapping[int, Any],
        pull_back: PullBack,
        push_node: PushNode,
    ) -> list[Any]:
        starts: dict[int, Any] = {}
        for reads, seed in zip(slice_.sources, slice_.seeds, strict=True):
            for number in reads:
                assert seed is not None
                tangent = jnp.asarray(values[seed], slice_.types[number].dtype)
                accumulate(starts, number, tangent)
        found = slice_.push_forward(starts, push_node)
        return [found[number] for number in slice_.targets]

    def kinds(self, slice_: Slice) -> tuple[TensorType, ...]:
        return tuple(plain_type(slice_.types[number]) for number in slice_.targets)


COTANGENTS = _Cotangents()
TANGENTS = _Tangents()


class _Options(NamedTuple):
    """How a Jacobian is computed.

    Attributes:
        is_batched: Whether the first axis of target and source is one of examples that
            do not depend on one another, and only their own blocks are wanted.
        chunk_size: How many rows or columns are computed at a time; `None` for all.
    """

    is_batched: bool
    chunk_size: int | None


class _Jacobian(Form):
    """Base of both Jacobians: target's axes first, then the source's.

    There is one of each kind, so that calls are compared by identity.
    """

    def __init__(self, options: _Options) -> None:
        self._options = options

    def kinds(self, slice_: Slice) -> tuple[TensorType, ...]:
        start = 1 if self._options.is_batched else 0
        shapes = [slice_.types[number].shape for number in slice_.targets]
        kinds = [slice_.types[reads[0]] for reads in slice_.sources]
        return tuple(
            tensor_type(shape + kind.shape[start:], kind.dtype)
            for shape in shapes
            for kind in kinds
        )

    def _num_directions(self, kind: TensorType) -> int:
        """How many directions span a value, or its part of one example."""
        shape = kind.shape[1:] if self._options.is_batched else kind.shape
        return tensor_type(shape, kind.dtype).size

    def _direction(self, index: Any, kind: TensorType) -> Any:
        """The direction with this index: 1 there, 0 elsewhere; in every example."""
        count = self._num_directions(kind)
        one_hot = (jnp.arange(count) == index).astype(kind.dtype)
        if self._options.is_batched:
            one_hot = jnp.broadcast_to(one_hot, (kind.shape[0], count))
        return one_hot.reshape(kind.shape)

    def _for_all(self, derive: Callable, kind: TensorType, axis: int) -> Any:
        """What `derive` makes of each direction, stacked along an axis."""
        indices = jnp.arange(self._num_directions(kind))
        chunk_size = self._options.chunk_size

        def direction(index: Any) -> Any:
            return self._direction(index, kind)

        if chunk_size is None or chunk_size >= len(indices):
            # Behind the examples: in front, products would be transposed at the end.
            inner = 1 if self._options.is_batched else 0
            directions = jax.vmap(direction, out_axes=inner)(indices)
            found = jax.vmap(derive, inner, inner)(directions)
        else:
            inner = 0
            found = jax.lax.map(
                lambda index: derive(direction(index)), indices, batch_size=chunk_size
            )
        return jax.tree.map(lambda part: jnp.moveaxis(part, inner, axis), found)


class _Rows(_Jacobian):
    """A Jacobian by rows: the gradient of each element of the target."""

    def derive(
        self,
        slice_: Slice,
        values: Mapping[int, Any],
        pull_back: PullBack,
        push_node: PushNode,
    ) -> list[Any]:
        (target,) = slice_.targets
        kind = slice_.types[target]
        wanted = self.kinds(slice_)
        if not kind.size:
            return [jnp.zeros(k.shape, k.dtype) for k in wanted]

        def row(direction: Any) -> list[Any]:
            return pull_back({target: direction})

        found = self._for_all(row, kind, 1 if self._options.is_batched else 0)
        return [part.reshape(k.shape) for part, k in zip(found, wanted, strict=True)]


class _Columns(_Jacobian):
    """A Jacobian by columns: targets' tangents along each element of a source."""

    is_forward = True

    def connections(
        self, targets: Sequence[bool], sources: Sequence[bool]
    ) -> tuple[bool, ...]:
        return tuple(target and source for target in targets for source in sources)

    def derive(
        self,
        slice_: Slice,
        values: Mapping[int, Any],
        pull_back: PullBack,
        push_node: PushNode,
    ) -> list[Any]:
        by_source = [self._by(slice_, reads, push_node) for reads in slice_.sources]
        found = [part for parts in zip(*by_source, strict=True) for part in parts]
        return [
            part.reshape(kind.shape).astype(kind.dtype)
            for part, kind in zip(found, self.kinds(slice_), strict=True)
        ]

    def _by(
        self, slice_: Slice, reads: tuple[int, ...], push_node: PushNode
    ) -> list[Any]:
        """The derivatives of all targets by one source."""
        kind = slice_.types[reads[0]]
        targets = {number: slice_.types[number] for number in slice_.targets}
        if not kind.size:
            return [jnp.zeros((*k.shape, 0), k.dtype) for k in targets.values()]

        def column(direction: Any) -> list[Any]:
            found = slice_.push_forward(dict.fromkeys(reads, direction), push_node)
            return [
                found[number] if number in found else jnp.zeros(k.shape, k.dtype)
                for number, k in targets.items()
            ]

        return self._for_all(column, kind, -1)


@functools.lru_cache
def jacobian_form(
    target: TensorType,
    sources: tuple[TensorType, ...],
    is_batched: bool,
    chunk_size: int | None,
) -> Form:
    """How to compute a Jacobian: by columns where these are fewer than the rows.

    At a tie columns are much cheaper for a gradient (7 times, measured), and rows a
    little for a batch.

    Args:
        target: Type of what is differentiated.
        sources: Types of what by.
        is_batched: As in `_Options`.
        chunk_size: Likewise.
    """
    start = 1 if is_batched else 0
    size, *sizes = [math.prod(kind.shape[start:]) for kind in (target, *sources)]
    is_forward = size > sum(sizes) or (size == sum(sizes) and not is_batched)
    if any(kind.dtype.kind == "c" for kind in (target, *sources)):
        is_forward = False  # gradients of complex values are conjugated
    return (
        columns(chunk_size, is_batched) if is_forward else _rows(chunk_size, is_batched)
    )


@functools.cache
def columns(chunk_size: int | None, is_batched: bool = False) -> Form:
    """A Jacobian by columns (forward)."""
    return _Columns(_Options(is_batched, chunk_size))


@functools.cache
def _rows(chunk_size: int | None, is_batched: bool) -> Form:
    return _Rows(_Options(is_batched, chunk_size))
