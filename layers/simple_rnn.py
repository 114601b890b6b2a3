"""SimpleRNN: a recurrence whose state is its output."""

from collections.abc import Callable
from typing import Any

import jax

from ..framework import activations, registry
from ..framework.recording.op import Op
from .recurrent import Recurrence, Recurrent, op_of


def _step(
    shared: Recurrence, driven: jax.Array, states: list[jax.Array]
) -> list[jax.Array]:
    """Output after one step."""
    return [shared.activate(driven + shared.fed_back(states[0]))]


_SIMPLE_RNN = op_of("simple_rnn", _step, num_states=1)


@registry.register("layer", "SimpleRNN")
class SimpleRNN(Recurrent):
    """Recurrence over the steps of a sequence: h = act(x @ kernel + h @ U + bias).

    U is `recurrent_kernel`. Gradients fade or grow over many steps; LSTM and GRU keep
    them.

    Args:
        units: Size of the output's last axis, and of the state.
        activation: `act`. Default tanh; `None` for none.
        use_bias: Whether to add a bias. Default true.
        kernel_initializer: Draws `kernel`. Default Glorot uniform, as in Keras.
        recurrent_initializer: Draws `recurrent_kernel`. Default orthogonal.
        bias_initializer: Draws `bias`. Default zeros.
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
        return_sequences: Whether to return the outputs of all steps. Default only the
            last one.
        return_state: Whether to return the last state, too. Default false.
        go_backwards: Whether to start at the last step; outputs are in the order in
            which they are computed. Default false.
        stateful: Whether a batch starts where the one before ended. Default false.
        unroll: Whether the program repeats the step in place of a loop. Default false.
        seed: Makes the draws of dropout repeatable. Default the global generator.
        zero_output_for_mask: Whether the output of a step that does not count is 0, in
            place of the one before it. Default false.

    Shapes:
        input (batch, steps, features) -> output (batch, units), or (batch, steps,
        units) with `return_sequences`; state (batch, units); mask (batch, steps);
        kernel (features, units); recurrent_kernel (units, units); bias (units,)

    Raises:
        ArgumentError: if `units` is no positive integer, or for a rate outside [0, 1].
        ShapeError: for inputs or states of other shapes.

    Example:
        >>> jt.layers.SimpleRNN(4, return_sequences=True)(jt.ones((2, 5, 3))).shape
        (2, 5, 4)

    Note:
        As for `LSTM`.

    References:
        Elman, 1990; Gal and Ghahramani, 2016 (dropout).
    """

    num_gates = 1
    num_states = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
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

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.units,)

    def _activations(self) -> tuple[Callable, Callable]:
        return self.activation, activations.linear

    def _op(self) -> Op:
        return _SIMPLE_RNN
