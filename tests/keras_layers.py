"""Layers against the numbers of Keras's in `tests/goldens/convolution.json`."""

import numpy as np

import jaxtape as jt
from tests.golden_values import float32, golden

TOLERANCE = 1e-5  # sums of up to 20 numbers of size 1, in another order


def cases(*names):
    """The stored cases of these classes."""
    return [case for case in golden("convolution")["layers"] if case["layer"] in names]


def name_of(case):
    return case["name"]


def check(case):
    """Check the value of a layer and its gradients by the input and each weight."""
    layer = getattr(jt.layers, case["layer"])(**case["arguments"])
    x = jt.constant(float32(case["input"]))
    layer(x)
    assert [list(w.shape) for w in layer.weights] == case["weight_shapes"]
    layer.set_weights([float32(w) for w in case["weights"]])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = jt.reduce_sum(y * float32(case["output_gradient"]))
    gradients = tape.gradient(loss, [x, *layer.trainable_variables])
    np.testing.assert_allclose(y, float32(case["value"]), TOLERANCE, TOLERANCE)
    for ours, theirs in zip(gradients, case["gradients"], strict=True):
        np.testing.assert_allclose(ours, float32(theirs), TOLERANCE, TOLERANCE)
