"""Layers that move, repeat, add or cut; values are in `test_layer_goldens.py`."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape import layers

X = np.arange(24, dtype="float32").reshape(2, 4, 3)
IMAGE = np.arange(48, dtype="float32").reshape(2, 4, 3, 2)

pytestmark = pytest.mark.usefixtures("quick_programs")

SHAPES = {
    "identity": (layers.Identity(), (4, 3), (4, 3)),
    "permute": (layers.Permute((2, 1)), (4, 3), (3, 4)),
    "repeat_vector": (layers.RepeatVector(5), (3,), (5, 3)),
    "rescaling": (layers.Rescaling(2.0), (4, 3), (4, 3)),
    "normalization": (layers.Normalization(), (4, 3), (4, 3)),
    "zero_padding_1d": (layers.ZeroPadding1D((1, 2)), (4, 3), (7, 3)),
    "zero_padding_2d": (layers.ZeroPadding2D((1, (0, 2))), (4, 3, 2), (6, 5, 2)),
    "cropping_1d": (layers.Cropping1D(), (4, 3), (2, 3)),
    "cropping_2d": (layers.Cropping2D(1), (4, 3, 2), (2, 1, 2)),
    "up_sampling_1d": (layers.UpSampling1D(3), (4, 3), (12, 3)),
    "up_sampling_2d": (layers.UpSampling2D((1, 2)), (4, 3, 2), (4, 6, 2)),
    "bilinear": (
        layers.UpSampling2D(2, interpolation="bilinear"),
        (4, 3, 2),
        (8, 6, 2),
    ),
}


@pytest.mark.one_in(3, 1)
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_known_in_models(name):
    layer, given, expected = SHAPES[name]
    x = jt.Input(given)
    model = jt.Model(x, layer(x))
    assert model.output_shape == (None, *expected)
    assert layer.compute_output_shape((None, *given)) == (None, *expected)
    assert model(np.zeros((2, *given), "float32")).shape == (2, *expected)


def test_images_of_unknown_size():
    x = jt.Input((None, None, 2))
    y = layers.UpSampling2D()(layers.Cropping2D(1)(layers.ZeroPadding2D(2)(x)))
    model = jt.Model(x, y)
    assert model.output_shape == (None, None, None, 2)
    assert model(IMAGE).shape == (2, 12, 10, 2)


def test_padding_and_cropping_undo_each_other():
    pairs = ((1, 0), (2, 3))
    there = layers.ZeroPadding2D(pairs)(IMAGE)
    assert there.shape == (2, 5, 8, 2)
    np.testing.assert_array_equal(layers.Cropping2D(pairs)(there).numpy(), IMAGE)
    assert jt.reduce_sum(there) == IMAGE.sum()


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("Permute", {"dims": (0, 1)}, r"`dims` of Permute .*; got \(0, 1\)"),
        ("Permute", {"dims": (1, 3)}, r"`dims` of Permute .*; got \(1, 3\)"),
        ("RepeatVector", {"n": 0}, "`n` of RepeatVector .*; got 0"),
        ("RepeatVector", {"n": 2.0}, "`n` of RepeatVector .*; got 2.0"),
        ("ZeroPadding1D", {"padding": -1}, "`padding` of ZeroPadding1D .*; got -1"),
        (
            "ZeroPadding1D",
            {"padding": (1, 2, 3)},
            r"must be an integer or a pair, from 0 on; got \(1, 2, 3\)",
        ),
        (
            "ZeroPadding2D",
            {"padding": (1, 2, 3)},
            r"2 integers or pairs, .*; got \(1, 2, 3\)",
        ),
        ("ZeroPadding2D", {"data_format": "NHWC"}, "`data_format` .*; got 'NHWC'"),
        ("Cropping1D", {"cropping": 1.5}, "`cropping` of Cropping1D .*; got 1.5"),
        (
            "Cropping2D",
            {"cropping": ((1, 2, 3), 1)},
            r"`cropping` of Cropping2D .*; got \(\(1, 2, 3\), 1\)",
        ),
        ("UpSampling1D", {"size": 0}, "`size` of UpSampling1D .*; got 0"),
        ("UpSampling2D", {"size": (2, 0)}, r"`size` of UpSampling2D .*; got \(2, 0\)"),
        ("UpSampling2D", {"interpolation": "cubic"}, "'bilinear'; got 'cubic'"),
        ("UpSampling2D", {"data_format": "NHWC"}, "`data_format` .*; got 'NHWC'"),
    ],
)
def test_arguments_that_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, kind)(**arguments)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (layers.Permute((1, 2, 3)), X, r"the 3 axes .*got inputs of shape \(2, 4, 3\)"),
        (layers.RepeatVector(2), X, r"takes vectors, .*got shape \(2, 4, 3\)"),
        (layers.ZeroPadding1D(), IMAGE, r"with 3 axes: .*got shape \(2, 4, 3, 2\)"),
        (layers.ZeroPadding2D(), X, r"with 4 axes: .*got shape \(2, 4, 3\)"),
        (layers.Cropping1D(), IMAGE, r"with 3 axes: .*got shape \(2, 4, 3, 2\)"),
        (layers.Cropping1D(2), X, r"cuts off \(2, 2\), .* shape \(2, 4, 3\)"),
        (layers.Cropping2D((0, 2)), IMAGE, r"leaves nothing of .*\(2, 4, 3, 2\)"),
        (layers.UpSampling1D(), IMAGE, r"with 3 axes: .*got shape \(2, 4, 3, 2\)"),
        (layers.UpSampling2D(), X, r"with 4 axes: .*got shape \(2, 4, 3\)"),
    ],
)
def test_inputs_that_do_not_fit(layer, x, message):
    with pytest.raises(ValueError, match=message):
        layer(x)
