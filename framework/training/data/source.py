"""Source: where the batches of a run come from, whatever the user gave."""

import abc
from collections.abc import Iterator
from typing import Any

import numpy as np

PARTS = ("x", "y", "sample_weight")
"""What the entries of a batch are called."""


class Source(abc.ABC):
    """The batches of each epoch, as NumPy (or JAX) arrays in dtypes that devices have.

    A batch is `(x,)`, `(x, y)` or `(x, y, sample_weight)`, each an array or arrays in
    lists, tuples and dictionaries. The leaves are private: nobody writes to them later.
    """

    num_batches: int | None = None
    """Batches of an epoch, `None` if only its end will tell."""
    batch_size: int | None = None
    """Samples of a batch but the last, `None` if not known."""
    num_samples: int | None = None
    """Samples in all, `None` if not known."""
    seed: int | None = None
    """What the order of every epoch follows from, `None` if nothing is shuffled here.

    May be set before the first epoch, to that of an interrupted run.
    """

    @property
    def arrays(self) -> tuple[Any, ...] | None:
        """All samples, in the form of a batch; `None` if they are not all in memory."""
        return None

    def order(self, epoch: int) -> np.ndarray | None:
        """The numbers of an epoch's samples, int32; `None` for all of them in order.

        Cut into pieces of `batch_size` they are the batches of the epoch.
        """
        return None

    @abc.abstractmethod
    def batches(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """The batches of an epoch, beginning with number `first`."""

    def skip_epochs(self, count: int) -> None:
        """Do to the data what so many whole epochs did, in a resumed run.

        Sources that find the batches of any epoch by its number do nothing.
        """
        return

    def end_epoch(self) -> None:
        """Tell the user's object that an epoch has ended."""
        return

    def close(self) -> None:
        """Stop threads and processes; batches cannot be taken afterwards."""
        return
