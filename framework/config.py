"""Settings of jaxtape: bounds, devices, precision and debugging switches.

`jt.config.bounds` holds the numbers that decide how much is recorded before it runs,
and how much is kept; assign to its attributes to change them.
"""

import dataclasses
import os
from typing import NamedTuple

import jax

from .errors import ArgumentError


@dataclasses.dataclass
class Bounds:
    """How much is recorded before it runs, and how much is kept.

    Attributes:
        pending_nodes: Calls that may wait in one recording; one more runs them, so an
            endless loop under a tape is cut into programs of this size. Default
            10,000: above any step that was written by hand.
        compile_at_sight: Calls that a training step may have and still be compiled
            the first time it is seen. Default 1,000, some tens of seconds of XLA.
        programs: Compiled programs that are kept. Default 256.
        op_programs: Compiled single ops that are kept. Default 4,096, as in JAX.
        merged_segments: Parts of a step, cut by reading values under the tape, that
            are still compiled with its gradient as one program. Default 4.
        kept_bytes: Size of a part that was cut by reading a value from which on its
            residuals are kept for the gradient; a smaller one is computed once more.
            Default 1 MiB, where the two cost about the same.
        packed_size: Elements up to which a result that is held but rarely read
            travels together with others in one buffer, and up to which a variable
            shares a buffer with others; half of that where the variables have more
            than eight times as many together. Default 4,096 (16 KiB).
        home_size: Elements up to which a shared buffer is filled. Default 65,536, so
            that a large model has several that are updated in parallel.
        resident_bytes: Size up to which `fit` keeps all samples on the device and
            takes batches from there; larger data is sent some batches at a time. On
            CPUs 16 MiB at most, since a copy gains nothing there. Default 2 GiB, a
            fraction of a small device's memory.
        turns: Turns of a small training loop, on a CPU, that are launched together
            while nobody reads what they make; 1 launches each on its own. It holds
            for loops that are compiled after it was set. Default 16, by which a launch
            that takes longer than the turn has become short beside it.
    """

    pending_nodes: int = 10_000
    compile_at_sight: int = 1_000
    programs: int = 256
    op_programs: int = 4_096
    merged_segments: int = 4
    kept_bytes: int = 1 << 20
    packed_size: int = 4_096
    home_size: int = 65_536
    resident_bytes: int = 2 << 30
    turns: int = 16


@dataclasses.dataclass
class Switches:
    """How recordings run; see `execution`, `safe_steps` and `jt.debug.enable`."""

    execution: str = "auto"
    safe_steps: bool = False
    checks: bool = False


bounds = Bounds()
switches = Switches()


def enable_x64(enabled: bool = True) -> None:
    """Allow 64-bit types; without it float64 data becomes float32, int64 int32.

    Args:
        enabled: Default true.
    """
    jax.config.update("jax_enable_x64", bool(enabled))


def run_eagerly(enabled: bool = True) -> None:
    """Run every op at once, also under a tape, for debugging.

    Args:
        enabled: Default true; false restores recording.
    """
    bounds.pending_nodes = 1 if enabled else Bounds.pending_nodes


def runs_eagerly() -> bool:
    """Whether every call is run when it is made: `run_eagerly` or a debugging run."""
    return switches.checks or bounds.pending_nodes == 1


def execution(mode: str = "auto") -> None:
    """Choose how recordings run.

    Args:
        mode: `"auto"` (default): op by op when a structure is new, compiled when it
            comes again. `"compiled"`: always compiled whole. `"op_by_op"`: never.

    Raises:
        ArgumentError: for another mode.
    """
    if mode not in ("auto", "compiled", "op_by_op"):
        raise ArgumentError(
            f"`mode` must be 'auto', 'compiled' or 'op_by_op'; got {mode!r}."
        )
    switches.execution = mode


def safe_steps(enabled: bool = True) -> None:
    """Keep what each step starts from: its variables, slots and batch.

    A step normally overwrites the buffers of the variables it updates, so that an error
    on the device in the middle loses them. With this they stay as before. It also lets
    `jt.debug.first_nonfinite` compute the last step once more, call by call, to find
    where a NaN came from. That step is everything from the end of one update to the
    end of the next, and what was computed since.

    It costs the memory of variables, slots and one batch once more, and the time to
    copy the variables; training comes to the same numbers.

    Args:
        enabled: Default true.

    Example:
        >>> jt.config.safe_steps()
        >>> jt.config.safe_steps(False)
    """
    switches.safe_steps = bool(enabled)


def compilation_cache(path: str | os.PathLike) -> None:
    """Keep compiled programs in a folder, for the next process.

    Args:
        path: The folder; made when needed.
    """
    jax.config.update("jax_compilation_cache_dir", os.fspath(path))


class PhysicalDevice(NamedTuple):
    """A device as TensorFlow lists it: `/physical_device:CPU:0`."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this process.

    Args:
        device_type: `"CPU"`, `"GPU"` or `"TPU"`; default all.
    """
    found = []
    for kind in ("cpu", "gpu", "tpu"):
        try:
            count = len(jax.devices(kind))
        except RuntimeError:  # JAX has no such platform here
            continue
        name = kind.upper()
        found.extend(
            PhysicalDevice(f"/physical_device:{name}:{index}", name)
            for index in range(count)
            if device_type in (None, name)
        )
    return found
