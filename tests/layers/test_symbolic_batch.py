"""Shapes of outputs for a batch of unknown size, as functional models infer them."""

import jax
import pytest
from jax.export import symbolic_shape

import jaxtape as jt
from jaxtape import layers

(BATCH,) = symbolic_shape("batch")
IDS = layers.Embedding(5, 3, mask_zero=True)

CASES = {
    "activation": (layers.Activation("relu"), [(3,)], (3,)),
    "add": (lambda x, y: layers.Add()([x, y]), [(4, 3), (3,)], (4, 3)),
    "batch": (layers.BatchNormalization(), [(4, 3)], (4, 3)),
    "concatenate": (
        lambda x, y: layers.Concatenate(1)([x, y]),
        [(4, 3), (2, 3)],
        (6, 3),
    ),
    "dense": (layers.Dense(2, activity_regularizer="l2"), [(3,)], (2,)),
    "dropout": (layers.Dropout(0.5), [(3,)], (3,)),
    "embedding": (IDS, [(4,)], (4, 3)),
    "flatten": (layers.Flatten("channels_first"), [(2, 3, 4)], (24,)),
    "gru_masked": (
        lambda x: layers.GRU(2, return_sequences=True)(IDS(x)),
        [(4,)],
        (4, 2),
    ),
    "layer": (layers.LayerNormalization(axis=[1, 2]), [(4, 3)], (4, 3)),
    "lstm": (layers.LSTM(2, go_backwards=True), [(4, 3)], (2,)),
    "lstm_state": (
        lambda x, h, c: layers.LSTM(2)(x, initial_state=[h, c]),
        [(4, 3), (2,), (2,)],
        (2,),
    ),
    "attention": (layers.MultiHeadAttention(2, 3), [(4, 3), (5, 3)], (4, 3)),
    "attention_masked": (
        lambda x: layers.MultiHeadAttention(2, 3)(IDS(x), IDS(x), use_causal_mask=True),
        [(4,)],
        (4, 3),
    ),
    "reshape": (layers.Reshape((-1, 2)), [(4, 3)], (6, 2)),
    "reshape_op": (lambda x: jt.identity(x).reshape(x.shape[0], -1), [(4, 3)], (12,)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_batch_stays_unknown(name):
    layer, shapes, expected = CASES[name]
    inputs = [jax.ShapeDtypeStruct((BATCH, *shape), "float32") for shape in shapes]
    found = jax.eval_shape(lambda *arrays: layer(*arrays)._array(), *inputs)
    assert found.shape == (BATCH, *expected)


def test_a_draw_of_an_unknown_number():
    with pytest.raises(TypeError, match=r"`shape` must be made of integers; got \(2.5"):
        jt.random.uniform((2.5, BATCH))
