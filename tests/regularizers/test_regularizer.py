import math

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError
from tests.golden_values import float32, golden, keras_signature, signature_of
from tests.recorded_calls import recorded_calls, structure

GOLDEN = golden("regularizers")
CASES = [case for case in GOLDEN["cases"] if "value" in case]
CLASSES = ("L1", "L2", "L1L2")


def ids(case):
    return f"{case['regularizer']}-{case.get('arguments', case.get('identifier'))}"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_values_gradients_and_configs_are_keras_s(case, tolerance):
    if "identifier" in case:
        regularizer = jt.regularizers.get(case["identifier"])
    else:
        regularizer = getattr(jt.regularizers, case["regularizer"])(**case["arguments"])
    x = jt.Variable(float32(GOLDEN["x"]))
    with jt.GradientTape() as tape:
        value = regularizer(x)
    gradient = tape.gradient(value, x)
    rtol = tolerance("float32")
    assert type(regularizer).__name__ == case["regularizer"]
    # Keras keeps the factor of L1 as a float32.
    assert regularizer.get_config() == pytest.approx(case["config"], rel=1e-7)
    np.testing.assert_allclose(value.numpy(), float32(case["value"]), rtol)
    if case["gradient"] is None:
        assert gradient is None
    else:
        np.testing.assert_allclose(gradient.numpy(), float32(case["gradient"]), rtol)


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_and_defaults_are_keras_s(name):
    assert signature_of(getattr(jt.regularizers, name)) == keras_signature(name)


@pytest.mark.parametrize("name", CLASSES)
def test_config_makes_the_same_regularizer(name):
    regularizer = getattr(jt.regularizers, name)(0.25)
    config = jt.regularizers.serialize(regularizer)
    again = jt.regularizers.deserialize(config)
    assert config["class_name"] == name
    assert again.get_config() == regularizer.get_config()


@pytest.mark.parametrize("name", CLASSES)
def test_a_penalty_is_one_recorded_call(name):
    regularizer = getattr(jt.regularizers, name)(0.5)
    weight = jt.Variable([1.0, 2.0])
    assert len(recorded_calls(lambda: regularizer(weight))) == 1


@pytest.mark.parametrize("name", CLASSES)
def test_the_factor_is_an_input_and_may_be_assigned(name):
    regularizer = getattr(jt.regularizers, name)(0.5)
    weight = jt.Variable([1.0, 2.0])
    before, value = structure(lambda: regularizer(weight)), float(regularizer(weight))
    setattr(regularizer, "l2" if name == "L2" else "l1", 1.0)
    assert structure(lambda: regularizer(weight)) == before
    assert float(regularizer(weight)) == 2 * value


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", CLASSES)
def test_half_precision_keeps_its_dtype(name, dtype):
    penalty = getattr(jt.regularizers, name)(0.5)(jt.Variable([1.0, 2.0], dtype=dtype))
    assert penalty.dtype == dtype


def test_half_precision_is_summed_in_float32():
    weight = jt.Variable(np.full(300, 300.0), dtype="float16")  # squares of 90,000
    assert float(jt.regularizers.L2(1e-4)(weight)) == pytest.approx(2700, rel=2e-3)


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, "a", jt.constant(1.0)])
@pytest.mark.parametrize("name", CLASSES)
def test_a_factor_is_a_finite_number_of_at_least_zero(name, value):
    with pytest.raises(ArgumentError, match="finite number"):
        getattr(jt.regularizers, name)(value)


def test_none_is_the_default_as_in_keras():
    assert jt.regularizers.L1(None).l1 == 0.01
    assert jt.regularizers.L2(None).l2 == 0.01
    assert jt.regularizers.L1L2(None, None).get_config() == {"l1": 0.0, "l2": 0.0}


def test_derivatives_match_finite_differences():
    x = np.array([0.5, -2.0, 3.0])  # away from 0
    with jax.enable_x64(True):
        for regularizer in (
            jt.regularizers.L1(0.1),
            jt.regularizers.L2(0.2),
            jt.regularizers.L1L2(0.1, 0.2),
        ):
            op, inputs = recorded_op(regularizer, x)
            check_grads(
                jax.jit(lambda x, op=op, i=inputs: op.function(x, *i)),
                (x,),
                order=2,
                modes=("rev",),
            )


def recorded_op(regularizer, x):
    """The op of a penalty, and its factors."""
    (node,) = recorded_calls(lambda: regularizer(jt.constant(x)))
    return node.op, tuple(vars(regularizer).values())


def test_get_of_an_unknown_name_suggests_the_closest():
    with pytest.raises(ArgumentError, match=r"'l1_l2'.*'l1l2'"):
        jt.regularizers.get("l1_l2")  # Keras refuses it too


def test_get_passes_functions_and_none_on():
    own = lambda w: 0.1 * jt.constant(1.0)  # noqa: E731
    assert jt.regularizers.get(own) is own
    assert jt.regularizers.get(None) is None


def test_a_regularizer_needs_a_call_and_a_config():
    with pytest.raises(NotImplementedError, match="__call__"):
        jt.regularizers.Regularizer()([1.0])
    with pytest.raises(NotImplementedError, match="get_config"):
        jt.regularizers.Regularizer().get_config()
