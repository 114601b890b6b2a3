"""The less common ops against the answers of TensorFlow in `functions.json`."""

import inspect
from operator import attrgetter

import numpy as np
import pytest

import jaxtape as jt
from tests.framework.ops.test_goldens import (
    check_case,
    decode,
    function_of,
)
from tests.golden_values import golden

CASES = {case["name"]: case for case in golden("functions")["cases"]}

# Where TensorFlow is wrong by its own documentation, or not finite where we are.
VALUE_DIFFERS = {}
GRADIENT_DIFFERS = {
    "tf.dynamic_stitch([[0, 2], [1, 2]], [x, y])": "counts a row that was overwritten",
    "nn.weighted_cross_entropy_with_logits": "0 at the logit 0; ours is the slope",
    "nn.log_poisson_loss #2": "NaN by a target of 0; ours is the slope",
}
# Sums of up to a hundred products, in another order.
TOLERANCE = {"nn.": 2e-5, "linalg.": 2e-5, "tf.": 3e-5, "math.": 5e-6}


def tolerance_of(name):
    return next((t for start, t in TOLERANCE.items() if name.startswith(start)), 2e-6)


@pytest.mark.slow  # the table of ops holds the same functions against NumPy every day
@pytest.mark.parametrize("name", [n for n, c in CASES.items() if "value" in c])
def test_value_and_gradient_are_those_of_tensorflow(name):
    has_gradient = name not in GRADIENT_DIFFERS
    check_case(CASES[name], tolerance_of(name), name not in VALUE_DIFFERS, has_gradient)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if "error" in c])
def test_what_tensorflow_refuses_is_refused(name):
    case = CASES[name]
    with pytest.raises((ValueError, IndexError)):
        function_of(case)(*decode(case["arguments"], np.asarray), **case["keywords"])


# Arguments that only TensorFlow's own kinds of arrays and devices have a use for.
THEIR_OWN = {"bad_indices_policy", "layout", "grad_a", "grad_b", "dim"}
SIGNATURE_DIFFERS = {
    "device": "TensorFlow calls it device_name",
    "linalg.matvec": "without a_is_sparse and b_is_sparse",
    "math.accumulate_n": "an alias of add_n",
    "meshgrid": "its keywords are written out",
    "recompute_grad": "takes a policy as well",
    "nn.silu": "takes `name` as well",
    "print": "its keywords are written out",
    "nn.swish": "takes `name` as well",
}


def ours(path):
    try:
        return attrgetter(path)(jt)
    except AttributeError:
        return None


SIGNATURES = {
    path: names
    for path, names in golden("functions")["signatures"].items()
    if inspect.isfunction(ours(path)) and "jaxtape" in ours(path).__module__
}


@pytest.mark.parametrize("path", sorted(SIGNATURES.keys() - SIGNATURE_DIFFERS.keys()))
def test_arguments_have_tensorflow_s_names_and_order(path):
    expected = [name for name in SIGNATURES[path] if name not in THEIR_OWN]
    assert list(inspect.signature(ours(path)).parameters) == expected


def test_most_functions_of_tensorflow_are_there():
    assert len(SIGNATURES) > 250


def test_every_exception_names_a_case():
    assert set(VALUE_DIFFERS) | set(GRADIENT_DIFFERS) <= set(CASES)
    assert SIGNATURE_DIFFERS.keys() <= SIGNATURES.keys()
