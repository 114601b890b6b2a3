import re

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import Dense, Flatten
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
