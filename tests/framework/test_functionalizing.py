"""functionalize: a model as a pure function, whose gradients are the tape's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import (
    ArgumentError,
    ArgumentTypeError,
    NotBuiltError,
    ShapeError,
)
from jaxtape.layers import BatchNormalization, Dense, Dropout

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def small():
    return jt.Sequential([jt.Input((3,)), Dense(4, "tanh"), Dense(2)])


def test_apply_computes_what_the_model_does():
    model = small()
    apply, params = jt.functionalize(model)
    paths = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert list(params) == paths
    k1, b1, k2, b2 = params.values()
    expected = np.tanh(X @ k1 + b1) @ k2 + b2
    np.testing.assert_allclose(apply(params, X), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jax.jit(apply)(params, X), expected, rtol=1e-5)
    other = jax.tree.map(jnp.zeros_like, params)
    assert not np.asarray(apply(other, X)).any()


def test_gradients_are_the_tape_s():
    model = small()
    apply, params = jt.functionalize(model)
    found = jax.jit(jax.grad(lambda p: jnp.sum(apply(p, X) ** 2)))(params)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(model(X) ** 2)
    variables = model.variables_by_path()
    expected = tape.gradient(loss, list(variables.values()))
    for path, gradient in zip(variables, expected, strict=True):
        np.testing.assert_allclose(found[path], gradient, rtol=1e-4, atol=1e-5)


def test_vmap_takes_one_model_for_each_row_of_its_parameters():
    model = small()
    apply, params = jt.functionalize(model)
    many = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)
    both = jax.vmap(apply, in_axes=(0, None))(many, X)
    np.testing.assert_allclose(both[0], model(X), rtol=1e-5, atol=1e-6)
    twice = apply(jax.tree.map(lambda p: 2 * p, params), X)
    np.testing.assert_allclose(both[1], twice, rtol=1e-5, atol=1e-6)


def test_new_state_is_returned_and_the_model_stays_as_it_is():
    model = jt.Sequential([jt.Input((3,)), BatchNormalization(momentum=0.9)])
    apply, params = jt.functionalize(model, with_state=True)
    before = model.get_weights()
    _, new = jax.jit(lambda p, x: apply(p, x, training=True))(params, X)
    mean = "batch_normalization/moving_mean"
    np.testing.assert_allclose(new[mean], 0.1 * X.mean(0), rtol=1e-5)
    assert new.keys() == params.keys()
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    _, same = apply(params, X)
    np.testing.assert_array_equal(same[mean], params[mean])


def test_params_are_copies():
    model = small()
    _, params = jt.functionalize(model)
    model.set_weights([weight * 0 for weight in model.get_weights()])
    assert np.asarray(params["dense/kernel"]).any()


def test_draws_follow_rng():
    apply, params = jt.functionalize(jt.Sequential([jt.Input((3,)), Dropout(0.5)]))

    def draw(rng):
        return np.asarray(apply(params, np.ones((20, 3)), training=True, rng=rng))

    np.testing.assert_array_equal(draw(1), draw(1))
    np.testing.assert_array_equal(draw(1), draw(jax.random.key(1)))
    assert (draw(1) != draw(2)).any()
    assert set(np.unique(draw(3))) == {0, 2}


def test_outputs_nest_as_the_model_s():
    x = jt.Input((3,))
    apply, params = jt.functionalize(jt.Model(x, {"twice": 2 * x, "both": [x, x + 1]}))
    found = apply(params, X)
    np.testing.assert_allclose(found["twice"], 2 * X)
    assert isinstance(found["both"][1], jax.Array)


def test_wrong_parameters_are_told():
    apply, params = jt.functionalize(small())
    with pytest.raises(ArgumentError, match=r"missing \['dense/bias'\]"):
        apply({k: v for k, v in params.items() if k != "dense/bias"}, X)
    with pytest.raises(ShapeError, match=r"\['dense/bias'\]` must have shape \(4,\)"):
        apply({**params, "dense/bias": jnp.zeros(5)}, X)


def test_weights_must_be_there():
    with pytest.raises(NotBuiltError, match=r"Sequential\('s'\) has no weights yet"):
        jt.functionalize(jt.Sequential([Dense(1)], name="s"))
    with pytest.raises(ArgumentTypeError, match="got function"):
        jt.functionalize(lambda x: x)
