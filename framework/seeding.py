"""One seed for every generator that a training script draws from."""

import random as python_random

import numpy as np

from . import random
from .errors import ArgumentError
from .seeds import as_seed

_LIMIT = 1 << 32  # NumPy's


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and `jt.random`; Keras's name.

    The order of shuffled data and layers' first weights follow from `jt.random`.

    Args:
        seed: From 0 to 2**32 - 1, which NumPy takes.

    Raises:
        ArgumentError: for other integers.
        ArgumentTypeError: for what is no integer.

    Example:
        >>> jt.utils.set_random_seed(1)
        >>> a = np.random.rand(), float(jt.random.normal(()))
        >>> jt.utils.set_random_seed(1)
        >>> a == (np.random.rand(), float(jt.random.normal(())))
        True
    """
    number = as_seed(seed)
    if not 0 <= number < _LIMIT:
        raise ArgumentError(
            f"`seed` must be from 0 to {_LIMIT - 1}, as NumPy's; got {number}. "
            "jt.random.set_seed takes any integer."
        )
    python_random.seed(number)
    np.random.seed(number)  # noqa: NPY002 (users' code draws from it)
    random.set_seed(number)
