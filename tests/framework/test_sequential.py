import copy
import json
import re

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import Activation, Dense, Flatten
from tests.golden_values import keras_signature, signature_of

X = np.ones((2, 3), "float32")


def test_arguments_are_keras_s():
    assert signature_of(jt.Sequential) == keras_signature("Sequential")


def test_layers_are_called_in_order():
    model = jt.Sequential([Dense(4, "relu"), Dense(1)])
    y = model(X)
    first, second = model.layers
    hidden = np.maximum(X @ first.kernel.numpy(), 0)
    np.testing.assert_allclose(y, hidden @ second.kernel.numpy(), rtol=1e-5, atol=1e-6)


def test_weights_come_with_the_shape_or_with_the_first_call():
    assert len(jt.Sequential([Dense(4, input_shape=(3,)), Dense(1)]).weights) == 4
    model = jt.Sequential([Dense(4), Dense(1)])
    assert model.weights == []
    model.build((None, 3))
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 1), (1,)]


def test_shapes_are_followed_through_other_layers():
    model = jt.Sequential([jt.Input((2, 5)), Flatten(), Dense(3)])
    assert model.weights[0].shape == (10, 3)


def test_layers_are_added_and_popped():
    model = jt.Sequential()
    model.add(jt.Input((3,)))
    model.add(Dense(4))
    model.add(Dense(2))
    assert model(X).shape == (2, 2)
    model.pop()
    assert model(X).shape == (2, 4)
    model.add(Dense(5))
    assert model(X).shape == (2, 5)
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 5), (5,)]


def test_a_frozen_model_has_nothing_to_train():
    model = jt.Sequential([Dense(1, input_shape=(3,))], trainable=False)
    assert (model.trainable_variables, len(model.weights)) == ([], 2)


def test_summary_shows_shapes():
    lines = []
    model = jt.Sequential([Dense(4, input_shape=(3,), name="hidden"), Dense(1)])
    model.summary(print_fn=lines.append)
    assert re.fullmatch(r"│ hidden \(Dense\) +│ \(None, 4\) +│ +16 │", lines[4])
    assert lines[-3] == " Total params: 21 (84.00 B)"


def test_what_is_no_layer_raises():
    with pytest.raises(TypeError, match="got function"):
        jt.Sequential([lambda x: x])


def test_names_are_unique():
    with pytest.raises(ValueError, match="layer named 'same' already"):
        jt.Sequential([Dense(1, name="same"), Dense(1, name="same")])


def test_nothing_to_pop():
    with pytest.raises(ValueError, match="no layer to pop"):
        jt.Sequential().pop()


def test_a_wrong_input_raises_and_nothing_changes():
    model = jt.Sequential([Dense(4, input_shape=(3,)), Dense(1)])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"last axis 3.*got shape \(2, 5\)"):
        model(np.ones((2, 5), "float32"))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_input_shape_is_known_from_an_input_a_build_or_a_call():
    given = jt.Sequential([jt.Input((3,)), Dense(2)])
    built = jt.Sequential([Dense(2)])
    built.build((None, 3))
    called = jt.Sequential([Dense(2)])
    called(X)
    for model in (given, built, called):
        assert (model.input_shape, model.output_shape) == ((None, 3), (None, 2))
        assert model.layers[0].output is model.output
        features = jt.Model(model.inputs, model.layers[0].output)
        np.testing.assert_array_equal(features(X), model(X))


def test_layers_added_after_building_are_built_at_once():
    model = jt.Sequential([Dense(4)])
    model(X)
    model.add(Dense(5))
    assert (model.output_shape, len(model.weights)) == ((None, 5), 4)
    assert model.pop().units == 5
    assert (model.output_shape, len(model.weights)) == ((None, 4), 2)
    model.add(Dense(6), rebuild=False)
    assert len(model.weights) == 2
    assert model(X).shape == (2, 6)


def test_a_layer_that_does_not_fit_is_not_added():
    model = jt.Sequential([jt.Input((3,)), Dense(4)])
    misfit = Dense(1)
    misfit(X)
    with pytest.raises(ValueError, match=r"last axis 3.*got shape .*4"):
        model.add(misfit)
    assert (len(model.layers), model(X).shape) == (1, (2, 4))


def test_training_and_masks_are_passed_along():
    model = jt.Sequential([jt.Sequential([jt.layers.Dropout(1.0)])])
    assert not model(X, training=True).numpy().any()

    class Counting(jt.Layer):
        def call(self, inputs, mask=None):
            counted = inputs[..., 0] * 0 + 1 if mask is None else mask
            return jt.reduce_sum(jt.cast(counted, "int32"), axis=1)

    sequence = jt.layers.Embedding(5, 2, mask_zero=True)
    model = jt.Sequential([sequence, jt.layers.Dropout(0.5), Counting()])
    assert model(np.array([[1, 2, 0, 0], [3, 0, 0, 0]])).numpy().tolist() == [2, 1]


def test_a_sequential_inside_a_functional_model_is_built_by_it():
    inner = jt.Sequential([Dense(4), Dense(2)])
    x = jt.Input((3,))
    model = jt.Model(x, inner(x) + 1)
    k1, b1, k2, b2 = inner.get_weights()
    expected = (X @ k1 + b1) @ k2 + b2 + 1
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-6)


def test_layers_that_read_values_are_built_when_they_are_called():
    class Reading(jt.Layer):
        def call(self, inputs):
            return inputs if jt.reduce_sum(inputs) > 0 else -inputs

    model = jt.Sequential([Reading(), Dense(2)])
    assert model(X).shape == (2, 2)
    assert len(model.weights) == 2


def test_an_input_comes_first():
    with pytest.raises(ValueError, match=r"Input of shape \(None, 3\) after 1 layers"):
        jt.Sequential([Dense(2), jt.Input((3,))])
    model = jt.Sequential([jt.Input((3,)), Dense(2)])
    with pytest.raises(ValueError, match=r"\(None, 4\).*input shape is \(None, 3\)"):
        model.add(jt.Input((4,)))


def test_config_and_copies_have_the_same_layers():
    model = jt.Sequential([Dense(4, "relu"), jt.Sequential([Dense(2)])], name="s")
    model(X)
    config = json.loads(json.dumps(model.get_config()))
    for again in (jt.Sequential.from_config(config), copy.deepcopy(model)):
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(again(X), model(X), rtol=1e-6)
        assert again.get_config() == model.get_config()
        assert list(again.variables_by_path()) == list(model.variables_by_path())
        assert again.output_shape == (None, 2)


def deep(count, layer):
    """A model that is deeper than Python's stack, through all that walks its layers."""
    model = jt.Sequential([jt.Input((3,)), *[layer() for _ in range(count)]])
    assert len(model.layers) == count
    model.summary(print_fn=lambda line: None)
    assert len(model.get_config()["layers"]) == count + 1
    with jt.GradientTape() as tape:
        x = jt.constant(X)
        tape.watch(x)
        loss = jt.reduce_sum(model(x))
    return model, tape.gradient(loss, x)


def test_a_deep_model_needs_no_recursion():
    model, gradient = deep(1200, lambda: Activation("linear"))
    np.testing.assert_array_equal(gradient, np.ones((2, 3)))
    assert model.variables == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*calls wait under one tape")
def test_ten_thousand_layers_with_weights():
    def identity():
        return Dense(3, kernel_initializer="identity")

    model, gradient = deep(10_000, identity)
    np.testing.assert_array_equal(gradient, np.ones((2, 3)))
    assert len(model.variables_by_path()) == 20_000
    assert model.count_params() == 120_000


def test_a_hundred_levels_are_built_called_and_differentiated():
    """The stack of Python has place for sixty of those frames that a call builds in."""
    model = jt.Sequential([jt.layers.Dense(2, use_bias=False)])
    for _ in range(100):
        model = jt.Sequential([model])
    with jt.GradientTape() as tape:
        total = jt.reduce_sum(model(jt.ones((3, 4))))
    (gradient,) = tape.gradient(total, model.trainable_variables)
    assert gradient.tolist() == [[3.0, 3.0]] * 4  # each weight meets three ones


def test_a_stack_that_is_full_is_tried_once():
    """With samples of the shape at each level it would be 3**levels calls."""
    calls = []

    class Deep(jt.Layer):
        def call(self, inputs):
            calls.append(inputs.shape)
            raise RecursionError("no place left")

    model = jt.Sequential([jt.Input((4,))])
    with pytest.raises(RecursionError, match="no place left"):
        model.add(jt.Sequential([jt.Sequential([Deep()])]))
    assert len(calls) == 1


def test_a_first_layer_that_is_a_model_gives_the_input_shape():
    """Keras 3.15.1 makes the weights at once too: transfer learning counts them."""
    base = jt.Sequential([jt.Input((3,)), jt.layers.Dense(4)])
    base.trainable = False
    model = jt.Sequential([base, jt.layers.Dense(2)])
    assert [v.shape for v in model.trainable_variables] == [(4, 2), (2,)]
    assert model.output_shape == (None, 2)
    assert model.layers[0] is base


def test_a_first_model_of_several_inputs_waits_for_the_first_call():
    first, second = jt.Input((3,)), jt.Input((3,))
    base = jt.Model([first, second], jt.layers.Add()([first, second]))
    model = jt.Sequential([base, jt.layers.Dense(2)])
    assert not model.built
    x = np.ones((1, 3), "float32")
    assert model([x, x]).shape == (1, 2)


def test_inputs_get_or_lose_a_last_axis_of_one():
    """As in Keras: a vector is a column, images without channels have one."""
    line = jt.Sequential([jt.Input((1,)), Dense(1, kernel_initializer="ones")])
    assert line(np.float32([2.0, 3.0])).numpy().tolist() == [[2.0], [3.0]]
    image = jt.Sequential([jt.Input((2, 2, 1)), Flatten()])
    assert image(np.ones((3, 2, 2))).shape == (3, 4)
    row = jt.Sequential([jt.Input((2,)), Dense(1, kernel_initializer="ones")])
    assert row(np.ones((3, 2, 1))).numpy().tolist() == [[2.0]] * 3


def test_a_vector_is_fitted_evaluated_and_predicted_as_a_column():
    """Least squares: y = 2x - 1 without error."""
    x = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    model = jt.Sequential([Dense(1, input_shape=[1])])
    model.compile(jt.optimizers.SGD(0.1), "mse")
    model.fit(x, 2 * x - 1, epochs=300, verbose=0)
    assert model.evaluate(x, 2 * x - 1, verbose=0) < 1e-8
    predicted = model.predict(np.array([10.0]), verbose=0)
    np.testing.assert_allclose(predicted, [[19.0]], rtol=1e-4)


def test_input_dim_is_an_input_shape_of_one_axis():
    assert Dense(2, input_dim=3).units == 2
    assert jt.Sequential([Dense(2, input_dim=3)]).input_shape == (None, 3)


def test_a_vector_given_to_dense_is_explained():
    with pytest.raises(jt.errors.ShapeError, match=r"x\[:, None\]"):
        jt.Sequential([Dense(1)])(np.ones(4))
    layer = Dense(1)
    layer(np.ones((2, 3)))
    with pytest.raises(jt.errors.ShapeError, match=r"x\[:, None\]"):
        layer(np.ones(5))
