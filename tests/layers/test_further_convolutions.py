"""Transposed, depthwise and separable; values are in `test_layer_goldens.py`."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import (
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
)

pytestmark = pytest.mark.usefixtures("quick_programs")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 4, 2)).astype("float32")
KINDS = {
    "Conv2DTranspose": {"filters": 3, "kernel_size": 3},
    "DepthwiseConv2D": {"kernel_size": 3},
    "SeparableConv2D": {"filters": 3, "kernel_size": 3},
}
EVERY = pytest.mark.parametrize("kind", KINDS)


def made(kind, **arguments):
    return getattr(jt.layers, kind)(**(KINDS[kind] | arguments))


@pytest.mark.one_in(4, 1)
@pytest.mark.parametrize(
    "arguments",
    [
        {"strides": 2},
        {"strides": 2, "dilation_rate": 2},
        {"strides": (2, 3), "padding": "same", "kernel_size": 4},
        {"dilation_rate": (1, 2), "padding": "same"},
    ],
)
def test_a_transposed_one_pulls_gradients_of_a_convolution_back(arguments):
    arguments = {"filters": 2, "kernel_size": 3, "use_bias": False} | arguments
    back = Conv2DTranspose(**{**arguments, "filters": 3})
    y = back(X)
    forth = Conv2D(**arguments)
    with jt.GradientTape() as tape:
        tape.watch(y)
        z = forth(y)
    assert z.shape == X.shape
    forth.set_weights(back.get_weights())
    with jt.GradientTape() as tape:
        tape.watch(y)
        z = forth(y)
    pulled = tape.gradient(z, y, output_gradients=jt.constant(X))
    np.testing.assert_allclose(y.numpy(), pulled.numpy(), atol=1e-5)


@pytest.mark.one_in(3)
@EVERY
def test_channels_first_is_the_same_on_turned_data(kind):
    last, first = made(kind), made(kind, data_format="channels_first")
    turned = X.transpose(0, 3, 1, 2)
    expected = last(X).numpy()
    first(turned)
    biases = [np.arange(float(len(w))) for w in last.get_weights()[-1:]]
    for layer in (last, first):
        layer.set_weights([*last.get_weights()[:-1], *biases])
    expected = last(X).numpy()
    found = first(turned).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow  # the values are in the goldens
def test_a_separable_one_is_a_depthwise_one_and_a_mixture():
    layer = SeparableConv2D(3, 2, depth_multiplier=2, use_bias=False)
    expected = layer(X)
    depthwise, pointwise = DepthwiseConv2D(2, depth_multiplier=2), Conv2D(3, 1)
    pointwise(depthwise(X))
    depth, point = layer.get_weights()
    depthwise.set_weights([depth, np.zeros(4)])
    pointwise.set_weights([point, np.zeros(3)])
    np.testing.assert_allclose(pointwise(depthwise(X)), expected, atol=1e-5)


@pytest.mark.one_in(3, 2)
@EVERY
def test_names_of_weights_are_keras_s(kind):
    layer = made(kind, name="c")
    layer.build((None, 5, 4, 2))
    kernels = ["kernel"]
    if kind == "SeparableConv2D":
        kernels = ["depthwise_kernel", "pointwise_kernel"]
    assert [w.name for w in layer.weights] == [f"c/{n}" for n in (*kernels, "bias")]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (Conv1DTranspose(3, 4, 2, "same"), (None, 5, 2), (None, 10, 3)),
        (Conv2DTranspose(3, 3, 2), (None, 5, 4, 2), (None, 11, 9, 3)),
        (DepthwiseConv2D(3, depth_multiplier=2), (None, 5, 4, 2), (None, 3, 2, 4)),
        (SeparableConv2D(3, 3, padding="same"), (None, 5, 4, 2), (None, 5, 4, 3)),
        (
            Conv2DTranspose(3, 2, 2),
            (None, None, None, 2),
            (None, None, None, 3),
        ),
    ],
)
def test_shapes_are_known_in_models(layer, given, expected):
    x = jt.Input(given[1:])
    model = jt.Model(x, layer(x))
    assert model.output_shape == layer.compute_output_shape(given) == expected
    real = np.ones([2, *(n or 4 for n in given[1:])], "float32")
    shape = model(real).shape
    assert all(n in (None, m) for n, m in zip(expected, shape, strict=True))


@pytest.mark.one_in(2, 1)
@pytest.mark.parametrize("dtype", ["uint8", "bfloat16"])
def test_images_of_other_dtypes_are_taken_as_their_numbers(dtype):
    x = RNG.integers(0, 9, size=(1, 4, 4, 2))
    for kind in KINDS:
        layer = made(kind)
        expected = layer(x.astype("float32"))
        np.testing.assert_allclose(layer(jt.constant(x, dtype)), expected, atol=1e-4)


@EVERY
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, r"`kernel_size` of {} .*; got 0"),
        ({"strides": (1, 1, 1)}, r"`strides` of {} .*; got \(1, 1, 1\)"),
        ({"padding": "causal"}, r"`padding` of {} must be .*; got 'causal'"),
        ({"data_format": "NHWC"}, r"`data_format` must be .*; got 'NHWC'"),
        ({"dilation_rate": -1}, r"`dilation_rate` of {} .*; got -1"),
    ],
)
def test_arguments_that_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message.format(kind)):
        made(kind, **arguments)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Conv1DTranspose, (0, 3), "`filters` of Conv1DTranspose .*; got 0"),
        (Conv1DTranspose, (2, 3, 1, "causal"), "'valid', 'same'; got 'causal'"),
        (SeparableConv2D, (2.0, 3), r"`filters` of SeparableConv2D .*; got 2\.0"),
        (
            DepthwiseConv2D,
            (3, 1, "valid", True),
            "`depth_multiplier` of DepthwiseConv2D .*; got True",
        ),
        (
            Conv2DTranspose,
            (2, 3, (2, 1), "same", (1, 1)),
            r"below the strides, \(2, 1\); got \(1, 1\)",
        ),
        (Conv1DTranspose, (2, 3, 2, "same", (0, 0)), r"strides, \(2,\); got \(0, 0\)"),
    ],
)
def test_further_arguments_that_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(*arguments)


@EVERY
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 4, 2), r"'c'\) takes inputs with 4 axes: .*got shape \(4, 4, 2\)"),
        ((1, 4, 4, 3), "expected inputs with 2 channels, as it was built; got 3"),
    ],
)
def test_inputs_that_do_not_fit(kind, shape, message):
    layer = made(kind, name="c")
    layer(X)
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape, "float32"))


@EVERY
def test_channels_must_be_known(kind):
    with pytest.raises(ValueError, match=r"channels is known; got shape \(None, 4, 4"):
        made(kind).build((None, 4, 4, None))


@pytest.mark.parametrize("kind", ["DepthwiseConv2D", "SeparableConv2D"])
def test_windows_that_do_not_fit(kind):
    with pytest.raises(ValueError, match=r"windows of \(9, 9\) that do not fit"):
        made(kind, kernel_size=9)(X)


def test_an_output_that_no_window_reaches():
    with pytest.raises(ValueError, match=r"kernel even; got 0 with kernels of \[4\]"):
        Conv1DTranspose(2, 4, 2, "same", 0)
