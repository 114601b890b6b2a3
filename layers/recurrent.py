"""Recurrent: what LSTM, GRU and SimpleRNN share: weights, states, masks and the loop.

The whole recurrence is one recorded call, a `lax.scan` over the steps. What the inputs
contribute to the gates is one product for all steps, before the loop.
"""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import activations, initializers, random, registry
from ..framework.checked import positive, share
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.masking import as_mask
from ..framework.recording.body import Computation, traced
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.signature import tensor_type
from ..framework.recording.tensor import Tensor, TensorLike, cast, convert
from ..framework.variable import Variable


class Formula:
    """An activation as a function of arrays, equal to others of the same structure.

    Attributes:
        captured: What a user's function takes from around it: operands of the call.
        count: How many these are.
    """

    def __init__(self, key: Any, function: Callable, captured: Sequence[Any]) -> None:
        self._key = key
        self._function = function
        self.captured = captured
        self.count = len(captured)

    def bare(self) -> "Formula":
        """The same without what it captured: for programs, which outlive that."""
        made = Formula(self._key, self._function, ())
        made.count = self.count
        return made

    def apply(self, x: jax.Array, around: Sequence[jax.Array]) -> jax.Array:
        """The activation of x, from that and what it captured."""
        return self._function(x, *around).astype(x.dtype)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self._key == other._key


_KNOWN = {
    activation: Formula(formula, formula, ())
    for activation, formula in activations.formulas.items()
}


def _formula_of(
    layer: Layer, activation: Callable, shape: tuple, dtype: Any
) -> Formula:
    """What a user's own activation computes of an array of a shape."""
    kinds = [tensor_type(shape, jnp.dtype(dtype))]
    found, _ = traced(f"{type(layer).__name__}('{layer.name}')", activation, kinds)
    if found.assigned or [kind.shape for kind in found.types] != [shape]:
        raise ArgumentError(
            f"An activation of {type(layer).__name__}('{layer.name}') must be a "
            f"function of one array that keeps its shape and assigns no Variable; got "
            f"{activation!r}, which gives shapes {[k.shape for k in found.types]} for "
            f"{shape}. Write it with jt.math, without random numbers."
        )
    bare: Computation = found.formula()
    return Formula(found.key, lambda *arrays: bare.compute(*arrays)[0], found.captured)


class Recurrent(Layer):
    """Base of layers that go through a sequence step by step.

    Subclasses say how many gates and states there are, and compute one step.

    Args:
        zero_output_for_mask: Whether a step that does not count gives 0 in place of
            the output before it.
    """

    makes_masks = False
    supports_masking = True
    num_gates: int
    num_states: int

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        return_sequences: bool,
        return_state: bool,
        go_backwards: bool,
        stateful: bool,
        unroll: bool,
        zero_output_for_mask: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units = positive(self, "units", units)
        self.dropout = share(self, "dropout", dropout)
        self.recurrent_dropout = share(self, "recurrent_dropout", recurrent_dropout)
        self.activation = activations.get(activation) or activations.linear
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer or "zeros")
        self.kernel_regularizer = registry.get("regularizer", kernel_regularizer)
        self.recurrent_regularizer = registry.get("regularizer", recurrent_regularizer)
        self.bias_regularizer = registry.get("regularizer", bias_regularizer)
        self.kernel_constraint = registry.get("constraint", kernel_constraint)
        self.recurrent_constraint = registry.get("constraint", recurrent_constraint)
        self.bias_constraint = registry.get("constraint", bias_constraint)
        self.seed = seed
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.generator = None if seed is None else random.Generator(seed)

    @abc.abstractmethod
    def _bias_shape(self) -> tuple[int, ...]:
        """The shape of `bias`."""

    def _draw_bias(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """The first value of `bias`."""
        return self.bias_initializer(shape, dtype)

    def build(self, input_shape: Any) -> None:
        """Make `kernel`, `recurrent_kernel` and `bias`, and states that are kept."""
        if len(input_shape) != 3 or not isinstance(input_shape[-1], int):
            raise self._misfit(input_shape)
        gates = self.num_gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], gates),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, gates),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(),
                self._draw_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        if self.stateful:
            self._make_states(input_shape[0])

    def _make_states(self, batch: Any) -> None:
        if not isinstance(batch, int):
            raise ShapeError(
                f"{type(self).__name__}('{self.name}') is stateful, so it keeps states "
                f"for a batch of known size; got {batch}. Give the batch size: "
                "jt.Input(shape, batch_size=32)."
            )
        # Not among the weights, as in Keras: they belong to the sequences seen.
        self.__dict__["_kept_states"] = [
            Variable(zeros, trainable=False, name=f"{self.name}/rnn_state")
            for zeros in self.get_initial_state(batch)
        ]

    @property
    def states(self) -> list[Variable] | None:
        """What a stateful layer keeps from one batch to the next."""
        return self.__dict__.get("_kept_states")

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """States of zeros."""
        zeros = jnp.zeros((batch_size, self.units), self.dtype)
        return [convert(zeros) for _ in range(self.num_states)]

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zeros."""
        for state in self.states or ():
            state.assign(jnp.zeros(state.shape, state.dtype))

    reset_states = reset_state

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the inputs for a sequence; none for its last step, nor states."""
        mask = mask[0] if isinstance(mask, list) else mask
        outputs = mask if self.return_sequences else None
        return [outputs, *[None] * self.num_states] if self.return_state else outputs

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]  Keras's name
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: TensorLike = None,
        training: bool = False,
    ) -> Any:
        """The last output or all, and with `return_state` the last states."""
        if sequences.ndim != 3 or sequences.shape[-1] != self.kernel.shape[0]:
            raise self._misfit(sequences.shape)
        states = self._first_states(sequences, initial_state)
        operands = [sequences, *states, self.kernel, self.recurrent_kernel]
        if self.bias is not None:
            operands.append(self.bias)
        if mask is not None:
            operands.append(as_mask(mask[0] if isinstance(mask, list) else mask))
        rates = (self.dropout, self.recurrent_dropout) if training else (0, 0)
        operands += self._draws(sequences, rates)
        formulas = self._formulas(sequences)
        operands += [value for formula in formulas for value in formula.captured]
        options = {
            "formulas": tuple(f.bare() if f.count else f for f in formulas),
            "has_states": bool(states),
            "has_bias": self.bias is not None,
            "has_mask": mask is not None,
            "rates": rates,
            **self._structure(),
        }
        outputs, *following = call(
            self._op(), operands, options, tuple(options.values())
        )
        if self.stateful:
            for state, value in zip(self.states or (), following, strict=True):
                state.assign(cast(value, state.dtype))
        return [outputs, *following] if self.return_state else outputs

    @abc.abstractmethod
    def _activations(self) -> tuple[Callable, Callable]:
        """The activation and that of the gates."""

    @abc.abstractmethod
    def _op(self) -> Op:
        """The recurrence as one op."""

    def _structure(self) -> dict[str, Any]:
        """What tells programs of this layer apart."""
        return {
            "is_sequence": bool(self.return_sequences),
            "is_reversed": bool(self.go_backwards),
            "is_unrolled": bool(self.unroll),
            "gives_zeros": bool(self.zero_output_for_mask),
        }

    def _formulas(self, sequences: Tensor) -> list[Formula]:
        """Both activations as functions of arrays."""
        chosen = self._activations()
        found = [_KNOWN.get(activation) for activation in chosen]
        shape = (sequences.shape[0], self.units)
        return [
            known
            or _formula_of(
                *(self, activation, shape),
                jnp.promote_types(sequences.dtype, self.kernel.dtype),
            )
            for known, activation in zip(found, chosen, strict=True)
        ]

    def _first_states(self, sequences: Tensor, given: Any) -> list[Any]:
        if given is None:
            if not self.stateful:
                return []
            given = self.states
        listed = list(given) if isinstance(given, list | tuple) else [given]
        states = [convert(state, name="initial_state") for state in listed]
        expected = (sequences.shape[0], self.units)
        shapes = [state.shape for state in states]
        if shapes != [expected] * self.num_states:
            shown = ", ".join(map(str, shapes))
            raise ShapeError(
                f"{type(self).__name__}('{self.name}') starts from {self.num_states} "
                f"state(s) of shape {expected}, one row for each sequence of the "
                f"batch; got {shown}. "
                + (
                    "A stateful layer keeps the batch size that it was built with."
                    if given is self.states
                    else "Give `initial_state` as a list of them."
                )
            )
        return states

    def _draws(self, sequences: Tensor, rates: Sequence[float]) -> list[Tensor]:
        """Uniform draws for inputs and states, one for all steps of a sequence.

        With `recurrent_dropout` each gate has draws of its own, as in Keras.
        """
        batch, _, features = sequences.shape
        count = self.num_gates if self.recurrent_dropout else 1
        source = self.generator or random
        # Of one axis, which XLA compiles faster.
        return [
            source.uniform((count * batch * length,))
            for rate, length in zip(rates, (features, self.units), strict=True)
            if rate
        ]

    def _misfit(self, shape: Any) -> ShapeError:
        name = f"{type(self).__name__}('{self.name}')"
        if self.built:
            kind = f"(batch, steps, {self.kernel.shape[0]}), as it was built with"
        else:
            kind = "(batch, steps, features) with known features"
        return ShapeError(
            f"{name} expected input of shape {kind}; got shape {tuple(shape)}. Bring "
            "it to that shape, for example by a Reshape layer."
        )


class Recurrence:
    """What the steps of a recurrence share, as `step` of a layer sees it.

    Attributes:
        activate: The activation.
        gate: The recurrent activation.
        units: Length of a state.
    """

    def __init__(
        self,
        kernel: jax.Array,
        bias: jax.Array | None,
        kept: jax.Array | None,
        activations: Sequence[Callable[[jax.Array], jax.Array]],
    ) -> None:
        self._kernel = kernel
        self._bias = bias
        self._kept = kept
        self.activate, self.gate = activations
        self.units = kernel.shape[0]

    def fed_back(
        self, state: jax.Array, start: int = 0, stop: int | None = None
    ) -> jax.Array:
        """What a state contributes to the gates from `start` to `stop`."""
        first, last = (None if n is None else n * self.units for n in (start, stop))
        part = _gates(state, self._kernel[:, first:last], _cut(self._kept, start, stop))
        return part if self._bias is None else part + self._bias[first:last]


Step = Callable[[Recurrence, jax.Array, list[jax.Array]], list[jax.Array]]
"""What the inputs contribute to the gates, and the states: the next states.

The first state is the output.
"""


def op_of(name: str, step: Step, num_states: int) -> Op:
    """The op of a layer that goes on by `step`."""
    return Op(
        name,
        lambda *arrays, **options: _recur(step, num_states, arrays, **options),
        hint="A mask must have shape (batch, steps).",
    )


def _recur(
    step: Step,
    num_states: int,
    arrays: Sequence[jax.Array],
    *,
    formulas: Sequence[Formula],
    has_states: bool,
    has_bias: bool,
    has_mask: bool,
    rates: Sequence[float],
    is_sequence: bool,
    is_reversed: bool,
    is_unrolled: bool,
    gives_zeros: bool,
) -> list[jax.Array]:
    """All outputs or the last one, and the last states."""
    sequences, *left = arrays
    given = [left.pop(0) for _ in range(num_states if has_states else 0)]
    kernel, recurrent_kernel = left.pop(0), left.pop(0)
    bias = left.pop(0) if has_bias else None
    mask = left.pop(0) if has_mask else None
    units = recurrent_kernel.shape[0]
    count = recurrent_kernel.shape[1] // units if rates[1] else 1
    lengths = (sequences.shape[-1], units)
    kept = [
        _kept(left.pop(0), rate, (count, sequences.shape[0], length), kernel.dtype)
        if rate
        else None
        for rate, length in zip(rates, lengths, strict=True)
    ]
    activate = [_bound(f, [left.pop(0) for _ in range(f.count)]) for f in formulas]
    inner_bias = None
    if bias is not None and bias.ndim == 2:
        bias, inner_bias = bias
    shared = Recurrence(recurrent_kernel, inner_bias, kept[1], activate)
    steps = jnp.swapaxes(sequences, 0, 1)
    driven = _gates(steps, kernel, kept[0])
    driven = driven if bias is None else driven + bias
    counts = None if mask is None else mask.T[..., None]
    if is_reversed:
        driven = driven[::-1]
        counts = None if counts is None else counts[::-1]
    zeros = jnp.zeros((driven.shape[1], shared.units), driven.dtype)
    states = [s.astype(driven.dtype) for s in given] or [zeros] * num_states

    def go_on(carry: Any, now: Any) -> tuple[Any, Any]:
        output, states = carry
        following = step(shared, now[0], states)
        if now[1] is None:
            output = following[0]
        else:
            pairs = zip(following, states, strict=True)
            past = jnp.zeros_like(output) if gives_zeros else output
            output = jnp.where(now[1], following[0], past)
            following = [jnp.where(now[1], new, old) for new, old in pairs]
        return (output, following), output if is_sequence else None

    unroll = is_unrolled and driven.shape[0] > 0
    (last, states), outputs = jax.lax.scan(
        go_on, (zeros, states), (driven, counts), unroll=unroll or 1
    )
    return [jnp.swapaxes(outputs, 0, 1) if is_sequence else last, *states]


def _bound(formula: Formula, around: list[jax.Array]) -> Callable:
    return lambda x: formula.apply(x, around)


def _kept(draw: jax.Array, rate: float, shape: tuple, dtype: Any) -> jax.Array:
    """0 where the uniform draw is under the rate, elsewhere 1 / (1 - rate)."""
    scale = 1 / (1 - rate) if rate < 1 else 0
    return jnp.where(draw >= rate, scale, 0).astype(dtype).reshape(shape)


def _cut(kept: jax.Array | None, start: int, stop: int | None) -> jax.Array | None:
    return None if kept is None or len(kept) == 1 else kept[start:stop]


def _gates(x: jax.Array, kernel: jax.Array, kept: jax.Array | None) -> jax.Array:
    """X @ kernel, with some of x at 0: the same for all gates, or others for each."""
    if kept is None:
        return jnp.matmul(x, kernel)
    if len(kept) == 1:
        return jnp.matmul(x * kept[0], kernel)
    parts = jnp.split(kernel, len(kept), axis=-1)
    products = [jnp.matmul(x * k, part) for k, part in zip(kept, parts, strict=True)]
    return jnp.concatenate(products, axis=-1)
