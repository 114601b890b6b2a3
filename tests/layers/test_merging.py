"""Add and Concatenate; their values and masks are in `test_layer_goldens.py`."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import Add, Concatenate

X = np.arange(24, dtype="float32").reshape(2, 4, 3)
LAYERS = pytest.mark.parametrize("kind", [Add, Concatenate])


def test_lists_and_tuples_of_any_arrays():
    for inputs in ([X, jt.constant(X)], (X, X)):
        np.testing.assert_array_equal(Add()(inputs).numpy(), 2 * X)
        expected = np.concatenate([X, X], -1)
        np.testing.assert_array_equal(Concatenate()(inputs).numpy(), expected)


def test_functions_of_these_names_make_layers():
    """As in Keras's functional guide: `layers.add([x, y])`."""
    first, second = jt.Input((4, 3)), jt.Input((4, 3))
    total = jt.layers.add([first, second], name="total")
    joined = jt.layers.concatenate([total, second], axis=1, name="joined")
    model = jt.Model([first, second], joined)
    assert [layer.name for layer in model.layers[2:]] == ["total", "joined"]
    expected = np.concatenate([2 * X, X], axis=1)
    np.testing.assert_array_equal(model([X, X]).numpy(), expected)


@LAYERS
def test_one_input_is_returned(kind):
    np.testing.assert_array_equal(kind()([X]).numpy(), X)


def test_gradients_reach_all_inputs():
    parts = [jt.Variable(X), jt.Variable(X[..., :1])]
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(Add()(parts)) + 2 * jt.reduce_sum(Concatenate()(parts))
    whole, column = tape.gradient(loss, parts)
    np.testing.assert_array_equal(whole.numpy(), np.full(X.shape, 3.0))
    np.testing.assert_array_equal(column.numpy(), np.full((2, 4, 1), 5.0))


@LAYERS
def test_half_precision_keeps_its_dtype(kind):
    x = jt.cast(X, "bfloat16")
    assert kind()([x, x]).dtype == "bfloat16"
    assert kind()([x[:0], x[:0]]).shape[0] == 0


@LAYERS
def test_one_array_alone_raises(kind):
    with pytest.raises(TypeError, match=r"'both'\) takes a list.*shape \(2, 4, 3\)"):
        kind(name="both")(X)


@LAYERS
def test_an_empty_list_raises(kind):
    with pytest.raises(ValueError, match="got an empty one"):
        kind()([])


@LAYERS
@pytest.mark.parametrize("other", [X[:1], X[:, :3], X[:, :, :2].repeat(2, 1)])
def test_shapes_that_do_not_fit_raise(kind, other):
    layer = kind()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"got \(2, 4, 3\), \(" + str(len(other))):
            layer([X, other])
        layer([X, X])  # and again once it is built


def test_an_axis_that_is_not_there_raises():
    with pytest.raises(ValueError, match=r"axis 3 .* got \(2, 4, 3\), \(2, 4, 3\)"):
        Concatenate(axis=3)([X, X])


def test_a_residual_block_shares_what_comes_in():
    inputs, dense = jt.Variable(X), jt.layers.Dense(3, kernel_initializer="identity")
    with jt.GradientTape() as tape:
        outputs = Add()([inputs, dense(inputs)])
    gradient = tape.gradient(outputs, inputs)
    np.testing.assert_array_equal(gradient.numpy(), np.full(X.shape, 2.0))
