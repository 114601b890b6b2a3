"""Dictionaries keep the order of their keys, as in TensorFlow, whatever JAX does."""

import numpy as np
import pytest

import jaxtape as jt

X = {"width": np.full((4, 1), 5, "float32"), "age": np.zeros((4, 1), "float32")}
Y = np.zeros((4, 1), "float32")


class First(jt.Model):
    """The input that comes first, times a weight."""

    def build(self, input_shape):
        self.weight = self.add_weight((), "ones")

    def call(self, inputs):
        return next(iter(inputs.values())) * self.weight


def test_gradients_pair_with_their_variables_by_zip():
    variables = {"w": jt.Variable(2.0), "b": jt.Variable(3.0)}
    with jt.GradientTape(persistent=True) as tape:
        loss = 10.0 * variables["w"] + variables["b"]
    for found in (tape.gradient(loss, variables), tape.jacobian(loss, variables)):
        assert list(found) == ["w", "b"]
        assert list(found.values()) == [10.0, 1.0]
    found = tape.gradient([loss, [variables]], (variables, {"b": variables["b"]}))
    assert [*map(list, found)] == [["w", "b"], ["b"]]


def test_output_gradients_are_found_by_their_keys():
    x = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        targets = {"w": 2.0 * x, "b": 3.0 * x}
    given = {"b": jt.constant(0.0), "w": jt.constant(1.0)}
    assert tape.gradient(targets, x, output_gradients=given) == 2.0


def test_a_kept_function_sees_and_returns_the_order_of_keys():
    @jt.function
    def first(parts):
        return {"z": next(iter(parts.values())), "a": jt.constant(0.0)}

    one, two = jt.constant(1.0), jt.constant(2.0)
    for _ in range(3):  # recorded, run, run again
        assert first({"z": one, "a": two})["z"] == 1.0
        assert first({"a": two, "z": one})["z"] == 2.0
        assert list(first({"z": one, "a": two})) == ["z", "a"]


def test_a_model_sees_the_order_of_keys_in_calls_and_in_training():
    model = First()
    model.compile(jt.optimizers.SGD(0.0), "mse")
    assert model(X).numpy().ravel().tolist() == [5.0] * 4
    assert model.predict(X, verbose=0).ravel().tolist() == [5.0] * 4
    assert model.evaluate(X, Y, verbose=0) == 25.0
    history = model.fit(X, Y, batch_size=2, validation_split=0.5, verbose=0)
    assert history.history == {"loss": [25.0], "val_loss": [25.0]}
    history = model.fit(iter([(X, Y)] * 2), verbose=0)
    assert history.history == {"loss": [25.0]}


def test_a_functional_model_names_its_outputs_in_their_order():
    inputs = jt.Input((1,))
    outputs = {"width": jt.layers.Flatten()(inputs), "age": 2.0 * inputs}
    model = jt.Model(inputs, outputs)
    for found in (model(Y), model.predict(Y, verbose=0)):
        assert list(found) == ["width", "age"]


def test_keys_of_several_types_are_refused_as_jax_does():
    with pytest.raises((TypeError, ValueError), match=r"keys"):
        jt.function(lambda parts: parts["a"])({"a": jt.constant(1.0), 1: Y})
