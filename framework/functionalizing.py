"""functionalize: a model as a pure function, for `jax.jit`, `jax.grad` and the like."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import ArgumentError, ArgumentTypeError, NotBuiltError, ShapeError
from .layer import Layer
from .recording.body import Computation, traced
from .recording.node import Handle
from .recording.signature import type_of
from .variable import Variable


def functionalize(
    model: Layer, with_state: bool = False
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A model as a pure function of its variables: `apply, params`.

    `apply(params, *inputs, **options)` computes what `model(*inputs, **options)` does
    with the values in `params`, of arrays, and returns arrays. It changes nothing, and
    reads of the model its structure as it is when `apply` is called or traced.

    Args:
        model: A model or layer that has its weights.
        with_state: Whether `apply` returns `(outputs, new_params)`. There the
            variables that a call assigns, such as the moving statistics of
            BatchNormalization in training, have their new values; otherwise these are
            dropped.

    Returns:
        The function, and copies of all variables by their paths, a dictionary.

    Raises:
        NotBuiltError: if the weights were not made yet.

    Example:
        >>> import jax
        >>> model = jt.Sequential([jt.Input((3,)), jt.layers.Dense(2)])
        >>> apply, params = jt.functionalize(model)
        >>> sorted(params)
        ['dense/bias', 'dense/kernel']
        >>> jax.jit(apply)(params, np.ones((4, 3))).shape
        (4, 2)

    Note:
        What `apply` draws, as dropout does in training, it draws from `rng`, an integer
        or a key of `jax.random` among its options: the same for the same `rng`. Without
        one it draws from the present state of the model's generators.
    """
    if not isinstance(model, Layer):
        raise ArgumentTypeError(
            f"functionalize() takes a model or layer; got {type(model).__name__}."
        )
    if not model.built:
        raise NotBuiltError(
            f"{type(model).__name__}('{model.name}') has no weights yet. Call it on "
            "data, or model.build((None, ...)), before functionalize()."
        )
    params = {
        path: jnp.copy(variable._array())
        for path, variable in model.variables_by_path().items()
    }

    def apply(
        params: Mapping[str, Any], *inputs: Any, rng: Any = None, **options: Any
    ) -> Any:
        """The model's outputs for these values of its variables."""
        variables = model.variables_by_path()
        _check(params, variables)
        computation, tree, arrays = _computation(model, inputs, options)
        paths = {id(variable): path for path, variable in variables.items()}
        states = _random_states(computation, paths, rng)
        captured = [
            params[paths[id(handle)]]
            if id(handle) in paths
            else states.get(id(handle), handle._array())
            for handle in computation.captured
        ]
        found = computation.compute(*arrays, *captured)
        outputs = jax.tree.unflatten(tree, found[: computation.num_results])
        if not with_state:
            return outputs
        assigned = [computation.captured[place] for place in computation.assigned]
        values = zip(assigned, found[computation.num_results :], strict=True)
        new = {paths[id(v)]: value for v, value in values if id(v) in paths}
        return outputs, {**params, **new}

    return apply, params


def _computation(
    model: Layer, inputs: tuple, options: dict
) -> tuple[Computation, Any, list[Any]]:
    """What a call computes, how its results nest, and the arrays that it takes."""
    leaves, tree = jax.tree.flatten((inputs, options), is_leaf=_is_array)
    places = [place for place, leaf in enumerate(leaves) if _is_array(leaf)]
    arrays = [_array_of(leaves[place]) for place in places]

    def called(*placeholders: Any) -> Any:
        filled = list(leaves)
        for place, placeholder in zip(places, placeholders, strict=True):
            filled[place] = placeholder
        args, named = jax.tree.unflatten(tree, filled)
        return model(*args, **named)

    kinds = [type_of(array) for array in arrays]
    computation, results = traced("functionalize", called, kinds)
    return computation, results, arrays


def _is_array(value: Any) -> bool:
    return isinstance(value, Handle | np.ndarray | np.generic | jax.Array)


def _array_of(value: Any) -> Any:
    if isinstance(value, jax.Array):
        return value
    return jnp.asarray(value._array() if isinstance(value, Handle) else value)


def _random_states(
    computation: Computation, paths: dict[int, str], rng: Any
) -> dict[int, Any]:
    """States for the generators that a call draws from, made of `rng`."""
    if rng is None:
        return {}
    is_key = isinstance(rng, jax.Array) and jnp.issubdtype(
        rng.dtype, jax.dtypes.prng_key
    )
    key = rng if is_key else jax.random.key(rng)
    states = {}
    for place in computation.assigned:
        handle = computation.captured[place]
        is_state = isinstance(handle, Variable) and handle.dtype == np.uint32
        if is_state and id(handle) not in paths:
            words = jax.random.key_data(jax.random.fold_in(key, len(states)))
            states[id(handle)] = jnp.resize(words, handle._type.shape)
    return states


def _check(params: Mapping[str, Any], variables: dict[str, Variable]) -> None:
    """Refuse values for other variables than the model's, or of other shapes."""
    missing = [path for path in variables if path not in params]
    unknown = [path for path in params if path not in variables]
    if missing or unknown:
        raise ArgumentError(
            f"`params` must have a value for each of {len(variables)} variables of the "
            f"model: missing {missing}, unexpected {unknown}. Start from the params "
            "that functionalize() returned."
        )
    for path, variable in variables.items():
        shape = tuple(np.shape(params[path]))
        if shape != variable._type.shape:
            raise ShapeError(
                f"`params['{path}']` must have shape {variable._type.shape}; got "
                f"{shape}. Start from the params that functionalize() returned."
            )
