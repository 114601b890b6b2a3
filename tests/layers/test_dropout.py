import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import keras_signature, signature_of

X = np.ones((100, 100), "float32")


def test_arguments_are_keras_s():
    assert signature_of(jt.layers.Dropout)[:-1] == keras_signature("Dropout")[:-1]


@pytest.mark.parametrize("training", [None, False])
def test_without_training_inputs_pass(training):
    np.testing.assert_array_equal(jt.layers.Dropout(0.5)(X, training=training), X)


def test_while_training_the_kept_are_scaled_up():
    y = jt.layers.Dropout(0.2, seed=1)(X, training=True).numpy()
    np.testing.assert_allclose(np.unique(y), [0.0, 1.25])
    # Five standard deviations of the mean of 10,000 draws: 5 * 0.5 / 100.
    assert abs(y.mean() - 1) < 0.025


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_ends_of_the_range(rate, expected):
    y = jt.layers.Dropout(rate)(X, training=True)
    np.testing.assert_array_equal(y.numpy(), np.full_like(X, expected))


def test_every_call_draws_anew_and_a_seed_repeats_the_row():
    one, other = jt.layers.Dropout(0.5, seed=3), jt.layers.Dropout(0.5, seed=3)
    first, second = one(X, training=True).numpy(), one(X, training=True).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(other(X, training=True).numpy(), first)
    np.testing.assert_array_equal(other(X, training=True).numpy(), second)


def test_noise_shape_shares_the_draw():
    layer = jt.layers.Dropout(0.5, noise_shape=(None, 1), seed=0)
    y = layer(X, training=True).numpy()
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 100, axis=1))


def test_a_noise_shape_of_another_rank_raises():
    with pytest.raises(ValueError, match=r"\(None, 1, 1\).*\(100, 100\)"):
        jt.layers.Dropout(0.5, noise_shape=(None, 1, 1))(X, training=True)


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_the_rate_is_a_probability(rate):
    with pytest.raises(ValueError, match=f"got {rate}"):
        jt.layers.Dropout(rate)


def test_the_gradient_is_the_mask():
    x, layer = jt.Variable(X), jt.layers.Dropout(0.5)
    with jt.GradientTape() as tape:
        y = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())
