"""Where a gradient is `None`, and what stands in its place.

The docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import jax
import numpy as np
import pytest

import jaxtape as jt


def test_a_target_that_is_an_unrelated_variable_has_no_gradient():
    """testGadientTapeCalledOnConstantTarget"""
    x, y = jt.Variable([3.0]), jt.Variable([2.0])
    with jt.GradientTape() as tape:
        pass
    assert tape.gradient(x, y) is None


def test_an_unconnected_source_has_none():
    """testUnconnectedGradientsDefault"""
    x, y = jt.constant(1.0), jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch([x, y])
        z = y * 2
    assert tape.gradient(z, x) is None


def test_zeros_stand_for_none_when_asked_for():
    """testUnconnectedGradientsZeros"""
    x, y = jt.constant(1.0, shape=[2, 2]), jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch([x, y])
        z = y * 2
    found = tape.gradient(z, x, unconnected_gradients="zero")
    np.testing.assert_array_equal(found, np.zeros((2, 2), np.float32))


def test_zeros_have_the_shape_and_dtype_of_a_variable():
    """testUnconnectedGradientsVariablesZeros"""
    x, y = jt.Variable(np.ones((2, 3), np.float16)), jt.Variable(3.0)
    with jt.GradientTape() as tape:
        z = y * 2
    found = tape.gradient(z, [x, y], unconnected_gradients="zero")
    assert (found[0].shape, found[0].dtype) == ((2, 3), "float16")
    assert (not found[0].numpy().any(), float(found[1])) == (True, 2.0)


def test_zeros_stand_where_stop_gradient_cuts_the_path():
    """testUnconnectedGradientsNestedDefunZeros"""
    x = jt.constant(1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.stop_gradient(jt.sqrt(x)) * 2
    assert float(tape.gradient(y, x, unconnected_gradients="zero")) == 0.0


def test_stop_gradient_cuts_the_path():
    """testStopGradient"""
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        cut = jt.stop_gradient(x * x)
        y = cut * x
    assert tape.gradient(cut, x) is None
    assert float(tape.gradient(y, x)) == 9.0


def test_argmax_cuts_the_path():
    """testArgmax"""
    x = jt.constant([1.0, 3.0, 2.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = 1.5 * jt.cast(jt.argmax(x), "float32")
    assert tape.gradient(y, x) is None


def test_an_integer_path_gives_none_and_warnings_with_the_dtype():
    """testGradientInteger"""
    x = jt.constant(1)
    with jt.GradientTape() as tape:
        with pytest.warns(UserWarning, match="watch.*int32"):
            tape.watch(x)
        y = x + x
    with pytest.warns(UserWarning, match="int32"):
        assert tape.gradient(y, x) is None


def test_an_integer_path_cuts():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.cast(jt.cast(x, "int32"), "float32") * 2.0
    assert tape.gradient(y, x) is None


@pytest.mark.parametrize(
    "cut",
    [
        jt.round,
        jt.floor,
        jt.zeros_like,
        jt.ones_like,
        lambda x: jt.cast(x > 1.0, "float32"),
        lambda x: jt.cast(x == 1.0, "float32"),
        lambda x: x // 1.0,
        lambda x: jt.constant(x.numpy()),
        lambda x: jt.constant(float(x)),
    ],
)
def test_a_path_through_what_has_no_derivative_cuts(cut):
    x = jt.constant(2.5)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = cut(x) * 2.0
    assert tape.gradient(y, x) is None


@pytest.mark.parametrize(
    "flat",
    [jt.sign, lambda x: x * 0.0, lambda x: jt.maximum(x, 10.0), lambda x: x - x],
)
def test_a_path_whose_derivative_is_zero_is_connected(flat):
    x = jt.constant(2.5)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = flat(x)
    assert float(tape.gradient(y, x)) == 0.0


def test_a_complex_gradient_is_conjugated_as_in_tensorflow():
    """d|z|^2 at 3 + 4i is 6 + 8i in TensorFlow, 6 - 8i in JAX"""
    z = jt.constant(3 + 4j)
    with jt.GradientTape() as tape:
        tape.watch(z)
        y = jt.abs(z) ** 2
    assert complex(tape.gradient(y, z)) == pytest.approx(6 + 8j, rel=1e-6)


def test_assigning_cuts_the_path():
    v, w = jt.Variable(1.0), jt.Variable(3.0)
    with jt.GradientTape() as tape:
        v.assign(2 * w)
        y = v * v
    assert tape.gradient(y, [v, w]) == [12.0, None]


def test_numpy_cuts_the_path():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x.numpy()
    assert float(tape.gradient(y, x)) == 3.0


def test_a_target_from_before_the_tape_has_no_gradient():
    v = jt.Variable(3.0)
    y = v * v
    with jt.GradientTape() as tape:
        _ = v * 2
    assert tape.gradient(y, v) is None


def test_a_target_of_another_tape_has_no_gradient():
    v = jt.Variable(3.0)
    with jt.GradientTape() as first:
        y = v * v
    with jt.GradientTape() as second:
        _ = v * 2
    assert second.gradient(y, v) is None
    assert float(first.gradient(y, v)) == 6.0


def test_a_users_own_grad_stops_where_a_tape_does():
    """stop(x) x has the derivative x; of a weighted histogram there is none"""

    def stopped(x):
        x = jt.convert_to_tensor(x)
        return (jt.stop_gradient(x) * x)._array()

    def counted(x):
        weights = jt.convert_to_tensor(x)
        return jt.reduce_sum(jt.math.bincount([0, 1, 1], weights=weights))._array()

    assert float(jax.grad(stopped)(2.0)) == 2.0
    np.testing.assert_array_equal(jax.grad(counted)(np.ones(3, np.float32)), [0, 0, 0])


def test_tensorflow_s_enum_chooses_what_stands_for_none():
    x = jt.Variable(1.0)
    for kind, expected in (("NONE", None), ("ZERO", 0.0)):
        with jt.GradientTape() as tape:
            target = jt.constant(2.0)
        found = tape.gradient(
            target, x, unconnected_gradients=jt.UnconnectedGradients[kind]
        )
        assert found == expected
