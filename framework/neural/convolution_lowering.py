"""How convolutions run: by `jax.lax` on accelerators, in part as products on CPUs.

XLA runs a convolution on CPUs well as long as the window fits into the input, and its
derivative by the filters badly: 2 to 10 times slower than the product of two matrices
that it is. Which form a convolution takes depends on its shapes alone.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from .windows import Windows

_LETTERS = {1: "W", 2: "HW", 3: "DHW"}
_CHUNK = 1 << 19
"""Patches of so many elements at a time: 2 MiB, what a core's second cache holds."""
_FEW_CHANNELS = 16
"""A product by fewer channels is too thin to be run for each place of the window."""
_MANY_ROWS = 1024
"""A product over fewer rows takes less time than adding up its result."""


def layouts(ndim: int, is_last: bool) -> tuple[str, str, str]:
    """The axes of input, filter and output, as XLA names them."""
    space = _LETTERS[ndim]
    data = f"N{space}C" if is_last else f"NC{space}"
    return data, f"{space}IO", data


class _Form(NamedTuple):
    """How many samples at a time go through a product; 0 means `jax.lax`."""

    samples: int
    is_shifted: bool = False  # a product for each place of the window, not for all


_LAX = _Form(0)


def convolve(x: jax.Array, filters: jax.Array, how: Windows, groups: int) -> jax.Array:
    """The convolution, in the form that the platform runs fastest.

    Args:
        x: Input, with channels where `how` says; uint8 images become what filters are.
        filters: Window, input channels of a group, output channels.
        how: Strides, padding and dilations.
        groups: In how many groups of channels.
    """
    how.check_fit(how.space_of(x.shape), filters.shape[:-2], "convolution")
    common = jnp.promote_types(x.dtype, filters.dtype)
    x, filters = x.astype(common), filters.astype(common)
    static = all(isinstance(n, int) and n for n in (*x.shape, *filters.shape))
    if groups != 1 or not static or common not in (np.float32, np.float64):
        return _by_lax(x, filters, how, groups)
    how = how._replace(padding=how.pairs(how.space_of(x.shape), filters.shape[:-2]))
    forms = _forms(x.shape, filters.shape, how)
    if forms == (_LAX, _LAX):
        return _by_lax(x, filters, how, 1)
    return _convolve(x, filters, how, forms)


def _by_lax(x: jax.Array, filters: jax.Array, how: Windows, groups: int) -> jax.Array:
    ndim = len(how.strides)
    return jax.lax.conv_general_dilated(
        x,
        filters,
        how.strides,
        how.pairs(how.space_of(x.shape), filters.shape[:ndim]),
        rhs_dilation=how.dilations,
        dimension_numbers=layouts(ndim, how.is_last),
        feature_group_count=groups,
    )


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _convolve(x: jax.Array, filters: jax.Array, how: Windows, forms: tuple) -> Any:
    return _in_form(x, filters, how, forms[0])


@functools.partial(_convolve.defjvp, symbolic_zeros=True)
def _derivative(how: Windows, forms: tuple, primals: tuple, tangents: tuple) -> Any:
    """The product rule, each summand in a form whose transpose is fast as well."""
    (x, filters), (dx, dfilters) = primals, tangents
    parts = []
    if not isinstance(dx, SymbolicZero):
        parts.append(_in_form(dx, filters, how, forms[0]))
    if not isinstance(dfilters, SymbolicZero):
        parts.append(_in_form(x, dfilters, how, forms[1]))
    out = _convolve(x, filters, how, forms)
    return out, sum(parts[1:], parts[0]) if parts else jnp.zeros_like(out)


def _in_form(x: jax.Array, filters: jax.Array, how: Windows, form: _Form) -> jax.Array:
    by_lax = functools.partial(_by_lax, how=how, groups=1)
    if form == _LAX:
        return by_lax(x, filters)
    by_products = functools.partial(_by_products, how=how, form=form)
    return jax.lax.platform_dependent(x, filters, cpu=by_products, default=by_lax)


def _forms(shape: tuple, window_shape: tuple, how: Windows) -> tuple[_Form, _Form]:
    """The forms of the convolution and of its derivative by the filters.

    The patches never take more memory than `jax.lax` takes: input and output, and as
    much again for its transposed copies of them where it derives by the filters.
    """
    *window, channels, _ = window_shape
    batch, lengths = shape[0], how.space_of(shape)
    space = math.prod(how.out_lengths(lengths, tuple(window)))
    places = math.prod(window)
    one = space * places * channels  # patches of a sample
    if not space:
        return _LAX, _LAX
    data = math.prod(shape) + batch * space * window_shape[-1]
    weights = math.prod(window_shape)
    if places == 1:
        return _Form(batch), _Form(batch)
    if batch * one <= weights:
        forward = _Form(batch)
    elif weights >= data and any(w > n for w, n in zip(window, lengths, strict=True)):
        # XLA walks through these element by element.
        forward = _Form(_divisor(batch, weights // (2 * one)))
    else:
        forward = _LAX
    margins = [sum(pair) for pair in how.padding]
    padded = math.prod(n + m for n, m in zip(lengths, margins, strict=True))
    room = 2 * data - (batch * padded * channels if any(margins) else 0)
    is_small = batch * one <= _CHUNK or weights > data
    if is_small and batch * one <= room + weights:
        backward = _Form(batch)
    elif batch * one <= 3 * data or channels < _FEW_CHANNELS:
        backward = _Form(_divisor(batch, min(room, _CHUNK) // one))
    else:
        samples = _divisor(batch, min(room, places * _CHUNK // 2) // one)
        backward = _Form(samples, True) if samples * space >= _MANY_ROWS else _LAX
    return forward, backward


def _divisor(batch: int, most: int) -> int:
    """The largest divisor of the batch up to a number; 0 if there is none near it."""
    most = max(0, min(batch, most))
    return max(
        (n for n in range(most // 4, most + 1) if n and not batch % n), default=0
    )


def _by_products(
    x: jax.Array, filters: jax.Array, *, how: Windows, form: _Form
) -> jax.Array:
    x = how.to_last(x)
    out = how.out_lengths(x.shape[1:-1], filters.shape[:-2])
    if any(map(any, how.padding)):
        x = jnp.pad(x, ((0, 0), *how.padding, (0, 0)))
    work = _shifted_products if form.is_shifted else _product_of_patches
    work = functools.partial(work, how=how, out=out)
    # Without the checkpoint the patches would be kept for the pullback.
    work = jax.checkpoint(work, prevent_cse=False)
    if form.samples == len(x):
        y = work(x, filters)
    else:
        chunks = x.reshape(-1, form.samples, *x.shape[1:])
        y = jax.lax.map(lambda chunk: work(chunk, filters), chunks)
    return how.from_last(y.reshape(-1, *out, filters.shape[-1]))


def _product_of_patches(
    x: jax.Array, filters: jax.Array, *, how: Windows, out: tuple[int, ...]
) -> jax.Array:
    """One product: all places of a window side by side, times all filters."""
    patches = jnp.concatenate(how.parts(x, filters.shape[:-2], out), -1)
    matrix = filters.reshape(-1, filters.shape[-1])
    return patches.reshape(-1, len(matrix)) @ matrix


def _shifted_products(
    x: jax.Array, filters: jax.Array, *, how: Windows, out: tuple[int, ...]
) -> jax.Array:
    """A product for each place of the window, added up."""
    *window, channels, units = filters.shape
    places = math.prod(window)
    matrices = jax.lax.split(filters.reshape(-1, units), [channels] * places)
    parts = how.parts(x, tuple(window), out)
    products = [
        part.reshape(-1, channels) @ matrix
        for part, matrix in zip(parts, matrices, strict=True)
    ]
    return sum(products[1:], products[0])
