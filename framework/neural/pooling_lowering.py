"""How pooling runs: by `jax.lax.reduce_window` on accelerators, by slices on CPUs.

On CPUs XLA scatters the gradient of a maximum, which takes 20 times as long as choosing
the place of the window that gets it; and it walks through windows that overlap
element by element.
"""

import math
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .windows import Windows

_MOST_PLACES = 36
"""Windows of more elements would make a program of too many slices."""


def largest(x: jax.Array, how: Windows, window: tuple[int, ...]) -> jax.Array:
    """The largest element of each window; its gradient goes to the first of equals."""
    how, may_slice = _settled(x, how, window)
    if any(gap > 1 for gap in how.dilations):
        forms = (_largest_by_slices, _pass_by_slices) * 2  # JAX has no derivative
    elif may_slice:
        forms = (_largest_by_slices, _pass_by_slices, _largest_by_lax, _pass_by_lax)
    else:
        return _largest_by_lax(x, how=how, window=window)
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        return _by_platform(forms[::2], (x,), how, window)
    return _largest(x, how, window, forms)


def total(x: jax.Array, how: Windows, window: tuple[int, ...]) -> jax.Array:
    """The sum of each window; the margin counts as 0."""
    how, may_slice = _settled(x, how, window)
    if not may_slice:
        return _total_by_lax(x, how=how, window=window)
    return _by_platform((_total_by_slices, _total_by_lax), (x,), how, window)


def reduce_windows(
    x: jax.Array, start: Any, join: Any, how: Windows, window: tuple[int, ...]
) -> jax.Array:
    """`jax.lax.reduce_window` over the space axes."""
    pairs = how.pairs(how.space_of(x.shape), window)
    return jax.lax.reduce_window(
        x,
        start,
        join,
        how.outer(window, 1),
        how.outer(how.strides, 1),
        how.outer(pairs, (0, 0)),
        window_dilation=how.outer(how.dilations, 1),
    )


def _settled(
    x: jax.Array, how: Windows, window: tuple[int, ...]
) -> tuple[Windows, bool]:
    """The windows with their margins in numbers; whether slices may take over."""
    lengths = how.space_of(x.shape)
    how.check_fit(lengths, window, "pooling")
    how = how._replace(padding=how.pairs(lengths, window))
    if not all(isinstance(n, int) and n for n in x.shape):
        return how, False
    return how, math.prod(window) <= _MOST_PLACES


def _by_platform(forms: Any, arrays: tuple, how: Windows, window: tuple) -> jax.Array:
    by_slices, by_lax = (partial(form, how=how, window=window) for form in forms)
    if forms[0] is forms[1]:
        return by_slices(*arrays)
    return jax.lax.platform_dependent(*arrays, cpu=by_slices, default=by_lax)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def _largest(x: jax.Array, how: Windows, window: tuple, forms: tuple) -> jax.Array:
    return _by_platform(forms[::2], (x,), how, window)


@_largest.defjvp
def _derivative(
    how: Windows, window: tuple, forms: tuple, primals: tuple, tangents: tuple
) -> tuple[jax.Array, jax.Array]:
    arrays = (primals[0], tangents[0])
    return _largest(*primals, how, window, forms), _by_platform(
        forms[1::2], arrays, how, window
    )


def _least(dtype: Any) -> np.ndarray:
    is_float = jnp.issubdtype(dtype, jnp.inexact)
    return np.asarray(-jnp.inf if is_float else jnp.iinfo(dtype).min, dtype)


def _largest_by_lax(x: jax.Array, *, how: Windows, window: tuple) -> jax.Array:
    return reduce_windows(x, _least(x.dtype), jax.lax.max, how, window)


def _total_by_lax(x: jax.Array, *, how: Windows, window: tuple) -> jax.Array:
    return reduce_windows(x, np.zeros((), x.dtype), jax.lax.add, how, window)


def _pass_by_lax(
    x: jax.Array, tangent: jax.Array, *, how: Windows, window: tuple
) -> jax.Array:
    pooled = partial(_largest_by_lax, how=how, window=window)
    return jax.jvp(pooled, (x,), (tangent,))[1]


def _largest_by_slices(x: jax.Array, *, how: Windows, window: tuple) -> jax.Array:
    return how.from_last(reduce(jax.lax.max, _parts(x, _least(x.dtype), how, window)))


def _total_by_slices(x: jax.Array, *, how: Windows, window: tuple) -> jax.Array:
    zero = np.zeros((), x.dtype)
    return how.from_last(reduce(jax.lax.add, _parts(x, zero, how, window)))


def _parts(x: jax.Array, fill: Any, how: Windows, window: tuple) -> list[jax.Array]:
    x = how.to_last(x)
    out = how.out_lengths(x.shape[1:-1], window)
    if any(map(any, how.padding)):
        x = jnp.pad(x, ((0, 0), *how.padding, (0, 0)), constant_values=fill)
    return how.parts(x, window, out)


def _pass_by_slices(
    x: jax.Array, tangent: jax.Array, *, how: Windows, window: tuple
) -> jax.Array:
    """The tangents of the chosen elements: its transpose scatters nothing."""
    chosen = _chosen(x, how, window)
    is_disjoint = window == how.strides and not any(gap > 1 for gap in how.dilations)
    pick = _pick_from_blocks if is_disjoint else _pick_from_parts
    # Without the checkpoint a mask for each place would be kept for the pullback.
    pick = jax.checkpoint(partial(pick, how=how, window=window), prevent_cse=False)
    return how.from_last(pick(chosen, tangent))


def _chosen(x: jax.Array, how: Windows, window: tuple) -> jax.Array:
    """Which place of its window each result comes from: the rule of XLA's scatter.

    The first place, then each later one that the value so far is not greater or equal
    to; so a NaN gives way to what comes after it. The margin is minus infinity.
    """
    value, *others = _parts(x, _least(x.dtype), how, window)
    kind = np.int8 if len(others) <= np.iinfo(np.int8).max else np.int32
    found = jnp.zeros(value.shape, kind)
    for place, part in enumerate(others, 1):
        stays = value >= part
        value = jnp.where(stays, value, part)
        found = jnp.where(stays, found, kind(place))
    return found


def _pick_from_parts(
    chosen: jax.Array, x: jax.Array, *, how: Windows, window: tuple
) -> jax.Array:
    zero = np.zeros((), x.dtype)
    parts = _parts(x, zero, how, window)
    picked = [jnp.where(chosen == i, part, zero) for i, part in enumerate(parts)]
    return reduce(jax.lax.add, picked)


def _pick_from_blocks(
    chosen: jax.Array, x: jax.Array, *, how: Windows, window: tuple
) -> jax.Array:
    """The same for windows that do not overlap: a block is a window."""
    x = how.to_last(x)
    out, zero = chosen.shape[1:-1], np.zeros((), x.dtype)
    margins = [
        (before, count * size - n - before, 0)  # a negative one cuts off
        for n, count, size, (before, _) in zip(
            x.shape[1:-1], out, window, how.padding, strict=True
        )
    ]
    x = jax.lax.pad(x, zero, ((0, 0, 0), *margins, (0, 0, 0)))
    pairs = [n for pair in zip(out, window, strict=True) for n in pair]
    blocks = x.reshape(len(x), *pairs, x.shape[-1])
    numbers = np.arange(math.prod(window)).reshape(
        [n for size in window for n in (1, size)] + [1]
    )
    inner = tuple(range(2, 2 + 2 * len(window), 2))
    is_chosen = jnp.expand_dims(chosen, inner) == numbers.astype(chosen.dtype)
    return jnp.where(is_chosen, blocks, zero).sum(inner)
