"""The ops against the answers of TensorFlow that are stored in `ops.json`."""

import warnings
from operator import attrgetter

import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import golden

CASES = {case["name"]: case for case in golden("ops")["cases"]}

# Where TensorFlow is wrong by its own documentation, or not finite where we are.
VALUE_DIFFERS = {
    "clip_by_norm, overflow": "TensorFlow loses the direction: 0 instead of 0.707",
    "clip_by_global_norm #9": "TensorFlow's norm overflows; ours does not",
    "floordiv by integer 0": "XLA has no integer error; TensorFlow raises on CPU",
}
GRADIENT_DIFFERS = {
    "clip_by_global_norm #5": "TensorFlow has NaN for zeros; ours is 1",
    "linalg.global_norm #3": "NaN at 0; ours is 0",
    "norm": "NaN at 0; ours is 0",
    "norm #5": "NaN at 0; ours is 0",
    "math.reduce_euclidean_norm": "NaN at 0; ours is 0",
    "math.reduce_std": "NaN where all are equal; ours is 0",
    "pow": "NaN by x at 0 ** 0; ours is 0",
    "argsort": "TensorFlow counts it as connected; ours is None",
    "argsort #2": "TensorFlow counts it as connected; ours is None",
    "softmax cross entropy, labels that sum to 2": "documented as incorrect there",
    "math.cumprod": "wrong in TensorFlow where an element is 0",
}
# TensorFlow's default integers and floats, as they are without x64.
NARROW = {"float64": "float32", "int64": "int32"}


def array_of(encoded):
    values = np.asarray(encoded["values"], "float64")
    if encoded["dtype"].startswith("complex"):
        values = values[..., 0] + 1j * values[..., 1]
    return values.astype(encoded["dtype"]).reshape(encoded["shape"])


def is_tensor(value):
    return isinstance(value, dict) and "values" in value


def decode(value, make):
    if is_tensor(value):
        return make(array_of(value))
    return [decode(v, make) for v in value] if isinstance(value, list) else value


def flat(value):
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in flat(part)]
    return [] if value is None else [value]


def function_of(case):
    if "op" in case:
        path = case["op"]
        return attrgetter(path)(jt if hasattr(jt, path.split(".")[0]) else jt.math)
    text = case["formula"]
    return lambda *v: eval(text, {"tf": jt, **dict(zip("xyz", v, strict=False))})


def check(ours, theirs, rtol=2e-6):
    wanted = array_of(theirs)
    dtype = NARROW.get(theirs["dtype"], theirs["dtype"])
    assert ours.dtype == dtype
    assert ours.shape == wanted.shape
    rtol = 1e-3 if dtype == "float16" else rtol
    atol = 0.15 * rtol * max(1, np.abs(wanted[np.isfinite(wanted)]).max(initial=0))
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=rtol, atol=atol)


def golden_leaves(value):
    if is_tensor(value):
        return [value]
    parts = value if isinstance(value, list) else []
    return [leaf for part in parts for leaf in golden_leaves(part)]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", [n for n, c in CASES.items() if "value" in c])
def test_value_and_gradient_are_those_of_tensorflow(name):
    if name in VALUE_DIFFERS:
        pytest.skip(VALUE_DIFFERS[name])
    check_case(CASES[name], 2e-6, True, name not in GRADIENT_DIFFERS)


def check_case(case, rtol, has_value, has_gradient):
    arguments = decode(case["arguments"], jt.constant)
    sources = [x for x in flat(arguments) if isinstance(x, jt.Tensor)]
    with jt.GradientTape() as tape:
        tape.watch([x for x in sources if np.issubdtype(x.dtype, np.inexact)])
        value = flat(function_of(case)(*arguments, **case["keywords"]))
    weights = decode(golden_leaves(case.get("output_gradient")), jt.constant) or None
    with warnings.catch_warnings():  # of integer targets and sources, as in TensorFlow
        warnings.filterwarnings("ignore", message="The (target|source) of gradient")
        found = tape.gradient(value, sources, output_gradients=weights)
    if has_value:
        for mine, theirs in zip(value, golden_leaves(case["value"]), strict=True):
            check(mine, theirs, rtol)
    if has_gradient and "gradients" in case:
        for mine, theirs in zip(found, case["gradients"], strict=True):
            check_gradient(mine, theirs, rtol)


def check_gradient(mine, theirs, rtol):
    assert (mine is None) == (theirs is None)
    if theirs is not None:
        check(mine, theirs, rtol)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if "error" in c])
def test_what_tensorflow_refuses_is_refused(name):
    if name in VALUE_DIFFERS:
        pytest.skip(VALUE_DIFFERS[name])
    case = CASES[name]
    with pytest.raises((ValueError, IndexError)):
        function_of(case)(*decode(case["arguments"], np.asarray), **case["keywords"])


def test_every_exception_names_a_case():
    assert set(VALUE_DIFFERS) | set(GRADIENT_DIFFERS) <= set(CASES)
