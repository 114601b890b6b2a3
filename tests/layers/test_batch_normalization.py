import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import BatchNormalization
from tests.derivative_check import check_derivatives

pytestmark = pytest.mark.usefixtures("quick_programs")

RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (6, 3)).astype("float32")


def statistics(layer):
    return layer.moving_mean.numpy(), layer.moving_variance.numpy()


def test_each_step_of_a_loop_moves_the_statistics():
    layer = BatchNormalization(momentum=0.9)
    optimizer = jt.optimizers.SGD(0.1)
    mean, variance = np.zeros(3), np.ones(3)
    for step in range(5):  # recorded, run op by op, compiled
        x = X * (1 + step)
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean(layer(x, training=True) ** 3)
        gradients = tape.gradient(loss, layer.trainable_variables)
        optimizer.apply(gradients, layer.trainable_variables)
        mean = 0.9 * mean + 0.1 * x.mean(0)
        variance = 0.9 * variance + 0.1 * x.var(0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-5)
    assert len(layer.trainable_variables) == len(layer.non_trainable_variables) == 2


@pytest.mark.parametrize("training", [None, False])
def test_without_training_the_statistics_stay(training):
    layer = BatchNormalization()
    y = layer(X, training=training)
    np.testing.assert_allclose(y.numpy(), X / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(statistics(layer), [[0] * 3, [1] * 3])


def test_a_frozen_layer_infers_until_it_is_thawed():
    layer = BatchNormalization()
    layer(X)
    for trainable, moves in ((False, False), (True, True)):
        layer.trainable = trainable
        y = layer(X, training=True)
        assert (statistics(layer)[0] != 0).all() == moves
        assert (abs(y.numpy().mean(0)) < 1e-5).all() == moves
    assert len(layer.trainable_variables) == 2


def test_a_model_hands_training_down():
    model = jt.Sequential([BatchNormalization(momentum=0.5)])
    model(X, training=True)
    np.testing.assert_allclose(
        model.layers[0].moving_mean.numpy(), 0.5 * X.mean(0), rtol=1e-5
    )


def test_a_shared_layer_moves_once_for_each_call():
    layer = BatchNormalization(momentum=0.5)
    with jt.GradientTape():
        layer(X, training=True)
        layer(3 * X, training=True)
    np.testing.assert_allclose(
        layer.moving_mean.numpy(), (0.25 + 1.5) * X.mean(0), rtol=1e-5
    )


@pytest.mark.parametrize("masked", [False, True])
def test_a_batch_in_which_nothing_counts_changes_nothing(masked):
    layer = BatchNormalization()
    layer(X, training=True)
    before = statistics(layer)
    if masked:
        mask = np.zeros((2, 3), bool)
        y = layer(np.ones((2, 3, 3), "float32"), mask=mask, training=True)
        assert np.isfinite(y.numpy()).all()
    else:
        assert layer(X[:0], training=True).shape == (0, 3)
    np.testing.assert_array_equal(statistics(layer), before)


# Hazard F15n.
@pytest.mark.parametrize(
    ("dtype", "x"), [("float16", np.full((1, 3), 1e4)), ("bfloat16", 1e4 * X)]
)
def test_half_precision_is_finite_and_keeps_its_dtype(dtype, x):
    layer = BatchNormalization()
    for training in (True, False):
        y = layer(jt.cast(jt.constant(x), dtype), training=training)
        assert y.dtype == dtype
        assert np.isfinite(y.numpy().astype("float32")).all()
    assert np.isfinite(statistics(layer)).all()
    assert (statistics(layer)[1] >= 0).all()


def test_integers_become_floats():
    assert BatchNormalization()(np.arange(6).reshape(2, 3)).dtype == "float32"


def test_the_variance_of_a_batch_far_from_zero_keeps_its_digits():
    layer = BatchNormalization(momentum=0.0)
    x = (X[:, :1] + 4096).astype("float32")
    layer(x, training=True)
    np.testing.assert_allclose(
        layer.moving_variance.numpy(), x.astype("float64").var(0), rtol=1e-4
    )


@pytest.mark.slow  # the contract tests do this every day
def test_gradients_are_those_of_the_formula():
    with jax.enable_x64(True):
        layer = BatchNormalization(dtype="float64")
        layer(np.zeros((1, 2)))
        gamma, beta = layer.trainable_variables

        def normalize(x, factor, term):
            return layer(x, training=True) * factor + term

        x = RNG.normal(size=(4, 2))
        check_derivatives(normalize, [x, x[:1], x[1:2]], [0], order=1)
        with jt.GradientTape() as tape:
            y = layer(x, training=True)
        expected = [(y.numpy() * x).sum(0), x.sum(0)]
        found = tape.gradient(y, [gamma, beta], [x])
        np.testing.assert_allclose([g.numpy() for g in found], expected, rtol=1e-9)


def test_regularizers_and_constraints_belong_to_their_weight():
    layer = BatchNormalization(
        gamma_regularizer="l2", beta_constraint=lambda b: jt.maximum(b, 0.0)
    )
    layer(X)
    assert len(layer.losses) == 1
    assert layer.beta.constraint is not None


@pytest.mark.parametrize("momentum", [-0.1, 1.5])
def test_the_momentum_is_a_share(momentum):
    with pytest.raises(ValueError, match=f"got {momentum}"):
        BatchNormalization(momentum=momentum)


def test_a_negative_epsilon_raises():
    with pytest.raises(ValueError, match=r"got -0\.1"):
        BatchNormalization(epsilon=-0.1)


def test_another_number_of_channels_raises():
    layer = BatchNormalization(name="bn")
    layer(X)
    with pytest.raises(ValueError, match=r"'bn'\) expected .* 3 .* got shape \(2, 4\)"):
        layer(np.ones((2, 4), "float32"))


def test_an_axis_that_is_not_there_raises():
    with pytest.raises(ValueError, match=r"axis 3, .* got inputs of shape \(6, 3\)"):
        BatchNormalization(axis=3)(X)


def test_a_mask_of_another_shape_raises():
    x = np.ones((2, 4, 3), "float32")
    with pytest.raises(ValueError, match=r"bool\[2,5\].* one axis less"):
        BatchNormalization()(x, mask=np.ones((2, 5), bool), training=True)
