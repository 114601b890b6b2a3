"""Calls of layers against the same calls in Keras: values, masks, gradients, state."""

import json

import pytest

import jaxtape as jt
from tests.golden_values import golden, signature_of
from tests.layer_goldens import check_case

pytestmark = pytest.mark.usefixtures("quick_programs")

NORMALIZATION = golden("normalization")
SEQUENCES = golden("sequence_layers")
SMALL = golden("small_layers")
CASES = NORMALIZATION["cases"] | SEQUENCES["cases"] | SMALL["cases"]
SIGNATURES = {
    **NORMALIZATION["signatures"],
    **SEQUENCES["signatures"],
    **SMALL["signatures"],
}

# A program for each case takes a second to compile. These are one of each kind.
EVERYDAY = {
    *("batch_training", "batch_frozen", "batch_masked", "layer_axes", "lstm_masked"),
    *("embedding_masked", "add_masked", "concatenate_steps", "attention_masks"),
    *("relu_all", "prelu_shared", "softmax_masked", "multiply_masked"),
    *("maximum_masked", "dot_cosine", "up_sampling_2d_bilinear"),
    *("normalization_given", "cropping_2d", "zero_padding_2d_first"),
    *("transpose_2d_even", "depthwise", "separable_same"),
    *("simple_rnn_all", "bidirectional_ave", "time_distributed", "masking"),
}
# Ours leave out what a wrapper does (LoRA, quantization) and batch renormalization.
LEFT_OUT = {
    *("weights", "lora_rank", "lora_alpha", "quantization_config"),
    *("renorm", "renorm_clipping", "renorm_momentum", "synchronized"),
    *("name", "dtype"),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sorted(EVERYDAY))
def test_a_call_is_keras_s(name):
    check_case(CASES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(CASES) - EVERYDAY))
def test_a_further_call_is_keras_s(name):
    check_case(CASES[name])


@pytest.mark.parametrize("name", [n for n in sorted(SIGNATURES) if SIGNATURES[n]])
def test_arguments_are_keras_s(name):
    expected = [row for row in SIGNATURES[name] if row[0] not in LEFT_OUT]
    ours = signature_of(getattr(jt.layers, name))
    ours = [row for row in ours if row[0] not in ("options", "zero_output_for_mask")]
    assert json.loads(json.dumps(ours)) == expected


@pytest.mark.parametrize("name", sorted(SEQUENCES["weight_names"]))
def test_weights_have_keras_s_names_in_keras_s_order(name):
    x = jt.ones((2, 4, 3))
    arguments, inputs = {
        "Embedding": ((3, 2), (jt.zeros((2, 2), "int32"),)),
        "LSTM": ((2,), (x,)),
        "GRU": ((2,), (x,)),
        "MultiHeadAttention": ((2, 3), (x, x)),
    }[name]
    options = {"use_gate": True} if name == "MultiHeadAttention" else {}
    layer = getattr(jt.layers, name)(*arguments, **options)
    layer._build_once(inputs, {})
    names = [w.name.removeprefix(f"{layer.name}/") for w in layer.weights]
    theirs = SEQUENCES["weight_names"][name]
    assert names == [n.removeprefix(f"{name.lower()}_cell/") for n in theirs]
