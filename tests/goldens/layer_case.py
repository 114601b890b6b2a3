"""How one call of a Keras layer is written into a golden.

A case holds `layer` (class name), `arguments` (of the constructor; a layer among them
by its `class_name` and `config`), `inputs` (of the
call, by name: an array, or a list of arrays under `list`), `masks` (attached to the
inputs of these names; for a list, a list with null where there is none), `options`
(of the call), `weights` (given before the call), `outputs` and `output_masks` (lists),
`cotangents` (of the outputs), `input_gradients` (by name; null for integers),
`weight_gradients` (of the trainable weights, in order), `weights_after` (the call).
"""

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend import get_keras_mask, set_keras_mask


class Numbers:
    """Random numbers of two decimals, the same in every run."""

    def __init__(self, seed=0):
        self._rng = np.random.default_rng(seed)

    def __call__(self, *shape, scale=1.0):
        drawn = self._rng.normal(size=shape) * scale
        return np.round(drawn, 2).astype("float32")


def layer_case(name, arguments, inputs, *, masks=None, weights=None, seed=0, **options):
    """Call a layer, differentiate the call, and write down what happened."""
    numbers = Numbers(seed)
    layer = getattr(keras.layers, name)(**_with_layers(arguments))
    tensors = {key: _tensors(value) for key, value in inputs.items()}
    layer(*tensors.values())
    if weights is None:
        weights = [numbers(*w.shape, scale=0.7) for w in layer.weights]
    layer.set_weights(weights)
    if getattr(layer, "stateful", False):
        layer.reset_state()
    for key, mask in (masks or {}).items():
        _attach(tensors[key], mask)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(_floats(tensors))
        outputs = layer(*tensors.values(), **options)
        listed = outputs if isinstance(outputs, list | tuple) else [outputs]
        cotangents = [numbers(*output.shape) for output in listed]
        pairs = zip(listed, cotangents, strict=True)
        total = tf.add_n([tf.reduce_sum(y * c) for y, c in pairs])
    return {
        "layer": name,
        "arguments": arguments,
        "inputs": inputs,
        "masks": masks or {},
        "options": options,
        "weights": weights,
        "outputs": listed,
        "output_masks": [get_keras_mask(output) for output in listed],
        "cotangents": cotangents,
        "input_gradients": {
            key: _gradient(tape, total, value) for key, value in tensors.items()
        },
        "weight_gradients": [
            tape.gradient(total, w.value) for w in layer.trainable_weights
        ],
        "weights_after": layer.get_weights(),
    }


def _with_layers(arguments):
    """Arguments with the layers that their configs name."""
    return {
        name: getattr(keras.layers, value["class_name"])(**value["config"])
        if isinstance(value, dict)
        else value
        for name, value in arguments.items()
    }


def _tensors(value):
    if isinstance(value, dict):
        return [tf.constant(part) for part in value["list"]]
    return tf.constant(value)


def _attach(tensors, mask):
    if isinstance(tensors, list):
        for tensor, part in zip(tensors, mask, strict=True):
            _attach(tensor, part)
    elif mask is not None:
        set_keras_mask(tensors, tf.constant(mask))


def _floats(tensors):
    return [x for x in tf.nest.flatten(tensors) if x.dtype.is_floating]


def _gradient(tape, total, value):
    if isinstance(value, list):
        return {"list": [_gradient(tape, total, part) for part in value]}
    return tape.gradient(total, value) if value.dtype.is_floating else None
