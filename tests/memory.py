"""How much memory this process holds."""

import gc
import os
from pathlib import Path

import jax
import pytest

MEGABYTE = 1 << 20


def resident_bytes():
    """Memory of this process that lies in RAM."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("this system does not tell its resident memory")
    gc.collect()
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def live_array_bytes():
    """What all arrays of JAX hold together."""
    gc.collect()
    return sum(array.nbytes for array in jax.live_arrays())
