"""PyDatasets that worker processes can import, sound ones and faulty ones."""

import os
import signal
import time

import numpy as np

import jaxtape as jt

FAULTY = 5


class Numbered(jt.utils.PyDataset):
    """Eight batches that depend on their number alone; early ones take longest."""

    def __init__(self, num_batches=8, delay=0.0, **options):
        super().__init__(**options)
        self.count, self.delay = num_batches, delay

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        time.sleep(self.delay * (self.count - number))
        rng = np.random.default_rng(number)
        return rng.normal(size=(4, 3)).astype(np.float32), np.full(4, number)


class Changing(Numbered):
    """Labels that count the epochs."""

    epoch = 0

    def __getitem__(self, number):
        return super().__getitem__(number)[0], np.full(4, self.epoch)

    def on_epoch_end(self):
        self.epoch += 1


class Raising(Numbered):
    def __getitem__(self, number):
        if number == FAULTY:
            raise LookupError("row 17 of a.csv")
        return super().__getitem__(number)


class Hanging(Numbered):
    def __getitem__(self, number):
        if number == FAULTY:
            time.sleep(600)
        return super().__getitem__(number)


class Dying(Numbered):
    def __getitem__(self, number):
        if number == FAULTY:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(number)


class Misshapen(Numbered):
    def __getitem__(self, number):
        x, y = super().__getitem__(number)
        return (x[0] if number == FAULTY else x), y


class Stubborn(Numbered):
    """An error that pickle cannot make anew."""

    def __getitem__(self, number):
        raise TwoArguments("a", "b")


class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__(first)


class Unloadable(Numbered):
    """Pickled here, and refused where it is unpickled."""

    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise AttributeError("Can't get attribute 'Unloadable' on <module '__mp_main__'>")


class OnDevice(Numbered):
    """Says which devices its process sees."""

    def __getitem__(self, number):
        return np.ones((4, 1)), np.array([os.environ["JAX_PLATFORMS"] == "cpu"] * 4)
