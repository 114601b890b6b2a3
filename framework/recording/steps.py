"""Steps: the inputs of the last step, kept so that it can be looked at again.

A step is everything that runs from one update to the next. `config.safe_steps` has its
programs leave the old buffers alone, so that keeping them here is free of copies.
"""

import jax

from .node import Handle, Node, Recording
from .slots import is_update
from .snapshot import Snapshot

_MAX_PARTS = 64  # of one step, as a loop without an update would have


class KeptPart:
    """The calls of one launch, and what they stood on.

    Attributes:
        serial: Number of the recording.
        node, settings: Its last call, and the settings of its calls.
        values, owners: The arguments and their handles, by number.
        results: Weak references to the handles of results, by number.
    """

    __slots__ = ("node", "owners", "results", "serial", "settings", "values")

    def __init__(self, recording: Recording, node: Node) -> None:
        self.serial = recording.serial
        self.node = node
        self.settings = recording.settings
        values = recording.values
        self.owners = dict(recording.owners)
        self.values = {number: values[number] for number in self.owners}
        self.results = {
            number: reference
            for number, reference in enumerate(values)
            if number not in self.owners and reference() is not None
        }

    def is_there(self) -> bool:
        """Whether no later program has overwritten what these calls stood on."""
        arrays = [
            value.array if value.__class__ is Snapshot else value
            for value in self.values.values()
        ]
        return not any(
            isinstance(array, jax.Array) and array.is_deleted() for array in arrays
        )

    def number_of(self, handle: Handle) -> int | None:
        """The number of a result that a handle stands for, or `None`."""
        for number, reference in self.results.items():
            if reference() is handle:
                return number
        return None


class _Steps:
    """The parts of the last step that ended with an update, and what came after."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget them."""
        self._last: list[KeptPart] = []
        self._since: list[KeptPart] = []

    def keep(self, recording: Recording) -> None:
        """Keep what a recording that is about to run stands on."""
        node = recording.node
        assert node is not None
        if self._since and self._since[-1].serial == recording.serial:
            return  # a launch that is tried again
        self._since = [*self._since[1 - _MAX_PARTS :], KeptPart(recording, node)]
        if is_update(node):
            self._last, self._since = self._since, []

    def parts(self) -> list[KeptPart]:
        """All that is kept, in order."""
        return [*self._last, *self._since]


steps = _Steps()
