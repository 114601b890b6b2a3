"""Dry runs: what a model returns for batches of a kind, computing nothing.

Where all data is on the host, layers may look at it, as Embedding does for numbers
outside its table; so such an error comes before anything runs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from .. import nesting
from ..known_data import standing_for
from ..layer import Layer
from ..recording.body import is_handle, traced
from ..recording.signature import TensorType, tensor_type
from .compiled import predict
from .data import unpack_x_y_sample_weight


def output_types(
    function: Callable[[Any], Any], kinds: Sequence[TensorType], tree: Any
) -> Any:
    """Shapes and dtypes of what a function of a batch returns."""
    computation, out = traced(
        "fit", lambda *given: function(jax.tree.unflatten(tree, given)), kinds
    )
    return jax.tree.unflatten(out, [kind.as_jax() for kind in computation.types])


def prediction_types(
    model: Any, x: Any, arrays: tuple | None, training: bool = True
) -> Any:
    """Shapes and dtypes of a model's outputs.

    Args:
        model: Any model.
        x: Shapes and dtypes of the inputs of a batch, nested.
        arrays: All of the data, if it is known, for layers to look at.
        training: As of the call.
    """
    leaves, tree = nesting.flatten(x)
    kinds = [tensor_type(leaf.shape, leaf.dtype) for leaf in leaves]
    known = jax.tree.leaves(arrays[0]) if arrays else [None] * len(leaves)

    def act(x: Any) -> Any:
        with standing_for(jax.tree.leaves(x, is_leaf=is_handle), known):
            return predict(model, x, training)

    return output_types(act, kinds, tree)


def check_data(model: Any, arrays: tuple | None) -> None:
    """Let the layers that would look at the inputs of an evaluation, if there are any.

    Raises:
        OutOfRangeError: for numbers outside the table of an Embedding.
    """
    parts = (model, *model.submodules)
    if arrays is None or not any(
        isinstance(part, Layer) and part.checks_data for part in parts
    ):
        return
    x = nesting.map_leaves(_one_sample, unpack_x_y_sample_weight(arrays)[0])
    prediction_types(model, x, arrays, training=False)


def _one_sample(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *array.shape[1:]), array.dtype)
