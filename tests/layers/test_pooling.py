import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.keras_layers import cases, check, name_of

NAMES = ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", cases(*NAMES), ids=name_of)
def test_value_and_gradient_are_those_of_keras(case):
    check(case)


@pytest.mark.parametrize("name", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("ndim", [1, 2])
def test_short_names_are_the_same_classes(name, ndim):
    long = name.replace("Avg", "Average") + f"ing{ndim}D"
    assert getattr(jt.layers, f"{name}{ndim}D") is getattr(jt.layers, long)


def test_channels_first_is_the_same_on_turned_data():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    last = jt.layers.MaxPooling2D(2, padding="same")
    first = jt.layers.MaxPooling2D(2, padding="same", data_format="channels_first")
    found = first(x.transpose(0, 3, 1, 2)).numpy()
    np.testing.assert_array_equal(found.transpose(0, 2, 3, 1), last(x))


def test_arguments_are_kept_for_the_config():
    layer = jt.layers.AveragePooling2D((2, 3), padding="SAME")
    config = layer.get_config()
    assert tuple(config["strides"]) == tuple(config["pool_size"]) == (2, 3)
    again = jt.layers.AveragePooling2D.from_config(config)
    assert again.get_config() == config


@pytest.mark.parametrize("layer", [jt.layers.MaxPooling2D, jt.layers.AveragePooling2D])
def test_an_unknown_batch_keeps_its_symbol(layer):
    (batch,) = jax.export.symbolic_shape("b")
    kind = jax.ShapeDtypeStruct((batch, 5, 4, 1), "float32")
    out = jax.eval_shape(lambda x: layer(padding="same")(x)._array(), kind)
    assert out.shape == (batch, 3, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "`pool_size` of MaxPooling2D .*; got 0"),
        (((2, 2, 2),), r"`pool_size` of MaxPooling2D .*; got \(2, 2, 2\)"),
        ((2, "2"), "`strides` of MaxPooling2D .*; got '2'"),
        ((2, 2, "full"), "`padding` of MaxPooling2D must be .*; got 'full'"),
        ((2, 2, "valid", "NCHW"), "`data_format` must be .*; got 'NCHW'"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        jt.layers.MaxPooling2D(*arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 4, 4), r"MaxPooling2D\('p'\) takes inputs with 4 axes: .*\(2, 4, 4\)"),
        ((1, 3, 8, 1), r"windows of \(4, 4\) that do not fit into the \(3, 8\)"),
    ],
)
def test_inputs_that_do_not_fit(shape, message):
    with pytest.raises(ShapeError, match=message):
        jt.layers.MaxPooling2D(4, name="p")(np.ones(shape, "float32"))


def test_several_inputs_are_refused():
    images = jt.ones((1, 4, 4, 1))
    with pytest.raises(ArgumentTypeError, match="takes one array; got a list"):
        jt.layers.MaxPooling2D()([images, images])
