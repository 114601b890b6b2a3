"""Makes `small_layers.json`: calls of Keras's layers that are a formula or a wrapper.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_small_layers.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, by name, each as `layer_case.py` says; `adapted`, what `adapt` of
Normalization finds in batches, and what the layer makes of the last one; `signatures`
(class to a list of [argument, default]).
"""

import inspect

import keras
import numpy as np
from golden_file import plain, write_golden
from layer_case import Numbers, layer_case

numbers = Numbers(23)
STEPS = [[True, True, False, True], [False, True, False, False]]
OTHER_STEPS = [[False, True, False, False], [False, True, True, False]]
CLASSES = (
    *("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
    *("Multiply", "Subtract", "Average", "Maximum", "Minimum", "Dot"),
    *("Rescaling", "Normalization", "Identity", "Lambda", "Permute", "RepeatVector"),
    *("ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D"),
    *("UpSampling1D", "UpSampling2D"),
    *("Conv1DTranspose", "DepthwiseConv2D", "SeparableConv2D"),
    *("GaussianNoise", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D"),
    *("SimpleRNN", "Bidirectional", "TimeDistributed", "Masking"),
)


def called(name, arguments, x, *, mask=None, **options):
    """A case of a layer of one input."""
    masks = None if mask is None else {"inputs": mask}
    return layer_case(name, arguments, {"inputs": x}, masks=masks, **options)


def merged(name, arguments, arrays, masks=None):
    masks = None if masks is None else {"inputs": masks}
    return layer_case(name, arguments, {"inputs": {"list": arrays}}, masks=masks)


def activation_cases():
    x = np.array([[-2.5, -0.5, 0.0, 0.5], [1.0, 2.0, 6.0, 7.5]], "float32")
    image = numbers(2, 3, 2, 2)
    image[0, 0, 0, 0] = 0
    sequence = numbers(2, 4, 3)
    picked = [[True, False, True, True], [False, False, False, False]]
    return {
        "relu": called("ReLU", {}, x),
        "relu_slope": called("ReLU", {"negative_slope": 0.2}, x),
        "relu_all": called(
            "ReLU", {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.5}, x
        ),
        "relu_masked": called("ReLU", {"max_value": 1.0}, sequence, mask=STEPS),
        "leaky_relu": called("LeakyReLU", {}, x),
        "leaky_relu_slope": called("LeakyReLU", {"negative_slope": 0.1}, x),
        "elu": called("ELU", {"alpha": 0.5}, x),
        "prelu": called("PReLU", {}, image),
        "prelu_shared": called("PReLU", {"shared_axes": [1, 2]}, image),
        "softmax": called("Softmax", {}, sequence),
        "softmax_axes": called("Softmax", {"axis": [1, 2]}, sequence),
        "softmax_masked": called("Softmax", {}, x, mask=picked),
    }


def merging_cases():
    x, y, z = (np.round(2 * numbers(2, 4, 3)) / 2 for _ in range(3))
    row, one = numbers(2, 3), numbers(2, 1, 3)
    cases = {}
    for name in ("Multiply", "Subtract", "Average", "Maximum", "Minimum"):
        arrays = [x, y] if name == "Subtract" else [x, y, z]
        own = name.lower()
        both = [STEPS, OTHER_STEPS]
        cases[own] = merged(name, {}, arrays)
        cases[f"{own}_ranks"] = merged(name, {}, [x, row])
        cases[f"{own}_lengths"] = merged(name, {}, [one, x])
        cases[f"{own}_masked"] = merged(name, {}, [x, y], both)
        cases[f"{own}_half_masked"] = merged(name, {}, [x, y], [None, STEPS])
    rows = [numbers(2, 5), numbers(2, 5)]
    return cases | {
        "dot": merged("Dot", {"axes": 1}, rows),
        "dot_cosine": merged("Dot", {"axes": -1, "normalize": True}, rows),
        "dot_axes": merged("Dot", {"axes": [2, 1]}, [x, numbers(2, 3, 5)]),
        "dot_ranks": merged("Dot", {"axes": [1, 3]}, [x, numbers(2, 2, 3, 4)]),
        "dot_masked": merged("Dot", {"axes": 2}, [x, y], [STEPS, OTHER_STEPS]),
        "dot_row": merged("Dot", {"axes": [1, 2]}, [row, x]),
    }


def shape_cases():
    x, image, first = numbers(2, 4, 3), numbers(2, 3, 4, 2), numbers(2, 2, 3, 4)
    pixels = np.array([[[0, 128, 255]], [[1, 2, 3]]], "int32")
    channels_first = {"data_format": "channels_first"}
    linear = {"interpolation": "bilinear"}
    given = {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 0.0, 0.25]}
    return {
        "rescaling": called("Rescaling", {"scale": 1 / 127.5, "offset": -1.0}, pixels),
        "rescaling_channels": called(
            "Rescaling", {"scale": [1.0, 2.0, 4.0], "offset": [0.0, 1.0, 0.5]}, x
        ),
        "normalization_given": called("Normalization", given, x),
        "normalization_inverted": called("Normalization", {**given, "invert": True}, x),
        "normalization_scalar": called(
            "Normalization", {"axis": [1, 2], "mean": 0.5, "variance": 2.0}, x
        ),
        "identity": called("Identity", {}, x, mask=STEPS),
        "permute": called("Permute", {"dims": [3, 1, 2]}, image),
        "repeat_vector": called("RepeatVector", {"n": 3}, numbers(2, 3)),
        "zero_padding_1d": called("ZeroPadding1D", {}, x),
        "zero_padding_1d_first": called(
            "ZeroPadding1D", {"padding": [2, 0], **channels_first}, x
        ),
        "zero_padding_2d": called("ZeroPadding2D", {"padding": [1, 2]}, image),
        "zero_padding_2d_first": called(
            "ZeroPadding2D", {"padding": [[1, 0], [0, 2]], **channels_first}, first
        ),
        "cropping_1d": called("Cropping1D", {}, x),
        "cropping_1d_end": called("Cropping1D", {"cropping": [0, 2]}, x),
        "cropping_2d": called("Cropping2D", {"cropping": [[1, 0], [0, 3]]}, image),
        "cropping_2d_first": called(
            "Cropping2D", {"cropping": [1, 1], **channels_first}, first
        ),
        "up_sampling_1d": called("UpSampling1D", {"size": 3}, x),
        "up_sampling_2d": called("UpSampling2D", {"size": [1, 3]}, image),
        "up_sampling_2d_first": called("UpSampling2D", channels_first, first),
        "up_sampling_2d_bilinear": called(
            "UpSampling2D", {"size": [2, 3], **linear}, image
        ),
        "up_sampling_2d_bilinear_first": called(
            "UpSampling2D", {"size": 4, **linear, **channels_first}, first
        ),
    }


def convolution_cases():
    """TensorFlow has no channels-first and no dilated transposed ones on CPUs."""
    x, image = numbers(2, 4, 3), numbers(2, 3, 4, 2)
    one, two, depth = "Conv1DTranspose", "Conv2DTranspose", "DepthwiseConv2D"
    rows = {
        "transpose_1d": (one, {"strides": 2}, x),
        "transpose_1d_same": (one, {"strides": 3, "padding": "same"}, x),
        "transpose_1d_long": (one, {"strides": 5, "activation": "relu"}, x),
        "transpose_2d": (two, {}, image),
        "transpose_2d_same": (two, {"strides": 2, "padding": "same"}, image),
        "transpose_2d_even": (
            *(two, {"kernel_size": [2, 4], "strides": [2, 3], "padding": "same"}),
            image,
        ),
        "transpose_2d_short": (
            *(two, {"strides": 2, "padding": "same", "output_padding": [0, 1]}),
            image,
        ),
        "transpose_2d_longer": (
            *(two, {"strides": [3, 2], "output_padding": 1, "use_bias": False}),
            image,
        ),
        "depthwise": (depth, {"depth_multiplier": 2}, image),
        "depthwise_same": (depth, {"strides": 2, "padding": "same"}, image),
        "depthwise_dilated": (
            *(depth, {"kernel_size": 2, "dilation_rate": 2, "activation": "tanh"}),
            image,
        ),
        "separable": ("SeparableConv2D", {}, image),
        "separable_same": (
            *("SeparableConv2D", {"strides": 2, "padding": "same"}),
            image,
        ),
        "separable_multiplied": (
            *("SeparableConv2D", {"depth_multiplier": 2, "use_bias": False}),
            image,
        ),
    }
    return {
        name: called(
            layer,
            {"kernel_size": 3, **({} if layer == depth else {"filters": 3}), **given},
            array,
        )
        for name, (layer, given, array) in rows.items()
    }


def inner(name, **config):
    """A layer as an argument of another one."""
    return {"class_name": name, "config": config}


def sequence_cases():
    x, state = numbers(2, 4, 3), numbers(2, 2)
    padded = x.copy()
    padded[0, 2:], padded[1, 0], padded[1, 1, 0] = 1, 1, 1
    everything = {"return_sequences": True, "return_state": True}
    sequences, masked = {"sequences": x}, {"masks": {"sequences": STEPS}}
    lstm = inner("LSTM", units=2)
    every_lstm = inner("LSTM", units=2, **everything)
    every_gru = inner("GRU", units=2, return_sequences=True)
    states = {"initial_state": {"list": [state, -state, 2 * state, state + 1]}}
    batch_norm = inner("BatchNormalization", epsilon=0.1)

    def both(arguments, inputs=sequences, **options):
        return layer_case("Bidirectional", arguments, inputs, **options)

    return {
        "simple_rnn": layer_case("SimpleRNN", {"units": 2}, sequences),
        "simple_rnn_all": layer_case(
            "SimpleRNN", {"units": 2, **everything}, sequences, **masked
        ),
        "simple_rnn_backwards": layer_case(
            *("SimpleRNN", {"units": 2, "go_backwards": True, "activation": "relu"}),
            {**sequences, "initial_state": {"list": [state]}},
        ),
        "simple_rnn_bare": layer_case(
            "SimpleRNN", {"units": 2, "use_bias": False, "unroll": True}, sequences
        ),
        "bidirectional": both({"layer": lstm}),
        "bidirectional_sum": both({"layer": every_gru, "merge_mode": "sum"}),
        "bidirectional_mul": both({"layer": lstm, "merge_mode": "mul"}, **masked),
        "bidirectional_ave": both({"layer": every_gru, "merge_mode": "ave"}, **masked),
        "bidirectional_none": both({"layer": every_gru, "merge_mode": None}, **masked),
        "bidirectional_states": both({"layer": every_lstm}, {**sequences, **states}),
        "bidirectional_other": both(
            {
                "layer": inner("SimpleRNN", units=2),
                "backward_layer": inner("SimpleRNN", units=3, go_backwards=True),
            }
        ),
        "time_distributed": called(
            "TimeDistributed", {"layer": inner("Dense", units=2)}, x, mask=STEPS
        ),
        "time_distributed_convolution": called(
            "TimeDistributed",
            {"layer": inner("Conv1D", filters=2, kernel_size=2)},
            numbers(2, 3, 4, 2),
        ),
        "time_distributed_statistics": called(
            "TimeDistributed", {"layer": batch_norm}, x, weights=[np.ones(3)] * 4
        ),
        "masking": called("Masking", {"mask_value": 1.0}, padded),
        "masking_zero": called("Masking", {}, np.where(padded == 1, 0, padded)),
    }


def adapted(axis, batches):
    """What `adapt` finds in batches."""
    layer = keras.layers.Normalization(axis=axis)
    layer.adapt(batches[0] if len(batches) == 1 else batches)
    return {
        "axis": axis,
        "batches": batches,
        "mean": layer.mean,
        "variance": layer.variance,
        "output": layer(batches[-1]),
    }


def adapted_cases():
    x, y = numbers(6, 3), numbers(2, 3) + 1
    steps = numbers(4, 2, 3)
    return [
        adapted(-1, [x]),
        adapted(-1, [x, y]),
        adapted(None, [numbers(5)]),
        adapted(None, [x, y]),
        adapted([1, 2], [steps, steps[:1] * 2]),
        adapted(1, [steps]),
    ]


def signature(name):
    rows = inspect.signature(getattr(keras.layers, name).__init__).parameters.values()
    return [
        [row.name] + ([] if row.default is row.empty else [row.default])
        for row in list(rows)[1:]
        if row.kind is not row.VAR_KEYWORD
    ]


def main():
    cases = activation_cases() | merging_cases() | shape_cases()
    cases |= convolution_cases() | sequence_cases()
    contents = {
        "cases": cases,
        "adapted": adapted_cases(),
        "signatures": {name: signature(name) for name in CLASSES},
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
