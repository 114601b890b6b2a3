import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import Dense
from tests.golden_values import golden, keras_signature, signature_of

X = np.arange(6, dtype="float32").reshape(2, 3)


def test_arguments_are_keras_s():
    ours = signature_of(Dense)[:-1]
    assert ours == keras_signature("Dense")[: len(ours)]
    config = golden("initializers")["keras_defaults"]["configs"]["Dense"]
    assert config["kernel_initializer"]["class_name"] == "GlorotUniform"


def test_one_class_under_all_paths():
    assert jt.layers.Dense is Dense
    assert jt.keras.layers.Dense is Dense


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (3,)])
def test_the_map_is_affine_in_the_last_axis(shape, tolerance):
    layer, x = Dense(2), np.linspace(-1, 1, np.prod(shape), dtype="float32")
    y = layer(x.reshape(shape))
    layer.bias.assign([0.5, -0.5])
    y = layer(x.reshape(shape))
    expected = x.reshape(shape) @ layer.kernel.numpy() + [0.5, -0.5]
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_without_bias_there_is_one_weight():
    layer = Dense(2, use_bias=False, kernel_initializer="ones")
    assert layer(X).tolist() == [[3.0, 3.0], [12.0, 12.0]]
    assert len(layer.weights) == 1


def test_the_gradient_is_the_transposed_product():
    layer = Dense(2)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(layer(X))
    kernel, bias = tape.gradient(loss, layer.trainable_variables)
    np.testing.assert_allclose(kernel.numpy(), X.T @ np.ones((2, 2)))
    assert bias.tolist() == [2.0, 2.0]


def test_the_first_kernel_is_within_glorot_s_limit():
    layer = Dense(50, input_shape=(30,))
    limit = np.sqrt(6 / (30 + 50))
    largest = np.abs(layer(np.eye(30)).numpy()).max()
    assert 0.9 * limit < largest <= limit


@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3"])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(ValueError, match=f"got {units!r}"):
        Dense(units)


def test_another_last_axis_raises_with_both_sizes():
    layer = Dense(2)
    layer(X)
    with pytest.raises(ValueError, match=r"last axis 3.* got shape \(2, 4\)"):
        layer(np.ones((2, 4), "float32"))


def test_a_scalar_raises():
    with pytest.raises(ValueError, match=r"got shape \(\)"):
        Dense(2)(1.0)


def test_constraints_and_regularizers_belong_to_their_weight():
    layer = Dense(
        1,
        kernel_initializer="ones",
        kernel_regularizer=jt.regularizers.l2(0.5),
        bias_constraint=lambda b: jt.maximum(b, 0.0),
        input_shape=(3,),
    )
    layer(X)
    assert [float(loss) for loss in layer.losses] == [1.5]
    jt.optimizers.SGD(1.0).apply([jt.zeros((3, 1)), jt.ones(1)], layer.weights)
    assert layer.bias.tolist() == [0.0]


@pytest.mark.parametrize("is_built", [False, True])
@pytest.mark.parametrize("container", [list, dict])
def test_several_arrays_are_refused(is_built, container):
    dense = jt.layers.Dense(2, name="head")
    if is_built:
        dense(np.zeros((1, 4), np.float32))
    arrays = [np.zeros(4, np.float32)] * 3
    given = arrays if container is list else dict(zip("abc", arrays, strict=True))
    message = rf"'head'\) takes one array; got a {container.__name__} of 3"
    with pytest.raises(TypeError, match=message):
        dense(given)
