"""Makes `sequence_layers.json`: calls of Keras's layers of sequences and of merging.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_sequence_layers.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, by name, each as `layer_case.py` says; `weight_names` (class to the
names of its weights, in order, with those of its parts before a slash);
`signatures` (class to a list of [argument, default]).
"""

import inspect

import keras
import numpy as np
from golden_file import plain, write_golden
from layer_case import Numbers, layer_case

numbers = Numbers(11)
CLASSES = (
    *("Add", "Concatenate", "Embedding", "GRU", "LSTM", "MultiHeadAttention"),
    "Reshape",
)
MASK = [[True, True, False, True], [False, True, False, False]]
SHORT = [[True, True, True], [True, False, False]]
EVERYTHING = {"return_sequences": True, "return_state": True}


def recurrent(arguments, *, masks=None, initial=False, **options):
    x = {"sequences": numbers(2, 4, 3)}
    found = {}
    for name, count in (("LSTM", 2), ("GRU", 1)):
        inputs = dict(x)
        if initial:
            inputs["initial_state"] = {"list": [numbers(2, 2) for _ in range(count)]}
        found[name.lower()] = layer_case(
            name, {"units": 2, **arguments}, inputs, masks=masks, **options
        )
    return found


def recurrent_cases():
    masked = {"masks": {"sequences": MASK}}
    groups = {
        "last": recurrent({}),
        "all": recurrent(EVERYTHING),
        "initial_state": recurrent(EVERYTHING, initial=True),
        "masked": recurrent(EVERYTHING, **masked),
        "masked_initial_state": recurrent(
            EVERYTHING, initial=True, mask=np.array(MASK)
        ),
        "zeros_for_masked": recurrent(
            {**EVERYTHING, "zero_output_for_mask": True, "use_cudnn": False}, **masked
        ),
        "backwards": recurrent({**EVERYTHING, "go_backwards": True}, **masked),
        "unrolled": recurrent({"unroll": True, "use_bias": False}),
        "stateful": recurrent({"stateful": True, "return_state": True}),
        "activations": recurrent(
            {"activation": "relu", "recurrent_activation": "hard_sigmoid"}
        ),
        "no_activation": recurrent({"activation": None, "recurrent_activation": None}),
    }
    cases = {
        f"{layer}_{name}": case
        for name, group in groups.items()
        for layer, case in group.items()
    }
    before = {"units": 2, "reset_after": False, **EVERYTHING}
    x = {"sequences": numbers(2, 4, 3)}
    return cases | {
        "gru_reset_before": layer_case("GRU", before, x),
        "gru_reset_before_bare": layer_case("GRU", {**before, "use_bias": False}, x),
    }


def attention(arguments, names="query value", length=3, **options):
    inputs = {
        name: numbers(2, 4 if name == "query" else length, 5) for name in names.split()
    }
    arguments = {"num_heads": 2, "key_dim": 3, **arguments}
    case = layer_case("MultiHeadAttention", arguments, inputs, **options)
    # Scores carry what the layer's own Softmax left on them, which is no mask of steps.
    case["output_masks"][1:] = [None] * (len(case["outputs"]) - 1)
    return case


def attention_cases():
    x = numbers(2, 3, 2, 4)
    one = {"query": [[True, True, True, False], [True, True, True, True]]}
    return {
        "attention": attention({}),
        "attention_key": attention({"value_dim": 2}, "query value key"),
        "attention_scores": attention({}, return_attention_scores=True),
        "attention_causal": attention({}, length=4, use_causal_mask=True),
        "attention_mask": attention(
            {}, attention_mask=np.array([[[True, False, True]] * 4] * 2)
        ),
        "attention_value_mask": attention({}, masks={"value": SHORT}),
        "attention_masks": attention(
            {}, masks={**one, "value": SHORT}, return_attention_scores=True
        ),
        "attention_bare": attention({"use_bias": False, "output_shape": 7}),
        "attention_matrix": attention({"output_shape": (2, 3)}),
        "attention_gate": attention({"use_gate": True}),
        "attention_window": attention({"sliding_window": 2}, length=4),
        "attention_all_axes": layer_case(
            "MultiHeadAttention",
            {"num_heads": 2, "key_dim": 3},
            {"query": x, "value": x + 1},
        ),
        "attention_one_axis": layer_case(
            "MultiHeadAttention",
            {"num_heads": 2, "key_dim": 3, "attention_axes": 2},
            {"query": x, "value": x + 1},
            return_attention_scores=True,
        ),
    }


def merging_cases():
    x, y = numbers(2, 4, 3), numbers(2, 4, 3)
    masks, other = MASK, [[False, True, False, False], [False, True, True, False]]

    def merged(name, arguments, arrays, masks=None):
        masks = None if masks is None else {"inputs": masks}
        return layer_case(name, arguments, {"inputs": {"list": arrays}}, masks=masks)

    return {
        "add": merged("Add", {}, [x, y, x]),
        "add_masked": merged("Add", {}, [x, y], [masks, other]),
        "add_half_masked": merged("Add", {}, [x, y], [masks, None]),
        "add_ranks": merged("Add", {}, [x, numbers(2, 3), numbers(2, 1, 3)]),
        "concatenate": merged("Concatenate", {}, [x, numbers(2, 4, 1)]),
        "concatenate_steps": merged(
            "Concatenate", {"axis": 1}, [x, numbers(2, 1, 3)], [masks, None]
        ),
        "concatenate_masked": merged("Concatenate", {}, [x, y], [masks, other]),
        "concatenate_steps_masked": merged(
            "Concatenate", {"axis": -2}, [x, y], [masks, other]
        ),
        "reshape": layer_case("Reshape", {"target_shape": [2, -1]}, {"inputs": x}),
    }


def embedding_cases():
    ids = np.array([[3, 0, 1], [1, 1, 4]], "int32")
    sizes = {"input_dim": 5, "output_dim": 2}
    return {
        "embedding": layer_case("Embedding", sizes, {"inputs": ids}),
        "embedding_masked": layer_case(
            "Embedding", {**sizes, "mask_zero": True}, {"inputs": ids}
        ),
    }


def signature(name):
    rows = inspect.signature(getattr(keras.layers, name).__init__).parameters.values()
    return [
        [row.name] + ([] if row.default is row.empty else [row.default])
        for row in list(rows)[1:]
        if row.kind is not row.VAR_KEYWORD
    ]


def weight_names(layer, *arguments):
    layer(*arguments)
    return ["/".join(w.path.split("/")[1:]) for w in layer.weights]


def main():
    x = numbers(2, 4, 3)
    gated = keras.layers.MultiHeadAttention(2, 3, use_gate=True)
    names = {
        "Embedding": weight_names(keras.layers.Embedding(3, 2), np.ones((2, 2))),
        "LSTM": weight_names(keras.layers.LSTM(2), x),
        "GRU": weight_names(keras.layers.GRU(2), x),
        "MultiHeadAttention": weight_names(gated, x, x),
    }
    cases = {
        **embedding_cases(),
        **merging_cases(),
        **recurrent_cases(),
        **attention_cases(),
    }
    signatures = {name: signature(name) for name in CLASSES}
    contents = {"cases": cases, "weight_names": names, "signatures": signatures}
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
