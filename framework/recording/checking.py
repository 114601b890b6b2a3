"""Checking: what a debugging run looks at in every call, and what it says.

The first NaN or infinity with the call that made it, and indices outside their axis.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import NonFiniteError, OutOfRangeError
from .node import Node
from .op import ArrayClass, Op
from .signature import type_of
from .site import Site

_SHOWN = 8  # inputs of one call
_HINTS = {
    True: "A NaN came in with an input: look at where that is made.",
    False: "Keep the inputs where the op is finite, for example with jt.clip_by_value "
    "or a small constant added.",
}


class Range(NamedTuple):
    """What the numbers of one array are like.

    Attributes:
        name: Which input or result it is.
        type: Its dtype and shape, as `float32[2,3]`.
        low, high: Least and greatest finite number (of a complex array, magnitude);
            `None` if there is none.
        num_nan, num_inf: How many elements are NaN, and infinite.
    """

    name: str
    type: str
    low: float | None
    high: float | None
    num_nan: int
    num_inf: int

    def __str__(self) -> str:
        span = "no finite number"
        if self.low is not None:
            span = f"min {self.low:g}, max {self.high:g}"
        return (
            f"{self.name}: {self.type}, {span}, {self.num_nan} NaN, {self.num_inf} Inf"
        )


@dataclasses.dataclass(frozen=True)
class NonFinite:
    """The first call that made a NaN or an infinity; prints as a sentence or two.

    Attributes:
        op: What was called.
        site: The user's line that called it.
        layer: The layer that it belongs to, as `model/dense`; empty if to none.
        direction: `"forward"`, or `"backward"` where its pullback made it.
        results, inputs: What they are like. A pullback's inputs are those of the call,
            then the cotangents that arrive.
        step: How many updates the optimizer had made, where that is known.
        loss: The value that was differentiated, where there is one.
    """

    op: str
    site: str
    layer: str
    direction: str
    results: tuple[Range, ...]
    inputs: tuple[Range, ...]
    step: int | None = None
    loss: float | None = None

    def __str__(self) -> str:
        num_nan = sum(part.num_nan for part in self.results)
        num_inf = sum(part.num_inf for part in self.results)
        within = f" in layer '{self.layer}'" if self.layer else ""
        way = "forward" if self.direction == "forward" else "backward (its gradient)"
        lines = [
            f"{self.op} made {num_nan} NaN and {num_inf} Inf, {way}, called at "
            f"{self.site}{within}.",
            *(f"    result {part}" for part in self.results),
            *(f"    {part}" for part in _chosen(self.inputs)),
            _HINTS[any(part.num_nan for part in self.inputs)],
        ]
        if self.loss is not None:
            lines.insert(1, f"    loss {self.loss:g}")
        if self.step is not None:
            lines.insert(1, f"    step {self.step}")
        return "\n".join(lines)


def _chosen(parts: Sequence[Range]) -> list[Any]:
    """What to show of many inputs: those that are not finite first."""
    if len(parts) <= _SHOWN:
        return [*parts]
    wrong = [part for part in parts if part.num_nan or part.num_inf]
    shown = (wrong or parts)[:_SHOWN]
    return [*shown, f"and {len(parts) - len(shown)} more inputs"]


class Checker:
    """Looks at the calls of a replay, one by one.

    Args:
        owners: The handles of arguments, by number, which may have names.
        site: The user's line, where it is another than the one that recorded first.
        is_strict: Whether an infinity counts that came in with an input.
    """

    def __init__(
        self,
        owners: Mapping[int, Any] | None = None,
        site: Site | None = None,
        is_strict: bool = False,
    ) -> None:
        self._owners = owners or {}
        self._site = site
        self._is_strict = is_strict

    def before(self, node: Node, inputs: Sequence[Any]) -> None:
        """Check the indices that a call is about to use.

        Raises:
            OutOfRangeError: with the first one outside its axis.
        """
        assert node.op is not None
        check_indices(node.op, node.options, inputs, self._site or node.site)

    def after(self, node: Node, inputs: Sequence[Any], results: Sequence[Any]) -> None:
        """Check what a call has computed.

        Raises:
            NonFiniteError: if it made a NaN or an infinity.
        """
        op = node.op
        assert op is not None
        if self._is_made(inputs, results, self._is_strict or bool(op.writes)):
            names = [self._name(node, position) for position in range(len(inputs))]
            self._raise(node, "forward", names, inputs, results)

    def after_pull(
        self,
        node: Node,
        inputs: Sequence[Any],
        cotangents: Sequence[Any],
        results: Sequence[Any],
    ) -> None:
        """The same for the pullback of a call."""
        if self._is_made([*inputs, *cotangents], results, self._is_strict):
            names = [self._name(node, position) for position in range(len(inputs))]
            names += [f"gradient of result {n}" for n in range(len(cotangents))]
            self._raise(node, "backward", names, [*inputs, *cotangents], results)

    def _is_made(
        self, inputs: Sequence[Any], results: Sequence[Any], is_strict: bool
    ) -> bool:
        wrong = [result for result in results if not is_finite(result)]
        if not wrong:
            return False
        if is_strict or any(_count(result)[0] for result in wrong):
            return True
        return not any(sum(_count(value)) for value in inputs)

    def _name(self, node: Node, position: int) -> str:
        assert node.op is not None
        owner = self._owners.get(node.inputs[position]) if node.inputs else None
        name = getattr(owner, "name", None)
        if node.op.input_names is not None:
            handles = list(map(self._owners.get, node.inputs))
            return node.op.input_names(handles)[position]
        return f"input {position}" + (f", Variable '{name}'" if name else "")

    def _raise(
        self,
        node: Node,
        direction: str,
        names: Sequence[str],
        inputs: Sequence[Any],
        results: Sequence[Any],
    ) -> None:
        site = self._site or node.site
        assert node.op is not None
        assert site is not None
        raise_non_finite(node.op.name, site, direction, names, inputs, results)


def raise_non_finite(
    op: str,
    site: Site,
    direction: str,
    names: Sequence[str],
    inputs: Sequence[Any],
    results: Sequence[Any],
) -> None:
    """Raise the error for a call that made a NaN or an infinity, and keep it."""
    found = NonFinite(
        op=op,
        site=str(site),
        layer="/".join(site.layers),
        direction=direction,
        results=tuple(
            range_of(str(number), value)
            for number, value in enumerate(results)
            if _is_number(value) and not is_finite(value)
        ),
        inputs=tuple(
            range_of(name, value)
            for name, value in zip(names, inputs, strict=True)
            if _is_number(value)
        ),
    )
    findings.append(found)
    del findings[:-1]
    raise NonFiniteError(str(found), found)


findings: list[NonFinite] = []
"""The last call that was found."""


def check_indices(
    op: Op, options: dict[str, Any], inputs: Sequence[Any], site: Site | None
) -> None:
    """Check the indices among the inputs of a call; see `Checker.before`."""
    if op.bad_index is None or not all(map(_is_number, inputs)):
        return
    wrong = op.bad_index(inputs, options)
    if wrong is not None:
        raise OutOfRangeError(
            f"{op.name}() got {wrong} (called at {site}). Outside a debugging run "
            "nothing is raised: such an index gives NaN, zeros or the nearest element."
        )


def outside(
    indices: Any, length: int, place: str, lowest: int | None = 0
) -> str | None:
    """What is wrong with the first index that is not from `lowest` to `length - 1`."""
    host = np.asarray(indices)
    wrong = host >= length
    if lowest is not None:
        wrong = wrong | (host < lowest)
    if not wrong.any():
        return None
    span = "at most" if lowest is None else f"{lowest} to"
    return f"index {host[wrong].flat[0]}, outside {place}; expected {span} {length - 1}"


def outside_rows(indices: Any, shape: Sequence[int], what: str = "shape") -> str | None:
    """The same for places: the last axis of the indices runs over axes of `shape`."""
    for axis in range(indices.shape[-1]):
        part = np.asarray(indices)[..., axis]
        wrong = outside(part, shape[axis], f"axis {axis} of {what} {tuple(shape)}")
        if wrong is not None:
            return wrong
    return None


def range_of(name: str, value: Any) -> Range:
    """What an array's numbers are like."""
    array = np.asarray(value)
    if jnp.issubdtype(array.dtype, np.complexfloating):
        array = np.abs(array)
    num_nan, num_inf = _count(array)
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    return Range(
        name,
        repr(type_of(value if hasattr(value, "shape") else np.asarray(value))),
        float(finite.min()) if finite.size else None,
        float(finite.max()) if finite.size else None,
        num_nan,
        num_inf,
    )


_all_finite = jax.jit(lambda array: jnp.isfinite(array).all())


def is_finite(value: Any) -> bool:
    """Whether a value has no NaN and no infinity; tracers are not looked at."""
    if value.__class__ is not ArrayClass or not jnp.issubdtype(value.dtype, np.inexact):
        return True
    return bool(_all_finite(value))


def _count(value: Any) -> tuple[int, int]:
    """How many NaN and how many infinities there are."""
    if not _is_number(value) or not jnp.issubdtype(jnp.result_type(value), np.inexact):
        return 0, 0
    array = np.asarray(value)
    return int(np.isnan(array).sum()), int(np.isinf(array).sum())


def _is_number(value: Any) -> bool:
    """Whether a value is an array of numbers: no tracer, and no key."""
    return isinstance(value, np.ndarray | np.generic | float | int | complex) or (
        value.__class__ is ArrayClass
        and not jnp.issubdtype(value.dtype, jax.dtypes.extended)
    )
