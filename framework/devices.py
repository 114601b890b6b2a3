"""Devices: where computations run."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import jax

from .errors import ArgumentError
from .recording import execution
from .recording.node import current


@contextlib.contextmanager
def device(name: str) -> Iterator[None]:
    """Run a block on a device.

    Args:
        name: `"gpu:0"`, `"cpu"`, or TensorFlow's `"/GPU:0"` and `"/device:GPU:0"`.

    Raises:
        ArgumentError: if there is no such device.
    """
    found = find_device(name)
    execution.run(current())  # what was called before runs where it was called
    with jax.default_device(found):
        yield
        execution.run(current())


def find_device(name: str) -> Any:
    """The device of a name."""
    match = re.fullmatch(r"/?(?:.*device:)?(cpu|gpu|tpu|cuda)(?::(\d+))?", name.lower())
    if match is None:
        raise ArgumentError(
            f"A device is named 'cpu', 'gpu:0' or '/GPU:0'; got {name!r}."
        )
    platform, index = match[1], int(match[2] or 0)
    try:
        devices = jax.devices(platform)
    except RuntimeError:
        devices = []
    if index >= len(devices):
        here = ", ".join(f"{d.platform}:{d.id}" for d in jax.devices())
        raise ArgumentError(
            f"There is no device {name!r} in this process. It has: {here}. "
            "For GPUs install the extra: pip install 'jaxtape[cuda12]'."
        )
    return devices[index]
