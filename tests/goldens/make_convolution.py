"""Makes `convolution.json`: Keras's convolution and pooling layers.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_convolution.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `layers`, each with the class, its arguments, the input, the weights with their
shapes, the value, and the gradients of sum(value * output_gradient) by the input and
then by each weight; `initial`, the limit of the kernel that each layer draws first;
`vgg16`, the layers of `keras.applications.VGG16` with their output and weight shapes.
"""

import keras
import numpy as np
import tensorflow as tf
from golden_file import plain, write_golden

RNG = np.random.default_rng(0)
IMAGE, CHANNELS_FIRST, STEPS = (2, 6, 5, 2), (2, 4, 6, 5), (2, 8, 4)

# TensorFlow has no channels-first and no grouped convolution on CPUs: for those the
# numbers are Keras's on the same data in another layout, or on each group alone.
LAYERS = [
    ("Conv2D", {"filters": 3, "kernel_size": 3}, IMAGE),
    (
        "Conv2D",
        {"filters": 3, "kernel_size": [3, 2], "strides": 2, "padding": "same"},
        IMAGE,
    ),
    (
        "Conv2D",
        {
            "filters": 2,
            "kernel_size": 2,
            "dilation_rate": [2, 1],
            "activation": "relu",
            "use_bias": False,
        },
        IMAGE,
    ),
    (
        "Conv1D",
        {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
        STEPS,
    ),
    ("Conv1D", {"filters": 2, "kernel_size": 2, "strides": 3}, STEPS),
    ("MaxPooling2D", {}, IMAGE),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2}, STEPS),
    ("AveragePooling2D", {"pool_size": [2, 3], "padding": "same"}, IMAGE),
    ("AveragePooling1D", {"pool_size": 3, "strides": 1}, STEPS),
    ("GlobalMaxPooling2D", {}, IMAGE),
    ("GlobalMaxPooling1D", {"keepdims": True}, STEPS),
    ("GlobalAveragePooling2D", {"keepdims": True}, IMAGE),
    ("GlobalAveragePooling1D", {"data_format": "channels_first"}, STEPS),
    ("GlobalMaxPooling2D", {"data_format": "channels_first"}, CHANNELS_FIRST),
]
INITIAL = [
    ("Conv2D", {"filters": 64, "kernel_size": 3}, (None, 28, 28, 32)),
    ("Conv2D", {"filters": 64, "kernel_size": 5, "groups": 4}, (None, 28, 28, 32)),
    ("Conv1D", {"filters": 64, "kernel_size": 7}, (None, 28, 32)),
]


def run(name, arguments, shape):
    layer = getattr(keras.layers, name)(**arguments)
    x = tf.constant(draw(shape))
    layer.build(shape)
    layer.set_weights([draw(weight.shape) for weight in layer.weights])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = layer(x)
        seed = draw(value.shape)
        loss = tf.reduce_sum(value * seed)
    variables = [weight.value for weight in layer.trainable_weights]
    gradients = tape.gradient(loss, [x, *variables])
    return {
        "name": f"{name} {arguments}",
        "layer": name,
        "arguments": arguments,
        "input": plain(x),
        "weight_shapes": [list(weight.shape) for weight in layer.weights],
        "weights": plain(layer.get_weights()),
        "value": plain(value),
        "output_gradient": plain(seed),
        "gradients": plain(gradients),
    }


def draw(shape):
    """Short decimals: multiples of 1/8, with ties."""
    return (RNG.integers(-16, 17, shape) / 8).astype("float32")


def initial(name, arguments, shape):
    keras.utils.set_random_seed(0)
    layer = getattr(keras.layers, name)(**arguments)
    layer.build(shape)
    *window, fan_in, fan_out = layer.kernel.shape
    limit = float(np.sqrt(6 / (np.prod(window) * (fan_in + fan_out))))
    largest = np.max(np.abs(layer.kernel.numpy()))
    assert 0.995 * limit < largest <= np.float32(limit)
    return {
        "layer": name,
        "arguments": arguments,
        "input_shape": list(shape),
        "kernel_shape": list(layer.kernel.shape),
        "limit": limit,
    }


def vgg16(**arguments):
    with keras.device("cpu"):
        model = keras.applications.VGG16(weights=None, **arguments)
    return {
        "arguments": arguments,
        "parameters": model.count_params(),
        "layers": [
            {
                "name": layer.name,
                "class": type(layer).__name__,
                "output_shape": list(layer.output.shape),
                "weight_shapes": [list(weight.shape) for weight in layer.weights],
            }
            for layer in model.layers
        ],
    }


write_golden(
    __file__,
    {
        "layers": [run(*case) for case in LAYERS],
        "initial": [initial(*case) for case in INITIAL],
        "vgg16": [vgg16(), vgg16(include_top=False, input_shape=[32, 32, 3])],
    },
)
