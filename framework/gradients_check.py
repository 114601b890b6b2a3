"""gradients_check: a function's gradients against finite differences."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from .errors import ArgumentError, GradientError
from .recording import execution
from .recording.node import Handle
from .recording.tensor import Tensor, convert
from .tape import GradientTape


def gradients_check(
    f: Callable,
    inputs: Any,
    *,
    tolerance: float = 1e-4,
    num_directions: int = 3,
    seed: int = 0,
) -> float:
    """Compare a function's gradients with finite differences along random directions.

    For your own `custom_gradient` and `jt.op`. Runs in float64, so that a gradient that
    is off by a thousandth is found; what `f` casts to a narrower dtype is compared with
    the accuracy of that dtype.

    Args:
        f: Function of Tensors that returns a Tensor, or a nested structure of them.
        inputs: Its arguments: a list or tuple, or the only one. Floating-point ones are
            varied, others handed over as they are. Choose values where `f` is smooth.
        tolerance: Largest relative difference allowed. Default 1e-4, ten times less
            than what a wrong factor of 0.999 makes.
        num_directions: How many random directions are tried. Default 3; one is enough
            for almost all errors.
        seed: Of the directions. Default 0, so that a check repeats itself.

    Returns:
        The largest relative difference found.

    Raises:
        GradientError: if the difference is larger than `tolerance`.
        ArgumentError: if no input is floating-point.

    Example:
        >>> jt.gradients_check(jt.sin, jt.constant([0.1, 0.2])) < 1e-8
        True
    """
    arguments = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    generator = np.random.default_rng(seed)
    with execution.detached(), jax.enable_x64(True):
        values = [_as_wide(value) for value in arguments]
        varied = [n for n, value in enumerate(values) if _is_float(value)]
        if not varied:
            raise ArgumentError(
                "gradients_check() expected a floating-point input; got "
                f"{[getattr(v, 'dtype', type(v)) for v in values]}. "
                "Give floats: jt.constant(x, 'float32')."
            )
        check = _Check(f, values, varied, generator)
        found = max(check.difference() for _ in range(num_directions))
    if not found <= tolerance:
        raise GradientError(
            f"The gradient of {getattr(f, '__name__', 'the function')}() differs from "
            f"finite differences by {found:.2g} of its size, more than the tolerance "
            f"{tolerance:.2g}. {check.advice()}"
        )
    return found


def _as_wide(value: Any) -> Any:
    """A floating-point input in float64; others as they are."""
    host = np.asarray(value) if isinstance(value, Handle) else value
    if isinstance(host, float | np.ndarray | np.inexact | jax.Array):
        host = np.asarray(host)
        if np.issubdtype(host.dtype, np.complexfloating):
            return host.astype(np.complex128)
        if jax.numpy.issubdtype(host.dtype, np.floating):
            return host.astype(np.float64)
    return value


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc"


class _Check:
    """A function at one point, with the gradients that its tape gives there."""

    def __init__(
        self,
        function: Callable,
        values: list[Any],
        varied: list[int],
        generator: np.random.Generator,
    ) -> None:
        self._function = function
        self._values = values
        self._varied = varied
        self._generator = generator
        sources = [_tensor(values[n]) for n in varied]
        with GradientTape() as tape:
            tape.watch(sources)
            results = self._results(sources)
        self._weights = [self._draw(np.asarray(r)) for r in results]
        seeds = [_tensor(weight) for weight in self._weights]
        found = tape.gradient(results, sources, output_gradients=seeds)
        self._missing = [n for n, g in zip(varied, found, strict=True) if g is None]
        self._gradients = [None if g is None else g.numpy() for g in found]
        narrowest = max(np.finfo(r.dtype).eps for r in map(np.asarray, results))
        # Balances the error of the formula below, h**4, with rounding, epsilon / h.
        self._step = float(narrowest) ** 0.2
        size = sum(
            float(np.sum(np.abs(w * np.asarray(r))))
            for w, r in zip(self._weights, results, strict=True)
        )
        self._floor = 100 * float(narrowest) / self._step * size + 1e-300

    def difference(self) -> float:
        """Relative difference along a random direction."""
        directions = [self._draw(self._values[n]) for n in self._varied]
        measured = self._measured(directions)
        given = sum(
            float(np.sum(np.real(gradient * np.conj(direction))))
            for gradient, direction in zip(self._gradients, directions, strict=True)
            if gradient is not None
        )
        return abs(given - measured) / (max(abs(given), abs(measured)) + self._floor)

    def advice(self) -> str:
        """What to look at first."""
        if self._missing:
            return (
                f"It is None for argument {self._missing[0]}: tape.explain() says why."
            )
        return (
            "Check the formula of its rule, or give another point if the function has "
            "an edge there."
        )

    def _draw(self, like: np.ndarray) -> np.ndarray:
        drawn = self._generator.standard_normal(like.shape)
        if np.iscomplexobj(like):
            drawn = drawn + 1j * self._generator.standard_normal(like.shape)
        return np.asarray(drawn)

    def _measured(self, directions: Sequence[np.ndarray]) -> float:
        """The derivative by central differences of fourth order."""
        step = self._step

        def at(distance: float) -> float:
            moved = [
                _tensor(self._values[n] + distance * direction)
                for n, direction in zip(self._varied, directions, strict=True)
            ]
            results = [np.asarray(result) for result in self._results(moved)]
            return sum(
                float(np.sum(np.real(weight * np.conj(result))))
                for weight, result in zip(self._weights, results, strict=True)
            )

        near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
        return (8 * near - far) / (12 * step)

    def _results(self, varied: Sequence[Tensor]) -> list[Any]:
        """The floating-point results with other inputs in the places that vary."""
        arguments = list(self._values)
        for place, value in zip(self._varied, varied, strict=True):
            arguments[place] = value
        returned = self._function(*arguments)
        flat = jax.tree.leaves(returned, is_leaf=lambda x: isinstance(x, Handle))
        return [r for r in map(convert, flat) if r._type.is_inexact]


def _tensor(value: np.ndarray) -> Tensor:
    return convert(jax.numpy.asarray(value))
