"""What convolution and pooling have in common: strides, padding, where channels are."""

from typing import Any, NamedTuple

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


def _is_last(ndim: int, data_format: str | None) -> bool:
    if data_format is None:
        return True
    known = _FORMATS[ndim]
    if data_format in known:
        return data_format == known[0]
    if data_format in _OTHERS:
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
    else:
        pairs = tuple(sizes(pair, "padding") for pair in padding)
        if len(pairs) == ndim + 2:
            pairs = pairs[1:-1] if is_last else pairs[2:]
        if len(pairs) == ndim and all(len(pair) == 2 for pair in pairs):
            return pairs
    raise ArgumentError(
        f"`padding` of {name}() must be 'VALID', 'SAME' or a pair of numbers for each "
        f"axis; got {padding!r}."
    )


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
