"""Embedding: rows of a table by number."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..framework import initializers, registry
from ..framework.checked import positive
from ..framework.errors import OutOfRangeError
from ..framework.known_data import host_values
from ..framework.layer import Layer
from ..framework.ops.indexing import gather
from ..framework.recording.tensor import Tensor, cast, convert


@registry.register("layer", "Embedding")
class Embedding(Layer):
    """A vector for each integer: y[...] = embeddings[x[...]].

    The first layer of models of words and other symbols; the vectors are trained.

    Args:
        input_dim: How many integers there are: the largest one plus 1.
        output_dim: Length of each vector.
        embeddings_initializer: Draws `embeddings`. Default uniform between -0.05 and
            0.05, as in Keras.
        embeddings_regularizer: Penalty on `embeddings`, added to `losses`.
        embeddings_constraint: Called with `embeddings` after each update.
        mask_zero: Whether 0 stands for padding: the outputs then have a mask, which
            layers after this one heed or pass on. Default false.
        weights: First values of `embeddings`, as an array or a list of one, by
            keyword. No part of the layer's config.

    Shapes:
        input (...) of integers -> output (..., output_dim); embeddings (input_dim,
        output_dim); mask (...)

    Raises:
        ArgumentError: if a size is no positive integer.
        OutOfRangeError: for an integer outside the table, where the input is host data.

    Example:
        >>> layer = jt.layers.Embedding(10, 4, mask_zero=True)
        >>> layer([[3, 7, 0]]).shape, layer.compute_mask([[3, 7, 0]]).tolist()
        ((1, 3, 4), [[True, True, False]])

    Note:
        `fit` looks at arrays on the host before its first step. Integers on the device
        are not read: outside the table they give NaN, where Keras raises on CPU and
        gives 0 on GPU. Floats are truncated to integers, as in
        Keras.
    """

    takes_one_input = True
    checks_data = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        **options: Any,
    ) -> None:
        weights = options.pop("weights", None)
        options.pop("input_length", None)  # of Keras 2; nothing depends on it
        super().__init__(**options)
        self.input_dim = positive(self, "input_dim", input_dim)
        self.output_dim = positive(self, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = registry.get(
            "regularizer", embeddings_regularizer
        )
        self.embeddings_constraint = registry.get("constraint", embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self._settle_masking(self.mask_zero)
        if weights is not None:
            self._build_for(None)
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any) -> None:
        """Make `embeddings`, whatever the inputs' shape."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """The rows of `embeddings`."""
        self._check(inputs)
        if not jnp.issubdtype(inputs.dtype, jnp.integer):
            inputs = cast(inputs, "int32")
        return gather(self.embeddings, inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        """True where an integer is not 0, if 0 is padding."""
        return convert(inputs) != 0 if self.mask_zero else None

    def _check(self, inputs: Tensor) -> None:
        """Refuse host data outside the table; what is on the device is not read."""
        host = host_values(inputs)
        if host is None or not np.size(host):
            return
        host = np.trunc(host)
        wrong = host[(host < 0) | (host >= self.input_dim)]
        if wrong.size:
            first = wrong.flat[0]
            number = int(first) if np.isfinite(first) else first
            raise OutOfRangeError(
                f"Embedding('{self.name}') has {self.input_dim} rows, from 0 to "
                f"{self.input_dim - 1}; got {number}. Make `input_dim` one "
                "more than the largest integer, or map unknown ones to one row."
            )
