"""clone_model: the same layers, with weights of their own."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentTypeError
from jaxtape.layers import Add, Dense

X = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)


def tied():
    """A functional model that calls one layer in two models."""
    layer = Dense(3, name="tied")
    inner = jt.Sequential([jt.Input((3,)), layer], name="inner")
    x = jt.Input((3,))
    return jt.Model(x, Add()([inner(x), layer(x)]))


def test_a_clone_keeps_what_is_shared_also_between_models():
    model = tied()
    clone = jt.clone_model(model)
    assert len(clone.weights) == len(model.weights) == 2
    assert clone.get_layer("tied") is clone.get_layer("inner").layers[0]
    kernel, bias = clone.get_weights()
    np.testing.assert_allclose(clone(X), 2 * (X @ kernel + bias), rtol=1e-5)


def test_weights_are_drawn_anew():
    model = tied()
    clone = jt.keras.models.clone_model(model)
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    assert clone.weights[0] is not model.weights[0]


def test_a_sequential_is_cloned_with_or_without_its_input():
    for layers in ([jt.Input((3,)), Dense(2)], [Dense(2)]):
        clone = jt.clone_model(jt.Sequential(layers, name="s"))
        assert (clone.name, len(clone.layers)) == ("s", 1)
        assert clone(X).shape == (2, 2)


def test_layers_may_be_replaced():
    model = jt.Sequential([jt.Input((3,)), Dense(2), Dense(4)])

    def wider(layer):
        return Dense(layer.units + 1, name=layer.name)

    assert jt.clone_model(model, clone_function=wider).output_shape == (None, 5)


def test_a_clone_may_begin_elsewhere():
    x = jt.Input((3,))
    model = jt.Model(x, Dense(2)(x))
    start = jt.Input((3,), batch_size=7)
    assert jt.clone_model(model, start).output_shape == (7, 2)
    assert jt.clone_model(model, [start]).input is start


def test_a_subclass_is_made_from_its_config():
    class Network(jt.Model):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.units = units
            self.out = Dense(units)

        def call(self, inputs):
            return self.out(inputs)

    clone = jt.clone_model(Network(4, name="n"))
    assert (clone.name, clone(X).shape) == ("n", (2, 4))


def test_only_models_are_cloned():
    with pytest.raises(ArgumentTypeError, match="got Dense"):
        jt.clone_model(Dense(1))
