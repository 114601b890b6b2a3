"""Wording: how a line of progress writes numbers and times."""

import math
from collections.abc import Mapping
from typing import Any


def line(title: str, seconds: float, steps: int | None, logs: Mapping[str, Any]) -> str:
    """What happened, in one line.

    Args:
        title: What it was.
        seconds: How long it took; anything that a clock may say.
        steps: Over how many batches, if that is known.
        logs: Losses and metrics.

    Example:
        >>> line("Epoch 3/10", 1.2, 32, {"loss": 0.12345, "accuracy": 0.9876})
        'Epoch 3/10 - 1.2s - 38ms/step - loss: 0.1235 - accuracy: 0.9876'
    """
    return " - ".join([title, *timing(seconds, steps), *quantities(logs)])


def timing(seconds: float, steps: int | None) -> list[str]:
    """The time, and that of one step."""
    times = [duration(seconds)]
    return [*times, f"{_short(_sound(seconds) / steps)}/step"] if steps else times


def quantities(logs: Mapping[str, Any]) -> list[str]:
    """Losses and metrics with their names."""
    return [f"{name}: {number(value)}" for name, value in logs.items()]


def number(value: Any) -> str:
    """Four digits after the point; a power of ten where they would say nothing."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    is_plain = value == 0 or 1e-3 <= abs(value) < 1e6 or not math.isfinite(value)
    return f"{value:.4f}" if is_plain else f"{value:.4e}"


def duration(seconds: float) -> str:
    """A time with the units that matter: 0.2s, 12s, 3m 05s, 2h 01m."""
    seconds = _sound(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, seconds_left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {seconds_left:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def _short(seconds: float) -> str:
    """The time of a step: three digits at most."""
    for unit, size in (("us", 1e-6), ("ms", 1e-3)):
        if seconds < 999.5 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.3g}s"


def _sound(seconds: float) -> float:
    """A time that cannot be, from a clock that was set back or is broken, is 0."""
    return seconds if 0 < seconds < math.inf else 0.0
