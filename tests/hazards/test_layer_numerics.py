"""Rows F8n, F15n and F23n of the hazards: layers at the edges of what they take.

Shapes of windows are TensorFlow's: ceil((n - k + 1) / s) where nothing is padded, which
must be positive, and ceil(n / s) with padding "same".
"""

import numpy as np
import pytest

import jaxtape as jt

HALF = ["float16", "bfloat16"]


def assert_finite(tensors):
    for tensor in tensors:
        assert np.isfinite(tensor.numpy().astype("float64")).all(), tensor


def summed(layer, inputs, **options):
    """Outputs of a layer, and the gradients of their sum."""
    x = jt.constant(inputs)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **options)
    return y, tape.gradient(y, [x, *layer.trainable_variables])


# F8n: attention of a query that sees nothing


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_f8n_attention_that_is_wholly_masked_is_0_and_its_gradient_finite(dtype):
    x = np.linspace(-3, 3, 24).reshape(2, 3, 4).astype(jt.as_dtype(dtype))
    layer = jt.layers.MultiHeadAttention(2, 3, use_bias=False, dtype=dtype)
    mask = np.ones((2, 3, 3), bool)
    mask[0] = False  # no query of the first sample sees anything
    y, gradients = summed(layer, x, value=x, attention_mask=mask)
    assert_finite([y, *gradients])
    assert not y.numpy()[0].any()
    assert y.numpy()[1].any()


# F15n: normalization of one sample, of constants, of large numbers


ROWS = {
    "a batch of one": np.array([[1.0, -2.0, 3.0]]),
    "a constant": np.full((4, 3), 5.0),
    "large": np.tile([[1e4, -1e4, 2e4], [-1e4, 1e4, 0.0]], (2, 1)),
    "large and constant": np.full((4, 3), 1e4),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_f15n_batch_normalization_and_its_statistics_are_finite(dtype, name):
    layer = jt.layers.BatchNormalization(momentum=0.5, dtype=dtype)
    x = ROWS[name].astype(jt.as_dtype(dtype))
    y, gradients = summed(layer, x, training=True)
    assert_finite([y, *gradients, *layer.variables])
    assert_finite([layer(x)])  # by the statistics that it moved


@pytest.mark.one_in(5)
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_f15n_layer_normalization_is_finite(dtype, name):
    layer = jt.layers.LayerNormalization(dtype=dtype)
    y, gradients = summed(layer, ROWS[name].astype(jt.as_dtype(dtype)))
    assert_finite([y, *gradients])


# F23n: windows that are larger than their input, or jump over some of it


LENGTHS = (5, 4)
IMAGES = np.arange(40, dtype=np.float32).reshape(2, *LENGTHS, 1)
WINDOWED = {
    "Conv2D": lambda *args: jt.layers.Conv2D(1, *args, kernel_initializer="ones"),
    "MaxPooling2D": jt.layers.MaxPooling2D,
    "AveragePooling2D": jt.layers.AveragePooling2D,
}


def windows(length, size, stride, padding):
    """The first and last place of each window, cut to the input."""
    if padding == "valid":
        return [(n, n + size) for n in range(0, length - size + 1, stride)]
    count = -(-length // stride)
    missing = max((count - 1) * stride + size - length, 0)
    starts = [n * stride - missing // 2 for n in range(count)]
    return [(max(n, 0), min(n + size, length)) for n in starts]


def expected(reduce, size, stride, padding):
    rows, columns = (windows(n, size, stride, padding) for n in LENGTHS)
    return [
        [[reduce(image[a:b, c:d]) for c, d in columns] for a, b in rows]
        for image in IMAGES[..., 0]
    ]


SLOW = [pytest.param(*w, marks=pytest.mark.slow) for w in ((3, 5), (1, 2), (6, 1))]
REDUCE = {"Conv2D": np.sum, "MaxPooling2D": np.max, "AveragePooling2D": np.mean}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(2, 3), (7, 2), *SLOW])
@pytest.mark.parametrize("name", WINDOWED)
def test_f23n_windows_of_any_size_and_stride(name, size, stride, padding):
    layer = WINDOWED[name](size, stride, padding)
    if padding == "valid" and size > min(LENGTHS):
        with pytest.raises(ValueError, match=rf"windows of \({size}, {size}\)"):
            layer(IMAGES)
        return
    values = layer(IMAGES).numpy()[..., 0]
    wanted = np.asarray(expected(REDUCE[name], size, stride, padding), np.float32)
    np.testing.assert_allclose(values, wanted, rtol=1e-6, strict=True)


@pytest.mark.parametrize("argument", ["size", "stride"])
@pytest.mark.parametrize("name", WINDOWED)
def test_f23n_a_size_of_0_is_refused(name, argument):
    with pytest.raises(ValueError, match=rf"`\w+` of {name} must be .*positive.*got 0"):
        WINDOWED[name](*((0, 1) if argument == "size" else (2, 0)))


@pytest.mark.parametrize("name", WINDOWED)
def test_f23n_an_empty_batch_keeps_its_shape(name):
    y, gradients = summed(WINDOWED[name](2, 2, "same"), IMAGES[:0])
    assert y.shape == (0, 3, 2, 1)
    assert_finite(gradients)
