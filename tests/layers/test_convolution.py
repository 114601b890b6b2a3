import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.golden_values import golden
from tests.keras_layers import cases, check, name_of

INITIAL = golden("convolution")["initial"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", cases("Conv1D", "Conv2D"), ids=name_of)
def test_value_and_gradients_are_those_of_keras(case):
    check(case)


@pytest.mark.parametrize("row", INITIAL, ids=lambda row: str(row["kernel_shape"]))
def test_first_kernel_has_the_limit_of_keras(row):
    jt.random.set_seed(0)
    layer = getattr(jt.layers, row["layer"])(**row["arguments"])
    layer.build(tuple(row["input_shape"]))
    assert layer.kernel.shape == tuple(row["kernel_shape"])
    largest = np.max(np.abs(layer.kernel.numpy()))
    # Of thousands of uniform draws the largest is within half a percent of the limit.
    assert 0.995 * row["limit"] < largest <= np.float32(row["limit"])


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bfloat16"])
def test_images_of_other_dtypes_are_taken_as_their_numbers(dtype):
    jt.random.set_seed(0)
    layer = jt.layers.Conv2D(2, 2)
    x = np.random.default_rng(0).integers(0, 256, size=(2, 3, 4, 1))
    found = layer(jt.constant(x, dtype))
    assert found.dtype == jt.float32
    kernel = layer.kernel.numpy()
    windows = np.lib.stride_tricks.sliding_window_view(x[..., 0], (2, 2), axis=(1, 2))
    expected = np.einsum("nhwij,ijk->nhwk", windows, kernel[:, :, 0])
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-3)


def test_names_are_those_of_keras():
    layer = jt.layers.Conv2D(2, 3, name="block")
    layer.build((None, 4, 4, 1))
    assert [w.name for w in layer.weights] == ["block/kernel", "block/bias"]


def test_arguments_are_kept_for_the_config():
    layer = jt.layers.Conv2D(4, 3, 2, "SAME", "channels_first", groups=2)
    config = layer.get_config()
    assert tuple(config["kernel_size"]) == (3, 3)
    assert (config["padding"], config["data_format"]) == ("same", "channels_first")
    again = jt.layers.Conv2D.from_config(config)
    assert again.get_config() == config


def test_a_causal_output_sees_no_later_step():
    layer = jt.layers.Conv1D(1, 3, padding="causal", dilation_rate=2)
    x = np.random.default_rng(0).normal(size=(1, 9, 2)).astype("float32")
    before = layer(x).numpy()
    x[:, 5:] += 1
    np.testing.assert_array_equal(layer(x).numpy()[:, :5], before[:, :5])


def test_channels_first_is_the_same_on_turned_data():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    last = jt.layers.Conv2D(2, 3, bias_initializer="ones")
    first = jt.layers.Conv2D(2, 3, data_format="channels_first")
    expected = last(x)
    first(x.transpose(0, 3, 1, 2))
    first.set_weights(last.get_weights())
    found = first(x.transpose(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), expected, atol=1e-5)


def test_groups_are_convolutions_of_their_own_channels():
    x = np.random.default_rng(0).normal(size=(2, 7, 4)).astype("float32")
    layer = jt.layers.Conv1D(6, 3, groups=2)
    found, kernel = layer(x), layer.kernel.numpy()
    assert kernel.shape == (3, 2, 6)
    halves = [
        jt.nn.conv1d(x[:, :, :2], kernel[..., :3], 1, "VALID"),
        jt.nn.conv1d(x[:, :, 2:], kernel[..., 3:], 1, "VALID"),
    ]
    np.testing.assert_allclose(found, jt.concat(halves, -1), atol=1e-5)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_batches_of_any_length(batch):
    layer = jt.layers.Conv2D(2, 3, padding="same")
    assert layer(np.ones((batch, 5, 4, 1), "float32")).shape == (batch, 5, 4, 2)


def test_an_unknown_batch_keeps_its_symbol():
    layer = jt.layers.Conv2D(2, 3, activation="relu")
    layer(jt.ones((1, 5, 4, 1)))
    (batch,) = jax.export.symbolic_shape("b")
    kind = jax.ShapeDtypeStruct((batch, 5, 4, 1), "float32")
    out = jax.eval_shape(lambda x: layer(x)._array(), kind)
    assert out.shape == (batch, 3, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "`filters` of Conv2D must be a positive integer; got 0"),
        ((True, 3), "`filters` of Conv2D must be a positive integer; got True"),
        ((2, 0), "`kernel_size` of Conv2D .*; got 0"),
        ((2, (3, 3, 3)), r"`kernel_size` of Conv2D .*; got \(3, 3, 3\)"),
        ((2, 3, 1.5), "`strides` of Conv2D .*; got 1.5"),
        ((2, 3, 1, "causal"), "`padding` of Conv2D must be .*; got 'causal'"),
        ((2, 3, 1, 1), "`padding` of Conv2D must be .*; got 1"),
        ((2, 3, 1, "valid", "NHWC"), "`data_format` must be .*; got 'NHWC'"),
        ((2, 3, 1, "valid", None, -1), "`dilation_rate` of Conv2D .*; got -1"),
        ((2, 3, 1, "valid", None, 1, 0), "`groups` of Conv2D must be .*; got 0"),
        ((3, 3, 1, "valid", None, 1, 2), "got 3 filters in 2 groups"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        jt.layers.Conv2D(*arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 4, 2), r"Conv2D\('c'\) takes inputs with 4 axes: .*got shape \(4, 4, 2\)"),
        ((1, 4, 4, 3), "expected inputs with 2 channels, as it was built; got 3"),
        ((1, 2, 4, 2), r"windows of \(3, 3\) that do not fit into the \(2, 4\)"),
    ],
)
def test_inputs_that_do_not_fit(shape, message):
    layer = jt.layers.Conv2D(2, 3, name="c")
    layer(jt.ones((1, 4, 4, 2)))
    with pytest.raises(ShapeError, match=message):
        layer(np.ones(shape, "float32"))


def test_inputs_without_channels_for_every_group_are_refused():
    layer = jt.layers.Conv2D(4, 3, groups=2)
    with pytest.raises(ShapeError, match=r"multiple of its 2 groups; got shape \(1, 4"):
        layer(np.ones((1, 4, 4, 3), "float32"))


def test_several_inputs_are_refused():
    layer = jt.layers.Conv2D(4, 3)
    images = jt.ones((1, 4, 4, 1))
    layer(images)
    with pytest.raises(ArgumentTypeError, match="takes one array; got a list"):
        layer([images, images])
