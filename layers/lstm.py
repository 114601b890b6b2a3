"""LSTM: long short-term memory."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..framework import activations, registry
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, convert
from .recurrent import Recurrence, Recurrent, op_of


def _step(
    shared: Recurrence, driven: jax.Array, states: list[jax.Array]
) -> list[jax.Array]:
    """Output and memory after one step."""
    output, memory = states
    gates = jnp.split(driven + shared.fed_back(output), 4, axis=-1)
    enter, stay, leave = (shared.gate(gates[place]) for place in (0, 1, 3))
    memory = stay * memory + enter * shared.activate(gates[2])
    return [leave * shared.activate(memory), memory]


_LSTM = op_of("lstm", _step, num_states=2)


@registry.register("layer", "LSTM")
class LSTM(Recurrent):
    """Long short-term memory over the steps of a sequence.

    With z = x @ kernel + h @ recurrent_kernel + bias, cut into the gates i, f, g and o:
    memory c = gate(f) * c + gate(i) * act(g), output h = gate(o) * act(c).

    Args:
        units: Size of the output's last axis, and of both states.
        activation: `act`. Default tanh; `None` for none.
        recurrent_activation: `gate`. Default sigmoid.
        use_bias: Whether to add a bias. Default true.
        kernel_initializer: Draws `kernel`. Default Glorot uniform, as in Keras.
        recurrent_initializer: Draws `recurrent_kernel`. Default orthogonal.
        bias_initializer: Draws `bias`. Default zeros.
        unit_forget_bias: Whether the part of `bias` for the gate f starts at 1.
            Default true, as in Keras.
        kernel_regularizer: Penalty on `kernel`, added to `losses`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Called with `kernel` after each update.
        recurrent_constraint: Called with `recurrent_kernel` after each update.
        bias_constraint: Called with `bias` after each update.
        dropout: While training, the share of the inputs that is 0, at all steps of a
            sequence the same ones. Default 0.
        recurrent_dropout: The same for the outputs that are fed back. Default 0.
        seed: Makes the draws of dropout repeatable. Default the global generator.
        return_sequences: Whether to return the outputs of all steps. Default only the
            last one.
        return_state: Whether to return the last states, too. Default false.
        go_backwards: Whether to start at the last step; outputs are in the order in
            which they are computed. Default false.
        stateful: Whether a batch starts where the one before ended. Default false.
        unroll: Whether the program repeats the step in place of a loop. Default false.
        use_cudnn: Accepted for compatibility.
        zero_output_for_mask: Whether the output of a step that does not count is 0, in
            place of the one before it. Default false.

    Shapes:
        input (batch, steps, features) -> output (batch, units), or (batch, steps,
        units) with `return_sequences`; each state (batch, units); mask (batch, steps);
        kernel (features, 4 * units); recurrent_kernel (units, 4 * units); bias
        (4 * units,)

    Raises:
        ArgumentError: if `units` is no positive integer, or for a rate outside [0, 1].
        ShapeError: for inputs or states of other shapes.

    Example:
        >>> layer = jt.layers.LSTM(4, return_state=True)
        >>> [part.shape for part in layer(jt.ones((2, 5, 3)))]
        [(2, 4), (2, 4), (2, 4)]

    Note:
        Where a mask is false, states and output stay. The mask of the inputs is heeded
        with an `initial_state`, too; Keras 3 drops it there. With `dropout` of 1 all
        inputs are 0; Keras drops none.

    References:
        Hochreiter and Schmidhuber, 1997; Gers et al., 2000 (the gate f); Gal and
        Ghahramani, 2016 (dropout); Jozefowicz et al., 2015 (the bias of f).
    """

    num_gates = 4
    num_states = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **options: Any,
    ) -> None:
        super().__init__(
            units=units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            **options,
        )
        self.recurrent_activation = (
            activations.get(recurrent_activation) or activations.linear
        )
        self.use_cudnn = use_cudnn
        self.unit_forget_bias = unit_forget_bias

    def _bias_shape(self) -> tuple[int, ...]:
        return (4 * self.units,)

    def _draw_bias(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        units = (self.units,)
        parts = [
            self.bias_initializer(units, dtype).numpy(),
            np.ones(units),
            self.bias_initializer((2 * self.units,), dtype).numpy(),
        ]
        return convert(np.concatenate(parts).astype(parts[0].dtype))

    def _activations(self) -> tuple[Callable, Callable]:
        return self.activation, self.recurrent_activation

    def _op(self) -> Op:
        return _LSTM
