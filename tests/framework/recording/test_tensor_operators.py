"""What operators and methods of a Tensor compute: NumPy's numbers."""

import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

A = np.float32([[1.5, -2.0, 3.0], [4.0, 0.5, -6.5]])
B = np.float32([[2.0, 3.0, -0.5], [1.0, -4.0, 2.5]])

ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
]
COMPARISONS = [
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
]
BITWISE = [operator.and_, operator.or_, operator.xor]


@pytest.fixture(autouse=True, params=["at once", "recorded"])
def reason(request):
    """Every claim of this file holds for computed and for pending Tensors."""
    if request.param == "at once":
        yield
    else:
        with jt.GradientTape():
            yield


@pytest.mark.one_in(5)
@pytest.mark.parametrize("make", [jt.constant, jt.Variable, np.asarray, jnp.asarray])
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
def test_an_operator_agrees_with_numpy(op, make):
    found = op(jt.constant(A), make(B))
    assert isinstance(found, jt.Tensor)
    np.testing.assert_allclose(found, op(A, B), rtol=1e-6)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("make", [jt.Variable, np.asarray, jnp.asarray])
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
def test_a_reflected_operator_agrees_with_numpy(op, make):
    found = op(make(A), jt.constant(B))
    assert isinstance(found, jt.Tensor)
    np.testing.assert_allclose(found, op(A, B), rtol=1e-6)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("number", [2, 2.5, -3, True])
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
def test_a_python_number_may_stand_on_either_side(op, number):
    x = jt.constant(A)
    np.testing.assert_allclose(op(x, number), op(A, np.float32(number)), rtol=1e-6)
    np.testing.assert_allclose(op(number, x), op(np.float32(number), A), rtol=1e-6)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
def test_a_list_may_stand_on_either_side(op):
    x, row = jt.constant(A), [1.0, 2.0, 4.0]
    np.testing.assert_allclose(op(x, row), op(A, np.float32(row)), rtol=1e-6)
    np.testing.assert_allclose(op(row, x), op(np.float32(row), A), rtol=1e-6)


@pytest.mark.parametrize("op", [*ARITHMETIC[:3], operator.floordiv, operator.mod])
def test_integers_stay_integers(op):
    x, y = np.int32([7, -7, 8]), np.int32([2, 2, -3])
    found = op(jt.constant(x), jt.constant(y))
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, op(x, y))


def test_integers_divide_to_floats():
    found = jt.constant([7, -7]) / 2
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, [3.5, -3.5])


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 2.0, -2.5])
def test_powers_agree_with_numpy(exponent):
    x = np.float32([0.5, 1.0, 4.0])
    np.testing.assert_allclose(jt.constant(x) ** exponent, x**exponent, rtol=1e-6)


def test_a_number_is_raised_to_a_tensor():
    np.testing.assert_allclose(2.0 ** jt.constant([1.0, 0.5]), [2, 2**0.5], rtol=1e-6)


def test_a_tensor_is_raised_to_a_tensor():
    x, y = np.float32([0.5, 3.0]), np.float32([2.0, -1.0])
    np.testing.assert_allclose(jt.constant(x) ** jt.constant(y), x**y, rtol=1e-6)


def test_an_integer_power_of_an_integer_is_an_integer():
    found = jt.constant([2, -3]) ** 3
    assert (found.dtype, found.numpy().tolist()) == ("int32", [8, -27])


@pytest.mark.parametrize("op", [operator.neg, operator.pos, operator.abs])
def test_unary_operators_agree_with_numpy(op):
    np.testing.assert_array_equal(op(jt.constant(A)), op(A))


@pytest.mark.parametrize("op", BITWISE)
def test_bitwise_operators_agree_with_numpy(op):
    x, y = np.array([True, True, False]), np.array([True, False, False])
    np.testing.assert_array_equal(op(jt.constant(x), y), op(x, y))


@pytest.mark.parametrize("op", BITWISE)
def test_bitwise_operators_agree_with_numpy_on_integers(op):
    x, y = np.int32([6, 3]), np.int32([5, 1])
    np.testing.assert_array_equal(op(jt.constant(x), y), op(x, y))


def test_inversion_agrees_with_numpy():
    x = np.array([True, False])
    np.testing.assert_array_equal(~jt.constant(x), ~x)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((5, 2, 3), (3, 4)),
    ],
)
def test_matmul_agrees_with_numpy(left, right):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    a, b = a.astype("float32"), b.astype("float32")
    np.testing.assert_allclose(jt.constant(a) @ b, a @ b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(a @ jt.constant(b), a @ b, rtol=1e-5, atol=1e-6)


def test_augmented_assignment_makes_a_new_tensor():
    x = jt.constant(A)
    y = x
    y += 1.0
    y *= 2.0
    np.testing.assert_array_equal(x, A)
    np.testing.assert_array_equal(y, (A + 1) * 2)


def test_a_python_number_keeps_the_dtype():
    x = jt.constant(1.5, "bfloat16")
    assert {(x * 2.0).dtype.name, (2 + x).dtype.name, (x**2).dtype.name} == {"bfloat16"}
    assert (jt.constant(3) * 2).dtype == "int32"


@pytest.mark.one_in(3)
@pytest.mark.parametrize("other", ["float16", "bfloat16", "int32", "bool", "complex64"])
@pytest.mark.parametrize("one", ["float32", "float16", "int32", "uint8"])
def test_mixed_dtypes_promote_as_in_jax(one, other):
    found = jt.constant([1, 0], one) + jt.constant([1, 0], other)
    assert found.dtype == jnp.promote_types(one, other)


@pytest.mark.parametrize("other", [None, "text", {}, set()])
def test_equality_with_what_is_no_array_is_false(other):
    x = jt.constant(1.0)
    assert (x == other) is False
    assert (x != other) is True


@pytest.mark.parametrize("other", [None, "text", {}, set()])
@pytest.mark.parametrize("op", [operator.add, operator.matmul, operator.lt])
def test_arithmetic_with_what_is_no_array_is_a_type_error(op, other):
    with pytest.raises(TypeError):
        op(jt.constant([1.0]), other)
    with pytest.raises(TypeError):
        op(other, jt.constant([1.0]))


def test_equality_is_elementwise():
    found = jt.constant([1.0, 2.0]) == jt.constant([1.0, 3.0])
    assert (found.dtype, found.numpy().tolist()) == ("bool", [True, False])


REDUCTIONS = ["sum", "mean", "max", "min", "prod"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reducing_method_agrees_with_numpy(name, axis, keepdims):
    found = getattr(jt.constant(A), name)(axis=axis, keepdims=keepdims)
    expected = getattr(A, name)(axis=axis, keepdims=keepdims)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["any", "all"])
def test_a_logical_method_agrees_with_numpy(name):
    x = A > 0
    np.testing.assert_array_equal(getattr(jt.constant(x), name)(0), getattr(x, name)(0))


@pytest.mark.parametrize("shape", [(3, 2), (-1,), (6,), (2, -1, 1)])
def test_reshape_agrees_with_numpy(shape):
    np.testing.assert_array_equal(jt.constant(A).reshape(shape), A.reshape(shape))
    np.testing.assert_array_equal(jt.constant(A).reshape(*shape), A.reshape(shape))


def test_transposing_reverses_the_axes():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(jt.constant(x).T, x.T)


@pytest.mark.parametrize(
    "dtype", ["float16", "int32", "bool", np.float32, jnp.bfloat16]
)
def test_astype_agrees_with_numpy(dtype):
    found = jt.constant(A).astype(dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, A.astype(dtype))


@pytest.mark.parametrize(
    "fails",
    [
        lambda x: x @ jt.ones((2, 3)),
        lambda x: x + jt.ones((2, 2)),
        lambda x: x.reshape(4, 2),
        lambda x: x.sum(axis=2),
        lambda x: x > jt.ones(4),
    ],
)
def test_shapes_that_do_not_fit_raise_at_once_with_the_shapes(fails):
    with pytest.raises(ValueError, match=r"float32\[2,3\](.|\n)*test_tensor_operators"):
        fails(jt.constant(A))


def test_matmul_says_how_to_mend_it():
    with pytest.raises(ValueError, match=r"matmul.*\[2,3\].*\[4,5\].*transpose"):
        jt.ones((2, 3)) @ jt.ones((4, 5))


def test_an_operator_follows_x64():
    with jax.enable_x64(True):
        found = jt.constant(np.float64(0.1)) * 3
        assert (found.dtype, float(found)) == ("float64", 0.1 * 3)
