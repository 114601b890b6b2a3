"""Holds a layer against a case of `tests/goldens/layer_case.py`: one call in Keras."""

import numpy as np

import jaxtape as jt
from jaxtape.framework.masking import attach, mask_of
from tests.conftest import TOLERANCE


def check_case(case):
    """Fail unless outputs, masks, gradients and state are those of Keras."""
    layer = getattr(jt.layers, case["layer"])(**_with_layers(case["arguments"]))
    inputs = {name: _tensors(value) for name, value in case["inputs"].items()}
    layer._build_once(list(inputs.values()), {})
    layer.set_weights([np.array(w, "float32") for w in case["weights"]])
    for name, mask in case["masks"].items():
        _attach(inputs[name], mask)
    flat = [x for x in _leaves(inputs) if x.dtype == "float32"]
    with jt.GradientTape() as tape:
        tape.watch(flat)
        outputs = _listed(layer(*inputs.values(), **case["options"]))
    sources = [*flat, *layer.trainable_weights]
    cotangents = [_array(c) for c in case["cotangents"]]
    gradients = tape.gradient(outputs, sources, cotangents, "zero")
    expected = [*_leaves(case["input_gradients"]), *case["weight_gradients"]]
    _compare("outputs", outputs, case["outputs"])
    _compare("gradients", gradients, [g for g in expected if g is not None])
    _compare("weights_after", layer.weights, case["weights_after"])
    masks = [mask_of(output) for output in outputs]
    assert [m if m is None else m.tolist() for m in masks] == case["output_masks"]


def _with_layers(arguments):
    return {
        name: getattr(jt.layers, value["class_name"])(**value["config"])
        if isinstance(value, dict)
        else value
        for name, value in arguments.items()
    }


def _tensors(value):
    if isinstance(value, dict):
        return [_tensors(part) for part in value["list"]]
    array = np.array(value)
    return jt.constant(array if array.dtype.kind == "i" else array.astype("float32"))


def _array(value):
    return np.array(value, "float32")


def _attach(tensors, mask):
    if isinstance(tensors, list):
        for tensor, part in zip(tensors, mask, strict=True):
            _attach(tensor, part)
    elif mask is not None:
        attach(tensors, jt.constant(mask))


def _listed(value):
    return list(value) if isinstance(value, list | tuple) else [value]


def _leaves(values):
    """Tensors in a structure; arrays and `None` of a golden's gradients."""
    found = []
    for value in values.values():
        inner = value["list"] if isinstance(value, dict) else value
        is_list = isinstance(value, dict) or (
            isinstance(value, list) and isinstance(value[0], jt.Tensor)
        )
        found += inner if is_list else [value]
    return found


def _compare(what, ours, theirs):
    for place, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        expected = _array(their)
        assert our.shape == expected.shape, (what, place)
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(
            our.numpy(),
            expected,
            rtol=0,
            atol=TOLERANCE["float32"] * scale,
            err_msg=f"{what}[{place}]",
        )
