"""SimpleRNN, Bidirectional, TimeDistributed, Masking; values are in the goldens."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.masking import mask_of
from jaxtape.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Conv2D,
    Dense,
    Masking,
    SimpleRNN,
    TimeDistributed,
)

pytestmark = pytest.mark.usefixtures("quick_programs")

X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
PADDED = np.where(np.arange(4)[None, :, None] < [[[4]], [[2]]], X, 0)


@pytest.mark.slow  # the values are in the goldens
def test_a_simple_recurrence_is_its_formula():
    layer = SimpleRNN(2, return_sequences=True, bias_initializer="ones")
    found, state = layer(X).numpy(), np.zeros((2, 2))
    kernel, recurrent, bias = layer.get_weights()
    for step in range(4):
        state = np.tanh(X[:, step] @ kernel + bias + state @ recurrent)
        np.testing.assert_allclose(found[:, step], state, atol=1e-6)


def test_a_simple_recurrence_has_no_gates_in_its_config():
    config = SimpleRNN(2, activation="relu").get_config()
    assert "recurrent_activation" not in config
    assert SimpleRNN.from_config(config).get_config() == config
    with pytest.raises(TypeError, match="no argument `recurrent_activation`"):
        SimpleRNN(2, recurrent_activation="relu")
    with pytest.raises(ValueError, match=r"`units` of SimpleRNN must be .*; got 0"):
        SimpleRNN(0)


@pytest.mark.slow  # the values are in the goldens
def test_both_ways_are_two_layers():
    layer = Bidirectional(SimpleRNN(2, return_sequences=True, name="r"))
    found = layer(X).numpy()
    assert [part.name for part in layer.submodules] == ["forward_r", "backward_r"]
    weights = layer.get_weights()
    for name, part, steps in (("there", slice(2), 1), ("back", slice(2, 4), -1)):
        single = SimpleRNN(2, return_sequences=True, name=name)
        single(X)
        single.set_weights(weights[:3] if name == "there" else weights[3:])
        expected = single(X[:, ::steps]).numpy()[:, ::steps]
        np.testing.assert_allclose(found[..., part], expected, atol=1e-6)


@pytest.mark.slow  # the values are in the goldens
def test_padding_changes_nothing_both_ways():
    """A sequence with its padding left out has the same outputs."""
    layer = Bidirectional(SimpleRNN(2, return_sequences=True))
    masked = Masking()(PADDED)
    found = layer(masked)
    np.testing.assert_allclose(found[1:, :2], layer(PADDED[1:, :2]), atol=1e-6)
    np.testing.assert_array_equal(found[1, 2:].numpy(), 0)
    np.testing.assert_array_equal(mask_of(found).numpy(), mask_of(masked).numpy())


@pytest.mark.slow
def test_first_weights_are_taken():
    layer = Bidirectional(SimpleRNN(2))
    layer(X)
    again = Bidirectional(SimpleRNN(2), weights=layer.get_weights())
    np.testing.assert_array_equal(again(X).numpy(), layer(X).numpy())


@pytest.mark.slow
def test_states_of_stateful_layers_are_reset():
    layer = Bidirectional(SimpleRNN(2, stateful=True))
    first = layer(X).numpy()
    assert (layer(X).numpy() != first).any()
    layer.reset_state()
    np.testing.assert_array_equal(layer(X).numpy(), first)


@pytest.mark.slow  # the contracts save each of them
def test_a_model_of_wrappers_is_saved_and_goes_on(tmp_path):
    model = jt.Sequential(
        [
            jt.Input((4, 3)),
            Masking(),
            Bidirectional(SimpleRNN(2, return_sequences=True)),
            TimeDistributed(Dense(2)),
            Bidirectional(SimpleRNN(1), merge_mode="sum"),
        ]
    )
    model.save(tmp_path / "model")
    again = jt.load_model(tmp_path / "model")
    np.testing.assert_array_equal(again(PADDED).numpy(), model(PADDED).numpy())


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (SimpleRNN(2), (4, 3), (2,)),
        (Masking(), (None, 3), (None, 3)),
        (Bidirectional(LSTM(2, return_sequences=True)), (None, 3), (None, 4)),
        (Bidirectional(GRU(2), merge_mode="ave"), (4, 3), (2,)),
        (TimeDistributed(Conv2D(2, 3)), (5, 6, 4, 1), (5, 4, 2, 2)),
        (TimeDistributed(jt.Sequential([Dense(2)])), (None, 3), (None, 2)),
    ],
)
def test_shapes_are_known_in_models(layer, given, expected):
    x = jt.Input(given)
    model = jt.Model(x, layer(x))
    assert model.output_shape == (None, *expected)
    assert layer.compute_output_shape((None, *given)) == (None, *expected)


def test_several_results_in_models():
    x = jt.Input((4, 3))
    both = Bidirectional(SimpleRNN(2, return_state=True), merge_mode=None)
    assert [y.shape for y in both(x)] == [(None, 2)] * 4
    shapes = both.compute_output_shape((None, 4, 3))
    assert list(shapes) == [(None, 2)] * 4


def test_each_step_goes_through_the_same_layer():
    inner = Dense(2)
    found = TimeDistributed(inner)(X).numpy()
    for step in range(4):
        np.testing.assert_allclose(found[:, step], inner(X[:, step]), atol=1e-6)
    assert TimeDistributed(inner)(X[:0]).shape == (0, 4, 2)


@pytest.mark.slow
def test_training_reaches_the_layer_of_each_step():
    layer = TimeDistributed(jt.layers.Dropout(0.5, seed=0))
    np.testing.assert_array_equal(layer(X).numpy(), X)
    assert (layer(X, training=True).numpy() == 0).any()


def test_steps_that_do_not_count_are_left_out_of_statistics():
    layer = TimeDistributed(jt.layers.BatchNormalization(momentum=0.0))
    layer(Masking()(PADDED), training=True)
    mean, _ = layer.non_trainable_variables
    counted = np.concatenate([X[0], X[1, :2]])
    np.testing.assert_allclose(mean.numpy(), counted.mean(0), atol=1e-6)


def test_a_mask_within_steps_is_for_the_layer_of_each_step():
    words = np.array([[[1, 2, 0], [2, 0, 0]]])
    embedded = jt.layers.Embedding(3, 2, mask_zero=True)(words)
    inner = SimpleRNN(2)
    found = TimeDistributed(inner)(embedded)
    expected = inner(embedded[0, 1:, :1])
    np.testing.assert_allclose(found[0, 1:], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Bidirectional(None), TypeError, "`layer` .*; got None"),
        (
            lambda: Bidirectional(Dense(2)),
            TypeError,
            "`layer` of Bidirectional .*Dense",
        ),
        (
            lambda: Bidirectional(SimpleRNN(2), backward_layer=3),
            TypeError,
            "`backward_layer` of .*; got 3",
        ),
        (
            lambda: Bidirectional(SimpleRNN(2), merge_mode="dot"),
            ValueError,
            "`merge_mode` .*; got 'dot'",
        ),
        (
            lambda: Bidirectional(SimpleRNN(2), backward_layer=SimpleRNN(2)),
            ValueError,
            "`go_backwards` .* must differ; got False and False",
        ),
        (
            lambda: Bidirectional(
                SimpleRNN(2),
                backward_layer=GRU(2, go_backwards=True, return_state=True),
            ),
            ValueError,
            "`return_state` .* must be the same; got False and True",
        ),
        (lambda: TimeDistributed("dense"), TypeError, "`layer` .*; got 'dense'"),
        (
            lambda: TimeDistributed(Dense(2), name="t")(X[:, 0, 0]),
            ValueError,
            r"'t'\) takes sequences, .*got shape \(2,\)",
        ),
        (lambda: Masking()(X[:, 0, 0]), ValueError, r"sequences, .*got shape \(2,\)"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
