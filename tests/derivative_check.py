"""First and second derivatives against finite differences along random directions.

The gradient is checked against differences of the function, and the gradient of the
gradient, from two nested tapes, against differences of the gradient. Use it in x64.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import jaxtape as jt
from tests.conftest import TOLERANCE
from tests.op_rows.row import listed

# The five-point quotient errs by h^4 f''''' / 30 + 1.5 eps f / h: 2e-11 for
# h = 3e-4, f up to 20 and a fifth derivative up to 1e4.
STEP = 3e-4
QUOTIENT = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}


def check_derivatives(
    function: Callable, arrays: Sequence[np.ndarray], by: Sequence[int], order: int = 2
) -> None:
    """Fail unless the derivatives by these arguments are those of the function."""
    rng = np.random.default_rng(1)
    way, other = (
        [rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1, 1], a.shape) for a in arrays]
        for _ in range(2)
    )

    def at(step: float) -> tuple[float, list, list]:
        moved = [
            jt.constant(a + step * d if place in by else a)
            for place, (a, d) in enumerate(zip(arrays, way, strict=True))
        ]
        return _derivatives(function, moved, by, [other[place] for place in by], order)

    value, first, second = at(0.0)
    around = {k: at(k * STEP) for k in QUOTIENT}
    along = [way[place] for place in by]
    across = [other[place] for place in by]
    quotient = sum(c * around[k][0] for k, c in QUOTIENT.items()) / STEP
    _check("gradient", _dot(first, along), quotient, value)
    if order > 1:
        moved = {k: _dot(around[k][1], across) for k in QUOTIENT}
        quotient = sum(c * moved[k] for k, c in QUOTIENT.items()) / STEP
        _check("second derivative", _dot(second, along), quotient, _dot(first, across))


def _derivatives(
    function: Callable, inputs: list, by: Sequence[int], across: list, order: int
) -> tuple[float, list, list]:
    """A weighed sum of all results, its gradient, and the gradient of that across."""
    sources = [inputs[place] for place in by]
    with jt.GradientTape() as outer:
        outer.watch(sources)
        with jt.GradientTape() as inner:
            inner.watch(sources)
            total = _weighed(listed(function(*inputs)))
        first = inner.gradient(total, sources)
        pairs = zip(first, across, strict=True)
        slope = jt.add_n([jt.reduce_sum(g * jt.constant(d)) for g, d in pairs])
    second = outer.gradient(slope, sources) if order > 1 else []
    return float(total), [g.numpy() for g in first], [_or_zero(g) for g in second]


def _weighed(results: list) -> Any:
    rng = np.random.default_rng(2)
    parts = []
    for result in results:
        if result.dtype.kind == "c":
            parts += [jt.math.real(result), jt.math.imag(result)]
        elif result.dtype.kind not in "iub":
            parts.append(result)
    weights = [jt.constant(rng.uniform(0.5, 1.5, part.shape)) for part in parts]
    pairs = zip(parts, weights, strict=True)
    return jt.add_n([jt.reduce_sum(part * weight) for part, weight in pairs])


def _or_zero(gradient: Any) -> Any:
    return 0.0 if gradient is None else gradient.numpy()


def _dot(gradients: list, directions: list) -> float:
    pairs = zip(gradients, directions, strict=True)
    return float(sum(np.sum(g * d) for g, d in pairs))


def _check(what: str, found: float, expected: float, size: float) -> None:
    """The error of the quotient grows with the size of what is differenced."""
    tolerance = TOLERANCE["float64"] * max(1.0, abs(expected), abs(size))
    assert found == pytest.approx(expected, rel=0, abs=tolerance), what
