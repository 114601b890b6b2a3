"""An op that tells how often it was computed."""

import jax

from jaxtape.framework.recording.execution import call
from jaxtape.framework.recording.op import Op


class CountedSquare:
    """Squares a Tensor; `count()` says how many times the device has done it."""

    def __init__(self):
        self._hits = []
        self._op = Op("counted_square", self._square)

    def __call__(self, x):
        return call(self._op, (x,))

    def count(self):
        jax.effects_barrier()
        return len(self._hits)

    def _square(self, x):
        jax.debug.callback(self._hit, x)
        return x * x

    def _hit(self, x):
        self._hits.append(x)
