"""In which order things are taken in an epoch, from a seed and the epoch's number."""

import numpy as np


def permutation(seed: int, number: int, count: int) -> np.ndarray:
    """The numbers below `count` in the order of one pass, int32.

    Philox draws from a key: the order of any pass is found without those before it.

    Args:
        seed: Of the run.
        number: Of the pass.
        count: How many numbers.

    References:
        Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    bits = np.random.Philox(key=np.array([seed, number], np.uint64))
    return np.random.Generator(bits).permutation(count).astype(np.int32)


def place_of(epoch: int, in_epoch: int, in_pass: int) -> tuple[int, int]:
    """Which pass over the data an epoch is in, and at which of its batches it begins.

    An epoch of fewer batches than a pass goes on where the one before ended; the one
    that reaches the end is shorter, as in Keras.

    Args:
        epoch: Its number.
        in_epoch: Batches of an epoch.
        in_pass: Batches of a pass; at least `in_epoch`.

    Example:
        >>> [place_of(epoch, in_epoch=4, in_pass=10) for epoch in range(4)]
        [(0, 0), (0, 4), (0, 8), (1, 0)]
    """
    epochs = -(-in_pass // in_epoch)
    return epoch // epochs, epoch % epochs * in_epoch
