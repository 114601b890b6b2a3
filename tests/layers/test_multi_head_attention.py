"""MultiHeadAttention; values, masks and gradients are in `test_layer_goldens.py`."""

import re

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.masking import attach, mask_of
from jaxtape.layers import MultiHeadAttention
from tests.derivative_check import check_derivatives

pytestmark = pytest.mark.usefixtures("quick_programs")

RNG = np.random.default_rng(0)
QUERY = RNG.normal(size=(2, 3, 4)).astype("float32")
VALUE = RNG.normal(size=(2, 5, 4)).astype("float32")


def softmax(x):
    shares = np.exp(x - x.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def test_one_head_is_the_paper_s_formula():
    layer = MultiHeadAttention(1, 2)
    outputs, scores = layer(QUERY, VALUE, return_attention_scores=True)
    weights = [w.numpy() for w in layer.weights]
    query, key, value = (
        x @ kernel[:, 0] + bias[0]
        for x, kernel, bias in zip(
            (QUERY, VALUE, VALUE), weights[0:6:2], weights[1:6:2], strict=True
        )
    )
    shares = softmax(query @ key.swapaxes(1, 2) / np.sqrt(2))
    np.testing.assert_allclose(scores.numpy()[:, 0], shares, rtol=1e-5)
    expected = shares @ value @ weights[6][0] + weights[7]
    np.testing.assert_allclose(outputs.numpy(), expected, rtol=1e-4, atol=1e-6)


# Hazard F8n.
def test_a_query_that_sees_nothing_gets_nothing():
    layer, query = MultiHeadAttention(2, 3), jt.Variable(QUERY)
    mask = np.ones((2, 3, 5), bool)
    mask[0, 1] = False
    for _ in range(3):
        with jt.GradientTape() as tape:
            outputs, scores = layer(
                query, VALUE, attention_mask=mask, return_attention_scores=True
            )
            loss = jt.reduce_sum(outputs**2)
        gradients = tape.gradient(loss, [query, *layer.trainable_variables])
        assert all(np.isfinite(g.numpy()).all() for g in gradients)
        assert not gradients[0].numpy()[0, 1].any()
    assert not scores.numpy()[0, :, 1].any()
    bias = layer.weights[-1].numpy()
    np.testing.assert_array_equal(outputs.numpy()[0, 1], bias)
    rest = scores.numpy()[[0, 1], :, [2, 2]]
    np.testing.assert_allclose(rest.sum(-1), np.ones((2, 2)), rtol=1e-5)


def test_an_explicit_mask_of_the_query_counts_as_an_attached_one():
    layer, mask = MultiHeadAttention(2, 3), [[True, True, False], [True, False, False]]
    given = layer(QUERY, VALUE, query_mask=mask)
    attached = jt.constant(QUERY)
    attach(attached, jt.constant(mask))
    np.testing.assert_array_equal(given.numpy(), layer(attached, VALUE).numpy())
    assert mask_of(given).tolist() == mask
    assert mask_of(attached).tolist() == mask  # still


@pytest.mark.slow
def test_dropout_drops_weights_while_training_only():
    layer, again = (MultiHeadAttention(2, 3, dropout=0.5, seed=1) for _ in range(2))
    without = layer(QUERY, VALUE).numpy()
    again(QUERY, VALUE)
    again.set_weights(layer.get_weights())
    first = layer(QUERY, VALUE, training=True).numpy()
    np.testing.assert_array_equal(again(QUERY, VALUE, training=True).numpy(), first)
    assert (layer(QUERY, VALUE, training=True).numpy() != first).any()
    np.testing.assert_array_equal(layer(QUERY, VALUE).numpy(), without)


def test_the_shape_of_outputs_is_known_from_the_query():
    assert MultiHeadAttention(1, 2).compute_output_shape((None, 3, 4)) == (None, 3, 4)
    layer = MultiHeadAttention(1, 2, output_shape=(5, 6))
    assert layer.compute_output_shape((2, 3, 4), (2, 5, 4)) == (2, 3, 5, 6)
    assert layer(QUERY, VALUE).shape == (2, 3, 5, 6)


def test_weights_are_attributes_which_name_them_in_files():
    layer = MultiHeadAttention(1, 2, use_bias=False)
    layer.build(QUERY.shape)
    names = ["query", "key", "value", "attention_output"]
    assert list(layer.variables_by_path()) == [f"{name}_kernel" for name in names]


@pytest.mark.slow  # the contract tests do this every day
def test_empty_batches_and_half_precision():
    layer = MultiHeadAttention(2, 3, dtype="float16")
    x = jt.cast(1e3 * VALUE, "float16")
    outputs = layer(x, x)
    assert outputs.dtype == "float16"
    assert np.isfinite(outputs.numpy()).all()
    assert layer(x[:0], x[:0]).shape == (0, 5, 4)


@pytest.mark.slow  # the contract tests do this every day
def test_gradients_are_those_of_the_formula():
    with jax.enable_x64(True):
        layer = MultiHeadAttention(1, 2, dtype="float64", use_gate=True)
        arrays = [QUERY[:1].astype("float64"), VALUE[:1].astype("float64")]
        layer(*arrays)
        check_derivatives(layer, arrays, [0, 1])


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"num_heads": 0}, "`num_heads` .* got 0"),
        ({"key_dim": 2.5}, r"`key_dim` .* got 2\.5"),
        ({"value_dim": -1}, "`value_dim` .* got -1"),
        ({"sliding_window": 0}, "`sliding_window` .* got 0"),
        ({"dropout": 2}, "`dropout` .* got 2"),
    ],
)
def test_wrong_sizes_raise(arguments, wrong):
    with pytest.raises(ValueError, match=wrong):
        MultiHeadAttention(**{"num_heads": 1, "key_dim": 2, **arguments})


def test_inputs_without_steps_raise():
    layer = MultiHeadAttention(1, 2, name="heads")
    with pytest.raises(ValueError, match=r"'heads'\) .* got shapes \(2, 4\), \(2, 4\)"):
        layer(QUERY[:, 0], QUERY[:, 0])


def test_other_features_raise():
    layer = MultiHeadAttention(1, 2)
    layer.build(QUERY.shape, VALUE.shape)
    layer.built = True
    with pytest.raises(ValueError, match=r"built for \(4, 4, 4\).*got \(4, 3, 3\)"):
        layer(QUERY, VALUE[..., :3])


def test_other_batches_raise():
    with pytest.raises(ValueError, match=re.escape("got shapes (2, 3, 4), (1, 5, 4)")):
        MultiHeadAttention(1, 2)(QUERY, VALUE[:1])


@pytest.mark.parametrize("options", [{}, {"sliding_window": 2}])
def test_order_needs_one_axis(options):
    x = np.ones((2, 3, 4, 5), "float32")
    layer = MultiHeadAttention(1, 2, **options)
    with pytest.raises(ValueError, match=r"attention over axes \(1, 2\)"):
        layer(x, x, use_causal_mask=not options)


@pytest.mark.parametrize("axes", [0, (1, 2), -1])
def test_the_batch_and_features_are_no_attention_axes(axes):
    with pytest.raises(ValueError, match=r"got \(.*\) for a query of 3 axes"):
        MultiHeadAttention(1, 2, attention_axes=axes)(QUERY, VALUE)
