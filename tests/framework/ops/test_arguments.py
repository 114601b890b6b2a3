"""What ops take and give: kinds of arguments, dtypes, shapes."""

import inspect
import math
import types

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework import ops
from tests.compile_counter import count_compiles

X = np.array([[3.0, -4.0], [1.0, 2.0]], np.float32)


def flat(value):
    return list(value) if isinstance(value, list | tuple) else [value]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("kind", [jt.Variable, np.array, jnp.array, np.ndarray.tolist])
@pytest.mark.parametrize(
    "function",
    [
        *(jt.square, jt.abs, jt.reduce_mean, jt.transpose, jt.norm, jt.identity),
        *(lambda x: jt.matmul(x, x), lambda x: jt.add_n([x, x]), jt.unstack),
        *(lambda x: jt.maximum(1.0, x), lambda x: jt.where(True, x, 0.0)),
        *(lambda x: jt.clip_by_norm(x, 1.0), lambda x: jt.concat([x, x], 0)),
    ],
)
def test_ops_take_variables_arrays_and_lists(function, kind):
    for ours, expected in zip(
        flat(function(kind(X))), flat(function(jt.constant(X))), strict=True
    ):
        np.testing.assert_array_equal(ours, expected)


def test_ops_take_the_argument_called_name():
    public = [f for f in vars(ops).values() if isinstance(f, types.FunctionType)]
    without = [f.__name__ for f in public if "name" not in parameters(f)]
    assert len(public) > 70
    unnamed_in_tensorflow = {
        *("is_tensor", "broadcast_dynamic_shape", "broadcast_static_shape"),
        "einsum",  # among its keywords
    }
    assert set(without) == unnamed_in_tensorflow


def parameters(function):
    return inspect.signature(function).parameters


def test_every_op_is_documented():
    functions = [f for f in vars(ops).values() if isinstance(f, types.FunctionType)]
    assert [f.__name__ for f in functions if not f.__doc__] == []


@pytest.mark.parametrize("combine", [jt.add, jt.subtract, jt.multiply, jt.divide])
def test_scalars_of_five_kinds_follow_jax_s_promotion(combine):
    x = jnp.arange(1, 4)
    for number in (1, 1.0, True, np.int64(1), np.float32(1)):
        expected = getattr(jnp, combine.__name__)(x, jnp.asarray(number))
        assert combine(jt.constant(x), number).dtype == expected.dtype


def test_zero_and_minus_zero_differ():
    found = [float(jt.divide(1.0, zero)) for zero in (0.0, -0.0)]
    assert found == [math.inf, -math.inf]


def test_a_thousand_nans_are_at_most_one_program():
    x = jt.constant(X)
    with count_compiles() as compiles:
        for _ in range(1_000):
            y = jt.maximum(x, math.nan)
    assert np.isnan(y).all()
    assert compiles.count <= 1


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        *((1, "int32"), (1.0, "float32"), (True, "bool"), (1j, "complex64")),
        *((np.float64(1), "float32"), (np.int64(1), "int32"), (np.int8(1), "int8")),
        *(([1, 2.5], "float32"), ([], "float32")),
    ],
)
def test_constants_have_tensorflow_s_dtypes(value, dtype):
    assert jt.constant(value).dtype == dtype


def test_a_constant_is_private():
    data = np.ones(3, np.float32)
    x = jt.constant(data)
    data[:] = 7
    np.testing.assert_array_equal(x, [1, 1, 1])


def test_a_constant_may_hold_tensors_which_keep_their_gradient():
    x = jt.Variable(2.0)
    with jt.GradientTape() as tape:
        y = jt.reduce_sum(jt.constant([x, 3.0 * x]))
    assert float(tape.gradient(y, x)) == 4.0


def test_a_constant_fills_a_shape():
    np.testing.assert_array_equal(jt.constant(-1.0, shape=[2, 3]), -np.ones((2, 3)))
    np.testing.assert_array_equal(jt.constant([1, 2], shape=(2, 1)), [[1], [2]])


def test_convert_to_tensor_gives_the_value_of_a_variable():
    v, x = jt.Variable(2.0), jt.constant(3.0)
    assert type(jt.convert_to_tensor(v)) is jt.Tensor
    assert jt.convert_to_tensor(x) is x
    assert jt.convert_to_tensor([1, 2], "float32").dtype == "float32"


@pytest.mark.parametrize(
    ("given", "dtype"),
    [("bfloat16", "bfloat16"), (float, "float32"), (int, "int32"), (bool, "bool")],
)
def test_dtypes_by_name_and_by_python_type(given, dtype):
    assert jt.as_dtype(given) == dtype
    assert jt.cast([0, 1], given).dtype == dtype


def test_dtypes_are_equal_to_their_names():
    assert jt.float32 == "float32"
    assert jt.bfloat16 == "bfloat16"
    assert jt.zeros((2,), jt.int8).dtype is jt.int8


def test_an_elements_of_a_shape_are_python_ints():
    shape = jt.shape(X)
    assert type(shape[0]) is int
    assert [type(size) for size in shape] == [int, int]
    assert jt.reshape(X, (shape[0] * shape[1], -1)).shape == (4, 1)
    assert jt.reshape(X, shape[::-1]).shape == (2, 2)


def test_creating_ops_give_what_numpy_gives():
    np.testing.assert_array_equal(jt.zeros([2, 1]), np.zeros((2, 1)))
    np.testing.assert_array_equal(jt.ones(3, "int32"), np.ones(3))
    np.testing.assert_array_equal(jt.eye(2, batch_shape=[2]), [np.eye(2)] * 2)
    np.testing.assert_array_equal(jt.range(1, 2, 0.5), [1, 1.5])
    np.testing.assert_array_equal(jt.fill((2,), jt.constant(3)), [3, 3])


@pytest.mark.parametrize("function", [jt.round, jt.floor, jt.argmax, jt.zeros_like])
def test_no_gradient_passes_steps(function):
    x = jt.constant(X)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.cast(function(x), "float32") * 2.0
    assert tape.gradient(y, x) is None
