"""What stands for a gradient where no path leads from the target to the source."""

import enum


class UnconnectedGradients(enum.Enum):
    """The values of `unconnected_gradients=`; their strings will do as well.

    Example:
        >>> with jt.GradientTape() as tape:
        ...     x = jt.Variable(1.0)
        >>> zero = jt.UnconnectedGradients.ZERO
        >>> float(tape.gradient(jt.constant(2.0), x, unconnected_gradients=zero))
        0.0
    """

    NONE = "none"
    ZERO = "zero"
