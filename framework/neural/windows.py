"""What convolution and pooling have in common: strides, padding, where channels are."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ops.conversion import sizes

_FORMATS = {
    1: ("NWC", "NCW"),
    2: ("NHWC", "NCHW"),
    3: ("NDHWC", "NCDHW"),
}
_OTHERS = {"channels_last": 0, "channels_first": 1}


class Windows(NamedTuple):
    """How windows move over the space axes of an array; hashable."""

    strides: tuple[int, ...]
    padding: Any  # "VALID", "SAME" or a pair (before, after) for each space axis
    dilations: tuple[int, ...]
    is_last: bool

    def pairs(
        self, lengths: tuple[int, ...], window: tuple[int, ...]
    ) -> tuple[tuple[int, int], ...]:
        """How many elements to put before and after each space axis."""
        if self.padding == "VALID":
            return ((0, 0),) * len(lengths)
        if self.padding != "SAME":
            return self.padding
        pairs = []
        for n, size, step, gap in zip(
            lengths, window, self.strides, self.dilations, strict=True
        ):
            reach = (size - 1) * gap + 1
            missing = max((-(-n // step) - 1) * step + reach - n, 0)
            pairs.append((missing // 2, missing - missing // 2))
        return tuple(pairs)

    def out_lengths(
        self, lengths: tuple[int, ...], window: tuple[int, ...]
    ) -> tuple[int, ...]:
        """How many windows there are along each space axis."""
        pairs = self.pairs(lengths, window)
        return tuple(
            max((n + sum(pair) - (size - 1) * gap - 1) // step + 1, 0)
            for n, pair, size, gap, step in zip(
                lengths, pairs, window, self.dilations, self.strides, strict=True
            )
        )

    def parts(
        self, x: jax.Array, window: tuple[int, ...], out: tuple[int, ...]
    ) -> list[jax.Array]:
        """The first elements of all windows, the second ones, and so on.

        Args:
            x: An array with channels last, its margins included.
            window: Lengths of a window.
            out: How many windows there are along each axis.
        """
        found = []
        for place in np.ndindex(*window):
            first = [p * gap for p, gap in zip(place, self.dilations, strict=True)]
            spans = [
                slice(f, f + (n - 1) * step + 1, step)
                for f, n, step in zip(first, out, self.strides, strict=True)
            ]
            found.append(x[(slice(None), *spans)])
        return found

    def check_fit(
        self, lengths: tuple[int, ...], window: tuple[int, ...], name: str
    ) -> None:
        """Check that there is a window.

        Raises:
            ShapeError: if the windows are longer than what they move over.
        """
        if not all(isinstance(n, int) and n for n in lengths):
            return
        if 0 in self.out_lengths(lengths, window):
            raise ShapeError(
                f"{name}() got windows of {window} that do not fit into the {lengths} "
                "of its input, margins included. Give smaller windows, or padding "
                '"same".'
            )

    def to_last(self, x: jax.Array) -> jax.Array:
        """An array with its channels put last."""
        return x if self.is_last else jnp.moveaxis(x, 1, -1)

    def from_last(self, x: jax.Array) -> jax.Array:
        """An array with its last axis put where the channels are."""
        return x if self.is_last else jnp.moveaxis(x, -1, 1)

    def space_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The lengths of the space axes."""
        return shape[1:-1] if self.is_last else shape[2:]

    def outer(self, inner: Any, default: Any) -> tuple:
        """Values for all axes from those of the space axes."""
        if self.is_last:
            return (default, *inner, default)
        return (default, default, *inner)


def windows(
    ndim: int,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    name: str,
) -> Windows:
    """The windows over `ndim` space axes that the arguments of an op describe.

    Args:
        ndim: How many axes have windows.
        strides: One number, one for each space axis, or one for each axis.
        padding: `"VALID"`, `"SAME"` or pairs for each axis.
        data_format: Such as `"NHWC"`; default channels last.
        dilations: As `strides`; default 1.
        name: Of the op, for messages.

    Raises:
        ArgumentError: for an unknown padding or format, or numbers that do not fit.
    """
    is_last = _is_last(ndim, data_format)
    steps = _per_axis(ndim, 1 if strides is None else strides, is_last, "strides", name)
    gaps = _per_axis(
        ndim, 1 if dilations is None else dilations, is_last, "dilations", name
    )
    return Windows(steps, _padding(ndim, padding, is_last, name), gaps, is_last)


def layer_windows(
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Any,
    data_format: str | None,
    dilations: tuple[int, ...],
    owner: str,
) -> Windows:
    """The windows of a layer, in Keras's words.

    Args:
        window: Lengths of a window.
        strides: Distance of the windows along each axis.
        padding: `"valid"`, `"same"`, or `"causal"` over one axis.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilations: Distance of the elements of a window along each axis.
        owner: Of the layer, for messages.

    Raises:
        ArgumentError: for another padding or format.
    """
    if data_format not in (None, *_OTHERS):
        raise ArgumentError(
            "`data_format` must be 'channels_last' or 'channels_first'; got "
            f"{data_format!r}."
        )
    is_last = data_format != "channels_first"
    words = ("valid", "same", "causal") if len(window) == 1 else ("valid", "same")
    word = padding.lower() if isinstance(padding, str) else padding
    if word not in words:
        raise ArgumentError(
            f"`padding` of {owner} must be one of {', '.join(map(repr, words))}; got "
            f"{padding!r}."
        )
    if word == "causal":
        return Windows(
            strides, (((window[0] - 1) * dilations[0], 0),), dilations, is_last
        )
    return Windows(strides, word.upper(), dilations, is_last)


def per_axis(ndim: int, given: Any, argument: str, owner: str) -> tuple[int, ...]:
    """One positive number for each of `ndim` axes, from a layer's argument.

    Raises:
        ArgumentError: for other numbers, or another count of them.
    """
    numbers = given if isinstance(given, list | tuple) else (given,) * ndim
    good = all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and 0 < n < 2**31
        for n in numbers
    )
    if len(numbers) != ndim or not good:
        some = "a positive integer" if ndim == 1 else f"one or {ndim} positive integers"
        raise ArgumentError(f"`{argument}` of {owner} must be {some}; got {given!r}.")
    return tuple(map(int, numbers))


def _is_last(ndim: int, data_format: str | None) -> bool:
    if data_format is None:
        return True
    known = _FORMATS[ndim]
    if isinstance(data_format, str) and data_format in known:
        return data_format == known[0]
    if isinstance(data_format, str) and data_format in _OTHERS:
        return not _OTHERS[data_format]
    raise ArgumentError(
        f"`data_format` must be {known[0]!r} or {known[1]!r}; got {data_format!r}."
    )


def _per_axis(
    ndim: int, given: Any, is_last: bool, argument: str, name: str
) -> tuple[int, ...]:
    """One number for each space axis."""
    numbers = sizes(given, argument)
    if len(numbers) == 1:
        numbers = numbers * ndim
    elif len(numbers) == ndim + 2:
        outside = (numbers[0], numbers[-1] if is_last else numbers[1])
        if outside != (1, 1):
            raise ArgumentError(
                f"`{argument}` of {name}() must be 1 for batch and channels; "
                f"got {numbers}."
            )
        numbers = numbers[1:-1] if is_last else numbers[2:]
    if len(numbers) != ndim or min(numbers) < 1:
        raise ArgumentError(
            f"`{argument}` of {name}() must be one positive number or {ndim} of them; "
            f"got {given!r}."
        )
    return numbers


def _padding(ndim: int, padding: Any, is_last: bool, name: str) -> Any:
    if isinstance(padding, str):
        word = padding.upper()
        if word in ("VALID", "SAME"):
            return word
    elif isinstance(padding, Iterable):
        pairs = tuple(sizes(pair, "padding") for pair in padding)
        if len(pairs) == ndim + 2:
            pairs = pairs[1:-1] if is_last else pairs[2:]
        if len(pairs) == ndim and all(len(pair) == 2 for pair in pairs):
            return pairs
    raise ArgumentError(
        f"`padding` of {name}() must be 'VALID', 'SAME' or a pair of numbers for each "
        f"axis; got {padding!r}."
    )


def space_layout(layer: str, inputs: Any, ndim: int) -> tuple:
    """The shape of a layer's input, with a batch, `ndim` axes of space and channels.

    Args:
        layer: What messages call the layer.
        inputs: A Tensor, or the shape of one.
        ndim: How many axes of space there must be.

    Raises:
        ShapeError: if there are more or fewer axes.
    """
    shape = getattr(inputs, "shape", inputs)
    if len(shape) != ndim + 2:
        raise ShapeError(
            f"{layer} takes inputs with {ndim + 2} axes: batch, {ndim} of space, "
            f"channels; got shape {shape}. Add a batch with x[None], or channels with "
            "x[..., None]."
        )
    return shape


def check_ndim(shape: tuple[int, ...], ndim: int, name: str) -> None:
    """Check that an input has a batch, `ndim` space axes and channels.

    Raises:
        ShapeError: if it has more or fewer axes.
    """
    if len(shape) != ndim + 2:
        raise ShapeError(
            f"{name}() needs an input with {ndim + 2} axes: batch, {ndim} of space, "
            f"channels; got shape {shape}. Add a batch axis with x[None]."
        )
