"""MultiHeadAttention: each step as a mean of others, weighted by likeness."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import initializers, random, registry
from ..framework.checked import integers, positive, share
from ..framework.errors import ArgumentError, ShapeError
from ..framework.layer import Layer
from ..framework.masking import as_mask, attach
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor, TensorLike, convert
from ..framework.variable import Variable

_PARTS = ("query", "key", "gate", "value", "attention_output")
_MASKS = ("query", "value", "key", "attention")


def _attend(
    *arrays: jax.Array,
    weights: tuple[tuple[str, int], ...],
    inputs: tuple[str, ...],
    masks: tuple[str, ...],
    axes: tuple[int, ...],
    is_causal: bool,
    window: int | None,
    rate: float,
    gives_scores: bool,
) -> Any:
    """Projections, attention and the projection of the result.

    Args:
        arrays: The inputs, the masks and the weights named by the options, then a
            uniform draw if there is a rate.
        weights: The parts, each with its number of arrays: kernel and bias.
        inputs: "query", "value" and, if it is another Tensor, "key".
        masks: Whose masks there are.
        axes: Over which axes of the inputs.
        is_causal: Whether a step sees itself and those before only.
        window: Steps this far away are not seen.
        rate: Share of the scores that is dropped.
        gives_scores: Whether the scores are a result as well.
    """
    left = list(arrays)
    given = {name: left.pop(0) for name in inputs}
    found = {name: left.pop(0) for name in masks}
    parts = {name: [left.pop(0) for _ in range(count)] for name, count in weights}
    query, value = (_project(given[n], *parts[n]) for n in ("query", "value"))
    key = _project(given.get("key", given["value"]), *parts["key"])
    dots, mix = _equations(given["query"].ndim, axes)
    query = query * jnp.asarray(1 / math.sqrt(query.shape[-1]), query.dtype)
    wide = jnp.promote_types(query.dtype, jnp.float32)  # half precision overflows
    scores = jnp.einsum(dots, query, key, preferred_element_type=wide)
    mask = _mask(found, scores.shape, given["query"].ndim, axes)
    if is_causal or window is not None:
        near = _near(scores.shape[-2:], is_causal, window)
        mask = near if mask is None else mask & near
    scores = _weights_of(scores, mask, len(axes))
    kept = scores
    if rate:
        scale = 1 / (1 - rate) if rate < 1 else 0
        draw = left[0].reshape(scores.shape)
        kept = scores * jnp.where(draw >= rate, scale, 0).astype(scores.dtype)
    mixed = jnp.einsum(mix, kept.astype(value.dtype), value)
    if "gate" in parts:
        mixed = mixed * jax.nn.sigmoid(_project(given["query"], *parts["gate"]))
    outputs = _project(mixed, *parts["attention_output"], count=2)
    return [outputs, scores.astype(value.dtype)] if gives_scores else outputs


def _project(
    x: jax.Array, kernel: jax.Array, bias: jax.Array | None = None, *, count: int = 1
) -> jax.Array:
    """The product over the last `count` axes, plus the bias."""
    y = jnp.tensordot(x, kernel, count)
    return y if bias is None else y + bias


def _equations(ndim: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """The sums that give scores, and outputs from scores and values; y are heads."""
    query = "abcdefgh"[: ndim - 1]
    key = "".join(c.upper() if i in axes else c for i, c in enumerate(query))
    others = "".join(c for i, c in enumerate(query) if i not in axes)
    scores = f"{others}y{''.join(query[i] for i in axes)}"
    scores += "".join(key[i] for i in axes)
    return f"{query}yz,{key}yz->{scores}", f"{scores},{key}yz->{query}yz"


def _mask(
    found: dict[str, jax.Array],
    shape: tuple[int, ...],
    ndim: int,
    axes: tuple[int, ...],
) -> jax.Array | None:
    """All masks in one that broadcasts to the scores, true where a step is seen."""
    others = [place for place in range(ndim - 1) if place not in axes]
    count, merged = len(axes), None
    for name, given in found.items():
        mask = given
        if name == "attention":
            while mask.ndim < len(shape):
                mask = jnp.expand_dims(mask, -2 * count - 1)
        else:
            mask = jnp.transpose(mask, (*others, *axes))
            start = len(others) + (count if name == "query" else 0)
            mask = jnp.expand_dims(mask, tuple(range(start, start + count)))
            mask = jnp.expand_dims(mask, len(others))
        merged = mask if merged is None else merged & mask
    return merged


def _near(lengths: Sequence[int], is_causal: bool, window: int | None) -> jax.Array:
    """Which steps of the values a step of the query may see by its place."""
    rows, columns = (
        jax.lax.broadcasted_iota("int32", tuple(lengths), axis) for axis in (0, 1)
    )
    seen = rows >= columns if is_causal else jnp.ones(lengths, bool)
    return seen if window is None else seen & (abs(rows - columns) < window)


def _weights_of(scores: jax.Array, mask: jax.Array | None, count: int) -> jax.Array:
    """Softmax over what is seen; 0 where nothing is seen."""
    over = tuple(range(-count, 0))
    if mask is None:
        return jax.nn.softmax(scores, over)
    # A finite number in place of -inf, whose softmax and gradient would be NaN where
    # nothing is seen.
    hidden = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
    return jnp.where(mask, jax.nn.softmax(hidden, over), 0)


ATTEND = Op(
    "multi_head_attention",
    _attend,
    hint="Query, value and key must agree in batch and other axes, value and key in "
    "steps; `attention_mask` must broadcast to (batch, query steps, value steps).",
)


@registry.register("layer", "MultiHeadAttention")
class MultiHeadAttention(Layer):
    """Scaled dot-product attention of several heads.

    Each head projects query, key and value, and returns softmax(query @ key^T /
    sqrt(key_dim)) @ value; what all heads return is projected once more.

    Args:
        num_heads: How many heads.
        key_dim: Length of each head's query and key.
        value_dim: Length of each head's value. Default `key_dim`.
        dropout: While training, the share of the weights that is 0. Default 0.
        use_bias: Whether projections have biases. Default true.
        output_shape: Shape of each step's output. Default the query's last axis.
        attention_axes: Over which axes. Default all but the first and the last.
        sliding_window: A step sees those fewer than this many away. Default all.
        flash_attention: Accepted for compatibility.
        kernel_initializer: Draws the kernels. Default Glorot uniform, as in Keras.
        bias_initializer: Draws the biases. Default zeros.
        kernel_regularizer: Penalty on the kernels, added to `losses`.
        bias_regularizer: Penalty on the biases.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Called with each kernel after an update.
        bias_constraint: Called with each bias after an update.
        use_gate: Whether each head's result is multiplied by the sigmoid of one more
            projection of the query. Default false.
        seed: Makes the draws of dropout repeatable. Default the global generator.

    Shapes:
        query (batch, steps, features), value and key (batch, other steps, features of
        their own) -> output (batch, steps, *output_shape), with
        `return_attention_scores` also scores (batch, heads, steps, other steps);
        masks (batch, steps); attention_mask (batch, steps, other steps); kernels
        (features, heads, key_dim or value_dim) and (heads, value_dim, *output_shape).
        Weights are attributes: `query_kernel`, `query_bias`, and the same for key,
        value, gate and attention_output

    Raises:
        ArgumentError: for a size that is no positive integer, a rate outside [0, 1],
            or a causal mask or a window over several axes.
        ShapeError: for inputs or masks that do not fit the weights or each other.

    Example:
        >>> layer = jt.layers.MultiHeadAttention(num_heads=2, key_dim=3)
        >>> layer(jt.ones((2, 4, 8)), jt.ones((2, 5, 8))).shape
        (2, 4, 8)

    Note:
        A query that may see nothing gets weights of 0, and the output's bias; gradients
        there are 0. Keras does the same where it computes scores, and otherwise gives
        the mean of all values. `query_mask` counts also where it is given explicitly.

    References:
        Vaswani et al., 2017, section 3.2; Qiu et al., 2025 (the gate).
    """

    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.num_heads = positive(self, "num_heads", num_heads)
        self.key_dim = positive(self, "key_dim", key_dim)
        self.value_dim = (
            self.key_dim
            if value_dim is None
            else positive(self, "value_dim", value_dim)
        )
        self.dropout = share(self, "dropout", dropout)
        self.use_bias = use_bias
        self.output_shape = (
            None
            if output_shape is None
            else tuple(
                positive(self, "output_shape", length)
                for length in integers(self, "output_shape", output_shape)
            )
            or None
        )
        self.attention_axes = (
            None
            if attention_axes is None
            else integers(self, "attention_axes", attention_axes)
        )
        self.sliding_window = (
            None
            if sliding_window is None
            else positive(self, "sliding_window", sliding_window)
        )
        self.flash_attention = flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = registry.get("regularizer", kernel_regularizer)
        self.bias_regularizer = registry.get("regularizer", bias_regularizer)
        self.kernel_constraint = registry.get("constraint", kernel_constraint)
        self.bias_constraint = registry.get("constraint", bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        self.generator = None if seed is None else random.Generator(seed)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]  Keras's names
        self, query_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> None:
        """Make a kernel and a bias for each projection."""
        value_shape = query_shape if value_shape is None else value_shape
        shapes = (query_shape, value_shape, key_shape or value_shape)
        if any(
            len(shape) != len(query_shape)
            or len(shape) < 3
            or not isinstance(shape[-1], int)
            for shape in shapes
        ):
            raise ShapeError(
                f"MultiHeadAttention('{self.name}') takes a query, a value and a key "
                "of shape (batch, steps, features), with as many axes and known "
                f"features; got shapes {', '.join(map(str, shapes))}."
            )
        queries, values, keys = (shape[-1] for shape in shapes)
        self._features = (queries, values, keys)
        outputs = self.output_shape or (queries,)
        widths = {
            "query": (queries, (self.num_heads, self.key_dim)),
            "key": (keys, (self.num_heads, self.key_dim)),
            "gate": (queries, (self.num_heads, self.value_dim)),
            "value": (values, (self.num_heads, self.value_dim)),
        }
        parts = [part for part in _PARTS if part != "gate" or self.use_gate]
        self._projections: dict[str, list[Variable]] = {
            part: self._add_projection(part, (widths[part][0],), widths[part][1])
            for part in parts[:-1]
        }
        self._projections[parts[-1]] = self._add_projection(
            parts[-1], (self.num_heads, self.value_dim), outputs
        )

    def _add_projection(
        self, part: str, before: tuple[int, ...], after: tuple[int, ...]
    ) -> list[Variable]:
        kernel = self.add_weight(
            before + after,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name=f"{part}/kernel",
        )
        setattr(self, f"{part}_kernel", kernel)
        if not self.use_bias:
            return [kernel]
        bias = self.add_weight(
            after,
            self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name=f"{part}/bias",
        )
        setattr(self, f"{part}_bias", bias)
        return [kernel, bias]

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]  Keras's names
        self,
        query: Tensor,
        value: TensorLike,
        key: TensorLike = None,
        query_mask: TensorLike = None,
        value_mask: TensorLike = None,
        key_mask: TensorLike = None,
        attention_mask: TensorLike = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """For each step of the query the mean of values, and if asked the scores."""
        inputs = {"query": query, "value": convert(value, name="value")}
        if key is not None:
            inputs["key"] = convert(key, name="key")
        self._check(inputs)
        axes = self._axes(query.ndim)
        if len(axes) > 1 and (use_causal_mask or self.sliding_window):
            raise ArgumentError(
                f"MultiHeadAttention('{self.name}') has attention over axes {axes}, "
                "which have no order: `use_causal_mask` and `sliding_window` need one "
                "axis. Give an `attention_mask`, or one of `attention_axes`."
            )
        given = (query_mask, value_mask, key_mask, attention_mask)
        masks = {
            name: as_mask(mask)
            for name, mask in zip(_MASKS, given, strict=True)
            if mask is not None
        }
        rate = self.dropout if training else 0
        draws = []
        if rate:
            # Of one axis: XLA takes seconds to compile a draw of four.
            size = self._num_scores(query.shape, inputs["value"].shape, axes)
            draws.append((self.generator or random).uniform((size,)))
        weights = [v for part in self._projections.values() for v in part]
        options: dict[str, Any] = {
            "weights": tuple((n, len(p)) for n, p in self._projections.items()),
            "inputs": tuple(inputs),
            "masks": tuple(masks),
            "axes": axes,
            "is_causal": bool(use_causal_mask),
            "window": self.sliding_window,
            "rate": rate,
            "gives_scores": bool(return_attention_scores),
        }
        operands = (*inputs.values(), *masks.values(), *weights, *draws)
        result = call(ATTEND, operands, options, tuple(options.values()))
        if "query" in masks:
            attach(result[0] if return_attention_scores else result, masks["query"])
        return result

    def compute_output_shape(
        self, input_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> Any:
        """The query's shape with the output's in place of its last axis."""
        return (*input_shape[:-1], *(self.output_shape or input_shape[-1:]))

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """The axes counted from the start, by default all between the outer ones."""
        if self.attention_axes is None:
            return tuple(range(1, ndim - 1))
        axes = tuple(axis % ndim for axis in self.attention_axes)
        if all(0 < axis < ndim - 1 for axis in axes):
            return axes
        raise ShapeError(
            f"`attention_axes` must lie between the batch and the features; got "
            f"{self.attention_axes} for a query of {ndim} axes."
        )

    def _num_scores(self, query: Any, value: Any, axes: tuple[int, ...]) -> int:
        return self.num_heads * math.prod((*query[:-1], *[value[n] for n in axes]))

    def _check(self, inputs: dict[str, Any]) -> None:
        names = ("query", "value", "key" if "key" in inputs else "value")
        features = tuple((inputs[name].shape or (None,))[-1] for name in names)
        if features != self._features:
            raise ShapeError(
                f"MultiHeadAttention('{self.name}') was built for {self._features} "
                f"features of query, value and key; got {features}. Build a new layer "
                "for the new numbers."
            )
        query, value, key = (inputs[name].shape[:-1] for name in names)
        axes = self._axes(len(query) + 1)
        fits = [query[n] == value[n] for n in range(len(query)) if n not in axes]
        if len(query) != len(value) or value != key or not all(fits):
            raise ShapeError(
                f"MultiHeadAttention('{self.name}') takes a query, a value and a key "
                f"of one batch, value and key with as many steps; got shapes "
                f"{', '.join(str(inputs[name].shape) for name in names)}."
            )
