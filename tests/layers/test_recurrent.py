"""LSTM and GRU; their values, masks and gradients are in `test_layer_goldens.py`."""

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import GRU, LSTM
from tests.derivative_check import check_derivatives
from tests.recorded_calls import recorded_calls

pytestmark = pytest.mark.usefixtures("quick_programs")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 2)).astype("float32")
SLOW = pytest.mark.slow
KINDS = pytest.mark.parametrize("kind", [LSTM, GRU])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_one_step_of_lstm_is_the_paper_s():
    layer = LSTM(3, return_state=True)
    output, _, memory = layer(X[:, :1])
    gates = X[:, 0] @ layer.kernel.numpy() + layer.bias.numpy()
    i, f, g, o = np.split(gates, 4, -1)
    assert (layer.bias.numpy() == [0] * 3 + [1] * 3 + [0] * 6).all()
    expected = sigmoid(i) * np.tanh(g)  # what the gate f keeps was 0
    np.testing.assert_allclose(memory.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(
        output.numpy(), sigmoid(o) * np.tanh(expected), rtol=1e-5
    )
    assert f.shape == (2, 3)


@KINDS
def test_a_recurrence_is_one_recorded_call(kind):
    layer = kind(2, return_sequences=True, return_state=True)
    layer(X)
    x = jt.constant(X)
    (call,) = recorded_calls(lambda: layer(x))
    assert call.op.name == kind.__name__.lower()


@KINDS
def test_first_weights_are_keras_s(kind):
    layer = kind(3)
    layer(X)
    recurrent = layer.recurrent_kernel.numpy()
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(3), atol=1e-6)
    plain = LSTM(3, unit_forget_bias=False)
    plain(X)
    assert not plain.bias.numpy().any()


@pytest.mark.parametrize(
    ("kind", "recurrent"),
    [(LSTM, False), pytest.param(GRU, True, marks=SLOW)],
)
def test_dropout_is_the_same_at_all_steps_of_a_sequence(kind, recurrent):
    rates = {"recurrent_dropout" if recurrent else "dropout": 0.5}
    layer, again = kind(2, seed=1, **rates), kind(2, seed=1, **rates)
    without = layer(X).numpy()
    again(X)
    again.set_weights(layer.get_weights())
    first, second = layer(X, training=True).numpy(), layer(X, training=True).numpy()
    np.testing.assert_array_equal(again(X, training=True).numpy(), first)
    assert (first != second).any()
    np.testing.assert_array_equal(layer(X, training=False).numpy(), without)


@SLOW
def test_dropped_inputs_do_not_count():
    layer = GRU(2, dropout=0.5, seed=0)
    x = np.ones((200, 2, 1), "float32")
    drawn = layer(x, training=True).numpy()
    kept = layer(2 * x).numpy()[0]
    dropped = layer(0 * x).numpy()[0]
    is_kept = abs(drawn - kept).max(-1) < 1e-6
    is_dropped = abs(drawn - dropped).max(-1) < 1e-6
    assert (is_kept ^ is_dropped).all()
    assert 60 < is_kept.sum() < 140  # five standard deviations of 200 draws


@pytest.mark.parametrize("kind", [LSTM, pytest.param(GRU, marks=SLOW)])
def test_a_stateful_layer_goes_on_where_it_stopped(kind):
    layer = kind(2, stateful=True, return_state=True)
    whole = kind(2, return_state=True)
    whole(X)
    layer(X)
    layer.set_weights(whole.get_weights())
    layer.reset_state()
    layer(X[:, :1])
    for found, expected in zip(layer(X[:, 1:]), whole(X), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-6)
    assert len(layer.weights) == 3
    assert len(layer.states) == len(layer(X)) - 1
    layer.reset_states()
    np.testing.assert_allclose(layer(X)[0].numpy(), whole(X)[0].numpy(), atol=1e-6)


def test_states_of_another_batch_raise():
    layer = LSTM(2, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match=r"\(1, 2\).*got \(2, 2\), \(2, 2\).* keeps"):
        layer(X[:1])
    with pytest.raises(ValueError, match=r"keeps states for .* got None"):
        LSTM(2, stateful=True).build((None, 3, 2))


@pytest.mark.parametrize("kind", [GRU, pytest.param(LSTM, marks=SLOW)])
def test_no_steps_and_no_sequences(kind):
    layer = kind(2, return_state=True)
    for state in layer(X[:, :0]):
        np.testing.assert_array_equal(state.numpy(), np.zeros((2, 2)))
    assert layer(X[:0])[0].shape == (0, 2)


def test_activations_of_one_s_own_may_capture_variables():
    slope = jt.Variable(0.5)
    layer = GRU(2, activation=lambda x: jt.tanh(slope * x))
    same = GRU(2, activation=lambda x: jt.tanh(0.5 * x))
    layer(X)
    same(X)
    same.set_weights(layer.get_weights())
    with jt.GradientTape() as tape:
        y = layer(X)
    assert tape.gradient(y, slope).numpy() != 0
    np.testing.assert_allclose(y.numpy(), same(X).numpy(), rtol=1e-5)


def test_an_activation_that_changes_the_shape_raises():
    layer = GRU(2, activation=lambda x: x[:1])
    with pytest.raises(ValueError, match=r"gives shapes \[\(1, 2\)\] for \(2, 2\)"):
        layer(X)


@SLOW  # the contract tests do this every day
@KINDS
def test_half_precision_keeps_its_dtype(kind):
    layer = kind(2, dtype="bfloat16", return_state=True)
    outputs = layer(jt.cast(X, "bfloat16"), initial_state=None)
    assert {output.dtype.name for output in outputs} == {"bfloat16"}


@SLOW  # the contract tests do this every day
def test_gradients_are_those_of_the_formula():
    with jax.enable_x64(True):
        layer = GRU(2, dtype="float64")
        layer(X.astype("float64"))
        check_derivatives(layer, [X.astype("float64")], [0], order=1)


@SLOW
@KINDS
def test_second_derivatives_are_those_of_the_formula(kind):
    with jax.enable_x64(True):
        layer = kind(2, dtype="float64", return_sequences=True)
        layer(X.astype("float64"))
        check_derivatives(layer, [X.astype("float64")], [0])


@KINDS
@pytest.mark.parametrize("units", [0, 2.5, True])
def test_units_must_be_a_positive_integer(kind, units):
    with pytest.raises(ValueError, match=f"got {units!r}"):
        kind(units)


@KINDS
@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_rates_are_shares(kind, name):
    with pytest.raises(ValueError, match=f"`{name}` of .* must be .* got 1.5"):
        kind(2, **{name: 1.5})


@KINDS
def test_inputs_of_another_shape_raise(kind):
    layer = kind(2, name="steps")
    with pytest.raises(ValueError, match=r"'steps'\) expected .* got shape \(2, 2\)"):
        layer(X[:, 0])
    layer = kind(2)
    layer.build(X.shape)
    layer.built = True
    with pytest.raises(ValueError, match=r"steps, 2\).* got shape \(2, 3, 1\)"):
        layer(X[..., :1])


@KINDS
def test_first_states_of_another_shape_raise(kind):
    with pytest.raises(ValueError, match=r"shape \(2, 4\), .* got \(3, 4\)"):
        kind(4)(X, initial_state=np.zeros((3, 4), "float32"))


def test_a_mask_of_another_shape_raises():
    with pytest.raises(ValueError, match=r"bool\[2,4\].*shape \(batch, steps\)"):
        GRU(2)(X, mask=np.ones((2, 4), bool))
