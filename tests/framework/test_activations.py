import jax
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxtape as jt
from jaxtape.framework import activations as module
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from jaxtape.framework.recording.op import Op
from tests.golden_values import float32, golden
from tests.recorded_calls import recorded_calls, structure

NAMES = (
    *("elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish"),
    *("leaky_relu", "linear", "log_softmax", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"),
)
NUMBERS = {
    module._LEAKY_RELU: (0.25,),
    module._SLOPED_RELU6: (0.25,),
    module._GENERAL_RELU: (0.25, 0.5, 6.5),
}
GOLDEN = golden("activations")
CASES = [case for case in GOLDEN["cases"] if case["name"] in NAMES]


def value_and_gradient(function, x, output_gradient):
    with jt.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return value, tape.gradient(value, x, output_gradients=output_gradient)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['name']}-{c['arguments']}")
def test_values_and_gradients_are_keras_s(case, tolerance):
    function = jt.activations.get(case["name"])
    x, weights = float32(GOLDEN["x"]), float32(GOLDEN["output_gradient"])
    value, gradient = value_and_gradient(
        lambda x: function(x, **case["arguments"]), jt.constant(x), jt.constant(weights)
    )
    close = {"rtol": tolerance("float32"), "atol": tolerance("float32")}
    np.testing.assert_allclose(value.numpy(), float32(case["value"]), **close)
    np.testing.assert_allclose(gradient.numpy(), float32(case["gradient"]), **close)


def test_every_name_has_a_golden():
    assert {case["name"] for case in CASES} == set(NAMES)


@pytest.mark.slow
def test_derivatives_match_finite_differences():
    def all_activations(x):  # in one program, which takes a tenth of the time
        ops = [op for op in vars(module).values() if isinstance(op, Op)]
        return [op.function(x, *NUMBERS.get(op, ())) for op in ops]

    with jax.enable_x64(True):
        x = np.array([[-4.0, -2.5, -0.7, 0.4, 1.7, 2.9]])  # away from the kinks
        check_grads(jax.jit(all_activations), (x,), order=2, modes=("rev",))


def test_relu_has_gradient_zero_at_zero():
    _, gradient = value_and_gradient(jt.activations.relu, jt.constant([0.0]), None)
    assert gradient.numpy().tolist() == [0.0]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
def test_nan_is_never_hidden(name):
    value = jt.activations.get(name)(jt.constant([np.nan]))
    assert np.isnan(value.numpy()).all()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_keeps_its_dtype(name, dtype):
    value = jt.activations.get(name)(jt.constant([0.5, -0.5], dtype))
    assert value.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_is_one_recorded_call(name):
    x = jt.constant([0.5])
    calls = recorded_calls(lambda: jt.activations.get(name)(x))
    assert len(calls) == (0 if name == "linear" else 1)


def test_slopes_are_inputs_not_structure():
    x = jt.constant(-1.0)
    leaky = jt.activations.leaky_relu
    assert structure(lambda: leaky(x, 0.1)) == structure(lambda: leaky(x, 0.2))
    assert np.isclose(leaky(x, 0.2), -0.2)


def test_arrays_lists_and_variables_are_taken():
    assert jt.activations.relu([-1.0, 2.0]).numpy().tolist() == [0.0, 2.0]
    assert jt.activations.relu(jt.Variable([-1.0])).numpy().tolist() == [0.0]
    assert jt.activations.relu(np.array([-1, 2])).numpy().tolist() == [0, 2]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"hard_swish", "swish"}))
def test_an_activation_is_written_as_its_name(name):
    activation = jt.activations.get(name)
    assert jt.activations.serialize(activation) == name
    assert jt.activations.deserialize(name) is activation


def test_get_passes_functions_on_and_none_is_linear():
    own = lambda x: x  # noqa: E731
    assert jt.activations.get(own) is own
    assert jt.activations.get(None) is jt.activations.linear


def test_get_of_an_unknown_name_suggests_the_closest():
    with pytest.raises(ArgumentError, match=r"'rleu'.*'relu'"):
        jt.activations.get("rleu")


def test_get_of_a_number_is_refused():
    with pytest.raises(ArgumentTypeError, match="got 3"):
        jt.activations.get(3)


def test_a_function_that_only_shares_a_name_is_not_written():
    def relu(x):
        return x

    with pytest.raises(ArgumentError, match="name 'Custom>relu'"):
        jt.activations.serialize(relu)


def test_an_axis_that_is_not_there_is_told():
    with pytest.raises(ShapeError, match=r"softmax.*float32\[2\].*axis"):
        jt.activations.softmax(jt.constant([1.0, 2.0]), axis=3)


# Keras 3.15 with TensorFlow 2.21 on the same points: values, then slopes.
@pytest.mark.parametrize(
    ("arguments", "values", "slopes"),
    [
        ((0.0, 2.0, 0.0), [0, 0, 0, 0.5, 2, 2, 2], [0, 0, 0, 1, 1, 0, 0]),
        ((0.0, 2.0, -1.0), [0, 0, 0, 0.5, 2, 2, 2], [0, 0, 1, 1, 1, 0, 0]),
        ((0.0, 6.0, 0.5), [0, 0, 0, 0, 2, 6, 6], [0, 0, 0, 0, 1, 1, 0]),
        ((0.1, 6.0, 0.0), [-0.1, -0.05, 0, 0.5, 2, 6, 6], [0.1, 0.1, 0, 1, 1, 0, 0]),
        ((0.1, 2.0, -1.0), [0, 0, 0, 0.5, 2, 2, 2], [0, 0, 1, 1, 1, 0, 0]),
    ],
)
def test_relu_at_its_threshold_and_its_bounds(arguments, values, slopes):
    x = jt.constant([-1.0, -0.5, 0.0, 0.5, 2.0, 6.0, 7.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.activations.relu(x, *arguments)
    np.testing.assert_allclose(y, values, atol=1e-7)
    np.testing.assert_allclose(tape.gradient(y, x), slopes, atol=1e-7)
