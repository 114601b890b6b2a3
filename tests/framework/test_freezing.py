"""Freezing: `trainable` at any depth, before and after the weights are made."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import BatchNormalization, Dense

X = np.ones((2, 3), "float32")


def nested():
    base = jt.Sequential([Dense(4), BatchNormalization(), Dense(4)], name="base")
    return jt.Sequential([base, Dense(2, name="head")])


def sizes(model):
    return len(model.trainable_variables), len(model.non_trainable_variables)


@pytest.mark.parametrize("is_built", [True, False], ids=["after", "before"])
def test_a_part_is_frozen_before_or_after_it_is_built(is_built):
    model = nested()
    if is_built:
        model(X)
    model.get_layer("base").trainable = False
    model(X)
    assert sizes(model) == (2, 8)
    assert {v.name.split("/")[0] for v in model.trainable_variables} == {"head"}


def test_unfreezing_restores_what_was_trainable():
    model = nested()
    model(X)
    assert sizes(model) == (8, 2)
    model.trainable = False
    assert sizes(model) == (0, 10)
    model.trainable = True
    assert sizes(model) == (8, 2)


def test_a_frozen_part_stays_as_it_is_in_training():
    model = nested()
    model(X)
    model.get_layer("base").layers[0].trainable = False
    before = model.get_layer("base").layers[0].get_weights()
    optimizer = jt.optimizers.SGD(0.1)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(model(X, training=True) ** 2)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))  # noqa: B905
    after = model.get_layer("base").layers[0].get_weights()
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_layer_added_to_a_frozen_model_is_frozen():
    model = jt.Sequential([jt.Input((3,)), Dense(2)], trainable=False)
    model.add(Dense(1))
    assert sizes(model) == (0, 4)


def test_a_frozen_model_comes_frozen_from_its_config():
    model = nested()
    model(X)
    model.get_layer("base").trainable = False
    again = jt.Sequential.from_config(model.get_config())
    assert sizes(again) == (2, 8)
    again.trainable = True
    assert sizes(again) == (8, 2)


def test_a_functional_model_freezes_its_layers():
    x = jt.Input((3,))
    model = jt.Model(x, Dense(1)(Dense(2)(x)), trainable=False)
    assert sizes(model) == (0, 4)
    model.layers[-1].trainable = True
    assert sizes(model) == (2, 2)
