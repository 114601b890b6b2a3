import numpy as np
import pytest

import jaxtape as jt
from jaxtape.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.keras_layers import cases, check, name_of

KINDS = ("GlobalMax", "GlobalAverage")
NAMES = [f"{kind}Pooling{ndim}D" for kind in KINDS for ndim in (1, 2)]


@pytest.mark.parametrize("case", cases(*NAMES), ids=name_of)
def test_value_and_gradient_are_those_of_keras(case):
    check(case)


def test_short_names_are_the_same_classes():
    assert jt.layers.GlobalMaxPool1D is jt.layers.GlobalMaxPooling1D
    assert jt.layers.GlobalMaxPool2D is jt.layers.GlobalMaxPooling2D
    assert jt.layers.GlobalAvgPool1D is jt.layers.GlobalAveragePooling1D
    assert jt.layers.GlobalAvgPool2D is jt.layers.GlobalAveragePooling2D


@pytest.mark.parametrize(("data_format", "axis"), [("channels_first", 2), (None, 1)])
def test_masked_steps_do_not_count(data_format, axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 3)).astype("float32")
    mask = np.array([[True, False, True], [False, True, False]])
    layer = jt.layers.GlobalAveragePooling1D(data_format)
    kept = np.moveaxis(x, axis, 1)
    expected = [row[where].mean(axis=0) for row, where in zip(kept, mask, strict=True)]
    np.testing.assert_allclose(layer(x, mask=mask), expected, rtol=1e-6)


def test_arguments_are_kept_for_the_config():
    layer = jt.layers.GlobalMaxPooling2D("channels_first", keepdims=True)
    again = jt.layers.GlobalMaxPooling2D.from_config(layer.get_config())
    assert (again.data_format, again.keepdims) == ("channels_first", True)


def test_an_unknown_format_is_refused():
    with pytest.raises(ArgumentError, match=r"`data_format` must be .*; got 'NHWC'"):
        jt.layers.GlobalMaxPooling2D("NHWC")


def test_an_input_with_other_axes_is_refused():
    with pytest.raises(ShapeError, match=r"'p'\) takes inputs with 4 .*\(2, 4, 4\)"):
        jt.layers.GlobalMaxPooling2D(name="p")(np.ones((2, 4, 4), "float32"))


def test_several_inputs_are_refused():
    steps = jt.ones((1, 4, 2))
    with pytest.raises(ArgumentTypeError, match="takes one array; got a list"):
        jt.layers.GlobalMaxPooling1D()([steps, steps])
