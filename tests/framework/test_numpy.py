"""`jt.numpy`, and NumPy's own functions on Tensors, against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ShapeError
from tests.compile_counter import count_compiles

X = np.array([[1.0, 4.0, 2.0], [3.0, 0.5, 6.0]], np.float32)


@pytest.mark.parametrize(
    "function",
    [
        np.mean,
        np.exp,
        np.linalg.norm,
        np.var,
        lambda x: np.sum(x, axis=1),
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.add(np.ones(3, np.float32), x),
        lambda x: np.clip(x, 1, 3),
        lambda x: np.where(x > 1, x, 0),
    ],
)
def test_numpy_functions_on_a_tensor_are_recorded(function):
    x = jt.constant(X)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    assert isinstance(y, jt.Tensor)
    np.testing.assert_allclose(y, function(X), rtol=1e-6)
    assert tape.gradient(y, x) is not None


@pytest.mark.parametrize("function", [np.shape, np.ndim, np.size])
def test_questions_of_shape_are_answered_on_the_host(function):
    assert function(jt.constant(X)) == function(X)


def test_numpy_functions_take_lists_beside_a_tensor():
    assert np.allclose(jt.constant(X), X.tolist())


def test_functions_that_jax_lacks_are_numpy_s_own():
    assert np.array2string(jt.constant(X)) == np.array2string(X)


@pytest.mark.parametrize("name", ["unique", "nonzero", "argwhere", "flatnonzero"])
def test_results_of_unknown_shape_are_read(name):
    data = np.array([3.0, 0.0, 3.0, 1.0], np.float32)
    ours = getattr(jt.numpy, name)(jt.constant(data))
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(getattr(np, name)(data)))


def test_where_of_a_condition_alone_gives_indices():
    rows, columns = jt.numpy.where(jt.constant(X) > 2)
    np.testing.assert_array_equal((rows, columns), np.where(X > 2))


def test_ints_are_inputs_in_arithmetic_and_structure_elsewhere():
    x = jt.constant(X)
    jt.numpy.add(x, 0).numpy()
    with count_compiles() as compiles:
        for number in range(1, 50):
            np.testing.assert_array_equal(jt.numpy.add(x, number), X + number)
    assert compiles.count == 0
    np.testing.assert_array_equal(jt.numpy.sum(x, 1), X.sum(1))


def test_the_value_that_fills_is_an_input():
    jt.numpy.full((2,), 0).numpy()
    with count_compiles() as compiles:
        found = [jt.numpy.full((2,), number).numpy()[1] for number in range(1, 9)]
    assert found == list(range(1, 9))
    assert compiles.count == 0


def test_constants_and_dtypes_pass_through():
    assert jt.numpy.pi == np.pi
    assert jt.numpy.newaxis is None
    assert jt.numpy.float32 is jnp.float32
    assert jt.numpy.result_type(jt.constant(X), np.int32) == "float32"


def test_a_lifted_function_is_made_once():
    assert jt.numpy.tanh is jt.numpy.tanh
    assert jt.linalg.svd is jt.linalg.svd


@pytest.mark.parametrize("namespace", [jt.numpy, jt.nn, jt.linalg, jt.numpy.linalg])
def test_an_unknown_name_is_an_attribute_error(namespace):
    with pytest.raises(AttributeError, match="has no 'no_such_function'"):
        _ = namespace.no_such_function


def test_names_are_listed_with_those_of_jax():
    assert {"tanh", "array", "linalg", "where"} <= set(dir(jt.numpy))
    assert {"relu", "celu", "gelu"} <= set(dir(jt.nn))
    assert {"norm", "svd", "qr"} <= set(dir(jt.linalg))
    assert "lift" not in dir(jt.numpy)


def test_what_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"dot got .*float32\[2,3\], float32\[2,3\]"):
        jt.numpy.dot(jt.constant(X), jt.constant(X))


def test_submodules_are_mirrored():
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]], np.float32)
    assert float(jt.numpy.linalg.det(matrix)) == pytest.approx(5.0)
    np.testing.assert_allclose(jt.numpy.fft.fft(X[0]), np.fft.fft(X[0]), rtol=1e-5)
