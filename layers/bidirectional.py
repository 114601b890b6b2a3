"""Bidirectional: a recurrent layer that goes through sequences both ways."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..framework import configs, registry
from ..framework.checked import one_of
from ..framework.errors import ArgumentError, ArgumentTypeError
from ..framework.layer import Layer
from ..framework.ops.joining import concat
from ..framework.recording.tensor import Tensor, TensorLike

_MERGES = {
    "concat": lambda there, back: concat([there, back], -1),
    "sum": lambda there, back: there + back,
    "ave": lambda there, back: (there + back) / 2,
    "mul": lambda there, back: there * back,
    None: lambda there, back: [there, back],
}


@registry.register("layer", "Bidirectional")
class Bidirectional(Layer):
    """A recurrent layer forwards and another backwards, and their outputs merged.

    With `return_sequences` the outputs of the one that goes backwards are turned, so
    that those of one step meet.

    Args:
        layer: LSTM, GRU or SimpleRNN, or a layer with the same arguments. Two are made
            from its config; it is no part of this layer.
        merge_mode: `"concat"` (default) along the last axis, `"sum"`, `"ave"`,
            `"mul"`, or `None` for a list of both.
        backward_layer: What goes backwards, with `go_backwards` of its own. Default as
            `layer`.
        weights: First weights, those of the layer forwards first, by keyword. No part
            of the config.

    Shapes:
        input (batch, steps, features), mask (batch, steps) -> output (batch, 2 *
        units), or (batch, steps, 2 * units) with `return_sequences`; with
        `return_state` the states of both follow

    Raises:
        ArgumentTypeError: for what is no recurrent layer.
        ArgumentError: for another `merge_mode`, and for a `backward_layer` that goes
            the same way or returns something else.

    Example:
        >>> layer = jt.layers.Bidirectional(jt.layers.LSTM(4, return_sequences=True))
        >>> layer(jt.ones((2, 5, 3))).shape
        (2, 5, 8)

    Note:
        As in Keras, outputs of steps that a mask leaves out are 0 with
        `return_sequences`.

    References:
        Schuster and Paliwal, 1997.
    """

    makes_masks = False
    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        backward_layer: Any = None,
        **options: Any,
    ) -> None:
        weights = options.pop("weights", None)
        for name, value in (("layer", layer), ("backward_layer", backward_layer)):
            if value is not None or name == "layer":
                _check_recurrent(name, value)
        one_of("merge_mode", merge_mode, _MERGES)
        super().__init__(**options)
        self.forward_layer = _made_like(layer, "forward_", layer.go_backwards)
        self.backward_layer = backward_layer or _made_like(
            layer, "backward_", not layer.go_backwards
        )
        self._check_pair()
        self.merge_mode = merge_mode
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.stateful = layer.stateful
        # As arrays: variables in a list would be tracked as the layer's own.
        self._first_weights = weights and list(map(np.asarray, weights))
        for part in (self.forward_layer, self.backward_layer):
            part.zero_output_for_mask = self.return_sequences

    def _check_pair(self) -> None:
        there, back = self.forward_layer, self.backward_layer
        names = ("return_sequences", "return_state", "stateful")
        differing = [n for n in names if getattr(there, n) != getattr(back, n)]
        if there.go_backwards == back.go_backwards:
            differing.append("go_backwards")
        if differing:
            name = differing[-1]
            how = "differ" if name == "go_backwards" else "be the same"
            raise ArgumentError(
                f"`{name}` of `layer` and `backward_layer` of Bidirectional must "
                f"{how}; got {getattr(there, name)} and {getattr(back, name)}."
            )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the configs of both layers."""
        left_out = ("layer", "backward_layer")
        return {
            **configs.config_of(self, Layer, left_out=left_out),
            "layer": registry.plain(self.forward_layer),
            "backward_layer": registry.plain(self.backward_layer),
        }

    def build(self, input_shape: Any) -> None:
        """Make the weights of both."""
        parts = (self.forward_layer, self.backward_layer)
        for part in parts:
            if not part.built:
                part._build_for(input_shape)
        if self._first_weights is not None:
            half = len(self._first_weights) // 2
            for part, start in zip(parts, (0, half), strict=True):
                part.set_weights(self._first_weights[start : start + half])

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]  Keras's name
        self,
        sequences: Tensor,
        initial_state: Sequence[TensorLike] | None = None,
        mask: TensorLike = None,
        training: bool | None = None,
    ) -> Any:
        """The outputs of both, merged, and with `return_state` the last states."""
        half = len(initial_state) // 2 if initial_state is not None else 0
        results = []
        for part, start in ((self.forward_layer, 0), (self.backward_layer, half)):
            options: dict[str, Any] = {} if mask is None else {"mask": mask}
            if initial_state is not None:
                options["initial_state"] = list(initial_state[start : start + half])
            found = part(sequences, **options)
            results.append(found if self.return_state else [found])
        (there, *states), (back, *other_states) = results
        if self.return_sequences:
            back = back[:, ::-1]
        merged = _MERGES[self.merge_mode](there, back)
        if not self.return_state:
            return merged
        listed = merged if self.merge_mode is None else [merged]
        return [*listed, *states, *other_states]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the inputs for sequences; none for last steps and states."""
        mask = mask[0] if isinstance(mask, list) else mask
        outputs = [mask if self.return_sequences else None]
        outputs *= 2 if self.merge_mode is None else 1
        if self.return_state:
            outputs += [None] * 2 * self.forward_layer.num_states
        return outputs if len(outputs) > 1 else outputs[0]

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zeros."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state


def _check_recurrent(name: str, value: Any) -> None:
    asked = ("go_backwards", "return_sequences", "return_state", "stateful")
    if not isinstance(value, Layer) or not all(hasattr(value, n) for n in asked):
        raise ArgumentTypeError(
            f"`{name}` of Bidirectional must be a recurrent layer; got {value!r}. For "
            "example: Bidirectional(LSTM(8))."
        )


def _made_like(layer: Any, prefix: str, goes_backwards: bool) -> Any:
    """A layer of the same config, with weights of its own."""
    config = layer.get_config()
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config(
        {**config, "name": name, "go_backwards": goes_backwards}
    )
