"""Counts the programs that XLA compiles, by JAX's own monitoring events."""

import jax

# Ends each backend compile; a program found in a cache sends none (JAX 0.10.2).
_COMPILE_EVENT = "/jax/core/compile/backend_compile_duration"


class CompileCounter:
    """Number of backend compiles in this process since the counter was made.

    Attributes:
        count: Compiles so far. Read it twice and subtract.
    """

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def _listen(self, event: str, duration: float, **details: str | int) -> None:
        if event == _COMPILE_EVENT:
            self.count += 1
