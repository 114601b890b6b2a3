"""Layers that merge; their values and masks are in `test_layer_goldens.py`."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)

X = np.arange(24, dtype="float32").reshape(2, 4, 3)
LAYERS = pytest.mark.parametrize("kind", [Add, Concatenate])
OTHERS = pytest.mark.parametrize("kind", [Average, Maximum, Minimum, Multiply])


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


@OTHERS
def test_the_others_take_and_refuse_the_same_lists(kind):
    expected = X * X if kind is Multiply else X
    np.testing.assert_array_equal(kind()([X, X]).numpy(), expected)
    with pytest.raises(TypeError, match=r"takes a list.*shape \(2, 4, 3\)"):
        kind()(X)
    with pytest.raises(ValueError, match="got an empty one"):
        kind()([])
    with pytest.raises(ValueError, match=r"got \(2, 4, 3\), \(1, 4, 3\)"):
        kind()([X, X[:1]])


def test_a_difference_is_of_two():
    np.testing.assert_array_equal(Subtract()([X, 1 + X]).numpy(), np.full_like(X, -1))
    with pytest.raises(ValueError, match=r"'gap'\) takes a list of 2 .*; got 3"):
        Subtract(name="gap")([X, X, X])


def test_integers_have_a_mean_that_is_none():
    found = Average()([np.array([1, 2]), np.array([2, 2])])
    assert found.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(("kind", "index"), [(Maximum, 0), (Minimum, 0)])
def test_at_a_tie_the_first_gets_the_gradient_as_in_tensorflow(kind, index):
    parts = [jt.Variable([1.0]) for _ in range(3)]
    with jt.GradientTape() as tape:
        y = kind()(parts)
    gradients = [float(g.numpy()[0]) for g in tape.gradient(y, parts)]
    assert gradients == [float(place == index) for place in range(3)]


def test_steps_that_a_mask_leaves_out_are_not_multiplied():
    masks = [np.array([[True, False]]), np.array([[True, True]])]
    x, y = np.full((1, 2, 1), 2.0, "float32"), np.full((1, 2, 1), 3.0, "float32")
    assert Multiply()([x, y], mask=masks).numpy().ravel().tolist() == [6.0, 3.0]
    assert Maximum()([9 * x, y], mask=masks).numpy().ravel().tolist() == [18.0, 3.0]


def test_dot_is_the_product_of_matrices():
    y = X.transpose(0, 2, 1)
    np.testing.assert_allclose(Dot(axes=(2, 1))([X, y]), X @ y, rtol=1e-6)
    cosines = Dot(axes=2, normalize=True)([X, X]).numpy()
    np.testing.assert_allclose(np.diagonal(cosines, axis1=1, axis2=2), 1, rtol=1e-6)


def test_the_cosine_with_a_vector_of_zeros_has_a_gradient():
    x = jt.Variable(np.zeros((1, 3), "float32"))
    with jt.GradientTape() as tape:
        y = Dot(axes=1, normalize=True)([x, jt.ones((1, 3))])
    assert y.tolist() == [[0.0]]
    assert np.isfinite(tape.gradient(y, x).numpy()).all()


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        (None, TypeError, "`axes` of Dot must be .*; got None"),
        ((1, 2, 3), ValueError, r"`axes` of Dot must be .*; got \(1, 2, 3\)"),
        (0, ValueError, "not 0, the batch; got 0"),
    ],
)
def test_axes_of_dot_that_are_refused(axes, error, message):
    with pytest.raises(error, match=message):
        Dot(axes)


@pytest.mark.parametrize("axes", [3, -3, (1, 2)])
def test_shapes_that_cannot_be_summed_over_raise(axes):
    layer = Dot(axes, name="d")
    with pytest.raises(ValueError, match=r"'d'\) sums .* \(2, 4, 3\) and \(2, 4, 3\)"):
        layer([X, X])
    with pytest.raises(ValueError, match="takes a list of 2 Tensors; got 1"):
        layer([X])
    with pytest.raises(ValueError, match=r"\(2, 4, 3\) and \(1, 4, 3\)"):
        Dot(1)([X, X[:1]])


def test_functions_call_a_layer():
    functions = {
        "add": X + X,
        "average": X,
        "concatenate": np.concatenate([X, X], -1),
        "maximum": X,
        "minimum": X,
        "multiply": X * X,
        "subtract": X - X,
    }
    for name, expected in functions.items():
        found = getattr(jt.layers, name)([X, X], name="merged")
        np.testing.assert_array_equal(found.numpy(), expected)
    assert jt.layers.dot([X, X], axes=1, normalize=True).shape == (2, 3, 3)
    assert jt.layers.concatenate([X, X], axis=1).shape == (2, 8, 3)


def test_models_are_made_of_them():
    x, y = jt.Input((4, 3)), jt.Input((4, 3))
    parts = [kind()([x, y]) for kind in (Average, Maximum, Minimum, Multiply, Subtract)]
    model = jt.Model([x, y], [jt.layers.add(parts), jt.layers.dot([x, y], axes=2)])
    assert [out.shape for out in model.outputs] == [(None, 4, 3), (None, 4, 4)]
    np.testing.assert_allclose(model([X, X])[0], X * X + 3 * X, rtol=1e-6)
    assert Dot((2, 1)).compute_output_shape([(None, 4, 3), (None, 3, 5)]) == (
        None,
        4,
        5,
    )
