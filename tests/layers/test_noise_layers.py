"""Layers that draw while training; Keras's draws are others, so no goldens."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import (
    AlphaDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)

X = np.zeros((100, 100), "float32")
SEQUENCES = np.ones((50, 6, 40), "float32")
IMAGES = np.ones((50, 4, 3, 40), "float32")
EVERY = pytest.mark.parametrize(
    ("kind", "x"),
    [
        (AlphaDropout, X + 1),
        (GaussianNoise, X + 1),
        (SpatialDropout1D, SEQUENCES),
        (SpatialDropout2D, IMAGES),
    ],
)

pytestmark = pytest.mark.usefixtures("quick_programs")


@pytest.mark.one_in(2, 1)
@EVERY
def test_without_training_inputs_pass(kind, x):
    for training in (None, False):
        np.testing.assert_array_equal(kind(0.5)(x, training=training).numpy(), x)
    np.testing.assert_array_equal(kind(0.0)(x, training=True).numpy(), x)


@pytest.mark.one_in(4, 1)
@EVERY
def test_every_call_draws_anew_and_a_seed_repeats_the_row(kind, x):
    one, other = kind(0.5, seed=3), kind(0.5, seed=3)
    first, second = one(x, training=True).numpy(), one(x, training=True).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(other(x, training=True).numpy(), first)
    np.testing.assert_array_equal(other(x, training=True).numpy(), second)


@EVERY
def test_a_share_outside_of_its_range_raises(kind, x):
    name = "stddev" if kind is GaussianNoise else "rate"
    for value in (-0.1, 1.5, "0.5"):
        with pytest.raises(ValueError, match=f"`{name}` .*; got {value!r}"):
            kind(value)


@pytest.mark.one_in(4, 2)
@EVERY
def test_shapes_stay_in_models(kind, x):
    inputs = jt.Input(x.shape[1:])
    model = jt.Model(inputs, kind(0.5)(inputs))
    assert model.output_shape == (None, *x.shape[1:])
    assert (model(x, training=True).numpy() != x).any()


def test_noise_has_its_mean_and_deviation():
    y = GaussianNoise(0.5, seed=1)(X, training=True).numpy()
    # Five standard deviations of the mean, and of the deviation, of 10,000 draws.
    assert abs(y.mean()) < 5 * 0.5 / 100
    assert abs(y.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * y.size)


@pytest.mark.one_in(3, 2)
@pytest.mark.parametrize(
    ("layer", "x", "axes"),
    [
        (SpatialDropout1D(0.2, seed=1), SEQUENCES, (1,)),
        (SpatialDropout2D(0.2, seed=1), IMAGES, (1, 2)),
        (SpatialDropout2D(0.2, "channels_first", seed=1), IMAGES, (2, 3)),
    ],
)
def test_whole_channels_are_dropped_and_the_rest_scaled_up(layer, x, axes):
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(np.unique(y), [0.0, 1.25])
    draws = y.max(axes)
    np.testing.assert_array_equal(draws, y.min(axes))
    # Five standard deviations of a mean of that many draws of 0 or 1.25.
    assert abs(draws.mean() - 1) < 5 * 0.5 / np.sqrt(draws.size)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(100, 1000)).astype("float32")
    y = AlphaDropout(0.3, seed=1)(x, training=True).numpy()
    # Five standard deviations of a mean of 1e5 draws of variance 1 are 0.016.
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.05
    # What is dropped and kept by Klambauer et al., 2017, section 2.
    lowest, rate = -1.7580993408473766, 0.3
    slope = (1 - rate + lowest**2 * rate * (1 - rate)) ** -0.5
    dropped = np.isclose(y, slope * lowest * (1 - rate), rtol=1e-5)
    assert abs(dropped.mean() - 0.3) < 0.01
    kept = slope * x - slope * lowest * rate
    np.testing.assert_allclose(y[~dropped], kept[~dropped], atol=1e-5)


@pytest.mark.slow
def test_alpha_dropout_of_everything_is_zero():
    y = AlphaDropout(1.0)(X + 1, training=True).numpy()
    np.testing.assert_allclose(y, X, atol=1e-6)


@pytest.mark.slow
def test_the_draw_of_alpha_dropout_may_be_shared():
    y = AlphaDropout(0.5, noise_shape=(None, 1), seed=0)(X + 1, training=True).numpy()
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 100, axis=1))
    with pytest.raises(ValueError, match=r"\(None, 1, 1\).*\(100, 100\)"):
        AlphaDropout(0.5, noise_shape=(None, 1, 1))(X, training=True)


def test_inputs_and_formats_that_do_not_fit():
    with pytest.raises(ValueError, match=r"with 3 axes: .*got shape \(100, 100\)"):
        SpatialDropout1D(0.5)(X)
    with pytest.raises(ValueError, match=r"with 4 axes: .*got shape \(50, 6, 40\)"):
        SpatialDropout2D(0.5)(SEQUENCES)
    with pytest.raises(ValueError, match=r"`data_format` must be .*; got 'NHWC'"):
        SpatialDropout2D(0.5, "NHWC")
