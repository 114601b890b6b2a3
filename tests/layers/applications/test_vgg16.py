import re

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.errors import ArgumentError, ShapeError
from tests.contract_row import zeros_for_weights
from tests.golden_values import golden

WITH_TOP, BASE = golden("convolution")["vgg16"]


@pytest.fixture(scope="module")
def base():
    """With weights that are drawn, which takes seconds."""
    return jt.applications.VGG16(include_top=False, input_shape=(32, 32, 3))


def assert_as_in_keras(model, expected):
    assert model.count_params() == expected["parameters"]
    rows = [
        (layer.name, type(layer).__name__, [list(w.shape) for w in layer.weights])
        for layer in model.layers
    ]
    keras = [
        (row["name"], row["class"], row["weight_shapes"]) for row in expected["layers"]
    ]
    assert rows[1:] == keras[1:]
    assert rows[0][1:] == keras[0][1:]  # the input's name has a running number


def test_base_has_the_layers_of_keras():
    with zeros_for_weights():
        base = jt.applications.VGG16(include_top=False, input_shape=(32, 32, 3))
    assert_as_in_keras(base, BASE)
    assert BASE["parameters"] == 14_714_688
    assert base.name == "vgg16"


@pytest.mark.slow  # draws 138 million numbers
def test_whole_network_has_the_layers_of_keras():
    assert_as_in_keras(jt.applications.VGG16(), WITH_TOP)
    assert WITH_TOP["parameters"] == 138_357_544


@pytest.mark.slow  # 13 convolutions to compile
def test_base_makes_images_32_times_smaller():
    base = jt.applications.VGG16(include_top=False, input_shape=(None, None, 3))
    x = np.zeros((2, 64, 32, 3), "float32")
    assert base(x).shape == (2, 2, 1, 512)


def test_images_of_another_size_are_refused_as_by_keras():
    with zeros_for_weights():
        base = jt.applications.VGG16(include_top=False, input_shape=(32, 32, 3))
    with pytest.raises(ShapeError, match=r"found \(2, 64, 32, 3\)"):
        base(np.zeros((2, 64, 32, 3), "float32"))


def test_keras_applications_is_the_same_place():
    assert jt.keras.applications.VGG16 is jt.applications.VGG16


@pytest.mark.slow  # writes and reads 59 MB
def test_weights_come_from_a_file(base, tmp_path):
    path = tmp_path / "vgg16.weights.safetensors"
    base.save_weights(path)
    again = jt.applications.VGG16(
        include_top=False, weights=path, input_shape=(48, 32, 3)
    )
    pairs = zip(again.get_weights(), base.get_weights(), strict=True)
    assert all(np.array_equal(new, old) for new, old in pairs)


@pytest.mark.parametrize("top", [True, False])
def test_imagenet_raises_and_says_how_to_convert(top):
    told = f"keras.applications.VGG16(include_top={top})"
    with pytest.raises(ArgumentError, match=re.escape(told)) as caught:
        jt.applications.VGG16(include_top=top, weights="imagenet")
    assert "`weights` is 'imagenet'" in str(caught.value)
    assert 'VGG16(weights="vgg16.weights.safetensors")' in str(caught.value)


@pytest.mark.parametrize("shape", [(31, 32, 3), (32, 32)])
def test_images_that_are_too_small_are_refused(shape):
    with pytest.raises(ShapeError, match=re.escape(f"got `input_shape` {shape}")):
        jt.applications.VGG16(include_top=False, input_shape=shape)


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ArgumentError, match="got 'mean'"):
        jt.applications.VGG16(include_top=False, pooling="mean")
