"""GRU: a gated recurrent unit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import activations, registry
from ..framework.recording.op import Op
from .recurrent import Recurrence, Recurrent, op_of


def _step_after(
    shared: Recurrence, driven: jax.Array, states: list[jax.Array]
) -> list[jax.Array]:
    """Output after one step; the reset gate works on what is fed back."""
    (state,) = states
    update, reset, candidate = jnp.split(driven, 3, axis=-1)
    back = jnp.split(shared.fed_back(state), 3, axis=-1)
    update, reset = shared.gate(update + back[0]), shared.gate(reset + back[1])
    candidate = shared.activate(candidate + reset * back[2])
    return [update * state + (1 - update) * candidate]


def _step_before(
    shared: Recurrence, driven: jax.Array, states: list[jax.Array]
) -> list[jax.Array]:
    """Output after one step; the reset gate works on the state."""
    (state,) = states
    update, reset, candidate = jnp.split(driven, 3, axis=-1)
    back = jnp.split(shared.fed_back(state, 0, 2), 2, axis=-1)
    update, reset = shared.gate(update + back[0]), shared.gate(reset + back[1])
    candidate = shared.activate(candidate + shared.fed_back(reset * state, 2, 3))
    return [update * state + (1 - update) * candidate]


_GRU = {
    is_after: op_of("gru", step, num_states=1)
    for is_after, step in ((True, _step_after), (False, _step_before))
}


@registry.register("layer", "GRU")
class GRU(Recurrent):
    """Gated recurrent unit over the steps of a sequence.

    With u = x @ kernel + bias[0] and v = h @ recurrent_kernel + bias[1], each cut into
    parts for the gates z and r and the candidate: z = gate(u_z + v_z), r = gate(u_r +
    v_r), h = z * h + (1 - z) * act(u_h + r * v_h). Without `reset_after`, r * h is
    multiplied by the kernel instead, and there is one bias.

    Args:
        units: Size of the output's last axis, and of the state.
        activation: `act`. Default tanh; `None` for none.
        recurrent_activation: `gate`. Default sigmoid.
        use_bias: Whether to add biases. Default true.
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
        seed: Makes the draws of dropout repeatable. Default the global generator.
        return_sequences: Whether to return the outputs of all steps. Default only the
            last one.
        return_state: Whether to return the last state, too. Default false.
        go_backwards: Whether to start at the last step; outputs are in the order in
            which they are computed. Default false.
        stateful: Whether a batch starts where the one before ended. Default false.
        unroll: Whether the program repeats the step in place of a loop. Default false.
        reset_after: Whether the reset gate works after the product with the kernel.
            Default true, as in Keras and cuDNN.
        use_cudnn: Accepted for compatibility.
        zero_output_for_mask: Whether the output of a step that does not count is 0, in
            place of the one before it. Default false.

    Shapes:
        input (batch, steps, features) -> output (batch, units), or (batch, steps,
        units) with `return_sequences`; state (batch, units); mask (batch, steps);
        kernel (features, 3 * units); recurrent_kernel (units, 3 * units); bias (2,
        3 * units), without `reset_after` (3 * units,)

    Raises:
        ArgumentError: if `units` is no positive integer, or for a rate outside [0, 1].
        ShapeError: for inputs or states of other shapes.

    Example:
        >>> jt.layers.GRU(4, return_sequences=True)(jt.ones((2, 5, 3))).shape
        (2, 5, 4)

    Note:
        As for `LSTM`.

    References:
        Cho et al., 2014, eq. 5 to 8; Gal and Ghahramani, 2016 (dropout).
    """

    num_gates = 3
    num_states = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
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
        self.reset_after = bool(reset_after)

    def _bias_shape(self) -> tuple[int, ...]:
        gates = 3 * self.units
        return (2, gates) if self.reset_after else (gates,)

    def _activations(self) -> tuple[Callable, Callable]:
        return self.activation, self.recurrent_activation

    def _op(self) -> Op:
        return _GRU[self.reset_after]
